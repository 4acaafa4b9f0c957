//! `ifc unlock`: says who holds a stage, and takes the lock away.

use crate::arguments::{Global, Unlock};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::stage::locked;
use crate::stage::{Stage, gone};
use crate::terminal;
use ifc_engine::Unlocked;

pub(crate) fn run(global: &Global, unlock: &Unlock) -> Result<Exit, Failure> {
    let stage = Stage::find(global, &unlock.choice)?;
    let session = stage.session("unlock")?;
    let inspection = stage.wait(session.inspect());
    let inspection = inspection.map_err(|error| stage.failure(error))?;
    let Some(holder) = inspection.holder else {
        terminal::print(&format!("stage `{}` is not locked\n", stage.name))?;
        return Ok(Exit::Success);
    };
    let wall = session.wall();
    terminal::print(&format!(
        "stage `{}` is {}\n",
        stage.name,
        locked(&holder, wall)
    ))?;
    if !gone(&holder) && !unlock.yes {
        if !terminal::is_interactive() {
            return Err(Failure::usage(
                "the lock is not broken: the command that holds it may still run",
            )
            .help(
                "add `--yes` when you know that it does not; should it run after all, it stops \
                 before its next step",
            ));
        }
        if !terminal::confirm("break the lock?")? {
            terminal::status("Kept", "the lock");
            return Ok(Exit::Success);
        }
    }
    let unlocked = stage.wait(session.unlock());
    match unlocked.map_err(|error| stage.failure(error))? {
        Unlocked::WasFree => terminal::status("Free", "it was released in the meantime"),
        Unlocked::Broken(_) => terminal::status(
            "Unlocked",
            "the next command accounts for whatever was begun",
        ),
    }
    Ok(Exit::Success)
}
