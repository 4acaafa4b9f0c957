//! `ifc apply`: makes a stage what the application says.

use super::consent::check_consents;
use super::plan::{Aim, options, preface, show};
use crate::arguments::{Apply, Global};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::progress::Progress;
use crate::render::outcome;
use crate::stage::{Interrupt, Reach, Stage, Wanted, Writing, left};
use crate::terminal;
use ifc_engine::{ApplyEvent, Holder, Plan, Summary};
use std::fs;
use std::path::Path;

pub(crate) fn run(global: &Global, apply: &Apply) -> Result<Exit, Failure> {
    check_can_ask(apply.yes)?;
    match &apply.plan {
        Some(file) => saved(global, apply, file),
        None => fresh(global, apply),
    }
}

fn fresh(global: &Global, apply: &Apply) -> Result<Exit, Failure> {
    let options = options(&apply.consent)?;
    let stage = Stage::find(global, &apply.choice)?;
    let (aim, wanted) = Aim::application(&stage, "apply")?;
    let plan = aim.plan(&stage, &options)?;
    check_consents(&apply.consent, &plan, &stage, Reach::Online, Some(&wanted))?;
    let work = Work {
        stage: &stage,
        aim: &aim,
        plan: &plan,
        wanted: Some(&wanted),
        details: apply.details,
    };
    work.carry_out(apply.yes, "apply this plan?")
}

fn saved(global: &Global, apply: &Apply, file: &Path) -> Result<Exit, Failure> {
    let shown = file.display();
    let text = fs::read_to_string(file).context(|| format!("cannot read the plan `{shown}`"))?;
    let plan = Plan::from_json(&text)
        .context(|| format!("`{shown}` is no plan that can be applied"))
        .map_err(|failure| failure.help("make a new one with `ifc plan --out FILE`"))?;
    for (what, chosen, planned) in [
        ("stage", &apply.choice.stage, plan.stage.as_str()),
        ("provider", &apply.choice.provider, &plan.provider),
    ] {
        if let Some(chosen) = chosen.as_deref().filter(|chosen| *chosen != planned) {
            return Err(Failure::usage(format!(
                "the plan in `{shown}` is for {what} `{planned}`, not for `{chosen}`"
            )));
        }
    }
    let stage = Stage::named(global, Some(plan.stage.clone()), Some(&plan.provider))?;
    let (aim, wanted) = match plan.destroy {
        true => (Aim::nothing(&stage, "apply")?, None),
        false => {
            let (aim, wanted) = Aim::application(&stage, "apply")?;
            (aim, Some(wanted))
        }
    };
    let work = Work {
        stage: &stage,
        aim: &aim,
        plan: &plan,
        wanted: wanted.as_ref(),
        details: apply.details,
    };
    work.carry_out(apply.yes, "apply this plan?")
}

/// Refuses at once what could not be asked for later.
pub(super) fn check_can_ask(yes: bool) -> Result<(), Failure> {
    match yes || terminal::is_interactive() {
        true => Ok(()),
        false => Err(
            Failure::usage("there is no terminal to ask on before anything is done").help(
                "add `--yes` to do it without being asked; `ifc plan` shows what it would be",
            ),
        ),
    }
}

/// A plan that is to be carried out.
pub(super) struct Work<'a> {
    pub(super) stage: &'a Stage,
    pub(super) aim: &'a Aim,
    pub(super) plan: &'a Plan,
    pub(super) wanted: Option<&'a Wanted>,
    pub(super) details: bool,
}

impl Work<'_> {
    /// Shows the plan, asks, does it, and says what became of it.
    pub(super) fn carry_out(&self, yes: bool, question: &str) -> Result<Exit, Failure> {
        let title = self.stage.title(Reach::Online)? + &preface(self.stage)?;
        show(self.stage, &title, self.plan, self.wanted, self.details)?;
        if !self.plan.is_applicable() {
            return Ok(Exit::Failure);
        }
        if !self.plan.is_empty() && !yes && !terminal::confirm(question)? {
            terminal::status("Kept", "everything as it is");
            return Ok(Exit::Success);
        }
        if !self.plan.is_empty() {
            self.stage.prepare()?;
        }
        let summary = self.apply()?;
        if !summary.steps.is_empty() {
            terminal::print(&format!("\n{}", outcome::summary(&summary)))?;
        }
        match verdict(summary) {
            None => Ok(Exit::Success),
            Some(failure) => Err(failure),
        }
    }

    fn apply(&self) -> Result<Summary, Failure> {
        let Aim {
            provider,
            blueprint,
            ..
        } = self.aim;
        // Where the state is kept may have been made since the plan.
        let session = self.stage.session("apply")?;
        let writing = Writing::new();
        let _interrupt = Interrupt::forward(&writing.stop)?;
        let progress = Progress::start();
        let observer = |event: &ApplyEvent<'_>| progress.event(event);
        let on_wait = |holder: &Holder| progress.waiting(holder);
        let options = writing.options(&observer, &on_wait);
        let apply = session.apply(&**provider, blueprint, self.plan, &options);
        let result = self.stage.wait(apply);
        result.map_err(|error| self.stage.failure(error))
    }
}

/// What there is to say when not everything was done.
fn verdict(summary: Summary) -> Option<Failure> {
    if summary.abandoned {
        return Some(left());
    }
    if let Some(unsaved) = summary.unsaved {
        return Some(
            Failure::new("what was done is not in the state yet")
                .because(unsaved)
                .help("run the command again: it goes on from the journal"),
        );
    }
    match summary.is_complete() {
        true => None,
        false => Some(
            Failure::new("not everything was done")
                .help("run the command again when the reason is gone: it goes on from here"),
        ),
    }
}
