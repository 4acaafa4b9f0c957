//! `ifc state`: what is recorded about a stage. Edits are journaled as everything is.

use crate::arguments::{Global, State, StateMove, StateRemove, StateShow};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::render;
use crate::stage::{Interrupt, Stage, Writing};
use crate::terminal;
use ifc_engine::{ApplyEvent, ApplyOptions, EngineError, Holder, PartAddress, Session};

pub(crate) fn run(global: &Global, state: &State) -> Result<Exit, Failure> {
    match state {
        State::Show(show) => self::show(global, show),
        State::Mv(state_move) => self::state_move(global, state_move),
        State::Rm(remove) => self::remove(global, remove),
    }?;
    Ok(Exit::Success)
}

fn show(global: &Global, show: &StateShow) -> Result<(), Failure> {
    let stage = Stage::find(global, &show.choice)?;
    let session = stage.session("state show")?;
    let inspection = stage.wait(session.inspect());
    let inspection = inspection.map_err(|error| stage.failure(error))?;
    for warning in &inspection.warnings {
        terminal::warn(warning);
    }
    let state = inspection.state;
    let chosen = |address: &PartAddress| match &show.address {
        None => true,
        Some(chosen) => *chosen == address.to_string() || chosen == address.resource(),
    };
    let leftovers = state.leftovers.values().map(|leftover| &leftover.address);
    let known: Vec<String> = state
        .parts
        .keys()
        .chain(leftovers)
        .map(ToString::to_string)
        .collect();
    if let Some(address) = &show.address
        && !state.parts.keys().any(chosen)
        && !state
            .leftovers
            .values()
            .any(|leftover| chosen(&leftover.address))
    {
        return Err(unknown(address, &known));
    }
    if show.output.json {
        terminal::print_json(&render::stage::state_json(&state, &chosen))
    } else {
        terminal::print(&render::stage::state(&state, &chosen))
    }
}

fn state_move(global: &Global, arguments: &StateMove) -> Result<(), Failure> {
    let (from, to) = (address(&arguments.from)?, address(&arguments.to)?);
    let stage = Stage::find(global, &arguments.choice)?;
    let command = format!("state mv {from} {to}");
    edit(&stage, &command, async |session, options| {
        session.state_move(&from, &to, options).await
    })?;
    terminal::status("Moved", &format!("`{from}` to `{to}`"));
    Ok(())
}

fn remove(global: &Global, arguments: &StateRemove) -> Result<(), Failure> {
    let address = address(&arguments.address)?;
    let stage = Stage::find(global, &arguments.choice)?;
    let command = format!("state rm {address}");
    edit(&stage, &command, async |session, options| {
        session.state_remove(&address, options).await
    })?;
    terminal::status(
        "Forgot",
        &format!("`{address}`; what it is at the provider stays, and is yours to delete"),
    );
    Ok(())
}

/// Makes an edit under the lock.
fn edit(
    stage: &Stage,
    command: &str,
    act: impl AsyncFnOnce(&Session, &ApplyOptions<'_>) -> Result<ifc_engine::State, EngineError>,
) -> Result<(), Failure> {
    let session = stage.session(command)?;
    let writing = Writing::new();
    let _interrupt = Interrupt::forward(&writing.stop)?;
    let progress = Progress::start();
    let on_wait = |holder: &Holder| progress.waiting(holder);
    let observer = |event: &ApplyEvent<'_>| progress.event(event);
    let options = writing.options(&observer, &on_wait);
    let edited = stage.wait(act(&session, &options));
    match edited {
        Ok(_) => Ok(()),
        Err(EngineError::NoSuchPart(address)) => {
            let known = stage.wait(session.inspect());
            let known = known.map(|inspection| {
                let parts = inspection.state.parts.into_keys();
                parts.map(|address| address.to_string()).collect()
            });
            let known: Vec<String> = known.unwrap_or_default();
            Err(unknown(&address.to_string(), &known))
        }
        Err(error) => Err(stage.failure(error)),
    }
}

fn address(text: &str) -> Result<PartAddress, Failure> {
    text.parse()
        .map_err(|error| Failure::usage(format!("{error}")).help("`ifc state show` lists them"))
}

fn unknown(address: &str, known: &[String]) -> Failure {
    let failure = Failure::usage(format!("the state has nothing of address `{address}`"));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match ifc_graph::suggest::sentence(address, &known) {
        Some(sentence) => failure.help(sentence),
        None => failure.help("`ifc state show` lists what it has"),
    }
}
