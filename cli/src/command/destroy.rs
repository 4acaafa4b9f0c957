//! `ifc destroy`: deletes a stage, but for what is retained or protected.

use super::apply::{Work, check_can_ask};
use super::consent::check_consents;
use super::plan::{Aim, options};
use crate::arguments::{Consent, Destroy, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stage::{Reach, Stage};

pub(crate) fn run(global: &Global, destroy: &Destroy) -> Result<Exit, Failure> {
    check_can_ask(destroy.yes)?;
    let consent = Consent {
        delete: destroy.delete.clone(),
        ..Consent::default()
    };
    let options = options(&consent)?;
    let stage = Stage::find(global, &destroy.choice)?;
    let aim = Aim::nothing(&stage, "destroy")?;
    let plan = aim.plan(&stage, &options)?;
    check_consents(&consent, &plan, &stage, Reach::Online, None)?;
    let work = Work {
        stage: &stage,
        aim: &aim,
        plan: &plan,
        wanted: None,
        details: false,
    };
    work.carry_out(destroy.yes, &format!("destroy stage `{}`?", stage.name))
}
