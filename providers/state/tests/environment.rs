//! What is asked of the environment, and what is said when it has no answer.
//!
//! A process has one environment, so each case runs in a child: this test program again.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use ifc_engine::{Precondition, StoreError};
use ifc_state::{Credentials, Location};
use std::error::Error;
use std::net::TcpListener;
use std::process::Command;

/// Names the location to the child.
const LOCATION: &str = "IFC_STATE_TEST_LOCATION";

#[test]
#[ignore = "a child of the other tests"]
fn child_that_opens_and_writes() {
    let Ok(location) = std::env::var(LOCATION) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let location: Location = location.parse().unwrap();
    let result = match location.open(&Credentials::default()) {
        Err(error) => Err(error),
        Ok(store) => runtime.block_on(store.put("state", b"x", &Precondition::Any)),
    };
    println!("said: {}", describe(&result.unwrap_err()));
}

fn describe(error: &StoreError) -> String {
    let mut text = format!("{:?}: {error}", error.kind());
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text.replace('\n', " ")
}

/// What a child says that has these variables and no others.
fn said(location: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_opens_and_writes", "--ignored"])
        .arg("--nocapture")
        .env_clear()
        .env(LOCATION, location)
        .env("HOME", "/nonexistent")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text
        .split_once("said: ")
        .map(|(_, rest)| rest.lines().next());
    said.flatten()
        .unwrap_or_else(|| panic!("{output:?}"))
        .to_owned()
}

/// An address of this machine at which nobody answers.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("127.0.0.1:{}", listener.local_addr().unwrap().port())
}

#[test]
fn without_credentials_it_is_said_where_they_could_be() {
    let nobody = nobody();
    let location = format!("s3://state?region=eu-south-1&endpoint=https://{nobody}");
    let metadata = format!("http://{nobody}");
    let text = said(&location, &[("AWS_METADATA_ENDPOINT", &metadata)]);
    assert!(text.starts_with("Denied: "), "{text}");
    assert!(
        text.contains("no credentials were found: set `AWS_ACCESS_KEY_ID`"),
        "{text}"
    );
}

#[test]
fn a_profile_is_not_silently_another_account() {
    let text = said("s3://state?region=eu-south-1", &[("AWS_PROFILE", "work")]);
    assert!(
        text.contains("`AWS_PROFILE` is set, and profiles are not read here"),
        "{text}"
    );
    assert!(text.contains("aws configure export-credentials"), "{text}");
}

#[test]
fn a_region_is_not_guessed() {
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let text = said("s3://state", &keys);
    assert!(text.starts_with("Other: "), "{text}");
    assert!(
        text.contains("write `?region=…` after the bucket"),
        "{text}"
    );
}

#[test]
fn credentials_of_the_environment_are_used_and_not_shown() {
    let location = format!("s3://state?endpoint=https://{}", nobody());
    let text = said(
        &location,
        &[
            ("AWS_REGION", "eu-south-1"),
            ("AWS_ACCESS_KEY_ID", "the-key-id"),
            ("AWS_SECRET_ACCESS_KEY", "the-secret"),
            ("AWS_SESSION_TOKEN", "the-token"),
        ],
    );
    // They were found, so that the next thing to fail is the connection, over TLS.
    assert!(
        text.starts_with("Unavailable { retry_after: None }: "),
        "{text}"
    );
    assert!(
        !text.contains("the-secret") && !text.contains("the-token"),
        "{text}"
    );
}

#[test]
fn a_file_with_credentials_that_cannot_be_read_is_named() {
    let file = "/nonexistent/key.json";
    let text = said("gs://state", &[("GOOGLE_APPLICATION_CREDENTIALS", file)]);
    assert!(text.contains(file), "{text}");
}

#[test]
fn what_was_given_is_not_shown() {
    use object_store::StaticCredentialProvider;
    use object_store::gcp::GcpCredential;
    let credentials = Credentials {
        gcp: Some(std::sync::Arc::new(StaticCredentialProvider::new(
            GcpCredential {
                bearer: "the-token".to_owned(),
            },
        ))),
        ..Credentials::default()
    };
    let text = format!("{credentials:?}");
    assert_eq!(text, "Credentials { aws: false, gcp: true, azure: false }");
}
