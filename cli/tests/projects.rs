//! Whole projects, from `ifc new` to a running application. They are built for real, offline, into
//! one directory that later runs find again.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{NewProject, cargo, ifc, root, run, run_with};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_new_api_passes_its_tests_and_its_check() {
    let project = NewProject::make("new-api", "api");
    run(cargo(&project.path).arg("test")).success();
    insta::assert_snapshot!(run(&mut project.ifc(&["check"])).success());
    insta::assert_snapshot!("new_api_graph", run(&mut project.ifc(&["graph"])).success());

    // Without a running application a process of its own does the work, on the same data.
    let put = r#"{"method":"PUT","path":"/notes/n-1","body":{"author":"ada","text":"buy milk"}}"#;
    let reply = run_with(&mut project.ifc(&["invoke", "api", "--event", "-"]), put).success();
    assert_eq!(json(&reply)["status"], 200);
    project.write("get.json", r#"{"path":"/notes/n-1"}"#);
    let reply = run(&mut project.ifc(&["invoke", "api", "--event", "get.json"])).success();
    assert_eq!(json(&reply)["body"]["text"], "buy milk");

    let errors = run(&mut project.ifc(&["invoke", "apii"])).failure(2);
    assert!(errors.contains("did you mean `api`?"), "{errors}");
    project.write("get.json", "{");
    let errors = run(&mut project.ifc(&["invoke", "api", "--event", "get.json"])).failure(1);
    assert!(
        errors.contains("the event in `get.json` is not JSON"),
        "{errors}"
    );
}

#[test]
fn a_new_worker_passes_its_tests_and_its_check() {
    let project = NewProject::make("new-worker", "worker");
    run(cargo(&project.path).arg("test")).success();
    insta::assert_snapshot!(run(&mut project.ifc(&["check"])).success());
    let graph = run(&mut project.ifc(&["graph", "--format", "json"])).success();
    assert_eq!(graph, run(&mut project.ifc(&["graph", "--json"])).success());
    let units: Vec<Value> = json(&graph)["units"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unit| unit["name"].clone())
        .collect();
    assert_eq!(units, ["nightly", "submit", "work"]);

    // Looking leaves nothing behind.
    let text = run(&mut project.ifc(&["local", "status"])).success();
    assert_eq!(text, "not running\n");
    assert_eq!(
        run(&mut project.ifc(&["secret", "list"])).success(),
        "no secrets\n"
    );
    assert!(!project.path.join(".ifc").exists());

    // A queue that no run has used yet is empty, not unknown.
    let text = run(&mut project.ifc(&["queue", "peek", "jobs"])).success();
    assert_eq!(text, "empty\n");
    let errors = run(&mut project.ifc(&["queue", "peek", "job"])).failure(2);
    assert!(errors.contains("did you mean `jobs`?"), "{errors}");

    run(&mut project.ifc(&["invoke", "submit", "--event", "job.json"])).success();
    let text = run(&mut project.ifc(&["queue", "peek", "jobs"])).success();
    assert!(
        text.contains(r#"{"amount":4,"id":"j-1"}"#) && text.ends_with("1 ready\n"),
        "{text}"
    );
    let redriven = run(&mut project.ifc(&["queue", "redrive", "jobs", "--json"])).success();
    assert_eq!(json(&redriven)["redriven"], 0);

    run(&mut project.ifc(&["local", "reset"])).failure(2);
    run(&mut project.ifc(&["local", "reset", "--yes"])).success();
    let text = run(&mut project.ifc(&["queue", "peek", "jobs", "--json"])).success();
    assert_eq!(json(&text)["messages"], Value::Array(Vec::new()));
}

/// Everything that the compiler cannot see, in one application.
const BROKEN: &str = r#"use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
pub struct Order {
    #[item(key)]
    pub id: String,
}

#[resource]
pub static ORDERS: Table<Order> = Table::new("orders");

mod archive {
    use super::{Order, resource, Table};

    #[resource]
    pub static ORDERS: Table<Order> = Table::new("orders");
}

#[resource]
pub static JOBS: Queue<Order> = Queue::new("jobs").lease(seconds(20));

#[resource]
pub static MAILS: Queue<Order> = Queue::new("mails");

#[resource]
pub static LIMIT: Config<String> = Config::new("limit").default_json("\"ten\"");

#[get("/orders/{id}")]
async fn read(Path(id): Path<String>) -> String {
    id
}

#[get("/orders/{order}")]
async fn show(Path(order): Path<String>) -> String {
    order
}

#[delete("/orders/{order}")]
async fn remove(Path(order): Path<String>) -> String {
    order
}

#[consumer(JOBS, timeout = seconds(40))]
async fn first(_: Order) -> Result<()> {
    Ok(())
}

#[consumer(JOBS)]
async fn second(_: Order) -> Result<()> {
    Ok(())
}

#[schedule("0 3 * * *", tz = "Europe/Roma")]
async fn nightly() -> Result<()> {
    Ok(())
}

#[function(max_instances = 5)]
async fn report(day: u32) -> Result<u32> {
    Ok(day)
}

ifc::main!(targets = ["aws", "azure"]);
"#;

#[test]
fn findings_are_shown_in_the_source() {
    let project = NewProject::make("broken-shop", "api");
    project.write("src/main.rs", BROKEN);
    let finished = run(&mut project.ifc(&["check"]));
    assert_eq!(finished.code, 1, "{}", finished.errors);
    insta::assert_snapshot!(finished.output);

    let finished = run(&mut project.ifc(&["check", "--json"]));
    assert_eq!(finished.code, 1);
    insta::assert_snapshot!("findings_as_json", finished.output);

    // The graph is shown nevertheless, and the findings beside it.
    let finished = run(&mut project.ifc(&["graph", "--json"]));
    assert_eq!(finished.code, 1);
    assert_eq!(
        json(&finished.output)["application"]["package"],
        "broken-shop"
    );
    assert!(
        finished.errors.contains("error[two-consumers]"),
        "{}",
        finished.errors
    );
}

#[test]
fn what_does_not_compile_is_said_by_the_compiler_alone() {
    let project = NewProject::make("not-rust", "api");
    project.write("src/main.rs", "fn main() { 1 }\n");
    let errors = run(&mut project.ifc(&["check"])).failure(1);
    assert!(errors.contains("error[E0308]"), "{errors}");
    assert!(!errors.contains("application does not compile"), "{errors}");

    project.write("src/main.rs", "fn main() {}\n");
    let errors = run(&mut project.ifc(&["check"])).failure(1);
    assert!(
        errors.contains("was not built with ifc, or without `ifc::main!()`"),
        "{errors}"
    );
    assert!(
        errors.contains("= help: depend on the `ifc` crate"),
        "{errors}"
    );
}

#[test]
fn the_graph_of_the_example() {
    let directory = root();
    let graph = |format: &str| {
        run(ifc(&directory).args(["graph", "-C", "examples/orders", "--format", format])).success()
    };
    insta::assert_snapshot!("orders_text", graph("text"));
    insta::assert_snapshot!("orders_mermaid", graph("mermaid"));
    insta::assert_snapshot!("orders_dot", graph("dot"));
    insta::assert_snapshot!("orders_svg", graph("svg"));
    // Where in its file something stands changes with every line that is written above it.
    let json: String = graph("json")
        .lines()
        .map(|line| match line.split_once("\"line\": ") {
            Some((before, _)) => format!("{before}\"line\": 0,\n"),
            None => format!("{line}\n"),
        })
        .collect();
    insta::assert_snapshot!("orders_json", json);
}
