//! What holds data stays when it is no longer wanted, is listed until the user decides, and comes
//! back when it is wanted again.

use crate::support::*;
use ifc_engine::plan::Action;
use ifc_engine::{Consents, PlanOptions};

fn delete_consent(what: &str) -> PlanOptions {
    PlanOptions {
        consents: Consents {
            delete: [what.to_owned()].into(),
            ..Consents::default()
        },
    }
}

#[test]
fn removal_leaves_an_orphan_that_every_plan_lists() {
    for table in [thing("table").retained(), thing("table").protected()] {
        let stage = Stage::new();
        stage.apply(&[table.clone(), thing("queue")]);
        stage.world.take_calls();
        let parts = [thing("queue")];
        let plan = stage.plan(&parts);
        assert_eq!(effective(&plan), ["retain table/thing"]);
        assert_eq!(plan.orphans.len(), 1);
        stage.apply_plan(&parts, &plan).unwrap();
        assert!(stage.world.take_calls().is_empty());
        let plan = stage.plan(&parts);
        assert!(plan.is_empty());
        assert_eq!(plan.orphans[0].address, table.address);
        stage.assert_is(&parts);
        // Wanted again, it is the same table.
        let parts = [thing("queue"), table.clone()];
        let plan = stage.plan(&parts);
        assert_eq!(effective(&plan), ["adopt table/thing"]);
        stage.apply_plan(&parts, &plan).unwrap();
        assert!(stage.world.take_calls().is_empty());
        assert!(stage.state().leftovers.is_empty());
        stage.assert_is(&parts);
    }
}

#[test]
fn destroying_keeps_it_until_the_user_consents() {
    let stage = Stage::new();
    stage.apply(&[thing("table").retained(), thing("queue")]);
    assert!(stage.apply(&[]).is_complete());
    assert_eq!(stage.world.names().len(), 1);
    stage.assert_is(&[]);
    let plan = stage.plan_with(&[], &delete_consent("table")).unwrap();
    assert_eq!(effective(&plan), ["delete table/thing"]);
    stage.apply_plan(&[], &plan).unwrap();
    assert!(stage.world.names().is_empty());
    assert!(stage.state().is_empty());
}

#[test]
fn consent_deletes_it_at_once() {
    let stage = Stage::new();
    stage.apply(&[thing("table").retained()]);
    let summary = stage
        .apply_with(&[], &delete_consent("table/thing"))
        .unwrap();
    assert!(summary.is_complete());
    assert!(stage.world.names().is_empty());
    assert!(stage.state().is_empty());
}

#[test]
fn an_orphan_that_vanished_is_forgotten() {
    let stage = Stage::new();
    stage.apply(&[thing("table").retained()]);
    stage.apply(&[]);
    stage.world.vanish("table");
    let plan = stage.plan(&[]);
    assert_eq!(change(&plan, "table/thing").action, Action::Forget);
    stage.apply_plan(&[], &plan).unwrap();
    assert!(stage.state().is_empty());
}

#[test]
fn an_orphan_of_a_replacement_is_not_taken_for_the_part() {
    let stage = Stage::new();
    let table = thing("table").retained();
    stage.apply(std::slice::from_ref(&table));
    let mut options = PlanOptions::default();
    options.consents.replace.insert("table".to_owned());
    let parts = [keyed(table, "k2")];
    stage.apply_with(&parts, &options).unwrap();
    stage.assert_is(&parts);
    // Both versions are there, and deleting the old one leaves the new.
    let plan = stage.plan_with(&parts, &delete_consent("table")).unwrap();
    assert_eq!(effective(&plan), ["delete table/thing"]);
    assert!(change(&plan, "table/thing").leftover);
    stage.apply_plan(&parts, &plan).unwrap();
    assert_eq!(stage.world.names().len(), 1);
    stage.assert_is(&parts);
}
