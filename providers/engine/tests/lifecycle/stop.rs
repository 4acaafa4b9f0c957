//! Ctrl-C once: what runs is seen through, nothing new begins. Twice: leave at once, and the next
//! command finds out.

use crate::support::*;
use futures_util::future::join;
use ifc_engine::{EngineError, Part, Phase, Summary};
use std::time::Duration;

fn parts() -> Vec<Part> {
    let queue = thing("queue");
    vec![using(thing("worker"), &queue), queue]
}

/// Applies, and requests a stop at these times, in milliseconds.
fn stopped_at(stage: &Stage, times: &[u64]) -> Result<Summary, EngineError> {
    stage.world.lock().latency = Duration::from_secs(10);
    let plan = stage.plan(&parts());
    let parts = parts();
    let (summary, ()) = stage.clock.run(join(
        stage.applying(stage.session(), &parts, &plan),
        async {
            let mut before = 0;
            for time in times {
                stage.clock_sleep_ms(time - before).await;
                before = *time;
                stage.stop.request();
            }
        },
    ));
    stage.world.lock().latency = Duration::ZERO;
    summary
}

fn goes_on(stage: Stage) {
    let stage = stage.with_fresh_stop();
    assert!(stage.apply(&parts()).is_complete());
    stage.assert_is(&parts());
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}

#[test]
fn once_before_anything() {
    let stage = Stage::new();
    stage.stop.request();
    let plan = stage.plan(&parts());
    let error = stage.apply_plan(&parts(), &plan).unwrap_err();
    assert!(matches!(error, EngineError::Stopped));
    goes_on(stage);
}

#[test]
fn once_in_the_middle() {
    let stage = Stage::new();
    let summary = stopped_at(&stage, &[5_000]).unwrap();
    assert!(summary.stopped && !summary.abandoned && !summary.is_complete());
    assert!(summary.unsaved.is_none());
    let phases: Vec<_> = summary
        .steps
        .iter()
        .map(|step| (step.address.resource(), step.phase))
        .collect();
    assert_eq!(phases, [("queue", Phase::Done), ("worker", Phase::Left)]);
    assert_eq!(stage.state().parts.len(), 1);
    // The lock was given back.
    assert!(
        stage
            .clock
            .run(stage.session().inspect())
            .unwrap()
            .holder
            .is_none()
    );
    goes_on(stage);
}

#[test]
fn once_while_a_call_waits_to_be_repeated() {
    let stage = Stage::new();
    let fault = Fault::After(ifc_engine::ProviderErrorKind::Unavailable);
    stage.world.fault(Op::Create, "queue/thing", vec![fault; 3]);
    let summary = stopped_at(&stage, &[20_050]).unwrap();
    let failed = summary.in_phase(Phase::Failed).next().unwrap();
    assert!(failed.failure.as_deref().unwrap().ends_with("(stopped)"));
    goes_on(stage);
}

#[test]
fn twice_at_any_moment() {
    for first in [0, 5_000, 9_999, 10_000, 15_000, 19_999] {
        for later in [0, 1, 5_000] {
            let stage = Stage::new();
            match stopped_at(&stage, &[first, first + later]) {
                Ok(summary) if summary.abandoned => {
                    let open = stage.clock.run(stage.session().inspect()).unwrap();
                    assert!(open.interrupted.is_some());
                }
                Ok(_) | Err(EngineError::Stopped) => {}
                Err(other) => panic!("{other:?}"),
            }
            goes_on(stage);
        }
    }
}
