//! A new name for an old thing is proposed when it may be one, and done when the user says so.

use crate::support::*;
use ifc_engine::plan::Action;
use ifc_engine::{Consents, Part, PlanOptions};

fn renames(old: &str, new: &str) -> PlanOptions {
    PlanOptions {
        consents: Consents {
            renames: [(old.to_owned(), new.to_owned())].into(),
            ..Consents::default()
        },
    }
}

#[test]
fn what_looks_alike_is_proposed_and_never_guessed() {
    let stage = Stage::new();
    stage.apply(&[thing("orders").retained()]);
    let parts = [thing("purchases").retained()];
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        ["create purchases/thing", "retain orders/thing"]
    );
    assert_eq!(plan.proposals.len(), 1);
    assert_eq!(plan.proposals[0].from, address("orders/thing"));
    assert_eq!(plan.proposals[0].to, address("purchases/thing"));
    // Another schema is another table, and what holds no data is no loss.
    let other = [keyed(thing("purchases").retained(), "k2")];
    assert!(stage.plan(&other).proposals.is_empty());
    assert!(stage.plan(&[thing("purchases")]).proposals.is_empty());
}

#[test]
fn a_rename_that_the_user_says_keeps_the_thing() {
    for (old, new) in [("orders", "purchases"), ("orders/thing", "purchases/thing")] {
        let stage = Stage::new();
        let orders = thing("orders").retained();
        stage.apply(&[orders.clone(), using(thing("worker"), &orders)]);
        stage.world.take_calls();
        let purchases = thing("purchases").retained();
        let parts = [purchases.clone(), using(thing("worker"), &purchases)];
        let plan = stage.plan_with(&parts, &renames(old, new)).unwrap();
        assert!(plan.is_applicable(), "{:?}", plan.refusals);
        let moved = Action::Move {
            from: address("orders/thing"),
        };
        assert_eq!(change(&plan, "purchases/thing").action, moved);
        assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
        assert!(stage.world.take_calls().is_empty());
        assert!(stage.state().leftovers.is_empty());
        stage.assert_is(&parts);
    }
}

#[test]
fn an_orphan_can_be_renamed_into_use() {
    let stage = Stage::new();
    stage.apply(&[thing("orders").retained()]);
    stage.apply(&[]);
    let parts = [thing("purchases").retained()];
    assert_eq!(stage.plan(&parts).proposals.len(), 1);
    assert!(
        stage
            .apply_with(&parts, &renames("orders", "purchases"))
            .unwrap()
            .is_complete()
    );
    assert_eq!(stage.world.names().len(), 1);
    stage.assert_is(&parts);
}

#[test]
fn the_same_thing_under_another_address_moves_by_itself() {
    let stage = Stage::new();
    stage.apply(&[thing("orders")]);
    stage.world.take_calls();
    let parts = [Part {
        naming: thing("orders").naming,
        ..thing("purchases")
    }];
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        ["move purchases/thing", "record purchases/thing"]
    );
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    assert!(stage.world.take_calls().is_empty());
    stage.assert_is(&parts);
}

#[test]
fn a_rename_that_cannot_be_is_refused() {
    let stage = Stage::new();
    stage.apply(&[thing("orders")]);
    for (old, new, parts) in [
        ("orders", "purchases", vec![thing("orders")]),
        ("nothing", "purchases", vec![thing("purchases")]),
        ("orders", "purchases", vec![thing("others")]),
    ] {
        let plan = stage.plan_with(&parts, &renames(old, new)).unwrap();
        assert_eq!(plan.refusals.len(), 1);
        assert!(plan.refusals[0].message.contains("cannot be renamed"));
    }
}
