//! Building: `examples/hello-api` against a bare axum hello, clean and after an edit; and the cost
//! of a record in const evaluation.

use ifc_bench::package::{Package, ifc_dependencies, root};
use ifc_bench::{Target, median, report};
use std::fmt::Write as _;

const CLEAN_ROUNDS: usize = 3;
const EDIT_ROUNDS: usize = 7;
const RECORDS: usize = 200;

const AXUM: &str = r#"axum = "0.8"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
tokio = { version = "1", features = ["rt-multi-thread", "macros", "net"] }
"#;

const HELLO_AXUM: &str = r#"use axum::extract::Query;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Greeting {
    #[serde(default = "world")]
    name: String,
}

fn world() -> String {
    "world".to_owned()
}

#[derive(Serialize)]
struct Reply {
    message: String,
}

async fn hello(Query(greeting): Query<Greeting>) -> Json<Reply> {
    Json(Reply {
        message: format!("Hello, {}!", greeting.name),
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, Router::new().route("/hello", get(hello))).await?;
    Ok(())
}
"#;

fn hello_against_axum() {
    let example = root().join("examples/hello-api/src/main.rs");
    let source = std::fs::read_to_string(example).expect("the example");
    let source = source
        .split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .to_owned();
    let ours = Package::new(&ifc_dependencies(), &source);
    let theirs = Package::new(AXUM, HELLO_AXUM);

    let mut clean = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CLEAN_ROUNDS {
        let (our_time, their_time) = (ours.clean_build(), theirs.clean_build());
        clean.0.push(our_time);
        clean.1.push(their_time);
        clean.2.push(our_time / their_time);
    }
    let seconds = |times| format!("{:.2} s", median(times));
    report(
        "clean build of hello-api",
        &seconds(clean.0),
        &seconds(clean.1),
        median(clean.2),
        Target::AtMost(1.35),
    );

    // What is edited is compiled incrementally, as it is by default.
    ours.cargo(&["build", "--offline"]);
    theirs.cargo(&["build", "--offline"]);
    let mut edit = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..EDIT_ROUNDS {
        let (our_time, their_time) = (
            ours.build_after_edit(round, &["build", "--offline"]),
            theirs.build_after_edit(round, &["build", "--offline"]),
        );
        edit.0.push(our_time);
        edit.1.push(their_time);
        edit.2.push(our_time / their_time);
    }
    report(
        "build of hello-api after an edit",
        &seconds(edit.0),
        &seconds(edit.1),
        median(edit.2),
        Target::AtMost(1.2),
    );
}

/// Checks a program with many queues and consumers against the same without them.
fn const_evaluation() {
    let mut source = String::from("use ifc::prelude::*;\n");
    let mut plain = String::from("use ifc::prelude::*;\n");
    for i in 0..RECORDS / 2 {
        let _ = write!(
            source,
            "#[resource]\nstatic Q{i}: Queue<u64> = Queue::new(\"q-{i}\").lease(seconds(90)).max_attempts(7);\n\
             #[consumer(Q{i}, batch = 10)]\nasync fn c{i}(body: Batch<u64>) {{ let _ = body; }}\n"
        );
        let _ = writeln!(plain, "async fn c{i}(body: Batch<u64>) {{ let _ = body; }}");
    }
    source.push_str("fn main() {}\n");
    plain.push_str("fn main() {}\n");
    let with = Package::new(&ifc_dependencies(), &source);
    let without = Package::new(&ifc_dependencies(), &plain);
    let check = |package: &Package| {
        package.cargo(&["check", "--offline"]);
        let times = (0..3).map(|_| {
            let path = package.path();
            // Only the package itself is cold.
            let _ = std::fs::remove_dir_all(path.join("target/debug/incremental"));
            package.cargo(&["clean", "-p", "measured", "--offline"]);
            package.seconds(&["check", "--offline"])
        });
        median(times.collect())
    };
    let (with, without) = (check(&with), check(&without));
    let each = (with - without) * 1_000.0 / RECORDS as f64;
    println!(
        "{:<44} {with:>12.2} s vs {without:>12.2} s  {each:.1} ms a record  target about 6 ms",
        format!("cold check with {RECORDS} records"),
    );
}

fn main() {
    const_evaluation();
    hello_against_axum();
}
