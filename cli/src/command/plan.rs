//! `ifc plan`: what would have to be done, without doing any of it.

use super::consent::check_consents;
use crate::application;
use crate::arguments::{Consent, Global, Plan as Arguments};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::render::plan;
use crate::stage::{Reach, Stage, Wanted};
use crate::terminal;
use ifc_engine::{Blueprint, Consents, Observations, Plan, PlanOptions, Provider, Session, State};
use std::collections::BTreeSet;
use std::fs;

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<Exit, Failure> {
    let exit = run_plainly(global, arguments);
    match arguments.detailed_exit_code {
        false => exit.map(|(exit, _)| exit),
        true => detailed(exit),
    }
}

/// The exit codes of `--detailed-exit-code`.
pub(super) fn detailed(exit: Result<(Exit, bool), Failure>) -> Result<Exit, Failure> {
    match exit {
        Ok((Exit::Success, true)) => Ok(Exit::Changes),
        Ok((exit, _)) => Ok(exit.detailed()),
        Err(failure) => Err(Failure {
            code: failure.code.detailed(),
            ..failure
        }),
    }
}

/// How it went, and whether there is something to do.
fn run_plainly(global: &Global, arguments: &Arguments) -> Result<(Exit, bool), Failure> {
    let options = options(&arguments.consent)?;
    let stage = Stage::find(global, &arguments.choice)?;
    let (planned, wanted) = match (arguments.offline, arguments.destroy) {
        (true, _) => {
            let wanted = stage.wanted(Reach::Offline)?;
            (offline(&wanted.blueprint, &options), Some(wanted))
        }
        (false, true) => {
            let aim = Aim::nothing(&stage, "plan --destroy")?;
            (aim.plan(&stage, &options)?, None)
        }
        (false, false) => {
            let (aim, wanted) = Aim::application(&stage, "plan")?;
            (aim.plan(&stage, &options)?, Some(wanted))
        }
    };
    let reach = Reach::of_flag(arguments.offline);
    check_consents(&arguments.consent, &planned, &stage, reach, wanted.as_ref())?;
    if arguments.output.json {
        terminal::print(&format!("{}\n", planned.to_json()))?;
    } else {
        let mut title = stage.title(reach)?;
        if reach == Reach::Online {
            title.push_str(&preface(&stage)?);
        }
        show(&stage, &title, &planned, wanted.as_ref(), arguments.details)?;
    }
    if let Some(file) = &arguments.out {
        fs::write(file, planned.to_json() + "\n")
            .context(|| format!("cannot write `{}`", file.display()))?;
        terminal::status(
            "Saved",
            &format!("the plan in `{}`", application::shown(file)),
        );
    }
    let exit = match planned.is_applicable() {
        true => Exit::Success,
        false => Exit::Failure,
    };
    Ok((exit, !planned.is_empty()))
}

/// What a stage is to become, with everything that takes.
pub(super) struct Aim {
    pub(super) session: Session,
    pub(super) provider: Box<dyn Provider>,
    pub(super) blueprint: Blueprint,
}

impl Aim {
    /// What the application says.
    pub(super) fn application(stage: &Stage, command: &str) -> Result<(Aim, Wanted), Failure> {
        // The state before the build, which takes longer.
        let session = stage.session(command)?;
        let wanted = stage.wanted(Reach::Online)?;
        let aim = Aim {
            session,
            provider: stage.provider(Some(&wanted.program))?,
            blueprint: wanted.blueprint.clone(),
        };
        Ok((aim, wanted))
    }

    /// Nothing.
    pub(super) fn nothing(stage: &Stage, command: &str) -> Result<Aim, Failure> {
        let session = stage.session(command)?;
        let provider = stage.provider(None)?;
        Ok(Aim {
            blueprint: session.nothing(&*provider),
            session,
            provider,
        })
    }

    pub(super) fn plan(&self, stage: &Stage, options: &PlanOptions) -> Result<Plan, Failure> {
        let plan = self.session.plan(&*self.provider, &self.blueprint, options);
        stage.wait(plan).map_err(|error| stage.failure(error))
    }
}

/// The plan for a stage that has nothing yet.
fn offline(blueprint: &Blueprint, options: &PlanOptions) -> Plan {
    let (application, stage) = (blueprint.application().clone(), blueprint.stage().clone());
    let state = State::empty(application, stage, String::new());
    ifc_engine::plan(blueprint, &state, &Observations::default(), options)
}

/// What is made before the plan is carried out, in a line below the title.
pub(super) fn preface(stage: &Stage) -> Result<String, Failure> {
    let what = stage.state_to_be_made()?;
    Ok(what.map_or_else(String::new, |what| {
        format!("\n  the state will be kept in {what}")
    }))
}

/// Shows a plan to people.
pub(super) fn show(
    stage: &Stage,
    title: &str,
    planned: &Plan,
    wanted: Option<&Wanted>,
    details: bool,
) -> Result<(), Failure> {
    let permissions = stage.permission_changes(planned, wanted);
    terminal::print(&plan::text(planned, title, &permissions, details))
}

/// What the flags agree to.
pub(super) fn options(consent: &Consent) -> Result<PlanOptions, Failure> {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let rename = |text: &String| match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err(
            Failure::usage(format!("`{text}` does not say what is renamed to what"))
                .help("write `--rename OLD=NEW`"),
        ),
    };
    Ok(PlanOptions {
        consents: Consents {
            replace: set(&consent.allow_replace),
            delete: set(&consent.delete),
            take_over: set(&consent.take_over),
            renames: consent
                .rename
                .iter()
                .map(rename)
                .collect::<Result<_, _>>()?,
        },
    })
}
