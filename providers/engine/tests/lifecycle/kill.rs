//! The engine is killed: before and after every effect, before and after every write. The next
//! apply finds out what happened and goes on.

use crate::support::*;
use ifc_engine::{Part, Phase};

/// What a stage has before, and what it should have after.
fn journeys() -> Vec<(Vec<Part>, Vec<Part>)> {
    let (queue, table) = (thing("queue"), thing("table").retained());
    let worker = using(thing("worker"), &queue).after(&table.address);
    let whole = vec![worker.clone(), queue.clone(), table.clone()];
    vec![
        (vec![], whole.clone()),
        (whole.clone(), vec![]),
        (
            whole.clone(),
            vec![
                sized(worker.clone(), 2),
                keyed(queue, "k2"),
                sized(table, 3),
            ],
        ),
        (
            vec![fixed("queue"), using(thing("worker"), &fixed("queue"))],
            vec![
                keyed(fixed("queue"), "k2"),
                using(thing("worker"), &fixed("queue")),
                thing("late"),
            ],
        ),
        (
            whole,
            vec![
                worker,
                thing("queue"),
                thing("table").retained(),
                thing("more"),
            ],
        ),
    ]
}

fn check(stage: &Stage, after: &[Part]) {
    stage.world.revive();
    stage.store.revive();
    let summary = stage.apply(after);
    assert!(summary.is_complete(), "{summary:?}");
    let orphans = stage.state().leftovers.len();
    assert_eq!(stage.world.names().len(), after.len() + orphans);
    stage.assert_is(after);
    for (identity, times) in &stage.world.lock().made {
        assert!(*times == 1 || identity.physical_name.as_str().starts_with("fixed"));
    }
}

#[test]
fn around_every_effect() {
    for (before, after) in journeys() {
        for after_effect in [false, true] {
            for call in 0.. {
                let stage = Stage::new();
                stage.apply(&before);
                stage.world.kill_at(call, after_effect);
                if !stage.apply_until_killed(&after) {
                    assert!(call > 0);
                    break;
                }
                check(&stage, &after);
            }
        }
    }
}

#[test]
fn around_every_write() {
    for (before, after) in journeys() {
        for after_write in [false, true] {
            for write in 0.. {
                let stage = Stage::new();
                stage.apply(&before);
                stage.store.kill_at(write, after_write);
                if !stage.apply_until_killed(&after) {
                    assert!(write > 4);
                    break;
                }
                check(&stage, &after);
            }
        }
    }
}

#[test]
fn and_destroyed_instead_of_resumed() {
    for (before, after) in journeys() {
        for call in 0..6 {
            let stage = Stage::new();
            stage.apply(&before);
            stage.world.kill_at(call, true);
            if stage.apply_until_killed(&after) {
                check(&stage, &[]);
            }
        }
    }
}

#[test]
fn killed_again_and_again() {
    let stage = Stage::new();
    let after = &journeys()[0].1;
    for call in [0, 0, 1, 0, 1] {
        stage.world.kill_at(call, true);
        stage.apply_until_killed(after);
        stage.world.revive();
    }
    check(&stage, after);
}

#[test]
fn a_read_only_look_says_what_was_removed() {
    let stage = Stage::new();
    let parts = [
        thing("queue"),
        thing("table").after(&thing("queue").address),
    ];
    stage.apply(&parts);
    let removed = || stage.clock.run(stage.session().inspect()).unwrap().removed;
    assert!(removed().is_empty());
    // The table goes first, and of the queue nobody hears any more.
    stage.world.kill_at(1, true);
    assert!(stage.apply_until_killed(&[]));
    stage.world.revive();
    assert_eq!(removed(), [thing("table").address].into());
    stage.apply(&[]);
    assert!(removed().is_empty());
}

#[test]
fn a_read_only_look_says_what_was_interrupted() {
    let stage = Stage::new();
    stage.world.kill_at(0, true);
    assert!(stage.apply_until_killed(&[thing("queue")]));
    stage.world.revive();
    let contents = stage.memory.contents();
    let inspection = stage.clock.run(stage.session().inspect()).unwrap();
    let interrupted = inspection.interrupted.unwrap();
    assert_eq!(interrupted.command, "ifc apply");
    assert_eq!(interrupted.open_steps, 1);
    assert_eq!(inspection.holder.unwrap().person, "ada");
    let plan = stage.plan(&[thing("queue")]);
    assert_eq!(effective(&plan), ["adopt queue/thing"]);
    assert_eq!(
        change(&plan, "queue/thing").reason,
        "an interrupted apply made it"
    );
    assert_eq!(stage.memory.contents(), contents);
    let summary = stage.apply_plan(&[thing("queue")], &plan).unwrap();
    assert_eq!(summary.in_phase(Phase::Done).count(), 1);
    stage.assert_is(&[thing("queue")]);
}
