//! What exists under a computed name and is ours becomes part of the stage; what is not ours is
//! left alone.

use crate::support::*;
use ifc_engine::plan::{Action, Consent};
use ifc_engine::{Consents, MemoryStore, PlanOptions, Precondition, StateStore};

/// The same world, whose state was lost.
fn forgotten(stage: &Stage) {
    let keys = stage.memory.contents().into_keys();
    for key in keys {
        stage.memory.tamper(&key, None);
    }
}

#[test]
fn a_lost_state_is_found_again() {
    let stage = Stage::new();
    let queue = thing("queue");
    let parts = [
        using(thing("worker"), &queue),
        queue,
        thing("table").retained(),
    ];
    stage.apply(&parts);
    forgotten(&stage);
    stage.world.take_calls();
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        [
            "adopt queue/thing",
            "adopt table/thing",
            "adopt worker/thing"
        ]
    );
    assert!(!plan.has_effects());
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    assert!(stage.world.take_calls().is_empty());
    stage.assert_is(&parts);
}

#[test]
fn what_is_adopted_is_changed_where_it_differs() {
    let stage = Stage::new();
    stage.apply(&[thing("queue"), thing("table")]);
    forgotten(&stage);
    let parts = [sized(thing("queue"), 9), keyed(thing("table"), "k9")];
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        ["adopt queue/thing", "replace table/thing"]
    );
    assert_eq!(change(&plan, "queue/thing").properties[0].path, "size");
    assert!(plan.has_effects());
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn data_that_differs_too_much_is_not_adopted_silently() {
    let stage = Stage::new();
    stage.apply(&[thing("table").retained()]);
    forgotten(&stage);
    let plan = stage.plan(&[keyed(thing("table").retained(), "k9")]);
    let consent = Consent::Replace(address("table/thing"));
    assert_eq!(plan.refusals[0].consent, Some(consent));
}

#[test]
fn somebody_elses_is_left_alone_until_the_user_consents() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    stage.world.tamper("queue", |thing| thing.tags.clear());
    forgotten(&stage);
    stage.world.take_calls();
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    assert!(
        plan.refusals[0]
            .message
            .contains("exists and belongs to somebody else")
    );
    assert!(stage.apply_plan(&parts, &plan).is_err());
    assert!(stage.world.take_calls().is_empty());
    let options = PlanOptions {
        consents: Consents {
            take_over: ["queue/thing".to_owned()].into(),
            ..Consents::default()
        },
    };
    let plan = stage.plan_with(&parts, &options).unwrap();
    assert_eq!(change(&plan, "queue/thing").action, Action::Adopt);
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn state_of_another_stage_is_not_touched() {
    let stage = Stage::new();
    let other = Stage::new();
    stage.apply(&[thing("queue")]);
    // Somebody pointed the store at another application's place.
    let text = String::from_utf8(stage.memory.contents()["state/000000000001"].clone()).unwrap();
    assert!(text.contains("\"application\":\"shop\""));
    let store: MemoryStore = stage.memory.clone();
    for (key, bytes) in store.contents() {
        other
            .clock
            .run(other.memory.put(&key, &bytes, &Precondition::Any))
            .unwrap();
    }
    let setup = ifc_engine::Setup::new("bakery".parse().unwrap(), "dev".parse().unwrap(), 1);
    let session = ifc_engine::Session::new(
        std::sync::Arc::new(other.memory.clone()),
        std::sync::Arc::new(other.clock.clone()),
        setup,
    );
    let error = other.clock.run(session.inspect()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`memory` holds the stage `dev` of application `shop`; choose another place for this one"
    );
}

#[test]
fn personal_stages_that_shorten_alike_are_told_apart() {
    use ifc_engine::{Session, Setup, StageName};
    let stage = Stage::new();
    // A digest of three characters collides after some thousand names.
    let first = StageName::personal("christopher0").unwrap();
    let second = (1..)
        .map(|number| StageName::personal(&format!("christopher{number}")).unwrap())
        .find(|second| second.as_str() == first.as_str())
        .unwrap();
    let session = |name: &StageName| {
        let setup = Setup::new("shop".parse().unwrap(), name.clone(), 1);
        let clock = std::sync::Arc::new(stage.clock.clone());
        Session::new(std::sync::Arc::new(stage.memory.clone()), clock, setup)
    };
    let mut blueprint = blueprint(&[thing("queue")]);
    blueprint = ifc_engine::Blueprint::new(
        "shop".parse().unwrap(),
        first.clone(),
        "test",
        blueprint.artifact().clone(),
        [thing("queue")],
    )
    .unwrap();
    stage.clock.run(async {
        let session = session(&first);
        let options = PlanOptions::default();
        let plan = session
            .plan(&stage.provider, &blueprint, &options)
            .await
            .unwrap();
        let options = stage.options(&|_| {});
        session
            .apply(&stage.provider, &blueprint, &plan, &options)
            .await
            .unwrap();
    });
    assert!(stage.clock.run(session(&first).inspect()).is_ok());
    let error = stage.clock.run(session(&second).inspect()).unwrap_err();
    assert!(
        error.to_string().contains("made for `christopher0`"),
        "{error}"
    );
}

#[test]
fn a_lost_state_is_found_under_later_names_too() {
    let stage = Stage::new();
    let table = thing("table").retained();
    stage.apply(std::slice::from_ref(&table));
    let parts = [keyed(table, "k2"), thing("queue")];
    let consents = Consents {
        replace: ["table".to_owned()].into(),
        ..Consents::default()
    };
    assert!(
        stage
            .apply_with(&parts, &PlanOptions { consents })
            .unwrap()
            .is_complete()
    );
    let before = stage.state();
    forgotten(&stage);
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        [
            "adopt queue/thing",
            "adopt table/thing",
            "retain table/thing"
        ]
    );
    assert!(!plan.has_effects());
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    let after = stage.state();
    assert_eq!(after.parts, before.parts);
    let identities =
        |state: &ifc_engine::State| -> Vec<_> { state.leftovers.keys().cloned().collect() };
    assert_eq!(identities(&after), identities(&before));
    assert!(stage.plan(&parts).is_empty());
}

#[test]
fn what_only_a_stale_list_shows_keeps_its_name_from_nobody() {
    let stage = Stage::new();
    let table = thing("table");
    stage.apply(std::slice::from_ref(&table));
    let things = std::mem::take(&mut stage.world.lock().things);
    stage.world.lock().still_listed = things;
    forgotten(&stage);
    let plan = stage.plan(std::slice::from_ref(&table));
    let made = change(&plan, "table/thing").to.as_ref().unwrap();
    assert_eq!(
        (made.generation, &made.physical_name),
        (0, &table.naming.name(0))
    );
}

#[test]
fn what_is_found_and_not_wanted_is_kept_until_its_deletion_is_consented_to() {
    let stage = Stage::new();
    stage.apply(&[thing("queue"), thing("table")]);
    forgotten(&stage);
    // An apply that is killed before it has taken in everything leaves nothing behind.
    let parts = [thing("letters"), thing("queue")];
    stage.world.kill_at(0, true);
    assert!(stage.apply_until_killed(&parts));
    stage.world.revive();
    assert!(stage.apply(&parts).is_complete());
    let state = stage.state();
    let kept: Vec<String> = state
        .leftovers
        .values()
        .map(|leftover| leftover.address.to_string())
        .collect();
    assert_eq!(kept, ["table/thing"]);
    stage.assert_is(&parts);
    let consents = Consents {
        delete: ["table".to_owned()].into(),
        ..Consents::default()
    };
    assert!(
        stage
            .apply_with(&parts, &PlanOptions { consents })
            .unwrap()
            .is_complete()
    );
    assert!(stage.state().leftovers.is_empty());
    assert_eq!(stage.world.names().len(), 2);
}
