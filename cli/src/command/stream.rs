//! `ifc stream`.

use crate::access::{Access, read};
use crate::arguments::{Global, Stream, StreamReplay};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::moment;
use crate::render::summary::counted;
use crate::terminal;
use serde::Deserialize;

#[derive(Deserialize)]
struct Replayed {
    records: u64,
}

pub(crate) fn run(global: &Global, stream: &Stream) -> Result<Exit, Failure> {
    match stream {
        Stream::Replay(replay) => self::replay(global, replay)?,
    }
    Ok(Exit::Success)
}

fn replay(global: &Global, replay: &StreamReplay) -> Result<(), Failure> {
    let from = moment::read("--from", &replay.from)?;
    let answer = Access::of(global, &replay.choice, "stream replay")?.replay(&replay.unit, from)?;
    if replay.output.json {
        return terminal::print_json(&answer);
    }
    let Replayed { records } = read(&answer)?;
    let records = usize::try_from(records).unwrap_or(usize::MAX);
    terminal::print(&format!(
        "{} from here on to `{}`\n",
        counted(records, "record"),
        replay.unit
    ))
}
