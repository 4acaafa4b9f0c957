//! Parts are made in the order of their dependencies, as wide as these allow, and then stay.

use crate::support::*;
use ifc_engine::Phase;
use std::time::Duration;

#[test]
fn what_is_needed_comes_first_and_a_second_plan_is_empty() {
    let stage = Stage::new();
    let (queue, table) = (thing("queue"), thing("table"));
    let worker = using(thing("worker"), &queue).after(&table.address);
    let parts = [worker, queue, table];
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        [
            "create queue/thing",
            "create table/thing",
            "create worker/thing"
        ]
    );
    let summary = stage.apply_plan(&parts, &plan).unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.serial, 1);
    assert_eq!(
        stage.world.take_calls().last().unwrap(),
        "create worker/thing"
    );
    stage.assert_is(&parts);
    let again = stage.apply(&parts);
    assert!(again.is_complete() && again.steps.is_empty());
    assert_eq!(again.serial, 1);
    assert!(stage.world.take_calls().is_empty());
}

#[test]
fn independent_parts_are_made_at_the_same_time() {
    let stage = Stage::new();
    stage.world.lock().latency = Duration::from_secs(10);
    let first = thing("first");
    let parts: Vec<_> = (0..50)
        .map(|number| using(thing(&format!("p{number}")), &first))
        .chain([first.clone()])
        .collect();
    let plan = stage.plan(&parts);
    let summary = stage.apply_plan(&parts, &plan).unwrap();
    assert!(summary.is_complete());
    assert_eq!(summary.elapsed, Duration::from_secs(20));
}

#[test]
fn a_plan_that_was_written_down_is_the_same_plan() {
    let stage = Stage::new();
    let queue = thing("queue");
    let parts = [using(thing("worker"), &queue), queue];
    let plan = stage.plan(&parts);
    let text = plan.to_json();
    let read = ifc_engine::Plan::from_json(&text).unwrap();
    assert_eq!(read, plan);
    assert_eq!(stage.plan(&parts).to_json(), text);
    assert!(stage.apply_plan(&parts, &read).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn everybody_is_told_what_happens() {
    let stage = Stage::new();
    stage
        .world
        .fault(Op::Create, "queue/thing", [Fault::Slow(1)]);
    let summary = stage.apply(&[thing("queue")]);
    assert_eq!(summary.steps[0].phase, Phase::Done);
    let events = stage.events.lock().unwrap();
    assert_eq!(
        *events,
        [
            "create queue/thing Queued",
            "create queue/thing Beginning",
            "create queue/thing Calling",
            "create queue/thing Polling",
            "create queue/thing Polling",
            "create queue/thing EndedWell",
            "create queue/thing Done",
        ]
    );
}

#[test]
fn destroying_goes_the_other_way_round() {
    let stage = Stage::new();
    let queue = thing("queue");
    let parts = [using(thing("worker"), &queue), queue];
    stage.apply(&parts);
    stage.world.take_calls();
    assert!(stage.apply(&[]).is_complete());
    assert_eq!(
        stage.world.take_calls(),
        ["delete worker/thing", "delete queue/thing"]
    );
    stage.assert_is(&[]);
}

#[test]
fn an_apply_may_move_between_threads() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let stage = Stage::new();
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    let (session, blueprint) = (stage.session(), blueprint(&parts));
    let options = stage.options(&|_| {});
    let apply = sendable(session.apply(&stage.provider, &blueprint, &plan, &options));
    assert!(stage.clock.run(apply).unwrap().is_complete());
}

#[test]
fn a_plan_can_be_made_without_asking_anybody() {
    let stage = Stage::new();
    let parts = [thing("queue")];
    let plan = stage
        .session()
        .plan_offline(&blueprint(&parts), &Default::default());
    assert_eq!(plan, stage.plan(&parts));
}
