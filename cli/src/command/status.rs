//! `ifc status`: what a stage consists of, and how its parts stand at the provider.

use crate::arguments::{Global, Status};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::stage::{status, status_json};
use crate::stage::{Reach, Stage};
use crate::terminal;

pub(crate) fn run(global: &Global, arguments: &Status) -> Result<Exit, Failure> {
    let stage = Stage::find(global, &arguments.choice)?;
    let session = stage.session("status")?;
    let provider = stage.provider(None)?;
    let (inspection, parts) = stage
        .wait(async {
            let inspection = session.inspect().await?;
            let parts = session.status(&*provider).await?;
            Ok((inspection, parts))
        })
        .map_err(|error| stage.failure(error))?;
    if arguments.output.json {
        terminal::print_json(&status_json(&inspection, &parts))?;
    } else {
        let (title, place) = (stage.title(Reach::Online)?, stage.place()?);
        terminal::print(&status(&title, &place, &inspection, &parts, session.wall()))?;
    }
    Ok(Exit::Success)
}
