//! `ifc secret`. A value is never an argument: those are seen by every process of the machine and
//! kept in the shell's history.

use crate::access::{Access, Secrets, read};
use crate::arguments::{Global, Secret, SecretSet};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::terminal::{self, NAME, QUIET, columns, paint};
use serde::Deserialize;
use std::fs;
use std::io::{self, Read as _};

#[derive(Deserialize)]
struct Set {
    version: u64,
}

pub(crate) fn run(global: &Global, secret: &Secret) -> Result<Exit, Failure> {
    match secret {
        Secret::Set(set) => {
            let access = Access::of(global, &set.choice, "secret set")?;
            let value = value(set)?;
            let Set { version } = read(&access.set_secret(&set.name, &value)?)?;
            terminal::status("Set", &format!("secret `{}`, version {version}", set.name));
        }
        Secret::List(list) => {
            let answer = Access::of(global, &list.choice, "secret list")?.secrets()?;
            if list.output.json {
                terminal::print_json(&answer)?;
            } else {
                terminal::print(&self::list(&read(&answer)?))?;
            }
        }
    }
    Ok(Exit::Success)
}

/// The value: from the file, else asked for, else from standard input. One line end at the end of
/// what is piped in is the pipe's, not the value's.
fn value(set: &SecretSet) -> Result<Vec<u8>, Failure> {
    let value = match &set.value_file {
        Some(file) if file.as_os_str() != "-" => {
            fs::read(file).context(|| format!("cannot read `{}`", file.display()))?
        }
        None if terminal::is_interactive() => {
            let question = format!("value of secret `{}`: ", set.name);
            terminal::ask_hidden(&question)?.into_bytes()
        }
        file => {
            let mut value = Vec::new();
            io::stdin()
                .read_to_end(&mut value)
                .context(|| "cannot read the value from standard input".to_owned())?;
            if file.is_none() && value.ends_with(b"\n") {
                value.pop();
                if value.ends_with(b"\r") {
                    value.pop();
                }
            }
            value
        }
    };
    if value.is_empty() {
        return Err(
            Failure::usage(format!("the value of secret `{}` is empty", set.name))
                .help("give it with `--value-file FILE`, or on standard input"),
        );
    }
    Ok(value)
}

fn list(secrets: &Secrets) -> String {
    if secrets.secrets.is_empty() {
        return "no secrets\n".to_owned();
    }
    let rows: Vec<Vec<String>> = secrets
        .secrets
        .iter()
        .map(|secret| {
            let state = match secret.version {
                Some(version) => format!("set, version {version}"),
                None if secret.set => "set".to_owned(),
                None => paint(QUIET, "no value"),
            };
            vec![paint(NAME, &secret.name), state]
        })
        .collect();
    columns(&rows)
}
