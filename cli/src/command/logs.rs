//! `ifc logs`: what the units of a deployed stage logged.

use crate::access::LogLine;
use crate::arguments::{Global, Logs, StageChoice};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::moment;
use crate::render::log::LogStyle;
use crate::stage::Stage;
use crate::terminal;
use serde_json::json;

pub(crate) fn run(global: &Global, arguments: &Logs) -> Result<Exit, Failure> {
    let since = moment::read("--since", &arguments.since)?;
    let choice = StageChoice {
        stage: Some(arguments.stage.clone()),
        provider: arguments.provider.clone(),
    };
    let stage = Stage::find(global, &choice)?;
    let Some(cloud) = stage.operate("logs")? else {
        return Err(
            Failure::usage("the local provider keeps no logs").help(format!(
                "`ifc serve --stage {}` and `ifc dev` show them as they come",
                arguments.stage
            )),
        );
    };
    let units = cloud.units();
    let style = LogStyle::for_units(units.iter().map(String::as_str));
    let unit = arguments.unit.as_deref();
    let mut show = |line: LogLine| {
        let text = match arguments.output.json {
            // One object to a line, because it may not end.
            true => json!({ "unit": line.unit, "time_ms": line.time, "message": line.message })
                .to_string(),
            false => style.output(&line.message),
        };
        terminal::print(&(text + "\n"))
    };
    cloud.logs(unit, since, arguments.follow, &mut show)?;
    Ok(Exit::Success)
}
