//! The promises of a state store, on every store that we have: the suite, and what a network and
//! a cloud add to it.
#![allow(clippy::unwrap_used)]

mod clouds;

use clouds::{Cloud, azurite, google, ministack};
use ifc_conformance::{OpenStore, try_store};
use ifc_emulators::{Fault, Proxy, Skipped};
use ifc_engine::{Precondition, StateStore, StoreError, StoreErrorKind};
use ifc_state::{Credentials, FolderStore, Location};
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_keeps_its_promises() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("größe der Welt");
    let open: OpenStore = Arc::new(move |name| Arc::new(FolderStore::new(root.join(name))));
    try_store("a folder", open).await.check();
}

async fn keeps_its_promises(cloud: &Cloud) {
    let location: Location = cloud.location(&cloud.endpoint).parse().unwrap();
    let credentials = cloud.credentials.clone();
    // Two handles each, in turn: to open one costs reading all root certificates.
    let handles: Mutex<HashMap<String, [Arc<dyn StateStore>; 2]>> = Mutex::default();
    let open: OpenStore = Arc::new(move |name| {
        let open = || {
            let within = location.within(name).unwrap();
            within.open(&credentials).unwrap()
        };
        let mut handles = handles.lock().unwrap();
        let handles = handles
            .entry(name.to_owned())
            .or_insert_with(|| [open(), open()]);
        handles.swap(0, 1);
        Arc::clone(&handles[0])
    });
    try_store(cloud.name, open).await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_keeps_its_promises() {
    match ministack().await {
        Ok(cloud) => keeps_its_promises(&cloud).await,
        Err(skipped) => skipped.report("state on S3"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn azure_keeps_its_promises() {
    match azurite().await {
        Ok(cloud) => keeps_its_promises(&cloud).await,
        Err(skipped) => skipped.report("state on Azure Blob"),
    }
}

/// No package of PyPI or npm emulates the preconditions of Google's XML API, so that a model of
/// ours, by its documentation, has to do; and it is said that nothing independent was asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn google_keeps_its_promises_as_documented() {
    keeps_its_promises(&google().await).await;
    Skipped::new("no package of PyPI or npm emulates its conditional writes; only a model of ours")
        .report("state on Google Cloud Storage");
}

fn causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// What is lost on the way is reported as what it is, and reading resolves it.
async fn survives_the_network(cloud: &Cloud) {
    let proxy = Proxy::start(cloud.port);
    let open = |endpoint: &str| {
        let location: Location = cloud.location(endpoint).parse().unwrap();
        location
            .within("network")
            .unwrap()
            .open(&cloud.credentials)
            .unwrap()
    };
    let store = open(&proxy.endpoint());
    let direct = open(&cloud.endpoint);

    proxy.fail_next("PUT", Fault::LoseRequest);
    let error = store.put("state", b"1", &Precondition::Absent).await;
    let error = error.unwrap_err();
    assert!(error.is_uncertain() && proxy.met(), "{}", causes(&error));
    assert_eq!(direct.get("state").await.unwrap(), None);

    proxy.fail_next("PUT", Fault::LoseAnswer);
    let error = store.put("state", b"1", &Precondition::Absent).await;
    let error = error.unwrap_err();
    assert!(error.is_uncertain() && proxy.met(), "{}", causes(&error));
    let written = store.get("state").await.unwrap().unwrap();
    assert_eq!(written.bytes, b"1");
    let error = store.put("state", b"1", &Precondition::Absent).await;
    assert!(error.unwrap_err().is_conflict());

    let matches = Precondition::Matches(written.version);
    proxy.fail_next("PUT", Fault::LoseAnswer);
    let error = store.put("state", b"2", &matches).await.unwrap_err();
    assert!(error.is_uncertain() && proxy.met(), "{}", causes(&error));
    let written = store.get("state").await.unwrap().unwrap();
    assert_eq!(written.bytes, b"2");

    for (method, body) in [("GET", ""), ("PUT", "<Code>SlowDown</Code>")] {
        proxy.fail_next(method, Fault::Answer(503, "retry-after: 7", body));
        let error = match method {
            "GET" => store.get("state").await.map(drop).unwrap_err(),
            _ => store.put("state", b"3", &matches).await.unwrap_err(),
        };
        assert!(proxy.met());
        let expected = StoreErrorKind::Unavailable {
            retry_after: Some(std::time::Duration::from_secs(7)),
        };
        assert_eq!(*error.kind(), expected, "{}", causes(&error));
    }
    proxy.fail_next("PUT", Fault::Answer(500, "", "oh"));
    let error = store.put("state", b"3", &Precondition::Any).await;
    assert!(error.unwrap_err().is_uncertain() && proxy.met());
    assert_eq!(direct.get("state").await.unwrap().unwrap().bytes, b"2");

    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        proxy.fail_next("GET", fault.clone());
        let error = store.get("state").await.unwrap_err();
        assert!(error.is_unavailable() && proxy.met(), "{}", causes(&error));
        proxy.fail_next("GET", fault);
        let error = store.list("").await.unwrap_err();
        assert!(error.is_unavailable() && proxy.met(), "{}", causes(&error));
    }

    let matches = Precondition::Matches(written.version);
    proxy.fail_next("DELETE", Fault::Answer(429, "", ""));
    let error = store.delete("state", &matches).await.unwrap_err();
    assert!(error.is_unavailable() && proxy.met(), "{}", causes(&error));
    proxy.fail_next("DELETE", Fault::LoseRequest);
    let error = store.delete("state", &matches).await.unwrap_err();
    assert!(error.is_uncertain() && proxy.met(), "{}", causes(&error));
    assert!(direct.get("state").await.unwrap().is_some());
    proxy.fail_next("DELETE", Fault::LoseAnswer);
    let error = store.delete("state", &matches).await.unwrap_err();
    assert!(error.is_uncertain() && proxy.met(), "{}", causes(&error));
    assert_eq!(direct.get("state").await.unwrap(), None);

    drop(proxy);
    let error = store.put("state", b"4", &Precondition::Any).await;
    let error = error.unwrap_err();
    assert!(error.is_unavailable(), "{}", causes(&error));
    let error = store.delete("state", &Precondition::Any).await.unwrap_err();
    assert!(error.is_unavailable(), "{}", causes(&error));
}

/// What the cloud refuses, and what is in it that is none of ours.
async fn says_what_is_wrong(cloud: &Cloud) {
    let open = |location: &str, credentials: &Credentials| {
        let location: Location = location.parse().unwrap();
        location.within("wrong").unwrap().open(credentials).unwrap()
    };
    let location = cloud.location(&cloud.endpoint);
    let missing = location.replace(cloud.bucket, "no-such-place");
    let store = open(&missing, &cloud.credentials);
    for result in [
        store.get("state").await.map(drop),
        store
            .put("state", b"1", &Precondition::Absent)
            .await
            .map(drop),
        store.delete("state", &Precondition::Any).await,
        store.list("").await.map(drop),
    ] {
        let error = result.unwrap_err();
        let said = causes(&error);
        assert_eq!(*error.kind(), StoreErrorKind::Other, "{said}");
        assert!(said.contains("no-such-place"), "{said}");
    }

    let store = open(&location, &cloud.credentials);
    cloud.put_foreign("größe/wrong/state", "by hand").await;
    let error = store.get("state").await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "{}", causes(&error));
    cloud.put_foreign("größe/wrong/READ ME", "by hand").await;
    assert_eq!(store.list("").await.unwrap(), ["state"]);
    cloud.put_foreign("größe/wrong/a//b", "by hand").await;
    let error = store.list("").await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Other, "{}", causes(&error));
    assert!(causes(&error).contains("a//b"), "{}", causes(&error));

    let store = open(&location, &cloud.wrong_credentials);
    for result in [
        store.get("state").await.map(drop),
        store.put("state", b"1", &Precondition::Any).await.map(drop),
        store.delete("state", &Precondition::Any).await,
        store.list("").await.map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Denied, "{}", causes(&error));
        assert!(
            !causes(&error).contains("not-the-secret"),
            "{}",
            causes(&error)
        );
    }
}

#[tokio::test]
async fn s3_over_a_bad_network() {
    match ministack().await {
        Ok(cloud) => {
            survives_the_network(&cloud).await;
            says_what_is_wrong(&cloud).await;
        }
        Err(skipped) => skipped.report("state on S3 over a bad network"),
    }
}

#[tokio::test]
async fn google_over_a_bad_network() {
    let cloud = google().await;
    survives_the_network(&cloud).await;
    says_what_is_wrong(&cloud).await;
}

#[tokio::test]
async fn azure_over_a_bad_network() {
    match azurite().await {
        Ok(cloud) => {
            survives_the_network(&cloud).await;
            says_what_is_wrong(&cloud).await;
        }
        Err(skipped) => skipped.report("state on Azure Blob over a bad network"),
    }
}
