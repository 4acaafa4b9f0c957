//! Answers outside the contract are the provider's bug, told at once with part and field.

use crate::support::*;
use ifc_engine::{ChangeClass, Phase, Value};

fn failure(op: Op, lie: Lie) -> String {
    let stage = Stage::new();
    let secretive = |size| {
        sized(thing("queue"), size).with("password", Value::secret("p"), ChangeClass::InPlace)
    };
    if op == Op::Update {
        stage.apply(&[secretive(1)]);
    }
    stage.world.fault(op, "queue/thing", [Fault::Answer(lie)]);
    let summary = stage.apply(&[secretive(2)]);
    let failed: Vec<_> = summary.in_phase(Phase::Failed).collect();
    assert_eq!(failed.len(), 1);
    stage.assert_no_secret();
    // The bug is gone: the part is found, and everything is as it should be.
    assert!(stage.apply(&[secretive(2)]).is_complete());
    stage.assert_is(&[secretive(2)]);
    failed[0].failure.clone().unwrap()
}

#[test]
fn creates_and_updates() {
    for (op, lie, wrong) in [
        (
            Op::Create,
            Lie::WrongProperty,
            "`size` with another value than was asked for",
        ),
        (
            Op::Create,
            Lie::UnaskedProperty,
            "`colour` though it was not asked for",
        ),
        (
            Op::Create,
            Lie::MissingOutput,
            "`id` missing among its outputs",
        ),
        (
            Op::Create,
            Lie::UnknownOutput,
            "`extra` as an output that was not declared",
        ),
        (
            Op::Create,
            Lie::PlainSecret,
            "`password` with another value than was asked for",
        ),
        (
            Op::Update,
            Lie::ChangedOutput,
            "`id` changed by an update, though it is not volatile",
        ),
    ] {
        let message = failure(op, lie);
        assert_eq!(
            message,
            format!(
                "bug in the provider: its answer for `queue/thing` has {wrong}; please report it"
            )
        );
    }
}

#[test]
fn a_secret_that_is_read_back_reaches_no_plan() {
    let stage = Stage::new();
    let part = thing("queue").with("password", Value::secret("p"), ChangeClass::InPlace);
    stage.apply(std::slice::from_ref(&part));
    let lie = Fault::Answer(Lie::PlainSecret);
    stage.world.fault(Op::Read, "queue/thing", [lie]);
    let plan = stage.plan(std::slice::from_ref(&part));
    assert!(!plan.is_applicable());
    assert!(
        plan.refusals[0]
            .message
            .contains("`password` as a plain value")
    );
    assert!(!plan.to_json().contains("correct-horse"));
    assert!(!format!("{plan:?}").contains("correct-horse"));
}

#[test]
fn a_secret_of_an_unwanted_part_is_not_shown_either() {
    let stage = Stage::new();
    let part = thing("queue").with("password", Value::secret("p"), ChangeClass::InPlace);
    stage.apply(std::slice::from_ref(&part));
    let lie = Fault::Answer(Lie::PlainSecret);
    stage.world.fault(Op::Read, "queue/thing", [lie]);
    let plan = stage.plan(&[]);
    assert_eq!(effective(&plan), ["delete queue/thing"]);
    assert!(!plan.to_json().contains("correct-horse"));
}

#[test]
fn readings() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    let lie = Fault::Answer(Lie::MissingOutput);
    stage.world.fault(Op::Read, "queue/thing", [lie]);
    let plan = stage.plan(&[thing("queue")]);
    assert!(
        plan.refusals[0]
            .message
            .contains("`id` missing among its outputs")
    );
}

#[test]
fn a_provider_that_panics_fails_one_step() {
    let stage = Stage::new();
    let parts = [thing("queue"), thing("table")];
    stage.world.fault(Op::Create, "queue/thing", [Fault::Panic]);
    let summary = stage.apply(&parts);
    let failed: Vec<_> = summary.in_phase(Phase::Failed).collect();
    assert_eq!(
        failed[0].failure.as_deref(),
        Some("bug in the provider: it panicked, index out of bounds; please report it")
    );
    assert_eq!(summary.in_phase(Phase::Done).count(), 1);
    // What it did is not known; the next apply looks.
    assert!(stage.apply(&parts).is_complete());
    stage.assert_is(&parts);

    stage.world.fault(Op::Read, "table/thing", [Fault::Panic]);
    let error = stage
        .plan_with(&parts, &Default::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("index out of bounds"), "{error}");
}
