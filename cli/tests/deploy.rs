//! Stages from the first apply to the last destroy, on the local provider.
#![allow(clippy::unwrap_used)]

mod support;

use ifc_engine::Fingerprint;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use support::running::Running;
use support::{NewProject, run};

/// The output without what differs from machine to machine and from build to build.
fn stable(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n', '"']);
    words
        .map(|word| {
            let bare = word.trim_end_matches([' ', '\n', '"']);
            let digits = bare.strip_suffix('…').unwrap_or_default();
            let is_digest =
                digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            match is_digest {
                true => word.replace(bare, "[digest]"),
                false => word.to_owned(),
            }
        })
        .collect()
}

fn file_of(project: &NewProject, part: &str) -> PathBuf {
    project.path.join(".ifc/stages/dev/parts").join(part)
}

/// All files of this name, or in the folder of this name, in the state of the stage.
fn objects(project: &NewProject, folder: &str) -> Vec<PathBuf> {
    fn below(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => below(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    let application = project.path.file_name().unwrap();
    let stage = project
        .path
        .join(".ifc/state")
        .join(application)
        .join("dev");
    match stage.join(folder) {
        file if file.is_file() => found.push(file),
        folder => below(&folder, &mut found),
    }
    found.sort();
    found
}

#[test]
fn a_stage_from_first_to_last() {
    let project = NewProject::make("stage-life", "api");
    let ifc = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').chain(["--stage", "dev"]).collect();
        run(&mut project.ifc(&arguments))
    };
    let offline = ifc("plan --offline --json").success();
    let offline: Value = serde_json::from_str(&offline).unwrap();
    assert_eq!(offline["plan"]["changes"][0]["action"], "create");
    assert!(!project.path.join(".ifc").exists());

    insta::assert_snapshot!("stage_to_be_made", ifc("plan").success());
    assert_eq!(ifc("plan --detailed-exit-code").code, 2);
    let errors = ifc("apply").failure(2);
    assert!(
        errors.contains("there is no terminal to ask on"),
        "{errors}"
    );
    assert!(!project.path.join(".ifc").exists());

    let applied = ifc("apply --yes");
    assert!(
        applied.errors.contains("Created table `notes`"),
        "{}",
        applied.errors
    );
    let text = applied.success();
    assert!(text.contains("\napplied 5 created in "), "{text}");
    insta::assert_snapshot!("stage_with_nothing_to_do", ifc("plan").success());
    assert_eq!(ifc("plan --detailed-exit-code").code, 0);
    insta::assert_snapshot!("stage_status", stable(&ifc("status").success()));
    let status = ifc("status --json").success();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["parts"].as_array().unwrap().len(), 5);

    // Somebody's hands.
    let table = file_of(&project, "table/notes.table.json");
    let before = fs::read_to_string(&table).unwrap();
    fs::write(
        &table,
        before.replace("\"stream\": \"off\"", "\"stream\": \"new-image\""),
    )
    .unwrap();
    fs::remove_file(file_of(&project, "routes/api.routes.json")).unwrap();
    let drift = ifc("drift");
    assert_eq!(drift.code, 0);
    insta::assert_snapshot!("stage_drift", drift.output);
    assert_eq!(ifc("drift --detailed-exit-code").code, 2);
    let drift = ifc("drift --json").success();
    let drift: Value = serde_json::from_str(&drift).unwrap();
    assert_eq!(drift.as_array().unwrap().len(), 2);
    ifc("apply --yes").success();
    assert_eq!(fs::read_to_string(&table).unwrap(), before);
    assert_eq!(ifc("drift --detailed-exit-code").code, 0);

    // A change of the source, by a saved plan.
    let source = project.read("src/main.rs");
    let queue = "#[resource]\npub static MAILS: Queue<NewNote> = Queue::new(\"mails\");\n\n\
                 #[consumer(MAILS)]\nasync fn mail(_: NewNote) -> Result<()> {\n    Ok(())\n}\n\n";
    let changed = source.replace(
        "    NOTES.delete(&id).await?;\n",
        "    let new = NewNote { author: id, text: String::new() };\n    MAILS.send(&new).await?;\n",
    );
    let changed = changed.replace(
        "#[put(\"/notes/{id}\")]",
        &format!("{queue}#[put(\"/notes/{{id}}\")]"),
    );
    project.write("src/main.rs", &changed);
    let text = ifc("plan --out change.plan").success();
    insta::assert_snapshot!("stage_to_be_changed", stable(&text));
    let text = ifc("apply change.plan --yes").success();
    assert!(text.contains("\napplied "), "{text}");
    let errors = ifc("apply change.plan --yes").failure(1);
    assert!(errors.contains("the plan no longer fits"), "{errors}");
    assert!(errors.contains("it was made for state"), "{errors}");
    let errors = run(&mut project.ifc(&["apply", "change.plan", "--yes", "--stage", "other"]));
    assert!(
        errors
            .failure(2)
            .contains("is for stage `dev`, not for `other`")
    );
    let plan = project.read("change.plan");
    project.write(
        "change.plan",
        &plan.replace("\"destroy\": false", "\"destroy\": true"),
    );
    let errors = ifc("apply change.plan --yes").failure(1);
    assert!(
        errors.contains("is no plan that can be applied"),
        "{errors}"
    );
    assert!(errors.contains("its checksum does not match"), "{errors}");

    // Its data is worked on by the name of the stage.
    project.write("mail.json", "{\"author\": \"ada\", \"text\": \"\"}");
    ifc("invoke mail --event mail.json").success();
    let data = project.path.join(".ifc/stages/dev/data");
    assert!(data.exists() && !project.path.join(".ifc/local").exists());
    assert_eq!(ifc("queue peek mails").success(), "empty\n");
    let errors = run(&mut project.ifc(&["queue", "peek", "mails", "--stage", "other"]));
    let errors = errors.failure(1);
    assert!(
        errors.contains("nothing is deployed to stage `other`"),
        "{errors}"
    );
    let errors = run(&mut project.ifc(&["secret", "list", "--provider", "local"])).failure(2);
    assert!(errors.contains("--stage"), "{errors}");

    // The end: what is retained stays until told otherwise.
    let text = ifc("destroy --yes").success();
    assert!(
        text.contains("kept though nothing needs it\n  table `notes`\n"),
        "{text}"
    );
    assert!(table.exists());
    let errors = ifc("destroy --yes --delete note").failure(2);
    assert!(errors.contains("did you mean `notes`?"), "{errors}");
    ifc("destroy --yes --delete notes").success();
    assert!(!table.exists());
    // Whoever does not know whether it came to its end says it again.
    let again = ifc("destroy --yes --delete notes --delete notes/table");
    let told = again.errors.clone();
    again.success();
    for name in ["notes", "notes/table"] {
        let warning = format!("`--delete {name}` agrees to nothing");
        assert!(told.contains(&warning), "{told}");
    }
    let errors = ifc("destroy --yes --delete note").failure(2);
    assert!(errors.contains("did you mean `notes`?"), "{errors}");
    assert_eq!(ifc("state show").success(), "nothing is recorded\n");
    let status = ifc("status").success();
    assert!(!status.contains("program"), "{status}");
    assert_eq!(project.read(".ifc/.gitignore"), "*\n");
}

#[test]
fn interrupted_and_at_once() {
    let project = NewProject::make("stage-race", "api");
    let ifc = |arguments: &[&str]| project.ifc(&[arguments, &["--stage", "dev"]].concat());
    run(&mut ifc(&["plan", "--offline"])).success();

    // Killed as soon as it has said what it intends.
    let mut apply = ifc(&["apply", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while objects(&project, "journal").is_empty() {
        assert!(apply.try_wait().unwrap().is_none(), "it writes no journal");
        std::thread::yield_now();
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    let killed = run(&mut ifc(&["unlock"]));
    let text = killed.success();
    assert!(
        text.contains("that process has ended") || text.contains("is not locked"),
        "{text}"
    );
    run(&mut ifc(&["apply", "--yes"])).success();
    let plan = run(&mut ifc(&["plan", "--detailed-exit-code"]));
    assert_eq!(plan.code, 0, "{}", plan.output);

    // Two at once: each does it, or says that the other has.
    fs::remove_file(file_of(&project, "routes/api.routes.json")).unwrap();
    let applies = [(); 2].map(|()| {
        let mut command = ifc(&["apply", "--yes"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    let mut succeeded = 0;
    for apply in applies {
        let output = apply.wait_with_output().unwrap();
        match output.status.success() {
            true => succeeded += 1,
            false => {
                let errors = String::from_utf8(output.stderr).unwrap();
                assert!(errors.contains("the plan no longer fits"), "{errors}");
            }
        }
    }
    assert!(succeeded > 0);
    let plan = run(&mut ifc(&["plan", "--detailed-exit-code"]));
    assert_eq!(plan.code, 0, "{}", plan.output);

    // What is recorded, mended by hand.
    let errors = run(&mut ifc(&["state", "rm", "note/table"])).failure(2);
    assert!(errors.contains("did you mean `notes/table`?"), "{errors}");
    run(&mut ifc(&["state", "mv", "notes/table", "memos/table"])).success();
    let shown = run(&mut ifc(&["state", "show", "memos", "--json"])).success();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["parts"][0]["address"], "memos/table");
    let text = run(&mut ifc(&["plan"])).success();
    assert!(
        text.contains("rename table `notes`: it was `memos/table`"),
        "{text}"
    );
    run(&mut ifc(&["state", "rm", "memos/table"])).success();
    let text = run(&mut ifc(&["apply", "--yes"])).success();
    assert!(text.contains("1 adopted"), "{text}");
}

#[test]
fn who_holds_a_stage_is_told() {
    let project = NewProject::make("stage-held", "api");
    let ifc = |arguments: &[&str]| project.ifc(&[arguments, &["--stage", "dev"]].concat());
    run(&mut ifc(&["apply", "--yes"])).success();

    // An apply that stands still in the middle, and is not dead. One that was too fast is done
    // again.
    let (mut held, status) = loop {
        let _ = fs::remove_file(file_of(&project, "program/application.program.json"));
        let before = objects(&project, "journal");
        let mut apply = ifc(&["apply", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while objects(&project, "journal") == before && apply.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let apply = Ended(apply);
        signal(&apply.0, Signal::STOP);
        let status = run(&mut ifc(&["status", "--json"])).success();
        let status: Value = serde_json::from_str(&status).unwrap();
        // Nor one that stands still in the middle of a write: nobody else could write then.
        let writing = File::open(objects(&project, "~lock").pop().unwrap()).unwrap();
        if status["holder"]["process"] == apply.0.id() && writing.try_lock().is_ok() {
            break (apply, status);
        }
    };
    assert_eq!(status["holder"]["command"], "ifc apply");

    // Another one waits, says for whom, and can be stopped.
    fs::remove_file(file_of(&project, "routes/api.routes.json")).unwrap();
    let mut waiting = Running::start(&mut ifc(&["apply", "--yes"]));
    waiting.wait_for(&format!("process {}, which runs `ifc apply`", held.0.id()));
    waiting.signal(Signal::INT);
    waiting.wait_for("stopped before anything was done");
    assert_eq!(waiting.ended(), Some(1));

    // A lock that may be in use is broken only when the user says so.
    let unlock = run(&mut ifc(&["unlock"]));
    if status["holder"]["runs"].is_boolean() {
        assert_eq!(status["holder"]["runs"], true);
        assert!(
            unlock.output.contains("that process runs"),
            "{}",
            unlock.output
        );
    }
    assert!(unlock.failure(2).contains("may still run"));
    let unlocked = run(&mut ifc(&["unlock", "--yes"]));
    assert!(unlocked.errors.contains("Unlocked"), "{}", unlocked.errors);
    run(&mut ifc(&["apply", "--yes"])).success();

    // The one that stood still finds out, and changes nothing more.
    signal(&held.0, Signal::CONT);
    held.0.wait().unwrap();
    let plan = run(&mut ifc(&["plan", "--detailed-exit-code"]));
    assert_eq!(plan.code, 0, "{}\n{}", plan.output, plan.errors);
}

/// A process that is ended with the test, even one that stands still.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    // It may have ended, and is not waited for yet.
    kill_process(pid, signal).unwrap();
}

#[test]
fn what_cannot_be_is_said() {
    let project = NewProject::make("stage-bad", "api");
    let ifc = |arguments: &str| run(&mut project.ifc(&arguments.split(' ').collect::<Vec<_>>()));
    let errors = ifc("status --stage Prod").failure(2);
    assert!(errors.contains("`Prod` is no stage name"), "{errors}");
    let errors = ifc("status --provider locl").failure(2);
    assert!(errors.contains("did you mean `local`?"), "{errors}");
    let errors = ifc("plan --rename orders").failure(2);
    assert!(errors.contains("`--rename OLD=NEW`"), "{errors}");
    let errors = ifc("plan --detailed-exit-code --jsno").failure(1);
    assert!(errors.contains("--json"), "{errors}");
    let errors = ifc("apply no.plan --yes").failure(1);
    assert!(
        errors.contains("cannot read the plan `no.plan`"),
        "{errors}"
    );
    assert_eq!(
        ifc("unlock --stage dev").success(),
        "stage `dev` is not locked\n"
    );
    let errors = ifc("serve --stage dev").failure(1);
    assert!(errors.contains("`ifc apply --stage dev`"), "{errors}");
    assert!(!project.path.join(".ifc").exists());

    let settings = "[stages.dev]\nprotct = true\nunit.api.memory_mb = 'much'\n";
    project.write("ifc.toml", settings);
    insta::assert_snapshot!(
        "settings_not_understood",
        ifc("plan --stage dev").failure(1)
    );
    project.write("ifc.toml", "[stages.dev.table.note]\nprotect = true\n");
    let errors = ifc("plan --stage dev --offline").failure(1);
    assert!(
        errors.contains("the application has no table `note`"),
        "{errors}"
    );
    assert!(errors.contains("ifc.toml:1:19"), "{errors}");

    // State where none can be written.
    project.write("ifc.toml", "state = 'notes.txt'\n");
    project.write("notes.txt", "mine");
    let errors = ifc("apply --stage dev --yes").failure(1);
    assert!(errors.contains("notes.txt"), "{errors}");
    assert_eq!(project.read("notes.txt"), "mine");

    let settings = "[stages.dev]\nprotect = true\nunit.api.memory_mb = 1024\n";
    project.write("ifc.toml", settings);
    ifc("apply --stage dev --yes").success();
    let shown = ifc("state show api/unit --stage dev").success();
    assert!(shown.contains("memory_mb  1024"), "{shown}");
    let shown = ifc("state show notes --stage dev").success();
    assert!(shown.contains("lifecycle  protected"), "{shown}");

    // State that a newer version wrote, then one that is damaged.
    let snapshot = objects(&project, "state").pop().unwrap();
    let good = fs::read_to_string(&snapshot).unwrap();
    let (header, rest) = good.split_once('\n').unwrap();
    let body = rest.split_once('\n').unwrap().0;
    let checksum = Fingerprint::of(format!("ifc-state 99\n{body}").as_bytes());
    let mut newer: Value = serde_json::from_str(header).unwrap();
    newer["version"] = 99.into();
    newer["checksum"] = checksum.as_str().into();
    fs::write(&snapshot, format!("{newer}\n{rest}")).unwrap();
    let errors = ifc("plan --stage dev").failure(1);
    assert!(
        errors.contains("written by a newer version of `ifc`"),
        "{errors}"
    );

    fs::write(&snapshot, good.replace("\"serial\":1", "\"serial\":2")).unwrap();
    for journal in objects(&project, "journal") {
        fs::remove_file(journal).unwrap();
    }
    let errors = ifc("apply --stage dev --yes").failure(1);
    assert!(errors.contains("is damaged"), "{errors}");
    assert!(errors.contains("nothing was changed"), "{errors}");
    fs::write(&snapshot, good).unwrap();
    assert_eq!(ifc("plan --stage dev --detailed-exit-code").code, 0);
}

#[test]
fn what_is_deployed_is_served() {
    let project = NewProject::make("stage-served", "api");
    let ifc = |arguments: &[&str]| project.ifc(&[arguments, &["--stage", "dev"]].concat());
    run(&mut ifc(&["apply", "--yes"])).success();
    let mut serve = Running::start(&mut ifc(&["serve", "--port", "0"]));
    let address = serve.wait_until_it_runs();
    let note = r#"{"author":"ada","text":"buy milk"}"#;
    let put = ureq::put(format!("{address}/notes/n-1")).content_type("application/json");
    assert_eq!(put.send(note).unwrap().status(), 200);

    // Another program takes its place on the same data.
    let source = project.read("src/main.rs");
    let more = r#"
        #[resource]
        static LIMIT: Config<u32> = Config::new("limit").default_json("20");

        #[get("/limit")]
        async fn limit() -> Result<Json<u32>> {
            Ok(Json(LIMIT.get().await?))
        }

        #[get("/never")]
        async fn never() -> &'static str {
            std::future::pending().await
        }
    "#;
    project.write("src/main.rs", &(source + more));
    run(&mut ifc(&["apply", "--yes"])).success();
    serve.wait_for("another program was deployed");
    let address = serve.wait_until_it_runs();
    let mut answer = ureq::get(format!("{address}/notes/n-1")).call().unwrap();
    assert!(
        answer
            .body_mut()
            .read_to_string()
            .unwrap()
            .contains("buy milk")
    );
    let get = |address: &str, path: &str| {
        let agent = ureq::Agent::new_with_config(
            ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build(),
        );
        let mut answer = agent.get(format!("{address}{path}")).call().unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), body)
    };
    assert_eq!(get(&address, "/limit"), (200, "20".to_owned()));

    // The same program, set otherwise.
    let settings = "[stages.dev]\nconfig.limit = 50\nunit.api.timeout_seconds = 1\n";
    project.write("ifc.toml", settings);
    run(&mut ifc(&["apply", "--yes"])).success();
    serve.wait_for("the settings of units or configuration values");
    let address = serve.wait_until_it_runs();
    assert_eq!(get(&address, "/limit"), (200, "50".to_owned()));
    assert_eq!(get(&address, "/never").0, 504);

    run(&mut ifc(&["destroy", "--yes", "--delete", "notes"])).success();
    serve.wait_for("the stage was destroyed");
    assert_eq!(serve.ended(), Some(0));
}
