//! Events of objects: who hears of what is written and removed.

use super::{PutCondition, Running, Trial, plain, stream_of, with};
use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::script::Behaviour;
use crate::trial::accepted;
use ifc_manifest::kind::bucket::{BucketKnobs, KeyFilterKnobs, OBJECT_BYTES_MAX};
use ifc_manifest::kind::edge::Edge;
use ifc_runtime::Outcome;
use ifc_runtime::bucket::{Content, PutObject};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.8",
            "bucket-created",
            "every write of an object is told with key, size and version, to all who watch",
            created
        ),
        clause!(
            "4.8",
            "bucket-created-not",
            "a write that is refused or fails is not told",
            not_created
        ),
        clause!(
            "4.8",
            "bucket-deleted",
            "a removed object is told with its key; replacing and removing nothing is not",
            deleted
        ),
        clause!(
            "4.8",
            "bucket-event-filter",
            "a watcher hears of the keys with its prefix and suffix and of no others",
            filter
        ),
        clause!(
            "3",
            "bucket-event-retry",
            "a failing watcher is told again and keeps its own dead letters",
            retry,
            waits = 1_000
        ),
        clause!(
            "4.8",
            "bucket-event-durable",
            "an event whose write was acknowledged outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
    ]
}

async fn watched(trial: Trial) -> Running {
    let everything = KeyFilterKnobs::DEFAULT;
    let pdf = KeyFilterKnobs {
        suffix: ".pdf",
        ..everything
    };
    trial
        .open(
            Declarations::new()
                .bucket("files", BucketKnobs::DEFAULT)
                .bucket("other", BucketKnobs::DEFAULT)
                .watcher("first", "files", Edge::OnCreated, everything)
                .watcher("second", "files", Edge::OnCreated, everything)
                .watcher("pdf", "files", Edge::OnCreated, pdf)
                .watcher("gone", "files", Edge::OnDeleted, everything)
                .watcher("gone-pdf", "files", Edge::OnDeleted, pdf),
        )
        .await
}

impl Running {
    /// A key of this trial: its events find the trial by it.
    fn own_key(&self, name: &str) -> String {
        format!("{}/{name}", self.script.number())
    }

    /// What a unit was told, each event once, sorted because they come in no order.
    fn told_of_objects(&self, unit: &str) -> Vec<(String, Value, Value)> {
        let mut ids = BTreeSet::new();
        let mut told: Vec<_> = self
            .seen()
            .into_iter()
            .filter(|seen| seen.unit == unit && ids.insert(seen.delivery.id.clone()))
            .map(|seen| {
                let body = seen.delivery.body;
                let body: Value = serde_json::from_slice(&body).expect("a body is JSON");
                let key = body["key"].as_str().expect("an event has a key").to_owned();
                (key, body["size"].clone(), body["version"].clone())
            })
            .collect();
        told.sort_by_key(|(key, size, version)| {
            (key.clone(), size.to_string(), version.to_string())
        });
        told
    }

    fn keys_told(&self, unit: &str) -> Vec<String> {
        self.told_of_objects(unit)
            .into_iter()
            .map(|(key, ..)| key)
            .collect()
    }
}

async fn created(trial: Trial) {
    let mut running = watched(trial).await;
    let (a, b, c) = (
        running.own_key("a"),
        running.own_key("b"),
        running.own_key("c"),
    );
    let mut expected = Vec::new();
    let first = running.put_object(&a, b"x").await;
    expected.push((a.clone(), 1.into(), first.into()));
    let second = running.put_object(&a, b"yy").await;
    expected.push((a.clone(), 2.into(), second.into()));
    let pieces = [Ok(b"123".to_vec().into()), Ok(b"45".to_vec().into())];
    let streamed = PutObject {
        content: Content::Stream(stream_of(pieces.into_iter())),
        ..plain(&b, b"")
    };
    let streamed = accepted("put", running.try_put_object(streamed).await);
    expected.push((b.clone(), 5.into(), streamed.into()));
    let copied = accepted("copy", running.copy_object(&b, &c).await);
    expected.push((c, 5.into(), copied.into()));
    let upload = running
        .put_url(&running.own_key("d"), None, OBJECT_BYTES_MAX)
        .await;
    let reply = running.upload(&upload, b"uploaded").await;
    assert!(reply.status.is_success(), "{}", reply.status);
    let head = running.head(&running.own_key("d")).await.expect("uploaded");
    expected.push((running.own_key("d"), 8.into(), head.version.into()));
    running.settle().await;
    for unit in ["first", "second"] {
        assert_eq!(running.told_of_objects(unit), expected, "{unit}");
    }
    for seen in running.seen() {
        assert_eq!(seen.delivery.kind, "bucket.created");
        assert_eq!(seen.delivery.source, "files");
    }
    assert!(running.told_of_objects("gone").is_empty());
}

async fn not_created(trial: Trial) {
    let mut running = watched(trial).await;
    let key = running.own_key("a");
    running.put_object(&key, b"x").await;
    let again = running
        .try_put_object(with(PutCondition::IfAbsent, &key, b"y"))
        .await;
    assert!(again.is_err());
    let broken = PutObject {
        content: Content::Stream(stream_of([Err(std::io::Error::other("gone"))].into_iter())),
        ..plain(&running.own_key("b"), b"")
    };
    assert!(running.try_put_object(broken).await.is_err());
    let missing = running
        .copy_object(&running.own_key("nothing"), &running.own_key("c"))
        .await;
    assert!(missing.is_err());
    let elsewhere = plain(&running.own_key("d"), b"x");
    let provider = running.provider();
    accepted("put", provider.put_object(target("other"), elsewhere).await);
    drop(provider);
    running.settle().await;
    assert_eq!(running.keys_told("first"), [key]);
}

async fn deleted(trial: Trial) {
    let mut running = watched(trial).await;
    let key = running.own_key("a");
    running.put_object(&key, b"x").await;
    running.put_object(&key, b"y").await;
    running.delete_object(&running.own_key("nothing")).await;
    running.settle().await;
    assert!(
        running.told_of_objects("gone").is_empty(),
        "{:?}",
        running.told_of_objects("gone")
    );
    running.delete_object(&key).await;
    running.delete_object(&key).await;
    running.settle().await;
    assert_eq!(running.keys_told("gone"), [key]);
    let kinds: BTreeSet<&str> = running
        .seen()
        .iter()
        .map(|seen| seen.delivery.kind)
        .collect();
    assert_eq!(kinds, BTreeSet::from(["bucket.created", "bucket.deleted"]));
}

async fn filter(trial: Trial) {
    let mut running = watched(trial).await;
    let names = ["a.pdf", "a.PDF", "a.pdf.txt", "pdf", "b/.pdf"];
    for name in names {
        running.put_object(&running.own_key(name), b"x").await;
    }
    for name in names {
        running.delete_object(&running.own_key(name)).await;
    }
    running.settle().await;
    let expected = [running.own_key("a.pdf"), running.own_key("b/.pdf")];
    assert_eq!(running.keys_told("pdf"), expected);
    assert_eq!(running.keys_told("gone-pdf"), expected);
    assert_eq!(running.keys_told("first").len(), names.len());
    assert_eq!(running.keys_told("gone").len(), names.len());
}

async fn retry(trial: Trial) {
    let mut running = watched(trial).await;
    running.script.on_event(|_| {
        let unit = ifc_runtime::Invocation::current().map(|running| running.unit.to_string());
        Behaviour::Answer(match unit.as_deref() {
            Some("first") => Outcome::retry("not today"),
            _ => Outcome::Ack,
        })
    });
    let key = running.own_key("a");
    running.put_object(&key, b"x").await;
    running.advance(1_000).await;
    let seen = running.seen();
    for (unit, needed) in [("first", 5), ("second", 1)] {
        let of_unit = seen.iter().filter(|seen| seen.unit == unit);
        running.check_attempts(unit, of_unit, needed);
    }
    let dead = running.dead_letters("first").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason, "not today");
    let body: Value = serde_json::from_slice(&dead[0].body).expect("a body is JSON");
    assert_eq!(body["key"], key);
    assert!(running.dead_letters("second").await.is_empty());
}

async fn durable(trial: Trial) {
    let mut running = watched(trial).await;
    let key = running.own_key("a");
    running.put_object(&key, b"x").await;
    running.delete_object(&key).await;
    running.outage(1).await;
    running.settle().await;
    assert_eq!(running.keys_told("first"), std::slice::from_ref(&key));
    assert_eq!(running.keys_told("gone"), [key]);
}
