//! What differs is changed in place, and nothing else is touched.

use crate::support::*;
use ifc_engine::plan::Action;
use ifc_engine::{ChangeClass, Part, Phase, Value};

#[test]
fn only_what_differs_is_changed() {
    let stage = Stage::new();
    let (queue, table) = (thing("queue"), thing("table"));
    stage.apply(&[queue.clone(), table.clone()]);
    stage.world.take_calls();
    let parts = [sized(queue, 2), table];
    let plan = stage.plan(&parts);
    assert_eq!(effective(&plan), ["update queue/thing"]);
    let properties = &change(&plan, "queue/thing").properties;
    assert_eq!(properties.len(), 1);
    assert_eq!(properties[0].path, "size");
    assert_eq!(properties[0].old, Some(Value::Integer(1)));
    assert_eq!(properties[0].new, Some(Value::Integer(2)));
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    assert_eq!(stage.world.take_calls(), ["update queue/thing"]);
    stage.assert_is(&parts);
}

#[test]
fn a_property_that_is_no_longer_wanted_is_unset() {
    let stage = Stage::new();
    let with = thing("queue").with("extra", "x", ChangeClass::InPlace);
    stage.apply(&[with]);
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    assert_eq!(change(&plan, "queue/thing").properties[0].new, None);
    stage.apply_plan(&parts, &plan).unwrap();
    stage.assert_is(&parts);
}

#[test]
fn what_only_the_state_says_is_recorded_without_asking_the_provider() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    stage.world.take_calls();
    let parts = [thing("queue").retained()];
    let plan = stage.plan(&parts);
    assert_eq!(change(&plan, "queue/thing").action, Action::Record);
    assert!(!plan.has_effects());
    stage.apply_plan(&parts, &plan).unwrap();
    assert!(stage.world.take_calls().is_empty());
    stage.assert_is(&parts);
}

#[test]
fn volatile_outputs_reach_those_who_use_them() {
    let stage = Stage::new();
    let code = |size| {
        let part = sized(thing("code"), size);
        Part {
            volatile_outputs: ["id".to_owned()].into(),
            ..part
        }
    };
    let alias = using(thing("alias"), &code(1));
    stage.apply(&[code(1), alias.clone()]);
    stage
        .world
        .tamper("code", |thing| thing.id = "id-next".to_owned());
    let parts = [code(2), alias];
    let plan = stage.plan(&parts);
    assert_eq!(
        effective(&plan),
        ["update code/thing", "update alias/thing"]
    );
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
    let outputs = stage.state();
    let alias = &outputs.parts[&address("alias/thing")];
    assert_eq!(alias.properties["target"], Value::text("id-next"));
    stage.assert_is(&parts);
}

#[test]
fn an_update_that_turns_out_needless_is_left_out() {
    let stage = Stage::new();
    let code = |size| Part {
        volatile_outputs: ["id".to_owned()].into(),
        ..sized(thing("code"), size)
    };
    let alias = using(thing("alias"), &code(1));
    stage.apply(&[code(1), alias.clone()]);
    stage.world.take_calls();
    let parts = [code(2), alias];
    let summary = stage.apply(&parts);
    assert!(summary.is_complete());
    assert_eq!(stage.world.take_calls(), ["update code/thing"]);
    stage.assert_is(&parts);
}

#[test]
fn secrets_are_names_all_the_way() {
    let stage = Stage::new();
    let part =
        |name: &str| thing("database").with("password", Value::secret(name), ChangeClass::InPlace);
    stage.apply(&[part("database-password")]);
    stage.assert_is(&[part("database-password")]);
    let plan = stage.plan(&[part("other-password")]);
    assert_eq!(effective(&plan), ["update database/thing"]);
    assert!(plan.to_json().contains("other-password"));
    let summary = stage.apply(&[part("other-password")]);
    assert_eq!(summary.steps[0].phase, Phase::Done);
    stage.assert_is(&[part("other-password")]);
}
