//! Runs every handler with inputs that drive its branches, and writes down what it really did.
//!
//! `IFC_CORPUS_TRACE` names the file that the harness compares with the analysis of this very
//! program. `IFC_SEED` gives other inputs.

use crate::resources::{API_KEY, Draw, Job, order};
use ifc::runtime::Application;
use ifc::test_kit::{Plan, TestCloud, TraceEvent};
use ifc_corpus_library::AUDIT_KEY;
use ifc_manifest::{HandlerDescriptor, Trigger};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

const PACKAGE: &str = "ifc-corpus";

/// Handlers and what they did.
type Observed = BTreeMap<String, BTreeSet<String>>;

/// Small numbers for every branch there is, and some that nobody chose.
fn inputs() -> Vec<u64> {
    let seed = std::env::var("IFC_SEED").ok();
    let mut random = fastrand::Rng::with_seed(seed.and_then(|seed| seed.parse().ok()).unwrap_or(7));
    (0..4)
        .chain((0..3).map(|_| random.u64(4..1 << 40)))
        .collect()
}

#[test]
fn every_handler_runs_and_what_it_does_is_written_down() {
    let application = &Application::load(PACKAGE).expect("the corpus is an application");
    let names: BTreeMap<String, String> = application
        .handlers
        .iter()
        .filter(|handler| handler.descriptor.unit.is_some())
        .map(|handler| {
            (
                application.unit_of(&handler.descriptor),
                function(&handler.descriptor),
            )
        })
        .collect();
    let mut observed = Observed::new();
    for handler in &application.handlers {
        let name = function(&handler.descriptor);
        let unit = application.unit_of(&handler.descriptor);
        let plan = Plan {
            benign: true,
            ..Plan::default()
        };
        let Ok(done) = ifc::test_kit::run(PACKAGE, &name, plan, |cloud| async move {
            cloud.set_secret(&API_KEY, "k-1").await;
            cloud.set_secret(&AUDIT_KEY, "k-2").await;
            for number in inputs() {
                drive(&cloud, &handler.descriptor, application, number).await;
                // What it left running, and what it asked to be run later.
                cloud.run_due().await;
            }
            Ok::<_, Infallible>(operations(&cloud))
        });
        for (by, operation) in done {
            // Tasks that a handler spawns belong to no invocation; nothing else runs here.
            let by = match by {
                Some(by) if by != unit => names[&by].clone(),
                _ => name.clone(),
            };
            observed.entry(by).or_default().insert(operation);
        }
    }
    assert!(
        observed.len() > 100,
        "only {} handlers did something",
        observed.len()
    );
    if let Some(file) = std::env::var_os("IFC_CORPUS_TRACE") {
        let text = serde_json::to_vec_pretty(&observed).expect("names have a JSON form");
        std::fs::write(&file, text).expect("the file can be written");
    }
}

fn function(handler: &HandlerDescriptor) -> String {
    let name = handler.path.rsplit("::").next();
    name.unwrap_or_default().to_owned()
}

fn operations(cloud: &TestCloud) -> Vec<(Option<String>, String)> {
    let trace = cloud.trace();
    let operations = trace
        .entries()
        .iter()
        .filter(|entry| matches!(entry.event, TraceEvent::Operation { .. }));
    operations
        .map(|entry| (entry.unit.as_deref().map(str::to_owned), entry.label()))
        .collect()
}

/// Runs a handler once; it must not fail.
async fn drive(
    cloud: &TestCloud,
    handler: &HandlerDescriptor,
    application: &Application,
    number: u64,
) {
    let name = &handler.path;
    let Trigger::Http { method, path, .. } = &handler.trigger else {
        let unit = application.unit_of(handler);
        let reply = cloud.invoke(&unit, event(handler, number)).await;
        let reply = reply.unwrap_or_else(|error| panic!("`{name}` fails on {number}: {error:?}"));
        let called = matches!(handler.trigger, Trigger::Call);
        assert!(
            called || reply["outcome"] == "ack",
            "`{name}` fails on {number}: {reply}"
        );
        return;
    };
    let path = path.replace("{id}", "o-1").replace("{part}", "2");
    let api = cloud.api(&application.unit_of(handler));
    let method = method.parse().expect("the method of a route is one");
    let request = api.request(method, &format!("{path}?number={number}"));
    let reply = request.json(&Draw { number }).await;
    assert!(
        reply.status().is_success(),
        "`{name}` answers {} on {number}: {}",
        reply.status(),
        reply.text()
    );
}

/// A change of an order: one of three is its removal.
fn change(number: u64) -> Value {
    let order = order(number);
    let (key, version) = (json!({ "id": order.id }), number.to_string());
    match number % 3 {
        0 => json!({ "key": key, "kind": "delete", "version": version }),
        _ => json!({ "key": key, "kind": "upsert", "new": order, "version": version }),
    }
}

/// What a handler takes.
fn event(handler: &HandlerDescriptor, number: u64) -> Value {
    match (&handler.trigger, function(handler).as_str()) {
        (Trigger::Source { edge, .. }, _) if edge == "on_change" => change(number),
        (Trigger::Source { edge, .. }, _) if edge == "on_event" => {
            let event_type = ["job.begun", "job.done"][number as usize % 2];
            json!({ "type": event_type, "data": { "number": number } })
        }
        (Trigger::Source { edge, .. }, _) if edge.starts_with("on_") => {
            json!({ "key": format!("f-{number}"), "size": number, "version": "v" })
        }
        (Trigger::Source { .. }, _) => json!(Job { number }),
        (_, "recount") => json!("home"),
        (_, "nothing" | "price_of_all") => Value::Null,
        _ => json!(Draw { number }),
    }
}
