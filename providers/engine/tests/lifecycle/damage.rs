//! Bits flip and ends are cut off, in the state, the journal and the lock: noticed, made up for
//! where that is possible, refused where it is not, and never misread.

use crate::support::*;
use ifc_engine::{
    EngineError, MemoryStore, Object, Part, Precondition, Session, Setup, StateStore, StoreError,
    Version, VirtualClock, async_trait,
};
use std::sync::Arc;

fn flipped(bytes: &[u8], index: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    bytes[index % length] ^= 4;
    bytes
}

fn damaged(stage: &Stage, key: &str) -> Vec<Option<Vec<u8>>> {
    let bytes = stage.memory.contents()[key].clone();
    let middle = bytes.len() / 2;
    vec![
        Some(flipped(&bytes, 3)),
        Some(flipped(&bytes, middle)),
        Some(flipped(&bytes, bytes.len() - 3)),
        Some(bytes[..middle].to_vec()),
        Some(Vec::new()),
    ]
}

#[test]
fn a_damaged_state_is_made_anew_from_its_journal() {
    for applies in 1..4 {
        for damage in 0..5 {
            let stage = Stage::new();
            let mut parts: Vec<Part> = Vec::new();
            for number in 0..applies {
                parts.push(thing(&format!("p{number}")));
                stage.apply(&parts);
            }
            let before = stage.state();
            let key = format!("state/{applies:012}");
            let damage = damaged(&stage, &key)[damage].clone();
            stage.memory.tamper(&key, damage);
            let inspection = stage.clock.run(stage.session().inspect()).unwrap();
            assert_eq!(inspection.state, before);
            assert!(inspection.warnings[0].contains("was made anew"));
            parts.push(thing("more"));
            assert!(stage.apply(&parts).is_complete());
            stage.assert_is(&parts);
        }
    }
}

#[test]
fn a_state_that_cannot_be_made_anew_is_refused_and_nothing_is_touched() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    stage.apply(&[thing("queue"), thing("table")]);
    for key in ["state/000000000001", "state/000000000002"] {
        let damage = damaged(&stage, key).swap_remove(0);
        stage.memory.tamper(key, damage);
    }
    let before = stage.memory.contents();
    let error = stage.plan_with(&[], &Default::default()).unwrap_err();
    assert!(matches!(error, EngineError::Corrupt { .. }));
    let text = error.to_string();
    assert!(text.contains("`state/000000000002`"), "{text}");
    assert!(text.contains("nothing was changed"), "{text}");
    assert_eq!(stage.memory.contents(), before);
}

#[test]
fn a_missing_state_is_not_taken_for_an_empty_stage() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    stage.apply(&[thing("queue"), thing("table")]);
    for key in ["state/000000000001", "state/000000000002"] {
        stage.memory.tamper(key, None);
    }
    let error = stage.plan_with(&[], &Default::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the state they belong to is missing")
    );
}

/// A stage that was killed in the middle of an apply from `before` to `after`.
fn killed(before: &[Part], after: &[Part], call: usize) -> Option<Stage> {
    let stage = Stage::new();
    stage.apply(before);
    stage.world.kill_at(call, true);
    let killed = stage.apply_until_killed(after);
    stage.world.revive();
    killed.then_some(stage)
}

#[test]
fn a_damaged_journal_is_made_up_for_by_looking() {
    let queue = thing("queue");
    let worker = using(thing("worker"), &queue);
    let before = [queue.clone(), worker.clone(), thing("gone")];
    let after = [keyed(queue, "k2"), sized(worker, 2), thing("new")];
    let mut segments = 0;
    for call in 0..6 {
        let Some(stage) = killed(&before, &after, call) else {
            continue;
        };
        let journal = stage.memory.contents().into_keys();
        let keys: Vec<String> = journal
            .filter(|key| key.starts_with("journal/000000000002/"))
            .collect();
        for key in keys {
            for damage in 0..5 {
                let stage = killed(&before, &after, call).unwrap();
                let damage = damaged(&stage, &key).swap_remove(damage);
                stage.memory.tamper(&key, damage);
                let summary = stage.apply(&after);
                assert!(summary.is_complete(), "{summary:?}");
                stage.assert_is(&after);
                assert_eq!(stage.world.names().len(), after.len());
                segments += 1;
            }
        }
    }
    assert!(segments > 20);
}

#[test]
fn a_journal_without_its_middle_is_made_up_for_by_looking() {
    let queue = thing("queue");
    let after = [using(thing("worker"), &queue), queue];
    let stage = killed(&[], &after, 1).unwrap();
    stage.memory.tamper("journal/000000000001/00000001", None);
    assert!(stage.apply(&after).is_complete());
    stage.assert_is(&after);
    assert!(stage.world.lock().made.values().all(|times| *times == 1));
}

#[test]
fn a_journal_that_lost_its_plan_and_more_is_refused() {
    let queue = thing("queue");
    let after = [using(thing("worker"), &queue), queue];
    let stage = killed(&[], &after, 1).unwrap();
    for sequence in [0, 1] {
        let key = format!("journal/000000000001/{sequence:08}");
        let damage = damaged(&stage, &key).swap_remove(1);
        stage.memory.tamper(&key, damage);
    }
    let error = stage.plan_with(&after, &Default::default()).unwrap_err();
    assert!(matches!(error, EngineError::Corrupt { .. }));
}

#[test]
fn a_damaged_lock_is_waited_out() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    let damage = damaged(&stage, "lock").swap_remove(1);
    stage.memory.tamper("lock", damage);
    let parts = [thing("queue"), thing("table")];
    assert!(stage.apply(&parts).is_complete());
    stage.assert_is(&parts);
}

/// Lists an object that is not there.
struct Ghost(MemoryStore);

#[async_trait]
impl StateStore for Ghost {
    fn location(&self) -> String {
        self.0.location()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.0.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        self.0.put(key, bytes, precondition).await
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        self.0.delete(key, precondition).await
    }

    async fn list(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(vec!["state/000000000001".to_owned()])
    }
}

#[test]
fn a_store_that_lists_what_is_not_there_is_not_asked_for_ever() {
    let clock = VirtualClock::new(1);
    let setup = Setup::new("shop".parse().unwrap(), "dev".parse().unwrap(), 1);
    let store = Arc::new(Ghost(MemoryStore::new()));
    let session = Session::new(store, Arc::new(clock.clone()), setup);
    let error = clock.run(session.inspect()).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}
