//! The published JSON of plans: it follows its schema, whatever is in the plan.
#![allow(clippy::unwrap_used)]

use ifc_engine::plan::{
    Action, Change, Consent, Drift, DriftResponse, DriftSort, Orphan, Refusal, RenameProposal,
    ReplaceOrder,
};
use ifc_engine::provider::{Finding, Severity};
use ifc_engine::state::{PartRecord, State, Unsettled};
use ifc_engine::*;
use serde_json::Value as Json;
use std::collections::BTreeMap;

fn validator() -> jsonschema::Validator {
    let schema: Json = serde_json::from_str(PLAN_SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn address(text: &str) -> PartAddress {
    text.parse().unwrap()
}

fn new_stage() -> Plan {
    let queue = Part::new(
        address("orders/queue"),
        "queue",
        Naming::generated("orders", "shop-dev", 40),
    )
    .with("lease", 30, ChangeClass::InPlace)
    .with_output("url")
    .with_volatile_output("version");
    let mut unit = Part::new(address("api/unit"), "unit", Naming::fixed("api"))
        .with(
            "queue",
            Value::Join(vec!["url:".into(), Value::output(&queue.address, "url")]),
            ChangeClass::Replace,
        )
        .with("key", Value::secret("payment-key"), ChangeClass::Refuse)
        .with(
            "map",
            Value::map([("$own", Value::List(vec![true.into(), Value::Null]))]),
            ChangeClass::InPlace,
        )
        .retained()
        .protected()
        .tagged("owner", "ada")
        .after(&queue.address);
    unit.source = Some("src/main.rs:1:1".to_owned());
    let (application, stage) = ("shop".parse().unwrap(), StageName::personal("ada").unwrap());
    let artifact = Fingerprint::of(b"program");
    let blueprint = Blueprint::new(application, stage, "test", artifact, [queue, unit]).unwrap();
    let state = State::empty(
        blueprint.application().clone(),
        blueprint.stage().clone(),
        String::new(),
    );
    plan::plan(
        &blueprint,
        &state,
        &Observations::default(),
        &PlanOptions::default(),
    )
}

/// A plan with one of everything that a plan can say.
fn everything() -> Plan {
    let mut plan = new_stage();
    let record = PartRecord {
        part_type: PartType::new("queue"),
        physical_name: PhysicalName::new("orders"),
        generation: 1,
        properties: BTreeMap::from([("lease".to_owned(), 30.into())]),
        outputs: BTreeMap::from([("url".to_owned(), "https://q".into())]),
        tags: BTreeMap::new(),
        lifecycle: Default::default(),
        dependencies: [address("a/b")].into(),
        label: "queue `orders`".to_owned(),
        unsettled: None,
    };
    let actions = [
        Action::Keep,
        Action::Record,
        Action::Adopt,
        Action::Update,
        Action::Replace(ReplaceOrder::CreateFirst),
        Action::Replace(ReplaceOrder::DeleteFirst),
        Action::Replace(ReplaceOrder::CreateAndKeep),
        Action::Delete,
        Action::Forget,
        Action::Retain,
        Action::Move {
            from: address("old/queue"),
        },
    ];
    let unsettled = [
        None,
        Some(Unsettled::Creating),
        Some(Unsettled::Updating),
        Some(Unsettled::Deleting),
    ];
    let template = plan.changes[0].clone();
    for (number, action) in actions.into_iter().enumerate() {
        plan.changes.push(Change {
            action,
            from: Some(PartRecord {
                unsettled: unsettled[number % unsettled.len()],
                ..record.clone()
            }),
            leftover: number % 2 == 0,
            to: None,
            ..template.clone()
        });
    }
    let sorts = [
        (DriftSort::Deleted, DriftResponse::Recreate),
        (
            DriftSort::Foreign {
                owner: "somebody".to_owned(),
            },
            DriftResponse::Refuse,
        ),
    ];
    let responses = [
        DriftResponse::Revert,
        DriftResponse::Accept,
        DriftResponse::Replace,
        DriftResponse::Delete,
        DriftResponse::Forget,
    ];
    let changed = responses.into_iter().enumerate().map(|(number, response)| {
        let sort = DriftSort::Changed {
            path: "lease".to_owned(),
            recorded: 30.into(),
            observed: Value::Null,
            desired: (number % 2 == 0).then_some(Value::Null),
        };
        (sort, response)
    });
    for (sort, response) in sorts.into_iter().chain(changed) {
        plan.drift.push(Drift {
            address: address("orders/queue"),
            label: "queue `orders`".to_owned(),
            sort,
            response,
        });
    }
    plan.proposals.push(RenameProposal {
        from: address("a/table"),
        to: address("b/table"),
        from_label: "table `a`".to_owned(),
        to_label: "table `b`".to_owned(),
    });
    let part = address("a/table");
    let consents = [
        None,
        Some(Consent::Replace(part.clone())),
        Some(Consent::Delete(part.clone())),
        Some(Consent::TakeOver(part.clone())),
    ];
    for consent in consents {
        plan.refusals.push(Refusal {
            address: consent.is_some().then(|| part.clone()),
            message: "no".to_owned(),
            consent,
        });
    }
    for severity in [Severity::Error, Severity::Warning] {
        let is_error = severity == Severity::Error;
        plan.findings.push(Finding {
            severity,
            part: is_error.then(|| part.clone()),
            message: "a quota".to_owned(),
            help: is_error.then(|| "ask for more".to_owned()),
        });
    }
    plan.orphans.push(Orphan {
        address: part,
        label: "table `a`".to_owned(),
        identity: record.identity(),
    });
    plan
}

#[test]
fn plans_follow_the_schema_and_come_back() {
    let validator = validator();
    for plan in [new_stage(), everything()] {
        let text = plan.to_json();
        let json: Json = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{json:#}");
        assert_eq!(Plan::from_json(&text).unwrap(), plan);
    }
}

#[test]
fn the_schema_refuses_what_is_no_plan() {
    let validator = validator();
    let good: Json = serde_json::from_str(&everything().to_json()).unwrap();
    for (pointer, value) in [
        ("/version", Json::from(2)),
        ("/format", Json::from("ifc-state")),
        ("/plan/changes/0/action", Json::from("wish")),
        ("/plan/changes/0/address", Json::from("orders")),
        ("/plan/changes/0/to/part/retain", Json::from("yes")),
        ("/plan/drift/0/found", Json::from("nothing")),
        ("/plan/drift/0/response", Json::Null),
        ("/plan/refusals/1/consent", Json::from("replace")),
        ("/plan/basis/serial", Json::from(-1)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}
