//! Stages at AWS, on an emulator: what the command line says before, meanwhile and afterwards.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used)]

mod support;

use ifc_emulators::{Emulator, MiniStack};
use serde_json::Value;
use std::process::Command;
use support::{Finished, NewProject, run, run_with};

const REGION: &str = "us-east-1";
/// Twelve digits as a key are an account's root user, for the emulator.
const ACCOUNT: &str = "123456789012";

/// The command without whoever the runner of the tests is at AWS.
fn nobody(command: &mut Command) -> &mut Command {
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(variable);
    }
    command
        .env("AWS_CONFIG_FILE", "/nonexistent/config")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // Nobody runs what is built here for long.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
}

fn somebody<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    nobody(command)
        .env("AWS_REGION", REGION)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "any")
}

fn emulator(what: &str) -> Option<Emulator> {
    match MiniStack::default().start() {
        Ok(emulator) => Some(emulator),
        Err(skipped) => {
            skipped.report(what);
            None
        }
    }
}

/// A request to S3 as the root user, whose signature the emulator does not check.
fn s3(emulator: &Emulator, path: &str, body: &str) {
    let credential = format!("{ACCOUNT}/20260101/{REGION}/s3/aws4_request");
    let answer = ureq::put(format!("{}/{path}", emulator.endpoint()))
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
        )
        .send(body)
        .unwrap();
    assert!(answer.status().is_success());
}

#[test]
fn without_a_way_to_aws_nothing_is_built() {
    let project = NewProject::make("aws-nobody", "worker");
    let plan = ["plan", "--provider", "aws", "--stage", "dev"];
    let errors = run(nobody(&mut project.ifc(&plan))).failure(1);
    assert!(
        errors.contains("no region of AWS is configured"),
        "{errors}"
    );
    assert!(
        errors.contains("`region` for the stage in `ifc.toml`"),
        "{errors}"
    );

    project.write("ifc.toml", "provider = 'aws'\nregion = 'eu-south-1'\n");
    let errors = run(nobody(&mut project.ifc(&["plan", "--stage", "dev"]))).failure(1);
    assert!(
        errors.contains("there are no credentials for AWS"),
        "{errors}"
    );
    assert!(errors.contains("aws sso login"), "{errors}");

    let endpoint = "http://127.0.0.1:9";
    let errors = run(somebody(&mut project.ifc(&plan), endpoint)).failure(1);
    assert!(
        errors.contains("`http://127.0.0.1:9` cannot be reached"),
        "{errors}"
    );
    assert!(!errors.contains("Compiling"), "{errors}");

    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", &manifest.replace("aws = [\"ifc/aws\"]\n", ""));
    let errors = run(&mut project.ifc(&["build"])).failure(1);
    assert!(
        errors.contains("package `aws-nobody` has no cargo feature that builds it for aws"),
        "{errors}"
    );
    assert!(errors.contains("aws = [\"ifc/aws\"]"), "{errors}");
    let errors = run(&mut project.ifc(&["build", "--provider", "local"])).failure(2);
    assert!(errors.contains("as cargo builds it"), "{errors}");
    let errors = run(&mut project.ifc(&["logs", "--stage", "dev", "--provider", "local"]));
    assert!(errors.failure(2).contains("keeps no logs"));
}

#[test]
fn state_is_kept_where_it_is_safe_or_not_at_all() {
    let Some(emulator) = emulator("buckets for state") else {
        return;
    };
    let project = NewProject::make("aws-state", "worker");
    let status = || {
        let status = ["status", "--provider", "aws", "--stage", "dev"];
        run(somebody(&mut project.ifc(&status), &emulator.endpoint()))
    };
    let bucket = format!("ifc-state-{ACCOUNT}-{REGION}");
    let text = status().success();
    assert!(text.contains("nothing was ever applied"), "{text}");
    assert!(
        text.contains(&format!("s3://{bucket}/aws-state/dev")),
        "{text}"
    );

    project.write("ifc.toml", "account = '210987654321'\n");
    let errors = status().failure(1);
    assert!(
        errors.contains("`ifc.toml` says that it is in account 210987654321"),
        "{errors}"
    );

    project.write("ifc.toml", "state = 's3://company-state/ifc'\n");
    let errors = status().failure(1);
    assert!(
        errors.contains("there is no bucket `company-state`"),
        "{errors}"
    );
    s3(&emulator, "company-state", "");
    let errors = status().failure(1);
    assert!(
        errors.contains("the bucket `company-state` for the state does not block public access"),
        "{errors}"
    );
    let block = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
                 <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true\
                 </BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>\
                 </PublicAccessBlockConfiguration>";
    s3(&emulator, "company-state?publicAccessBlock", block);
    status().success();

    // Somebody was faster with the name.
    project.write("ifc.toml", "");
    s3(&emulator, &bucket, "");
    let errors = status().failure(1);
    assert!(errors.contains("was not made by `ifc`"), "{errors}");
    let doctor = run(somebody(
        &mut project.ifc(&["doctor", "--emulator", "aws"]),
        &emulator.endpoint(),
    ));
    let text = doctor.success();
    assert!(
        text.contains("something answers at http://127.0.0.1"),
        "{text}"
    );
    let doctor = run(nobody(&mut project.ifc(&["doctor", "--emulator", "aws"])));
    assert!(doctor.success().contains("ministack/bin/pip install"));
}

#[test]
fn a_stage_at_aws_from_first_to_last() {
    let project = NewProject::make("aws-life", "worker");
    let offline = [
        "plan",
        "--offline",
        "--json",
        "--provider",
        "aws",
        "--stage",
        "dev",
    ];
    let plan = run(nobody(&mut project.ifc(&offline))).success();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["plan"]["changes"][0]["action"], "create");

    let first = run(nobody(&mut project.ifc(&["build", "--json"]))).success();
    let second = run(nobody(&mut project.ifc(&["build", "--json"]))).success();
    assert_eq!(first, second);
    let built: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(built["platform"]["architecture"], "x86_64");
    assert_eq!(built["units"].as_array().unwrap().len(), 3);

    let Some(emulator) = emulator("a stage at AWS from first to last") else {
        return;
    };
    let endpoint = emulator.endpoint();
    let command = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let stage = ["--provider", "aws", "--stage", "dev"];
        let mut command = project.ifc(&[&arguments[..], &stage].concat());
        somebody(&mut command, &endpoint);
        command
    };
    let ifc = |arguments: &str| -> Finished { run(&mut command(arguments)) };

    let errors = ifc("queue peek jobs").failure(1);
    assert!(
        errors.contains("nothing is deployed to stage `dev`"),
        "{errors}"
    );
    let text = ifc("plan").success();
    let bucket = format!("the state will be kept in a new bucket `ifc-state-{ACCOUNT}-{REGION}`");
    assert!(text.contains(&bucket), "{text}");
    assert!(text.contains("+ unit `work`"), "{text}");
    let text = ifc("apply --yes").success();
    assert!(text.contains("\napplied "), "{text}");
    assert!(!ifc("plan").success().contains(&bucket));
    let status: Value = serde_json::from_str(&ifc("status --json").success()).unwrap();
    let parts = status["parts"].as_array().unwrap();
    assert!(
        parts.iter().all(|part| part["standing"] == "present"),
        "{parts:?}"
    );

    // Operated by its names.
    let job = |text: &str| {
        let mut invoke = command("invoke submit --event -");
        run_with(&mut invoke, text).success()
    };
    job(r#"{ "id": "j-1", "amount": 4 }"#);
    job(r#"{ "id": "j-2", "amount": 0 }"#);
    let wait = |arguments: &str, expected: &str| loop {
        let text = ifc(arguments).success();
        if text.contains(expected) {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    wait("logs work --since 1h", "done job=j-1 result=10");
    let letters = wait("queue peek jobs --dead", "a job has an amount");
    assert!(letters.contains("\"id\":\"j-2\""), "{letters}");
    assert_eq!(
        ifc("queue redrive jobs").success(),
        "1 dead letter put back\n"
    );
    wait("queue peek jobs --dead", "a job has an amount");
    let errors = ifc("queue peek job").failure(2);
    assert!(errors.contains("did you mean `jobs`?"), "{errors}");
    assert_eq!(ifc("secret list").success(), "no secrets\n");

    // Elsewhere is not where it is.
    let mut other = command("status");
    let errors = run(other.env("AWS_ACCESS_KEY_ID", "210987654321")).success();
    assert!(errors.contains("nothing was ever applied"), "{errors}");
    project.write(
        "ifc.toml",
        &format!(
            "state = 's3://ifc-state-{ACCOUNT}-{REGION}?region={REGION}&endpoint={endpoint}'\n"
        ),
    );
    let mut other = command("status");
    let errors = run(other.env("AWS_REGION", "eu-west-1")).failure(1);
    assert!(
        errors.contains("was deployed to region us-east-1"),
        "{errors}"
    );
    project.write("ifc.toml", "");

    // Other tools' forms.
    let template = ifc("emit --format cloudformation").success();
    let template: Value = serde_json::from_str(&template).unwrap();
    assert!(template["Resources"].as_object().unwrap().len() > 10);
    let terraform = ifc("emit --format terraform --import").success();
    let terraform: Value = serde_json::from_str(&terraform).unwrap();
    assert!(
        terraform["import"]
            .as_array()
            .is_some_and(|import| !import.is_empty())
    );
    ifc("emit --format cloudformation --import").failure(2);
    let policy: Value = serde_json::from_str(&ifc("policy").success()).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");

    ifc("destroy --yes").success();
    let text = ifc("destroy --yes --delete results").success();
    assert!(text.contains("deleted"), "{text}");
    assert_eq!(ifc("state show").success(), "nothing is recorded\n");
}
