//! A plan is applied to what it was made for, and to nothing else.

use crate::support::*;
use ifc_engine::{EngineError, Plan};

fn moved(error: EngineError) -> String {
    match error {
        EngineError::Stale { moved } => moved.join(", "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_state_has_moved() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    let parts = [thing("queue"), thing("table")];
    let plan = stage.plan(&parts);
    stage.apply(&[sized(thing("queue"), 2)]);
    let text = moved(stage.apply_plan(&parts, &plan).unwrap_err());
    assert_eq!(text, "it was made for state 1, and the stage is at state 2");
    assert_eq!(stage.world.names().len(), 1);
}

#[test]
fn the_same_plan_is_not_applied_twice() {
    let stage = Stage::new();
    let parts = [thing("queue")];
    let plan = stage.plan(&parts);
    stage.apply_plan(&parts, &plan).unwrap();
    let text = moved(stage.apply_plan(&parts, &plan).unwrap_err());
    assert_eq!(text, "the stage was begun by another command since");
}

#[test]
fn the_application_has_moved() {
    let stage = Stage::new();
    let plan = stage.plan(&[thing("queue")]);
    let text = moved(stage.apply_plan(&[thing("table")], &plan).unwrap_err());
    assert!(text.starts_with("it is for blueprint `"), "{text}");
}

#[test]
fn somebody_elses_plan() {
    let stage = Stage::new();
    let parts = [thing("queue")];
    let plan = Plan {
        stage: "prod".parse().unwrap(),
        application: "bakery".parse().unwrap(),
        ..stage.plan(&parts)
    };
    let text = moved(stage.apply_plan(&parts, &plan).unwrap_err());
    assert_eq!(
        text,
        "it is for application `bakery`, and this is `shop`, it is for stage `prod`, and this is \
         `dev`"
    );
}

#[test]
fn a_stage_that_was_begun_anew() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    let parts = [thing("queue"), thing("table")];
    let plan = stage.plan(&parts);
    for key in stage.memory.contents().into_keys() {
        stage.memory.tamper(&key, None);
    }
    stage.apply(&[thing("queue")]);
    let text = moved(stage.apply_plan(&parts, &plan).unwrap_err());
    assert_eq!(text, "the stage was begun anew since");
}

#[test]
fn damaged_and_foreign_plan_files() {
    let stage = Stage::new();
    let text = stage.plan(&[thing("queue")]).to_json();
    let tampered = text.replace("shop-dev-queue", "shop-dev-other");
    let error = Plan::from_json(&tampered).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this plan is damaged: its checksum does not match"
    );
    assert!(Plan::from_json(&text[..text.len() / 2]).is_err());
    assert!(Plan::from_json("{}").is_err());
    let other = text.replace("ifc-plan", "ifc-cake");
    assert_eq!(
        Plan::from_json(&other).unwrap_err().to_string(),
        "this is no plan"
    );
}

#[test]
fn another_provider_is_another_stage() {
    let stage = Stage::new();
    stage.apply(&[thing("queue")]);
    let blueprint = ifc_engine::Blueprint::new(
        "shop".parse().unwrap(),
        "dev".parse().unwrap(),
        "elsewhere",
        ifc_engine::Fingerprint::of(b"artifact"),
        [thing("queue")],
    )
    .unwrap();
    let plan = ifc_engine::plan(
        &blueprint,
        &stage.state(),
        &Default::default(),
        &Default::default(),
    );
    assert_eq!(
        plan.refusals[0].message,
        "stage `dev` is at provider `test`, and this is for `elsewhere`; destroy it there first, \
         or choose another stage"
    );
}
