//! Stores lose answers, are away, full or read-only. Nothing is lost, and nothing is guessed.

use crate::support::*;
use ifc_engine::{EngineError, Phase, StoreErrorKind};
use std::time::Duration;

const AWAY: StoreErrorKind = StoreErrorKind::Unavailable { retry_after: None };

#[test]
fn every_write_may_lose_its_answer() {
    for fault in [
        StoreFault::After(StoreErrorKind::Uncertain),
        StoreFault::Before(StoreErrorKind::Uncertain),
        StoreFault::Before(AWAY),
    ] {
        for write in 0..9 {
            let stage = Stage::new();
            let faults = (0..write).map(|_| None).chain([Some(fault.clone())]);
            stage.store.next_writes(faults);
            let queue = thing("queue");
            let parts = [using(thing("worker"), &queue), queue];
            assert!(stage.apply(&parts).is_complete());
            stage.assert_is(&parts);
        }
    }
}

#[test]
fn a_store_that_takes_no_writes_stops_everything_before_it_begins() {
    for kind in [
        StoreErrorKind::ReadOnly,
        StoreErrorKind::Full,
        StoreErrorKind::Denied,
    ] {
        let stage = Stage::new();
        stage.store.always(Some(StoreFault::Before(kind.clone())));
        let result = stage.apply_with(&[thing("queue")], &Default::default());
        let EngineError::Store(error) = result.unwrap_err() else {
            panic!()
        };
        assert_eq!(*error.kind(), kind);
        assert!(stage.world.names().is_empty());
    }
}

#[test]
fn a_store_that_fills_up_in_the_middle_loses_nothing() {
    let stage = Stage::new();
    let (queue, table) = (thing("queue"), thing("table"));
    let worker = using(thing("worker"), &queue);
    let parts = [worker, queue, table];
    // The lock and the intent find room, with what waits for nothing.
    let room = (0..2).map(|_| None);
    let full = (0..20).map(|_| Some(StoreFault::Before(StoreErrorKind::Full)));
    stage.store.next_writes(room.chain(full));
    let summary = stage.apply(&parts);
    assert!(!summary.is_complete());
    assert!(summary.unsaved.unwrap().contains("no space left"));
    assert!(summary.steps.iter().any(|step| step.phase == Phase::Left));
    stage.store.next_writes([]);
    let stage = drained(stage);
    assert!(stage.apply(&parts).is_complete());
    stage.assert_is(&parts);
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}

/// The same stage once the store takes writes again.
fn drained(stage: Stage) -> Stage {
    stage.store.forget_faults();
    stage
}

#[test]
fn a_store_that_is_away_for_a_while_is_waited_for() {
    let stage = Stage::new();
    stage.store.set_latency(Duration::from_millis(50));
    let away = (0..8).map(|_| Some(StoreFault::Before(AWAY)));
    stage.store.next_writes((0..3).map(|_| None).chain(away));
    assert!(stage.apply(&[thing("queue")]).is_complete());
    stage.assert_is(&[thing("queue")]);
}
