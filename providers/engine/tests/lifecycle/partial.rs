//! Some steps fail: what does not hang on them goes on, and the rest is done next time.

use crate::support::*;
use ifc_engine::{Phase, ProviderErrorKind as Kind};
use std::time::Duration;

fn denied() -> Kind {
    Kind::Denied {
        action: "queue:Create".to_owned(),
        on: "queue".to_owned(),
    }
}

#[test]
fn what_hangs_on_a_failure_is_blocked_and_the_rest_is_done() {
    let stage = Stage::new();
    let queue = thing("queue");
    let parts = [using(thing("worker"), &queue), queue, thing("table")];
    stage
        .world
        .fault(Op::Create, "queue/thing", [Fault::Before(denied())]);
    let summary = stage.apply(&parts);
    let phases: Vec<_> = summary
        .steps
        .iter()
        .map(|step| (step.address.resource(), step.phase))
        .collect();
    assert_eq!(
        phases,
        [
            ("queue", Phase::Failed),
            ("table", Phase::Done),
            ("worker", Phase::Blocked)
        ]
    );
    assert_eq!(
        summary.steps[0].failure.as_deref().unwrap(),
        "`queue:Create` on `queue` was denied: the world says no (request r-1)"
    );
    assert!(summary.unsaved.is_none());
    assert!(stage.apply(&parts).is_complete());
    stage.assert_is(&parts);
}

#[test]
fn what_passes_is_waited_out_whether_or_not_it_happened() {
    let passing = [
        Kind::Unavailable,
        Kind::Uncertain,
        Kind::Throttled {
            retry_after: Some(Duration::from_secs(3)),
        },
        Kind::NotReady {
            what: "the role".to_owned(),
            budget: Duration::from_secs(60),
        },
    ];
    for kind in passing {
        for fault in [Fault::Before(kind.clone()), Fault::After(kind)] {
            let stage = Stage::new();
            stage
                .world
                .fault(Op::Create, "queue/thing", vec![fault.clone(); 3]);
            assert!(stage.apply(&[thing("queue")]).is_complete());
            stage
                .world
                .fault(Op::Update, "queue/thing", vec![fault.clone(); 3]);
            assert!(stage.apply(&[sized(thing("queue"), 2)]).is_complete());
            stage.assert_is(&[sized(thing("queue"), 2)]);
            stage
                .world
                .fault(Op::Delete, "queue/thing", vec![fault.clone(); 3]);
            assert!(stage.apply(&[]).is_complete());
            stage.assert_is(&[]);
            assert!(stage.world.lock().made.values().all(|times| *times == 1));
        }
    }
}

#[test]
fn patience_ends_and_the_error_says_what_was_waited_for() {
    let stage = Stage::new();
    let not_ready = Kind::NotReady {
        what: "grant `queue.send` to take effect".to_owned(),
        budget: Duration::from_secs(420),
    };
    let faults = vec![Fault::Before(not_ready); 1000];
    stage.world.fault(Op::Create, "queue/thing", faults);
    let summary = stage.apply(&[thing("queue")]);
    let failed = summary.in_phase(Phase::Failed).next().unwrap();
    assert!(failed.elapsed >= Duration::from_secs(420));
    assert!(failed.elapsed <= Duration::from_secs(450));
    let message = failed.failure.as_deref().unwrap();
    assert!(message.starts_with("waited 420 s for grant `queue.send` to take effect"));
}

#[test]
fn answers_that_never_come_count_as_unknown() {
    for fault in [Fault::Hang, Fault::HangAfter] {
        let stage = Stage::new();
        stage.world.fault(Op::Create, "queue/thing", [fault]);
        assert!(stage.apply(&[thing("queue")]).is_complete());
        stage.assert_is(&[thing("queue")]);
    }
}

#[test]
fn an_operation_that_never_ends_is_given_up_and_found_again() {
    let stage = Stage::new();
    stage
        .world
        .fault(Op::Create, "queue/thing", [Fault::Slow(u32::MAX)]);
    let summary = stage.apply(&[thing("queue")]);
    let failed = summary.in_phase(Phase::Failed).next().unwrap();
    let message = failed.failure.as_deref().unwrap();
    assert_eq!(message, "not finished after 3600 s: nearly there");
    stage.world.tamper("queue", |thing| thing.settling = 0);
    assert!(stage.apply(&[thing("queue")]).is_complete());
    stage.assert_is(&[thing("queue")]);
}

#[test]
fn a_slow_operation_is_watched_at_growing_intervals() {
    let stage = Stage::new();
    stage
        .world
        .fault(Op::Create, "queue/thing", [Fault::Slow(10)]);
    let summary = stage.apply(&[thing("queue")]);
    assert!(summary.is_complete());
    // 100 ms, growing by half eleven times.
    let seconds = summary.elapsed.as_secs_f64();
    assert!((15.0..20.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_quarantined_name_gives_way_to_the_next() {
    let stage = Stage::new();
    let part = thing("secret");
    for generation in 0..2 {
        stage.world.lock().quarantined.insert(ifc_engine::Identity {
            part_type: part.part_type.clone(),
            physical_name: part.naming.name(generation),
        });
    }
    let parts = [part.clone()];
    assert!(stage.apply(&parts).is_complete());
    let record = &stage.state().parts[&part.address];
    assert_eq!(record.generation, 2);
    assert_eq!(record.physical_name, part.naming.name(2));
    stage.assert_is(&parts);
}

/// Somebody else's thing under a name of a part's.
fn squat(stage: &Stage, part: &ifc_engine::Part, generation: u32) -> ifc_engine::Identity {
    let identity = ifc_engine::Identity {
        part_type: part.part_type.clone(),
        physical_name: part.naming.name(generation),
    };
    let mut world = stage.world.lock();
    let mut theirs = world.things.values().next().unwrap().clone();
    theirs.tags.clear();
    world.things.insert(identity.clone(), theirs);
    identity
}

#[test]
fn a_name_that_is_taken_is_not_touched_and_leaves_nothing_behind() {
    let stage = Stage::new();
    let queue = thing("queue");
    stage.apply(&[thing("table")]);
    let parts = [queue.clone(), thing("table")];
    let (before, plan) = (stage.state(), stage.plan(&parts));
    let theirs = squat(&stage, &queue, 0);
    let summary = stage.apply_plan(&parts, &plan).unwrap();
    let failed = summary.in_phase(Phase::Failed).next().unwrap();
    assert!(
        failed
            .failure
            .as_deref()
            .unwrap()
            .starts_with("the name is taken by somebody else")
    );
    assert_eq!(stage.state().parts, before.parts);
    assert!(stage.state().leftovers.is_empty());
    stage.world.vanish(theirs.physical_name.as_str());
    assert!(stage.apply(&parts).is_complete());
    stage.assert_is(&parts);
}

#[test]
fn a_replacement_goes_on_when_its_name_is_taken() {
    let stage = Stage::new();
    let queue = thing("queue");
    stage.apply(std::slice::from_ref(&queue));
    let theirs = squat(&stage, &queue, 1);
    let before = stage.world.lock().things[&theirs].clone();
    let parts = [keyed(queue, "k2")];
    assert!(stage.apply(&parts).is_complete());
    assert_eq!(stage.state().parts[&parts[0].address].generation, 2);
    assert_eq!(stage.world.lock().things.remove(&theirs), Some(before));
    stage.assert_is(&parts);
}
