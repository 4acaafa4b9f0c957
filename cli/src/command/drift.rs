//! `ifc drift`: what somebody else changed, three ways: recorded, found, wanted.

use super::plan::{Aim, detailed};
use crate::arguments::{Drift, Global};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::render::plan;
use crate::stage::Stage;
use crate::terminal;
use ifc_engine::PlanOptions;

pub(crate) fn run(global: &Global, arguments: &Drift) -> Result<Exit, Failure> {
    let exit = run_plainly(global, arguments);
    match arguments.detailed_exit_code {
        false => exit.map(|(exit, _)| exit),
        true => detailed(exit),
    }
}

/// How it went, and whether there is drift.
fn run_plainly(global: &Global, arguments: &Drift) -> Result<(Exit, bool), Failure> {
    let stage = Stage::find(global, &arguments.choice)?;
    let (aim, _) = Aim::application(&stage, "drift")?;
    let planned = aim.plan(&stage, &PlanOptions::default())?;
    if arguments.output.json {
        // In the plan's published form.
        let document: serde_json::Value = serde_json::from_str(&planned.to_json())
            .context(|| "cannot write the result as JSON".to_owned())?;
        terminal::print_json(&document["plan"]["drift"])?;
    } else if planned.drift.is_empty() {
        terminal::print("no drift: everything is as it was applied\n")?;
    } else {
        terminal::print(&plan::drift(&planned.drift))?;
    }
    Ok((Exit::Success, !planned.drift.is_empty()))
}
