//! Looking after a stage by hand, journaled as everything is.

use crate::support::*;
use ifc_engine::{EngineError, Standing, Unlocked};

#[test]
fn moving_and_removing_in_the_state_touches_nothing_else() {
    let stage = Stage::new();
    stage.apply(&[thing("queue"), thing("table")]);
    stage.world.take_calls();
    let session = stage.session();
    let options = stage.options(&|_| {});
    let (from, to) = (address("queue/thing"), address("line/thing"));
    let state = stage
        .clock
        .run(session.state_move(&from, &to, &options))
        .unwrap();
    assert_eq!(state.serial, 2);
    assert_eq!(stage.state(), state);
    let again = stage.clock.run(session.state_move(&from, &to, &options));
    assert!(matches!(again.unwrap_err(), EngineError::NoSuchPart(_)));
    let taken = stage
        .clock
        .run(session.state_move(&to, &address("table/thing"), &options));
    assert!(matches!(taken.unwrap_err(), EngineError::AddressTaken(_)));
    let state = stage
        .clock
        .run(session.state_remove(&to, &options))
        .unwrap();
    assert_eq!(state.parts.len(), 1);
    assert!(stage.world.take_calls().is_empty());
    assert_eq!(stage.world.names().len(), 2);
    // What was removed from the state is found again when it is wanted.
    assert_eq!(
        effective(&stage.plan(&[thing("queue"), thing("table")])),
        ["adopt queue/thing"]
    );
}

#[test]
fn edits_of_the_state_survive_a_kill_at_every_write() {
    for after in [false, true] {
        for write in 0..12 {
            let stage = Stage::new();
            stage.apply(&[thing("queue")]);
            stage.store.kill_at(write, after);
            let (from, to) = (address("queue/thing"), address("line/thing"));
            let session = stage.session();
            stage.run_until_killed(async {
                let options = stage.options(&|_| {});
                session.state_move(&from, &to, &options).await.map(|_| ())
            });
            stage.store.revive();
            let options = stage.options(&|_| {});
            let recovered = stage.clock.run(stage.session().recover(&options)).unwrap();
            let addresses: Vec<_> = recovered.parts.keys().collect();
            assert!(addresses == [&from] || addresses == [&to]);
            assert_eq!(stage.state(), recovered);
        }
    }
}

#[test]
fn unlocking_says_whose_lock_it_was() {
    let stage = Stage::new();
    assert_eq!(
        stage.clock.run(stage.session().unlock()).unwrap(),
        Unlocked::WasFree
    );
    stage.world.kill_at(0, true);
    assert!(stage.apply_until_killed(&[thing("queue")]));
    stage.world.revive();
    let Unlocked::Broken(holder) = stage.clock.run(stage.session().unlock()).unwrap() else {
        panic!()
    };
    assert_eq!(
        (holder.person.as_str(), holder.host.as_str()),
        ("ada", "laptop")
    );
    assert_eq!(holder.command, "ifc apply");
    let begun = stage.now();
    assert!(stage.apply(&[thing("queue")]).is_complete());
    assert!((stage.now() - begun).as_secs() < 1);
    stage.assert_is(&[thing("queue")]);
}

#[test]
fn a_command_whose_lock_was_broken_stops_before_its_next_step() {
    let stage = Stage::new();
    stage.world.lock().latency = std::time::Duration::from_secs(30);
    let queue = thing("queue");
    let parts = [using(thing("worker"), &queue), queue];
    let plan = stage.plan(&parts);
    let (applied, ()) = stage.clock.run(futures_util::future::join(
        stage.applying(stage.session(), &parts, &plan),
        async {
            stage.clock_sleep(10).await;
            stage.session().unlock().await.unwrap();
        },
    ));
    let summary = applied.unwrap();
    assert!(!summary.is_complete());
    assert_eq!(stage.world.names().len(), 1);
    stage.world.lock().latency = std::time::Duration::ZERO;
    assert!(stage.apply(&parts).is_complete());
    stage.assert_is(&parts);
}

#[test]
fn status_says_how_every_part_stands() {
    let stage = Stage::new();
    stage.apply(&[thing("a"), thing("b"), thing("c"), thing("d").retained()]);
    stage.apply(&[thing("a"), thing("b"), thing("c")]);
    stage.world.vanish("-b-");
    stage.world.tamper("-c-", |thing| thing.tags.clear());
    let status = stage
        .clock
        .run(stage.session().status(&stage.provider))
        .unwrap();
    let standings: Vec<_> = status
        .iter()
        .map(|part| {
            (
                part.address.resource(),
                part.leftover,
                part.standing.clone(),
            )
        })
        .collect();
    let foreign = Standing::Foreign {
        owner: "somebody else".to_owned(),
    };
    assert_eq!(
        standings,
        [
            ("a", false, Standing::Present),
            ("b", false, Standing::Absent),
            ("c", false, foreign),
            ("d", true, Standing::Present),
        ]
    );
}
