//! What somebody else did to our parts is told, with what we would do about it.

use crate::support::*;
use ifc_engine::plan::{Consent, DriftResponse, DriftSort};
use ifc_engine::{Consents, PlanOptions, Value};

#[test]
fn three_ways() {
    let stage = Stage::new();
    stage.apply(&[thing("a"), thing("b"), thing("c"), thing("d")]);
    for (name, size) in [("-a-", 5), ("-b-", 5), ("-c-", 5)] {
        stage.world.tamper(name, |thing| {
            thing
                .properties
                .insert("size".to_owned(), Value::Integer(size));
        });
    }
    stage.world.tamper("-d-", |thing| {
        thing.properties.insert("key".to_owned(), Value::text("k9"));
    });
    // a: still wanted as it was; b: wanted as it became; c: wanted as neither.
    let parts = [
        thing("a"),
        sized(thing("b"), 5),
        sized(thing("c"), 7),
        thing("d"),
    ];
    let plan = stage.plan(&parts);
    let drift: Vec<_> = plan
        .drift
        .iter()
        .map(|drift| (drift.address.resource(), drift.response))
        .collect();
    assert_eq!(
        drift,
        [
            ("a", DriftResponse::Revert),
            ("b", DriftResponse::Accept),
            ("c", DriftResponse::Revert),
            ("d", DriftResponse::Replace),
        ]
    );
    assert_eq!(
        plan.drift[2].sort,
        DriftSort::Changed {
            path: "size".to_owned(),
            recorded: Value::Integer(1),
            observed: Value::Integer(5),
            desired: Some(Value::Integer(7)),
        }
    );
    assert_eq!(
        effective(&plan),
        [
            "update a/thing",
            "record b/thing",
            "update c/thing",
            "replace d/thing"
        ]
    );
    assert_eq!(
        change(&plan, "c/thing").properties[0].old,
        Some(Value::Integer(5))
    );
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn what_is_gone_is_made_again() {
    let stage = Stage::new();
    let queue = thing("queue");
    let parts = [using(thing("worker"), &queue), queue];
    stage.apply(&parts);
    stage.world.vanish("queue");
    let plan = stage.plan(&parts);
    assert_eq!(plan.drift[0].sort, DriftSort::Deleted);
    assert_eq!(plan.drift[0].response, DriftResponse::Recreate);
    assert_eq!(
        effective(&plan),
        ["create queue/thing", "update worker/thing"]
    );
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    stage.assert_is(&parts);
}

#[test]
fn what_is_gone_and_not_wanted_is_forgotten() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    stage.world.vanish("queue");
    stage.world.take_calls();
    let plan = stage.plan(&[]);
    assert_eq!(effective(&plan), ["forget queue/thing"]);
    stage.apply_plan(&[], &plan).unwrap();
    assert!(stage.world.take_calls().is_empty());
    stage.assert_is(&[]);
}

#[test]
fn what_became_somebody_elses_is_left_alone() {
    let stage = Stage::new();
    let parts = [thing("queue")];
    stage.apply(&parts);
    stage.world.take_calls();
    stage.world.tamper("queue", |thing| {
        thing.tags.insert("ifc-app".to_owned(), "other".to_owned());
    });
    let plan = stage.plan(&parts);
    assert_eq!(plan.drift[0].response, DriftResponse::Refuse);
    let consent = Consent::TakeOver(address("queue/thing"));
    assert_eq!(plan.refusals[0].consent, Some(consent));
    assert!(stage.apply_plan(&parts, &plan).is_err());
    // Destroying forgets it and leaves it where it is.
    assert_eq!(effective(&stage.plan(&[])), ["forget queue/thing"]);
    let options = PlanOptions {
        consents: Consents {
            take_over: ["queue".to_owned()].into(),
            ..Consents::default()
        },
    };
    assert!(stage.apply_with(&parts, &options).unwrap().is_complete());
    assert_eq!(stage.world.take_calls(), ["update queue/thing"]);
    stage.assert_is(&parts);
}
