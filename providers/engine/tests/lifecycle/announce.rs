//! Steps are announced before their turn: the store is not on the way from one call to the next, and
//! what was announced and did not happen leaves no trace.

use crate::support::*;
use ifc_engine::{Phase, ProviderErrorKind as Kind};
use std::time::Duration;

fn refused() -> Fault {
    Fault::Before(Kind::Rejected)
}

/// Parts each of which needs the one before.
fn chain(length: usize) -> Vec<ifc_engine::Part> {
    let mut parts = vec![thing("first")];
    for name in ["second", "third", "fourth", "fifth"]
        .iter()
        .take(length - 1)
    {
        let next = using(thing(name), parts.last().unwrap());
        parts.push(next);
    }
    parts
}

#[test]
fn the_store_is_not_on_the_way_from_one_call_to_the_next() {
    let elapsed = |length| {
        let stage = Stage::new();
        stage.store.set_latency(Duration::from_secs(1));
        stage.world.lock().latency = Duration::from_secs(2);
        let summary = stage.apply(&chain(length));
        assert!(summary.is_complete());
        summary.elapsed
    };
    assert_eq!(elapsed(4) - elapsed(3), Duration::from_secs(2));
    assert_eq!(elapsed(5) - elapsed(4), Duration::from_secs(2));
}

#[test]
fn what_was_announced_and_not_begun_is_as_it_was() {
    let stage = Stage::new();
    stage.world.fault(Op::Create, "first/thing", [refused()]);
    let summary = stage.apply(&chain(3));
    assert_eq!(summary.in_phase(Phase::Blocked).count(), 2);
    let known = stage.state().parts;
    assert!(!known.contains_key(&address("second/thing")), "{known:?}");
    assert!(stage.apply(&chain(3)).is_complete());

    // The same of what is there: it is at rest, as before.
    let [first, second] = [0, 1].map(|number| chain(2)[number].clone());
    let changed = [sized(first, 5), sized(second, 6)];
    stage.world.fault(Op::Update, "first/thing", [refused()]);
    assert!(!stage.apply(&changed).is_complete());
    let second = &stage.state().parts[&address("second/thing")];
    assert!(second.unsettled.is_none(), "{second:?}");
    assert!(stage.apply(&changed).is_complete());
    stage.assert_is(&changed);
}

#[test]
fn what_was_announced_when_the_engine_was_killed_is_looked_at_and_made() {
    let stage = Stage::new();
    stage.world.lock().latency = Duration::from_secs(2);
    stage.world.kill_at(0, true);
    assert!(stage.apply_until_killed(&chain(3)));
    let known = stage.state().parts;
    let announced = &known[&address("second/thing")];
    assert!(announced.unsettled.is_some());
    assert!(!known.contains_key(&address("third/thing")));
    assert!(stage.apply(&chain(3)).is_complete());
    stage.assert_is(&chain(3));
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}
