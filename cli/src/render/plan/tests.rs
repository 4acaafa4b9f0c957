//! What people read, for every sort of plan.

use crate::render::outcome;
use crate::stage::{
    Granted, LOCAL_PERMISSIONS, Permission, PermissionChanges, local_grants, permission_changes,
};
use ifc_engine::plan::plan;
use ifc_engine::provider::{Finding, Severity};
use ifc_engine::state::PartRecord;
use ifc_engine::{
    Actual, Blueprint, ChangeClass, Fingerprint, Naming, Observations, Owner, Part, Phase, Plan,
    PlanOptions, Reading, State, StepReport, Summary, Value,
};
use ifc_graph::fixture::Fixture;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

fn part(address: &str) -> Part {
    let address: ifc_engine::PartAddress = address.parse().unwrap();
    let mut part = Part::new(
        address.clone(),
        address.part(),
        Naming::fixed(format!("shop-{}", address.resource())),
    );
    part.label = format!("{} `{}`", address.part(), address.resource());
    part.source = Some("src/main.rs:12:5".to_owned());
    part
}

fn queue(name: &str, lease: i64) -> Part {
    part(&format!("{name}/queue"))
        .with("lease_seconds", lease, ChangeClass::InPlace)
        .with("fifo", false, ChangeClass::Replace)
}

fn table(name: &str) -> Part {
    part(&format!("{name}/table"))
        .with("key", "id", ChangeClass::Refuse)
        .retained()
}

fn unit(name: &str, may: &[(&str, &[&str])]) -> Part {
    let may = may.iter().map(|(resource, verbs)| {
        let verbs = verbs.iter().map(|verb| Value::text(*verb)).collect();
        (*resource, Value::List(verbs))
    });
    part(&format!("{name}/unit")).with("may", Value::map(may), ChangeClass::InPlace)
}

fn blueprint(parts: impl IntoIterator<Item = Part>) -> Blueprint {
    Blueprint::new(
        "shop".parse().unwrap(),
        "dev".parse().unwrap(),
        "local",
        Fingerprint::of(b"program"),
        parts,
    )
    .unwrap()
}

/// The state after these parts were applied.
fn applied(parts: impl IntoIterator<Item = Part>) -> State {
    let mut state = State::empty(
        "shop".parse().unwrap(),
        "dev".parse().unwrap(),
        "lineage".to_owned(),
    );
    state.serial = 3;
    state.provider = Some("local".to_owned());
    for part in parts {
        let properties = part.properties.iter();
        let record = PartRecord {
            part_type: part.part_type.clone(),
            physical_name: part.naming.name(0),
            generation: 0,
            properties: properties
                .map(|(name, property)| (name.clone(), property.value.clone()))
                .collect(),
            outputs: BTreeMap::new(),
            tags: part.tags.clone(),
            lifecycle: part.lifecycle,
            dependencies: part.dependencies(),
            label: part.label.clone(),
            unsettled: None,
        };
        state.parts.insert(part.address, record);
    }
    state
}

fn planned(wanted: Vec<Part>, state: &State) -> Plan {
    let nothing = Observations::default();
    plan(&blueprint(wanted), state, &nothing, &PlanOptions::default())
}

fn shown(plan: &Plan) -> String {
    let permissions = permission_changes(plan, LOCAL_PERMISSIONS, &local_grants);
    plain(&super::text(
        plan,
        "`shop`, stage `dev`, provider local",
        &permissions,
        false,
    ))
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn nothing_to_do() {
    let parts = || vec![queue("mails", 30), table("orders")];
    insta::assert_snapshot!(shown(&planned(parts(), &applied(parts()))));
    let mut nothing = planned(vec![], &applied(vec![]));
    nothing.destroy = true;
    insta::assert_snapshot!("nothing_to_destroy", shown(&nothing));
}

#[test]
fn a_new_stage() {
    let (graph, _) = Fixture::shop().build();
    let artifact = ifc_local_deploy::Artifact {
        path: PathBuf::from("shop"),
        fingerprint: Fingerprint::of(b"program"),
    };
    let (application, stage) = ("shop".parse().unwrap(), "dev".parse().unwrap());
    let wanted = ifc_local_deploy::lower(&graph, &artifact, &application, &stage).unwrap();
    let plan = plan(
        &wanted,
        &applied([]),
        &Observations::default(),
        &PlanOptions::default(),
    );
    insta::assert_snapshot!(shown(&plan));
    let nothing = PermissionChanges::default();
    let details = super::text(&plan, "`shop`", &nothing, true);
    insta::assert_snapshot!("a_new_stage_in_detail", plain(&details));
}

#[test]
fn changes_in_place() {
    let before = applied([
        queue("mails", 30),
        queue("old", 30),
        unit(
            "api",
            &[("table orders", &["get"]), ("queue old", &["send"])],
        ),
    ]);
    let after = vec![
        queue("mails", 60),
        unit("api", &[("table orders", &["get", "put"])]),
        part("worker/unit").with(
            "may",
            "everything: its permissions could not be derived",
            ChangeClass::InPlace,
        ),
    ];
    insta::assert_snapshot!(shown(&planned(after, &before)));
}

#[test]
fn replacements() {
    let fifo = queue("mails", 30).with("fifo", true, ChangeClass::Replace);
    insta::assert_snapshot!(shown(&planned(vec![fifo], &applied([queue("mails", 30)]))));
}

#[test]
fn refusals() {
    let sorted = table("orders").with("key", "number", ChangeClass::Refuse);
    let mut refused = planned(vec![sorted], &applied([table("orders")]));
    refused.findings = vec![
        Finding {
            severity: Severity::Error,
            part: None,
            message: "the region `xx-1` is not enabled for this account".to_owned(),
            help: Some("enable it, or choose another one".to_owned()),
        },
        Finding {
            severity: Severity::Warning,
            part: Some("orders/table".parse().unwrap()),
            message: "4 of 5 tables are in use".to_owned(),
            help: None,
        },
    ];
    insta::assert_snapshot!(shown(&refused));
}

#[test]
fn somebody_elses() {
    let wanted = table("orders");
    let reading = Reading::Present {
        actual: Actual {
            properties: [("key".to_owned(), Value::text("id"))].into(),
            outputs: BTreeMap::new(),
        },
        owner: Owner::Foreign {
            description: "something without the tag ifc-app".to_owned(),
        },
    };
    let identity = ifc_engine::Identity {
        part_type: wanted.part_type.clone(),
        physical_name: wanted.naming.name(0),
    };
    let observations = Observations {
        readings: [(identity, reading)].into(),
        ..Observations::default()
    };
    let plan = plan(
        &blueprint([wanted]),
        &applied([]),
        &observations,
        &PlanOptions::default(),
    );
    insta::assert_snapshot!(shown(&plan));
}

#[test]
fn kept_data() {
    let before = applied([table("orders"), queue("mails", 30)]);
    insta::assert_snapshot!(shown(&planned(vec![queue("mails", 30)], &before)));
}

#[test]
fn renames() {
    let before = applied([table("orders")]);
    insta::assert_snapshot!(shown(&planned(vec![table("purchases")], &before)));
}

#[test]
fn drift() {
    let parts = || vec![queue("mails", 30), queue("jobs", 30), table("orders")];
    let state = applied(parts());
    let readings = state.parts.values().map(|record| {
        let mut properties = record.properties.clone();
        let reading = match record.physical_name.as_str() {
            "shop-jobs" => Reading::Absent,
            name => {
                if name == "shop-mails" {
                    properties.insert("lease_seconds".to_owned(), 45.into());
                }
                Reading::Present {
                    actual: Actual {
                        properties,
                        outputs: BTreeMap::new(),
                    },
                    owner: Owner::Ours,
                }
            }
        };
        (record.identity(), reading)
    });
    let observations = Observations {
        readings: readings.collect(),
        ..Observations::default()
    };
    let mut wanted = parts();
    wanted[0] = queue("mails", 60);
    let plan = plan(
        &blueprint(wanted),
        &state,
        &observations,
        &PlanOptions::default(),
    );
    insta::assert_snapshot!(shown(&plan));
}

#[test]
fn an_apply_that_did_not_finish() {
    let step = |address: &str, phase, failure: Option<&str>| {
        let part = part(address);
        StepReport {
            address: part.address,
            label: part.label,
            call: "create",
            phase,
            elapsed: Duration::from_millis(1500),
            failure: failure.map(str::to_owned),
        }
    };
    let mut summary = Summary {
        steps: vec![
            step("mails/queue", Phase::Done, None),
            step(
                "orders/table",
                Phase::Failed,
                Some("`CreateTable` on `orders` was denied: no policy allows it (request r-1)"),
            ),
            step("api/unit", Phase::Blocked, None),
            step("nightly/unit", Phase::Left, None),
        ],
        stopped: true,
        abandoned: false,
        unsaved: None,
        serial: 4,
        elapsed: Duration::from_millis(61_300),
    };
    insta::assert_snapshot!(plain(&outcome::summary(&summary)));
    summary.steps.truncate(1);
    assert_eq!(
        plain(&outcome::summary(&summary)),
        "applied 1 created in 1 min 1 s\n"
    );
}

#[test]
fn permissions_are_those_of_the_lowering() {
    let properties = BTreeMap::from([(
        "may".to_owned(),
        Value::map([("table a/b", Value::List(vec!["get".into()]))]),
    )]);
    let permission = Permission {
        unit: "api".to_owned(),
        kind: "table".to_owned(),
        resource: "a/b".to_owned(),
        verb: "get".to_owned(),
    };
    assert_eq!(
        local_grants("api", &properties),
        Some(Granted::Exactly([permission].into()))
    );
    assert_eq!(local_grants("api", &BTreeMap::new()), None);
}
