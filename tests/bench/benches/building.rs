//! Building: `examples/hello-api` against a bare axum hello, clean and after an edit; and the cost
//! of a record in const evaluation.

use ifc_bench::{Target, median, report};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const CLEAN_ROUNDS: usize = 3;
const EDIT_ROUNDS: usize = 7;
const RECORDS: usize = 200;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// A package of its own outside the workspace, with the workspace's locked versions.
struct Package {
    directory: tempfile::TempDir,
}

impl Package {
    fn new(dependencies: &str, source: &str) -> Package {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let manifest = format!(
            "[package]\nname = \"measured\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependencies}\n[workspace]\n"
        );
        let path = directory.path();
        std::fs::create_dir(path.join("src")).expect("a new directory");
        std::fs::write(path.join("Cargo.toml"), manifest).expect("a new file");
        std::fs::write(path.join("src/main.rs"), source).expect("a new file");
        std::fs::copy(root().join("Cargo.lock"), path.join("Cargo.lock"))
            .expect("a locked workspace");
        let package = Package { directory };
        // Prunes the lock file to what this package needs, outside the measurement.
        package.cargo(&["metadata", "--format-version=1", "--offline"]);
        package
    }

    fn cargo(&self, arguments: &[&str]) {
        self.run(Command::new(env!("CARGO")).args(arguments));
    }

    fn run(&self, command: &mut Command) {
        let output = command
            .current_dir(self.directory.path())
            .env("CARGO_TARGET_DIR", self.directory.path().join("target"))
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn seconds(&self, arguments: &[&str]) -> f64 {
        let started = Instant::now();
        self.cargo(arguments);
        started.elapsed().as_secs_f64()
    }

    /// Without incremental compilation, which cargo uses for packages in folders and not for
    /// those of a registry: here ours are in folders, for a user they are not.
    fn clean_build(&self) -> f64 {
        let _ = std::fs::remove_dir_all(self.directory.path().join("target"));
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO"));
        self.run(
            command
                .args(["build", "--offline"])
                .env("CARGO_INCREMENTAL", "0"),
        );
        started.elapsed().as_secs_f64()
    }

    fn build_after_edit(&self, round: usize) -> f64 {
        let path = self.directory.path().join("src/main.rs");
        let source = std::fs::read_to_string(&path).expect("the source");
        let (base, _) = source.split_once("\n// edit").unwrap_or((&source, ""));
        let edited = format!("{base}\n// edit\nconst _EDIT: usize = {round};\n");
        std::fs::write(&path, edited).expect("the source");
        self.seconds(&["build", "--offline"])
    }
}

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

fn ifc_dependencies() -> String {
    let path = root().join("sdk/ifc");
    format!(
        "ifc = {{ path = {:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n",
        path.display().to_string()
    )
}

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
        let (our_time, their_time) = (ours.build_after_edit(round), theirs.build_after_edit(round));
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
            let path = package.directory.path();
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
