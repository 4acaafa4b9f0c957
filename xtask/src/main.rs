//! Automation of this repository: `cargo xtask <task>`.
//!
//! Each rule of the house that a machine can check is checked here, as an ordinary test of this
//! crate too, so that `cargo test` is the whole local gate. It knows the layout of the repository
//! and nothing of what the product does.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ci;
mod conformance;
mod find;
mod generate;
mod markdown;
mod simulate;
mod tidy;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
cargo xtask <task>

  ci                            everything that must hold before a change is merged
  tidy                          crate edges, dependencies, licences, dead paths and links, hygiene
  generate --mode write|check   the parts of the book that are made from the code
  where <kind>                  every file of a kind, in the order in which to read them
  conformance <provider> [id]   run the contract suite on a provider and show its clauses
  simulate [options]            run the engine under every fault, by seed (--runs N --seed S)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    let workspace = Workspace::open()?;
    let fine = match arguments {
        ["ci"] => ci::run(&workspace)?,
        ["tidy"] => tidy::run(&workspace)?,
        ["generate", "--mode", "write"] => generate::write(&workspace)?,
        ["generate", "--mode", "check"] => generate::check(&workspace)?,
        ["where", kind] => find::print(&workspace, kind)?,
        ["conformance", provider] => conformance::run(&workspace, provider, None)?,
        ["conformance", provider, id] => conformance::run(&workspace, provider, Some(id))?,
        ["simulate", options @ ..] => simulate::run(&workspace, options)?,
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            true
        }
        [task, ..] => bail!("`{task}` is not a task with these arguments\n\n{USAGE}"),
    };
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
