//! Two engines on one stage: they take turns, and one that was given up for dead can do no harm
//! when it wakes.

use crate::support::*;
use futures_util::future::join;
use ifc_engine::{EngineError, Part, Phase};
use std::time::Duration;

#[test]
fn they_take_turns_and_the_second_sees_that_its_plan_is_old() {
    let stage = Stage::new();
    stage.world.lock().latency = Duration::from_secs(5);
    let one = vec![thing("queue"), thing("table")];
    let other = vec![thing("queue"), thing("worker")];
    let (plan_one, plan_other) = (stage.plan(&one), stage.plan(&other));
    let (first, second) = stage.clock.run(join(
        stage.applying(stage.session(), &one, &plan_one),
        stage.applying(stage.session(), &other, &plan_other),
    ));
    let (done, stale, winner): (_, _, &[Part]) = match first {
        Ok(summary) => (summary, second.unwrap_err(), &one),
        Err(error) => (second.unwrap(), error, &other),
    };
    assert!(done.is_complete());
    assert!(matches!(stale, EngineError::Stale { .. }), "{stale:?}");
    stage.assert_is(winner);
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}

#[test]
fn who_waits_too_long_is_told_who_holds_the_lock() {
    let stage = Stage::new();
    stage.world.lock().latency = Duration::from_secs(100);
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    let session = stage.session();
    let options = stage.options(&|_| {});
    let (first, second) = stage.clock.run(join(
        stage.applying(stage.session(), &parts, &plan),
        async {
            stage.clock_sleep(1).await;
            session
                .state_remove(&address("queue/thing"), &options)
                .await
        },
    ));
    assert!(first.unwrap().is_complete());
    let error = second.unwrap_err();
    assert!(matches!(error, EngineError::Held { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with("the stage is locked by `ada` on `laptop`, process 3"),
        "{text}"
    );
}

#[test]
fn a_silent_holder_is_taken_over_and_fenced_off_when_it_wakes() {
    // The first one's writes are held up during its first call, for longer than its lease. What it has
    // announced by then it may do as long as the lease is its own, and nothing else.
    let stage = Stage::new();
    let worker = using(thing("worker"), &thing("queue"));
    let parts = [thing("queue"), using(thing("report"), &worker), worker];
    let plan = stage.plan(&parts);
    stage.world.lock().latency = Duration::from_secs(3);
    let sleepy = stage.with_own_store();
    let (first, second) = stage.clock.run(join(
        sleepy.applying(sleepy.session(), &parts, &plan),
        async {
            stage.clock_sleep(1).await;
            sleepy.store.pause(true);
            stage.clock_sleep(60).await;
            let session = stage.session();
            let options = Default::default();
            let plan = session
                .plan(&stage.provider, &blueprint(&parts), &options)
                .await;
            let summary = stage.applying(session, &parts, &plan.unwrap()).await;
            stage.clock_sleep(30).await;
            sleepy.store.pause(false);
            summary
        },
    ));
    assert!(second.unwrap().is_complete());
    match first {
        Ok(summary) => {
            assert!(!summary.is_complete());
            assert!(summary.unsaved.unwrap().contains("was taken over"));
            assert!(summary.steps.iter().any(|step| step.phase == Phase::Left));
        }
        Err(error) => assert!(matches!(error, EngineError::Fenced { .. }), "{error:?}"),
    }
    stage.world.lock().latency = Duration::ZERO;
    stage.assert_is(&parts);
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}

#[test]
fn a_holder_that_wakes_before_its_intent_is_written_does_nothing() {
    let stage = Stage::new();
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    let sleepy = stage.with_own_store();
    // The lock is taken by the first write; the second, the intent, has to wait.
    sleepy.store.pause_after(1);
    let other = [thing("table")];
    let (first, second) = stage.clock.run(join(
        sleepy.applying(sleepy.session(), &parts, &plan),
        async {
            stage.clock_sleep(60).await;
            let session = stage.session();
            let options = Default::default();
            let mut summary = None;
            // Twice, so that the first journal is gone when the sleeper wakes.
            for parts in [&[][..], &other[..]] {
                let plan = session
                    .plan(&stage.provider, &blueprint(parts), &options)
                    .await;
                let applied = stage.applying(stage.session(), parts, &plan.unwrap()).await;
                summary = Some(applied.unwrap());
            }
            sleepy.store.pause(false);
            summary.unwrap()
        },
    ));
    assert!(second.is_complete());
    let error = first.unwrap_err();
    assert!(matches!(error, EngineError::Fenced { .. }), "{error:?}");
    stage.assert_is(&other);
}

#[test]
fn a_holder_that_is_known_to_be_gone_is_not_waited_for() {
    let stage = Stage::new();
    stage.world.kill_at(0, false);
    assert!(stage.apply_until_killed(&[thing("queue")]));
    stage.world.revive();
    let plan = stage.plan(&[thing("queue")]);
    let begun = stage.now();
    let options = ifc_engine::ApplyOptions {
        presume_dead: &|holder| holder.host == "laptop",
        ..stage.options(&|_| {})
    };
    let blueprint = blueprint(&[thing("queue")]);
    let session = stage.session();
    let applied = session.apply(&stage.provider, &blueprint, &plan, &options);
    assert!(stage.clock.run(applied).unwrap().is_complete());
    assert!(stage.now() - begun < Duration::from_secs(1));
}

#[test]
fn clocks_that_disagree_do_not_matter() {
    let stage = Stage::new();
    let ahead = stage.skewed(3_600_000);
    ahead.world.lock().latency = Duration::from_secs(5);
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    let (first, second) = stage.clock.run(join(
        stage.applying(stage.session(), &parts, &plan),
        async {
            stage.clock_sleep(1).await;
            ahead.applying(ahead.session(), &parts, &plan).await
        },
    ));
    assert!(first.unwrap().is_complete());
    assert!(matches!(second.unwrap_err(), EngineError::Stale { .. }));
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}

/// Does not poll `work` from `at` on for `seconds`, as when a laptop is closed.
async fn standing_still<T>(
    stage: &Stage,
    at: u64,
    seconds: u64,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    let mut falls_asleep = std::pin::pin!(stage.clock_sleep(at));
    match futures_util::future::select(work.as_mut(), falls_asleep.as_mut()).await {
        futures_util::future::Either::Left((output, _)) => return output,
        futures_util::future::Either::Right(_) => {}
    }
    stage.clock_sleep(seconds).await;
    work.await
}

#[test]
fn a_holder_that_stood_still_goes_on_when_nobody_took_over() {
    let stage = Stage::new();
    let parts = [thing("queue"), using(thing("worker"), &thing("queue"))];
    let plan = stage.plan(&parts);
    stage.world.lock().latency = Duration::from_secs(10);
    let applying = stage.applying(stage.session(), &parts, &plan);
    let summary = stage.clock.run(standing_still(&stage, 5, 3600, applying));
    stage.world.lock().latency = Duration::ZERO;
    let summary = summary.unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    stage.assert_is(&parts);
}
