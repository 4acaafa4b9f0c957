//! `cargo xtask tidy`: the rules of the house. One file per check; each is a function from plain
//! values to findings, run on the repository by a test of its own.

mod command;
mod edges;
mod external;
mod hygiene;
mod licences;
mod links;
mod members;
mod paths;

use crate::generate;
use crate::workspace::Workspace;
use anyhow::Result;
use std::fmt;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file to edit, relative to the root, with its line where there is one.
    pub(crate) at: String,
    /// What is wrong.
    pub(crate) message: String,
    /// The rule, or what to do.
    pub(crate) help: String,
}

impl Finding {
    pub(crate) fn new(
        at: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Finding {
        Finding {
            at: at.into(),
            message: message.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { at, message, help } = self;
        write!(f, "{at}: {message}\n  = help: {help}")
    }
}

type Check = fn(&Workspace) -> Result<Vec<Finding>>;

const CHECKS: &[(&str, Check)] = &[
    ("crate edges", edges::check),
    ("external dependencies", external::check),
    ("licences, bans, sources", licences::check),
    ("members", members::check),
    ("paths in documents", paths::check),
    ("links in documents", links::check),
    ("hygiene", hygiene::check),
    ("test command", command::check),
    ("generated parts", generate::findings),
];

/// Runs every check and prints what they find. False when there is anything.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let mut total = 0;
    for (name, check) in CHECKS {
        let findings = check(workspace)?;
        let mark = if findings.is_empty() { "ok" } else { "FAILED" };
        println!("tidy: {name} … {mark}");
        for finding in &findings {
            println!("{finding}");
        }
        total += findings.len();
    }
    if total > 0 {
        println!("tidy: {total} findings");
    }
    Ok(total == 0)
}

/// Fails a test with the findings.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_none(findings: &[Finding]) {
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "\n{}\n", text.join("\n"));
}
