//! Whether what the flags agree to is there to be agreed to.

use crate::application;
use crate::arguments::Consent;
use crate::failure::Failure;
use crate::stage::{Reach, Stage, Wanted};
use crate::terminal;
use ifc_engine::{PartAddress, Plan};
use ifc_graph::Graph;
use std::collections::BTreeSet;

/// Names of resources and parts, as flags have them.
type Names = BTreeSet<String>;

/// Warns of a consent to what is not there, so that a command which was killed can be repeated as it
/// was. Refuses one that names what nobody knows: it is mistyped, and what was meant would be refused
/// or kept.
///
/// # Errors
/// When a flag names what neither the plan, the stage's record nor the application knows.
pub(super) fn check_consents(
    consent: &Consent,
    plan: &Plan,
    stage: &Stage,
    reach: Reach,
    wanted: Option<&Wanted>,
) -> Result<(), Failure> {
    let there = planned(plan);
    let flags = [
        ("--delete", &consent.delete),
        ("--allow-replace", &consent.allow_replace),
        ("--take-over", &consent.take_over),
    ];
    let given = flags
        .into_iter()
        .flat_map(|(flag, names)| names.iter().map(move |name| (flag, name)));
    let idle: Vec<_> = given.filter(|(_, name)| !there.contains(*name)).collect();
    if idle.is_empty() {
        return Ok(());
    }
    let removed = match reach {
        Reach::Online => removed(stage)?,
        Reach::Offline => Names::new(),
    };
    // Without a build when it is not needed, because what was removed may no longer compile.
    let declared = match (idle.iter().all(|(_, name)| removed.contains(*name)), wanted) {
        (true, _) => Names::new(),
        (false, Some(wanted)) => declared(&wanted.analysis.graph),
        (false, None) => declared(&application::analyze(&stage.project)?.graph),
    };
    for (flag, name) in &idle {
        if !removed.contains(*name) && !is_declared(name, &declared, &there) {
            let failure = Failure::usage(format!(
                "`{flag} {name}` agrees to nothing: neither the stage nor the application has such \
                 a resource or part"
            ));
            let known = there.iter().chain(&removed).chain(&declared);
            let known: Vec<&str> = known.map(String::as_str).collect();
            return Err(match ifc_graph::suggest::sentence(name, &known) {
                Some(sentence) => failure.help(sentence),
                None => failure.help("`ifc status` lists what it has"),
            });
        }
    }
    for (flag, name) in idle {
        terminal::warn(&format!(
            "`{flag} {name}` agrees to nothing: stage `{}` has no `{name}`, or no longer",
            stage.name
        ));
    }
    Ok(())
}

/// Whatever the plan knows of.
fn planned(plan: &Plan) -> Names {
    let changes = plan.changes.iter().map(|change| &change.address);
    let orphans = plan.orphans.iter().map(|orphan| &orphan.address);
    let refusals = plan
        .refusals
        .iter()
        .filter_map(|refusal| refusal.address.as_ref());
    names(changes.chain(orphans).chain(refusals))
}

/// What a command that was interrupted has removed.
fn removed(stage: &Stage) -> Result<Names, Failure> {
    let session = stage.session("plan")?;
    let inspection = stage.wait(session.inspect());
    let inspection = inspection.map_err(|error| stage.failure(error))?;
    Ok(names(inspection.removed.iter()))
}

fn names<'a>(addresses: impl Iterator<Item = &'a PartAddress>) -> Names {
    addresses
        .flat_map(|address| [address.to_string(), address.resource().to_owned()])
        .collect()
}

fn declared(graph: &Graph) -> Names {
    let resources = graph.resources.iter();
    resources
        .map(|resource| resource.id.name.to_string())
        .collect()
}

/// Whether the application has the resource, or that of the part. Of a resource that is there, all
/// parts are in the plan.
fn is_declared(name: &str, declared: &Names, there: &Names) -> bool {
    match name.split_once('/') {
        Some((resource, _)) => declared.contains(resource) && !there.contains(resource),
        None => declared.contains(name),
    }
}
