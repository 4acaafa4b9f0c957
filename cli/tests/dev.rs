//! `ifc dev` and the commands that work on a running application.
#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::running::Running;
use support::{NewProject, run, run_with};

fn get(url: &str) -> (u16, String) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let mut response = agent.get(url).call().unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), body)
}

#[test]
fn it_rebuilds_on_save_and_loses_nothing() {
    let project = NewProject::make("dev-api", "api");
    let mut dev = Running::start(&mut project.ifc(&["dev", "--port", "0"]));
    let address = dev.wait_until_it_runs();
    let note = r#"{"author":"ada","text":"buy milk"}"#;
    ureq::put(format!("{address}/notes/n-1"))
        .content_type("application/json")
        .send(note)
        .unwrap();
    assert!(dev.wait_for("PUT /notes/n-1").contains(" 200 "));

    // A broken file: the compiler says why, the old process serves on.
    let source = project.read("src/main.rs");
    project.write(
        "src/main.rs",
        &source.replace("Ok(Json(note)),", "Ok(note),"),
    );
    dev.wait_for("error[E0308]");
    dev.wait_for("the last good build keeps running");
    assert_eq!(get(&format!("{address}/notes/n-1")).0, 200);

    project.write(
        "src/main.rs",
        &source.replace("no note", "there is no note"),
    );
    let address = dev.wait_until_it_runs();
    assert!(get(&format!("{address}/notes/n-1")).1.contains("buy milk"));
    assert!(
        get(&format!("{address}/notes/n-2"))
            .1
            .contains("there is no note `n-2`")
    );

    // Findings keep the old process running too.
    let twice = "#[get(\"/notes\")]\nasync fn twice() {}\n\nifc::main!();";
    project.write("src/main.rs", &source.replace("ifc::main!();", twice));
    dev.wait_for("error[route-conflict]");
    dev.wait_for("the last good build keeps running");
    assert_eq!(get(&format!("{address}/notes/n-1")).0, 200);
    dev.interrupt();
    assert!(ureq::get(format!("{address}/notes/n-1")).call().is_err());
}

#[test]
fn a_running_application_is_operated() {
    let project = NewProject::make("dev-worker", "worker");
    let secret = "#[resource]\npub static KEY: Secret = Secret::new(\"key\");\n\n\
                  #[resource]\npub static LIMIT: Config<u32> = Config::new(\"limit\").default_json(\"3\");\n\nifc::main!();";
    let source = project.read("src/main.rs").replace("ifc::main!();", secret);
    let source = source.replace(
        "if job.amount == 0 {",
        "assert!(job.amount != 7, \"seven\");\n    if job.amount == 0 {",
    );
    project.write("src/main.rs", &source);
    // Before the first run what is declared is known already, and can be set.
    let text = run(&mut project.ifc(&["secret", "list"])).success();
    assert_eq!(text, "key  no value\n");
    let text = run(&mut project.ifc(&["config", "list"])).success();
    assert_eq!(text, "limit  3  default\n");
    run(&mut project.ifc(&["config", "set", "limit", "5"])).success();

    let mut dev = Running::start(&mut project.ifc(&["dev", "--port", "0"]));
    dev.wait_until_it_runs();

    let status = run(&mut project.ifc(&["local", "status", "--json"])).success();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert!(status["pid"].is_u64(), "{status}");
    let text = run(&mut project.ifc(&["local", "status"])).success();
    assert!(
        text.contains("next schedule nightly at ") && text.contains("queue jobs  empty"),
        "{text}"
    );
    let errors = run(&mut project.ifc(&["local", "reset", "--yes"])).failure(1);
    assert!(errors.contains("is in use by process"), "{errors}");

    // A job that ends among the dead letters.
    let event = r#"{"id":"j-0","amount":0}"#;
    run_with(
        &mut project.ifc(&["invoke", "submit", "--event", "-"]),
        event,
    )
    .success();
    dev.wait_for("a job has an amount");
    let dead = run(&mut project.ifc(&["queue", "peek", "jobs", "--dead"])).success();
    assert!(
        dead.starts_with("j-0 ") && dead.ends_with("1 dead letter\n"),
        "{dead}"
    );
    assert!(dead.contains("\n  a job has an amount\n"), "{dead}");
    let errors = run(&mut project.ifc(&["queue", "peek", "job"])).failure(2);
    assert!(errors.contains("did you mean `jobs`?"), "{errors}");
    let text = run(&mut project.ifc(&["queue", "redrive", "jobs", "--id", "none"]));
    assert!(
        text.errors
            .contains("1 of the ids are not among the dead letters"),
        "{}",
        text.errors
    );
    assert_eq!(text.success(), "0 dead letters put back\n");
    let text = run(&mut project.ifc(&["queue", "redrive", "jobs", "--id", "j-0"])).success();
    assert_eq!(text, "1 dead letter put back\n");

    // A panic is readable: where, what, whose.
    let event = r#"{"id":"j-7","amount":7}"#;
    run_with(
        &mut project.ifc(&["invoke", "submit", "--event", "-"]),
        event,
    )
    .success();
    dev.wait_for("panic at src/main.rs:");
    dev.wait_for("      seven");

    let text = run(&mut project.ifc(&["secret", "list"])).success();
    assert_eq!(text, "key  no value\n");
    run_with(&mut project.ifc(&["secret", "set", "key"]), "k-123\n").success();
    let text = run(&mut project.ifc(&["secret", "list"])).success();
    assert_eq!(text, "key  set, version 1\n");
    let errors = run_with(&mut project.ifc(&["secret", "set", "kay"]), "k").failure(2);
    assert!(errors.contains("did you mean `key`?"), "{errors}");
    let errors = run_with(&mut project.ifc(&["secret", "set", "key"]), "\n").failure(2);
    assert!(errors.contains("is empty"), "{errors}");

    let text = run(&mut project.ifc(&["config", "list"])).success();
    assert_eq!(text, "limit  5  set\n");
    run(&mut project.ifc(&["config", "set", "limit", "-4"])).success();
    let text = run(&mut project.ifc(&["config", "list"])).success();
    assert_eq!(text, "limit  -4  set\n");
    let errors = run(&mut project.ifc(&["config", "set", "limit", "four"])).failure(2);
    assert!(
        errors.contains("write it with its quotes: '\"four\"'"),
        "{errors}"
    );
    dev.interrupt();

    // What was set is there without the application too.
    let text = run(&mut project.ifc(&["config", "list"])).success();
    assert_eq!(text, "limit  -4  set\n");
    let text = run(&mut project.ifc(&["local", "status"])).success();
    assert!(text.starts_with("not running\n"), "{text}");
}

#[test]
fn a_killed_application_leaves_a_stale_address() {
    let project = NewProject::make("dev-killed", "worker");
    let mut dev = Running::start(&mut project.ifc(&["dev", "--port", "0"]));
    dev.wait_until_it_runs();
    let control = project.read(".ifc/local/control.json");
    let control: Value = serde_json::from_str(&control).unwrap();
    let pid = i32::try_from(control["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    dev.wait_for("the application has ended");
    dev.wait_for("for a change to start it again");
    assert!(project.path.join(".ifc/local/control.json").exists());
    let text = run(&mut project.ifc(&["local", "status"])).success();
    assert!(text.starts_with("not running\n"), "{text}");

    // It starts again with the next change.
    let source = project.read("src/main.rs");
    project.write("src/main.rs", &format!("{source}\n"));
    dev.wait_until_it_runs();
    dev.interrupt();
}

/// What is added to the worker: a bucket with a handler that hears of its objects, and a stream.
const MORE: &str = r#"
#[resource]
pub static FILES: Bucket = Bucket::new("files");

#[on_created(FILES)]
async fn noticed(event: ObjectCreated) -> Result<()> {
    println!("noticed {}", event.key);
    READINGS.append("a", &event.key).await?;
    Ok(())
}

#[on_deleted(FILES)]
async fn missed(event: ObjectDeleted) -> Result<()> {
    println!("missed {}", event.key);
    Ok(())
}

#[resource]
pub static READINGS: Stream<String> = Stream::new("readings");

#[stream_consumer(READINGS)]
async fn follow(reading: String) -> Result<()> {
    println!("followed {reading}");
    Ok(())
}

ifc::main!();
"#;

#[test]
fn objects_and_records_of_a_running_application_are_operated() {
    let project = NewProject::make("dev-objects", "worker");
    let source = project.read("src/main.rs").replace("ifc::main!();", MORE);
    project.write("src/main.rs", &source);
    let errors = run(&mut project.ifc(&["bucket", "ls", "files"])).failure(1);
    assert!(errors.contains("the application does not run"), "{errors}");

    let mut dev = Running::start(&mut project.ifc(&["dev", "--port", "0"]));
    dev.wait_until_it_runs();
    let text = run(&mut project.ifc(&["bucket", "ls", "files"])).success();
    assert_eq!(text, "no objects\n");

    // Larger than what a control endpoint takes.
    let large = "x".repeat(6_000_000);
    project.write("large.txt", &large);
    let put = ["bucket", "put", "files", "in/large é.txt", "large.txt"];
    run(&mut project.ifc(&put)).success();
    dev.wait_for("noticed in/large é.txt");
    dev.wait_for("followed in/large é.txt");
    let put = [
        "bucket",
        "put",
        "files",
        "a",
        "-",
        "--content-type",
        "text/plain",
    ];
    run_with(&mut project.ifc(&put), "small").success();
    dev.wait_for("followed a");

    let text = run(&mut project.ifc(&["bucket", "ls", "files", "--folders"])).success();
    assert!(text.starts_with("a    5 bytes  20"), "{text}");
    assert!(
        text.lines().nth(1).is_some_and(|line| line.trim() == "in/"),
        "{text}"
    );
    let list = ["bucket", "ls", "files", "in/", "--json"];
    let list: Value = serde_json::from_str(&run(&mut project.ifc(&list)).success()).unwrap();
    assert_eq!(list["objects"][0]["key"], "in/large é.txt");
    assert_eq!(list["objects"][0]["size"], 6_000_000);
    let first = run(&mut project.ifc(&["bucket", "ls", "files", "-n", "1"]));
    let cursor = first.errors.split("--cursor ").nth(1).unwrap();
    let cursor = cursor.split('`').next().unwrap().to_owned();
    let next = ["bucket", "ls", "files", "-n", "1", "--cursor", &cursor];
    let next = run(&mut project.ifc(&next)).success();
    assert!(next.starts_with("in/large"), "{next}");

    let text = run(&mut project.ifc(&["bucket", "get", "files", "a"])).success();
    assert_eq!(text, "small");
    let get = ["bucket", "get", "files", "in/large é.txt", "copy.txt"];
    run(&mut project.ifc(&get)).success();
    assert_eq!(project.read("copy.txt"), large);
    assert!(!project.path.join("copy.txt.part").exists());

    run(&mut project.ifc(&["bucket", "rm", "files", "a"])).success();
    dev.wait_for("missed a");
    for (arguments, expected) in [
        (
            ["bucket", "rm", "files", "a"],
            "there is no object `a` in bucket `files`",
        ),
        (
            ["bucket", "get", "files", "a"],
            "there is no object `a` in bucket `files`",
        ),
        (["bucket", "get", "file", "a"], "did you mean `files`?"),
        (["bucket", "ls", "files", "/a"], "the prefix `/a` "),
    ] {
        let errors = run(&mut project.ifc(&arguments)).failure(2);
        assert!(errors.contains(expected), "{errors}");
    }
    let bad = ["bucket", "put", "files", "a//b", "large.txt"];
    let errors = run(&mut project.ifc(&bad)).failure(2);
    assert!(errors.contains("the key `a//b` "), "{errors}");

    // Both records once more; then none, from now on.
    let text = run(&mut project.ifc(&["stream", "replay", "follow", "--from", "1h"])).success();
    assert_eq!(text, "2 records from here on to `follow`\n");
    dev.wait_for("followed in/large é.txt");
    dev.wait_for("followed a");
    let from = [
        "stream",
        "replay",
        "follow",
        "--from",
        "2100-01-01T00:00:00Z",
        "--json",
    ];
    let answer: Value = serde_json::from_str(&run(&mut project.ifc(&from)).success()).unwrap();
    assert_eq!(answer["records"], 0);
    let errors = run(&mut project.ifc(&["stream", "replay", "noticed", "--from", "1h"])).failure(2);
    assert!(
        errors.contains("is not a unit that consumes a stream"),
        "{errors}"
    );
    dev.interrupt();
}
