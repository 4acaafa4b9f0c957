//! Secrets and configuration across runs.

use crate::declare::{Manual, application, map, open, resource, target, text};
use ifc_local::Storage;
use ifc_manifest::Kind;
use ifc_manifest::format::Value;
use ifc_runtime::ErrorKind;
use ifc_runtime::config::ConfigOperations as _;
use ifc_runtime::secret::SecretOperations as _;
use std::path::Path;

fn contains(path: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(path).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test]
async fn secrets_are_kept_outside_of_what_can_be_copied() {
    let directory = tempfile::tempdir().unwrap();
    let (data, key, other) = (
        directory.path().join("data"),
        directory.path().join("key"),
        directory.path().join("other"),
    );
    let storage = |key: &Path| Storage::Directory {
        path: data.clone(),
        fsync: Default::default(),
        key_file: Some(key.to_owned()),
    };
    let generated = map([
        ("retention", text("retain")),
        ("generated_length", Value::Integer(32)),
        ("generated_charset", text("hex")),
    ]);
    let application = application(
        vec![
            resource(
                Kind::Secret,
                "payment-key",
                map([("retention", text("retain"))]),
            ),
            resource(Kind::Secret, "session-key", generated),
        ],
        Vec::new(),
    );
    let clock = Manual::at(0);
    let local = open(&application, storage(&key), &clock).unwrap();
    let error = local.read_secret(target("payment-key")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert_eq!(
        error.to_string(),
        "read on `payment-key`: secret `payment-key` has no value: set it with `ifc secret set \
         payment-key`"
    );
    let session = local.read_secret(target("session-key")).await.unwrap();
    assert_eq!(session.expose_bytes().len(), 32);
    assert_eq!(
        local
            .set_secret("payment-key", b"correct horse")
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        local
            .set_secret("payment-key", b"battery staple")
            .await
            .unwrap(),
        2
    );
    let error = local
        .set_secret("paymentkey", b"x")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean `payment-key`?"), "{error}");
    drop(local);

    for needle in [
        &b"correct horse"[..],
        b"battery staple",
        session.expose_bytes(),
    ] {
        assert!(
            !contains(&data, needle),
            "a value can be read in the data directory"
        );
    }

    let local = open(&application, storage(&key), &clock).unwrap();
    let again = local.read_secret(target("session-key")).await.unwrap();
    assert_eq!(again, session, "generated once");
    let value = local.read_secret(target("payment-key")).await.unwrap();
    assert_eq!(value.expose_bytes(), b"battery staple");
    drop(local);

    let local = open(&application, storage(&other), &clock).unwrap();
    let error = local
        .read_secret(target("payment-key"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&format!("`{}`", other.display())), "{error}");
    assert!(error.contains("ifc secret set payment-key"), "{error}");
}

#[tokio::test]
async fn a_key_is_made_only_for_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    let storage = Storage::Directory {
        path: directory.path().join("data"),
        fsync: Default::default(),
        key_file: Some(key.clone()),
    };
    drop(
        open(
            &application(Vec::new(), Vec::new()),
            storage,
            &Manual::at(0),
        )
        .unwrap(),
    );
    assert!(!key.exists());
}

#[tokio::test]
async fn fixed_values_stay_and_dynamic_ones_follow() {
    let config = |dynamic: bool| map([("dynamic", Value::Bool(dynamic)), ("default", text("1"))]);
    let application = application(
        vec![
            resource(Kind::Config, "fixed", config(false)),
            resource(Kind::Config, "dynamic", config(true)),
        ],
        Vec::new(),
    );
    let local = open(&application, Storage::Memory, &Manual::at(0)).unwrap();
    local.set_config("fixed", "2").await.unwrap();
    assert_eq!(
        local.read_config(target("fixed")).await.unwrap(),
        "2",
        "not read before"
    );
    for name in ["fixed", "dynamic"] {
        local.read_config(target(name)).await.unwrap();
        local.set_config(name, "3").await.unwrap();
    }
    assert_eq!(local.read_config(target("fixed")).await.unwrap(), "2");
    assert_eq!(local.read_config(target("dynamic")).await.unwrap(), "3");
    let error = local.set_config("fixed", "{").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
