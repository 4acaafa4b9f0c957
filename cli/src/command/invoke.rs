//! `ifc invoke`: one run of a unit, by the running application or by a process of its own.

use crate::access::{Access, escape};
use crate::arguments::{Global, Invoke};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::terminal;
use serde_json::Value;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;

pub(crate) fn run(global: &Global, invoke: &Invoke) -> Result<Exit, Failure> {
    let event = event(invoke.event.as_deref())?;
    let access = Access::of(global, &invoke.choice, "invoke")?;
    if let Some(cloud) = access.cloud() {
        let event =
            serde_json::from_slice(&event).context(|| "the event is not JSON".to_owned())?;
        terminal::status("Invoking", &format!("`{}`", invoke.unit));
        let (reply, succeeded) = cloud.invoke(&invoke.unit, event)?;
        terminal::print_json(&reply)?;
        return Ok(match succeeded {
            true => Exit::Success,
            false => Exit::Failure,
        });
    }
    match access.running()? {
        Some(running) => {
            let pid = running.pid();
            terminal::status("Invoking", &format!("`{}` in process {pid}", invoke.unit));
            let path = format!("invoke/{}", escape(&invoke.unit));
            terminal::print_json(&running.post(&path, &event)?)?;
            Ok(Exit::Success)
        }
        None => alone(&access, &invoke.unit, &event),
    }
}

/// The event's bytes, checked: a mistake in a file is shown with its place.
fn event(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let (bytes, source) = match file {
        None => return Ok(b"null".to_vec()),
        Some(file) if file.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            io::stdin()
                .read_to_end(&mut bytes)
                .context(|| "cannot read the event from standard input".to_owned())?;
            (bytes, "standard input".to_owned())
        }
        Some(file) => {
            let bytes = fs::read(file).context(|| format!("cannot read `{}`", file.display()))?;
            (bytes, format!("`{}`", file.display()))
        }
    };
    serde_json::from_slice::<Value>(&bytes)
        .context(|| format!("the event in {source} is not JSON"))?;
    Ok(bytes)
}

/// Has the application run the unit and nothing else.
fn alone(access: &Access, unit: &str, event: &[u8]) -> Result<Exit, Failure> {
    let mut command = access.program(unit)?;
    terminal::status("Invoking", &format!("`{unit}`"));
    let mut child = command
        .env("IFC_INVOKE", unit)
        .stdin(Stdio::piped())
        .spawn()
        .context(|| "cannot start the application".to_owned())?;
    if let Some(mut input) = child.stdin.take() {
        // An application that does not read its event has already said why.
        let _ = input.write_all(event);
    }
    let status = child
        .wait()
        .context(|| "cannot wait for the application".to_owned())?;
    Ok(if status.success() {
        Exit::Success
    } else {
        Exit::Failure
    })
}
