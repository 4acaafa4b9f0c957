//! What cannot be changed in place is replaced: the new first where names allow, the old first
//! where they do not, and never what holds data.

use crate::support::*;
use ifc_engine::plan::{Action, Consent, ReplaceOrder};
use ifc_engine::{ChangeClass, Consents, EngineError, PlanOptions};

fn replace_consent(what: &str) -> PlanOptions {
    PlanOptions {
        consents: Consents {
            replace: [what.to_owned()].into(),
            ..Consents::default()
        },
    }
}

#[test]
fn the_new_one_comes_first_and_its_users_are_repointed() {
    let stage = Stage::new();
    let queue = thing("queue");
    let worker = using(thing("worker"), &queue);
    stage.apply(&[queue.clone(), worker.clone()]);
    stage.world.take_calls();
    let parts = [keyed(queue, "k2"), worker];
    let plan = stage.plan(&parts);
    let replaced = change(&plan, "queue/thing");
    assert_eq!(replaced.action, Action::Replace(ReplaceOrder::CreateFirst));
    assert_eq!(replaced.reason, "`key` cannot be changed in place");
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    assert_eq!(
        stage.world.take_calls(),
        [
            "create queue/thing",
            "update worker/thing",
            "delete queue/thing"
        ]
    );
    assert_eq!(stage.world.names().len(), 2);
    stage.assert_is(&parts);
}

#[test]
fn the_old_one_goes_first_when_the_name_cannot_vary() {
    let stage = Stage::new();
    let queue = fixed("queue");
    let worker = using(thing("worker"), &queue);
    stage.apply(&[queue.clone(), worker.clone()]);
    stage.world.take_calls();
    let parts = [keyed(queue, "k2"), worker];
    let plan = stage.plan(&parts);
    let action = &change(&plan, "queue/thing").action;
    assert_eq!(*action, Action::Replace(ReplaceOrder::DeleteFirst));
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    assert_eq!(
        stage.world.take_calls(),
        [
            "delete queue/thing",
            "create queue/thing",
            "update worker/thing"
        ]
    );
    stage.assert_is(&parts);
}

#[test]
fn whoever_hangs_on_a_part_that_goes_first_goes_before_it() {
    let stage = Stage::new();
    let queue = fixed("queue");
    let policy = |queue: &ifc_engine::Part| {
        let target = ifc_engine::Value::output(&queue.address, "id");
        thing("policy").with("on", target, ChangeClass::Replace)
    };
    stage.apply(&[queue.clone(), policy(&queue)]);
    stage.world.take_calls();
    let queue = keyed(queue, "k2");
    let parts = [queue.clone(), policy(&queue)];
    assert!(stage.apply(&parts).is_complete());
    assert_eq!(
        stage.world.take_calls(),
        [
            "delete policy/thing",
            "delete queue/thing",
            "create queue/thing",
            "create policy/thing"
        ]
    );
    stage.assert_is(&parts);
}

#[test]
fn another_type_is_another_thing() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    let mut part = thing("queue");
    part.part_type = ifc_engine::PartType::new("fifo");
    let parts = [part];
    let plan = stage.plan(&parts);
    assert_eq!(effective(&plan), ["replace queue/thing"]);
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn data_is_not_replaced_without_consent_and_then_kept() {
    let stage = Stage::new();
    let table = thing("table").retained();
    stage.apply(std::slice::from_ref(&table));
    let parts = [keyed(table, "k2")];
    let plan = stage.plan(&parts);
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!(
        plan.refusals[0].message,
        "table/thing would have to be replaced to change `key`, and its data would not be in the \
         new one"
    );
    let address = address("table/thing");
    assert_eq!(plan.refusals[0].consent, Some(Consent::Replace(address)));
    let refused = stage.apply_plan(&parts, &plan).unwrap_err();
    assert!(matches!(refused, EngineError::NotApplicable { .. }));
    for consent in ["table", "table/thing"] {
        let plan = stage.plan_with(&parts, &replace_consent(consent)).unwrap();
        let action = &change(&plan, "table/thing").action;
        assert_eq!(*action, Action::Replace(ReplaceOrder::CreateAndKeep));
    }
    assert!(
        stage
            .apply_with(&parts, &replace_consent("table"))
            .unwrap()
            .is_complete()
    );
    assert_eq!(stage.world.names().len(), 2);
    assert_eq!(stage.plan(&parts).orphans.len(), 1);
    stage.assert_is(&parts);
}

#[test]
fn a_change_that_is_refused_needs_consent() {
    let stage = Stage::new();
    let part = |region: &str| thing("unit").with("region", region, ChangeClass::Refuse);
    stage.apply(&[part("north")]);
    let plan = stage.plan(&[part("south")]);
    assert!(!plan.is_applicable());
    assert!(
        stage
            .apply_with(&[part("south")], &replace_consent("unit"))
            .unwrap()
            .is_complete()
    );
    stage.assert_is(&[part("south")]);
}

#[test]
fn data_under_a_name_that_cannot_vary_needs_two_consents() {
    let stage = Stage::new();
    let table = fixed("table").retained();
    stage.apply(std::slice::from_ref(&table));
    let parts = [keyed(table, "k2")];
    let plan = stage.plan_with(&parts, &replace_consent("table")).unwrap();
    let address = address("table/thing");
    assert_eq!(plan.refusals[0].consent, Some(Consent::Delete(address)));
    let mut options = replace_consent("table");
    options.consents.delete.insert("table".to_owned());
    assert!(stage.apply_with(&parts, &options).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn a_type_that_is_changed_back_halfway_does_not_delete_what_it_makes() {
    for part in [thing("queue"), fixed("queue")] {
        for call in 0..2 {
            let stage = Stage::new();
            let mut other = part.clone();
            other.part_type = ifc_engine::PartType::new("fifo");
            stage.apply(std::slice::from_ref(&part));
            stage.world.kill_at(call, true);
            assert!(stage.apply_until_killed(&[other]));
            stage.world.revive();
            let parts = [part.clone()];
            assert!(stage.apply(&parts).is_complete());
            stage.assert_is(&parts);
        }
    }
}

#[test]
fn nothing_is_made_under_the_name_of_an_orphan() {
    let stage = Stage::new();
    let table = fixed("table").retained();
    let mut other = table.clone();
    other.part_type = ifc_engine::PartType::new("archive");
    stage.apply(std::slice::from_ref(&table));
    assert!(
        stage
            .apply_with(&[other], &replace_consent("table"))
            .unwrap()
            .is_complete()
    );
    // Back again: the orphan has the name.
    let plan = stage
        .plan_with(&[table], &replace_consent("table"))
        .unwrap();
    assert_eq!(
        plan.refusals[0].message,
        "table/thing cannot be made: its name `fixed-table` cannot vary, and is that of the orphan \
         of `table/thing`, which is kept"
    );
    assert_eq!(stage.world.names().len(), 2);
}

#[test]
fn a_name_that_changes_hands_in_a_circle_is_no_deadlock() {
    let stage = Stage::new();
    let old = ifc_engine::Part {
        naming: ifc_engine::Naming::fixed("shared"),
        ..thing("user")
    };
    stage.apply(&[old]);
    // The new owner of the name is needed by what takes the old one's place.
    let owner = ifc_engine::Part {
        naming: ifc_engine::Naming::fixed("shared"),
        ..thing("owner")
    };
    let user = keyed(using(thing("user"), &owner), "k2");
    let parts = [owner, user];
    for _ in 0..3 {
        stage.apply(&parts);
    }
    stage.assert_is(&parts);
}
