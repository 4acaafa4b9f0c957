//! The command's own words: help, usage errors, completions. Nothing is built here.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{ifc, run};

fn help(arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    run(ifc(directory.path()).args(arguments).arg("--help")).success()
}

#[test]
fn help_of_everything() {
    let commands: [&[&str]; 30] = [
        &[],
        &["new"],
        &["dev"],
        &["check"],
        &["graph"],
        &["build"],
        &["emit"],
        &["policy"],
        &["plan"],
        &["apply"],
        &["destroy"],
        &["status"],
        &["drift"],
        &["serve"],
        &["state", "show"],
        &["state", "mv"],
        &["state", "rm"],
        &["unlock"],
        &["invoke"],
        &["logs"],
        &["queue"],
        &["queue", "peek"],
        &["queue", "redrive"],
        &["secret", "set"],
        &["secret", "list"],
        &["config", "set"],
        &["local", "status"],
        &["local", "reset"],
        &["doctor"],
        &["completions"],
    ];
    let text: String = commands
        .iter()
        .map(|command| format!("$ ifc {} --help\n{}\n", command.join(" "), help(command)))
        .collect();
    insta::assert_snapshot!(text);
}

#[test]
fn what_does_not_exist_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let failure = |arguments: &[&str]| run(ifc(directory.path()).args(arguments)).failure(2);
    assert!(failure(&["chekc"]).contains("a similar subcommand exists: 'check'"));
    assert!(failure(&["check", "--jsno"]).contains("a similar argument exists: '--json'"));
    assert!(
        failure(&["graph", "--format", "sgv"])
            .contains("[possible values: text, json, mermaid, dot, svg]")
    );
    assert!(failure(&["check"]).contains("could not find `Cargo.toml`"));
    assert!(failure(&["check", "-C", "nowhere"]).contains("there is no directory `nowhere`"));
    assert!(
        failure(&["new", "My_Shop"]).contains("`My_Shop` cannot be the name of an application")
    );
    // A secret on the command line would be in the shell's history.
    failure(&["secret", "set", "key", "--value", "k-123"]);
}

#[test]
fn new_does_not_touch_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop/notes.txt");
    fs::create_dir(directory.path().join("shop")).unwrap();
    fs::write(&file, "mine").unwrap();
    let errors = run(ifc(directory.path()).args(["new", "shop"])).failure(2);
    assert!(errors.contains("`shop` exists already"), "{errors}");
    assert_eq!(
        fs::read_dir(directory.path().join("shop")).unwrap().count(),
        1
    );

    fs::remove_file(&file).unwrap();
    run(ifc(directory.path()).args(["new", "shop"])).success();
    let manifest = fs::read_to_string(directory.path().join("shop/Cargo.toml")).unwrap();
    assert!(
        manifest.contains(concat!(
            "ifc = { version = \"",
            env!("CARGO_PKG_VERSION"),
            "\", default-features = false }"
        )),
        "{manifest}"
    );
}

#[test]
fn new_inside_of_a_workspace_says_so() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("Cargo.toml"),
        "[workspace]\nmembers = []\n",
    )
    .unwrap();
    let finished = run(ifc(directory.path()).args(["new", "shop"]));
    assert!(
        finished.errors.contains("add it to the `members` there"),
        "{}",
        finished.errors
    );
    finished.success();
}

#[test]
fn completions_know_the_commands() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(ifc(directory.path()).args(["completions", shell])).success();
        assert!(
            script.contains("redrive") && script.contains("no-default-features"),
            "{shell}"
        );
    }
}

#[test]
fn doctor_names_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let text = run(ifc(directory.path())
        .args(["doctor", "--port", &port])
        .env("IFC_KEY_FILE", directory.path().join("key")))
    .success();
    assert!(text.contains(&format!("{port} cannot be used")), "{text}");
    assert!(
        text.contains("choose another one with `ifc dev --port`"),
        "{text}"
    );
    assert!(text.contains("choose one with `-C DIR`"), "{text}");

    let text = run(ifc(directory.path())
        .args(["doctor"])
        .env("RUSTC", "/nonexistent"))
    .failure(1);
    assert!(text.is_empty(), "{text}");
}

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let directory = tempfile::tempdir().unwrap();
    let errors = |color: &str| {
        run(ifc(directory.path()).args(["check", "--color", color, "-C", "nowhere"])).errors
    };
    assert!(!errors("auto").contains('\u{1b}'));
    assert!(!errors("never").contains('\u{1b}'));
    assert!(errors("always").contains("\u{1b}["));
}
