//! Buckets through the SDK, in the cloud of a test.
#![allow(clippy::unwrap_used)]

use ifc::axum::body::{Body, Bytes};
use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{ErrorKind, PresignedPut};

#[resource]
static RECEIPTS: Bucket = Bucket::new("receipts").expire("drafts/", days(7));

#[get("/receipts/{id}")]
async fn link(Path(id): Path<String>) -> Result<String> {
    Ok(RECEIPTS.presign_get(id).expires_in(minutes(5)).await?)
}

#[post("/receipts/{id}")]
async fn begin(Path(id): Path<String>) -> Result<Json<PresignedPut>> {
    let upload = RECEIPTS.presign_put(id).content_type("application/pdf");
    Ok(Json(upload.await?))
}

#[put("/receipts/{id}")]
async fn upload(Path(id): Path<String>, body: Body) -> Result<String> {
    Ok(RECEIPTS.put_stream(id, body).if_absent().await?)
}

#[resource]
static LABELS: Bucket = Bucket::new("labels");

#[on_created(LABELS, prefix = "in/", suffix = ".txt")]
async fn shout(created: ObjectCreated) -> Result<()> {
    let Some(label) = LABELS.get(&created.key).await? else {
        return Ok(());
    };
    let text = label.text().await?.to_uppercase();
    LABELS
        .put(created.key.replacen("in/", "out/", 1), text)
        .await?;
    Ok(())
}

#[on_deleted(LABELS, prefix = "in/", batch = 5)]
async fn forget(deleted: Batch<ObjectDeleted>) -> Result<()> {
    for event in &*deleted {
        LABELS
            .delete(event.body.key.replacen("in/", "out/", 1))
            .await?;
    }
    Ok(())
}

ifc::main!();

#[ifc::test]
async fn objects_come_back_as_they_were_put(cloud: TestCloud) {
    let version = RECEIPTS
        .put("2026/o-1.json", r#"{"total":7}"#)
        .content_type("application/json")
        .metadata("order", "o-1")
        .await
        .unwrap();
    let object = RECEIPTS.get("2026/o-1.json").await.unwrap().unwrap();
    assert_eq!(object.version, version);
    assert_eq!(object.content_type, "application/json");
    assert_eq!(object.metadata["order"], "o-1");
    assert_eq!((object.size, object.range()), (11, 0..11));
    let value: serde_json::Value = object.json().await.unwrap();
    assert_eq!(value["total"], 7);
    assert_eq!(cloud.bucket(&RECEIPTS).keys(), ["2026/o-1.json"]);
    let head = RECEIPTS.head("2026/o-1.json").await.unwrap();
    assert_eq!(head, cloud.bucket(&RECEIPTS).head("2026/o-1.json").await);

    RECEIPTS.copy("2026/o-1.json", "copy").await.unwrap();
    RECEIPTS.delete("2026/o-1.json").await.unwrap();
    RECEIPTS.delete("2026/o-1.json").await.unwrap();
    assert!(RECEIPTS.get("2026/o-1.json").await.unwrap().is_none());
    let text = RECEIPTS.get("copy").await.unwrap().unwrap().text().await;
    assert_eq!(text.unwrap(), r#"{"total":7}"#);
    let missing = RECEIPTS.copy("2026/o-1.json", "copy").await.unwrap_err();
    assert!(missing.is_not_found());
}

#[ifc::test]
async fn ranges_are_written_as_in_rust(cloud: TestCloud) {
    RECEIPTS.put("digits", "0123456789").await.unwrap();
    let get = || RECEIPTS.get("digits");
    for (get, expected) in [
        (get().range(2..4), "23"),
        (get().range(2..=4), "234"),
        (get().range(..3), "012"),
        (get().range(8..), "89"),
        (get().range(..), "0123456789"),
        (get().range(5..=u64::MAX), "56789"),
        (get().last(3), "789"),
        (get().last(30), "0123456789"),
    ] {
        let object = get.await.unwrap().unwrap();
        assert_eq!(object.text().await.unwrap(), expected);
    }
    #[expect(clippy::reversed_empty_ranges)]
    for bad in [
        get().range(4..4),
        get().range(5..3),
        get().range(10..),
        get().last(0),
    ] {
        assert_eq!(bad.await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    // All of an empty object is no range.
    RECEIPTS.put("empty", "").await.unwrap();
    let empty = RECEIPTS.get("empty").range(..).await.unwrap().unwrap();
    assert_eq!(empty.bytes().await.unwrap(), Bytes::new());
    drop(cloud);
}

#[ifc::test]
async fn what_the_contract_does_not_allow_reaches_no_provider(cloud: TestCloud) {
    let bad = "a//b";
    let kinds = [
        RECEIPTS.get(bad).await.map(drop).unwrap_err(),
        RECEIPTS.head(bad).await.map(drop).unwrap_err(),
        RECEIPTS.put(bad, "x").await.map(drop).unwrap_err(),
        RECEIPTS.put_stream(bad, "x").await.map(drop).unwrap_err(),
        RECEIPTS.delete(bad).await.unwrap_err(),
        RECEIPTS.copy("a", bad).await.map(drop).unwrap_err(),
        RECEIPTS.copy(bad, "a").await.map(drop).unwrap_err(),
        RECEIPTS.list(bad).await.map(drop).unwrap_err(),
        RECEIPTS.presign_get(bad).await.map(drop).unwrap_err(),
        RECEIPTS.presign_put(bad).await.map(drop).unwrap_err(),
    ];
    for error in kinds {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(error.resource(), Some("receipts"));
        let text = error.to_string();
        assert!(text.contains("`a//b` contains //"), "{text}");
    }
    let put = || RECEIPTS.put("a", "x");
    for refused in [put().content_type("text"), put().metadata("Order", "x")] {
        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(
        put()
            .metadata("a", "x".repeat(3_000))
            .await
            .unwrap_err()
            .is_too_large()
    );
    for limit in [0, 1_001] {
        let error = RECEIPTS.list("").limit(limit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    for expiry in [seconds(59), minutes(61)] {
        let error = RECEIPTS.presign_get("a").expires_in(expiry).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
    }
    let error = RECEIPTS.presign_put("a").max_bytes(u64::MAX).await;
    assert!(error.unwrap_err().is_too_large());
    // Not on every target, and this application has all of them.
    let error = RECEIPTS.presign_put("a").max_bytes(10).await.unwrap_err();
    assert!(error.is_unsupported());
    assert!(error.to_string().contains("E-BKT-01"), "{error}");
    assert!(cloud.trace().entries().is_empty());
    assert!(cloud.bucket(&RECEIPTS).keys().is_empty());
}

#[ifc::test]
async fn conditions_decide_who_writes(cloud: TestCloud) {
    let first = RECEIPTS.put("a", "1").if_absent().await.unwrap();
    assert!(
        RECEIPTS
            .put("a", "2")
            .if_absent()
            .await
            .unwrap_err()
            .is_conflict()
    );
    RECEIPTS.put("a", "3").if_version(&*first).await.unwrap();
    let stale = RECEIPTS.put("a", "4").if_version(first).await;
    assert!(stale.unwrap_err().is_conflict());
    let body = cloud.bucket(&RECEIPTS).get("a").await;
    assert_eq!(body.as_deref(), Some(&b"3"[..]));
}

#[ifc::test]
async fn lists_have_pages_and_folders(cloud: TestCloud) {
    for key in ["a", "b/1", "b/2", "c/1/x"] {
        RECEIPTS.put(key, key).await.unwrap();
    }
    let first = RECEIPTS.list("").folders().limit(2).await.unwrap();
    assert_eq!(first.objects[0].key, "a");
    assert_eq!(first.folders, ["b/"]);
    let cursor = first.cursor.unwrap();
    let rest = RECEIPTS.list("").folders().after(&cursor).await.unwrap();
    assert_eq!(
        (rest.objects.len(), rest.folders),
        (0, vec!["c/".to_owned()])
    );
    assert!(rest.cursor.is_none());
    let wrong = RECEIPTS.list("").after(&cursor).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    let all = RECEIPTS.list("").limit(1).all().await.unwrap();
    let keys: Vec<&str> = all.objects.iter().map(|object| &*object.key).collect();
    assert_eq!(keys, cloud.bucket(&RECEIPTS).keys());
}

#[ifc::test]
async fn anyone_can_use_a_presigned_url_until_it_expires(cloud: TestCloud) {
    let reply = cloud.http().post("/receipts/o-1.pdf").await;
    let value: serde_json::Value = reply.json();
    let upload = PresignedPut {
        url: value["url"].as_str().unwrap().to_owned(),
        headers: serde_json::from_value(value["headers"].clone()).unwrap(),
    };
    assert!(
        cloud
            .upload(&upload)
            .body("1234567890")
            .await
            .status()
            .is_success()
    );

    let url = cloud.http().get("/receipts/o-1.pdf").await.text();
    let reply = cloud.fetch(&url).await;
    assert_eq!(reply.text(), "1234567890");
    assert_eq!(reply.header("content-type"), Some("application/pdf"));
    // A page in an object must not act as a page of the application.
    assert_eq!(reply.header("content-security-policy"), Some("sandbox"));
    assert_eq!(
        cloud.fetch(&url).header("range", "bytes=-3").await.text(),
        "890"
    );

    cloud.advance(minutes(6)).await;
    let expired = cloud.fetch(&url).await;
    assert_eq!(expired.status(), StatusCode::FORBIDDEN);
    assert!(
        expired.text().contains("expired at 2026-01-01T00:05:00"),
        "{}",
        expired.text()
    );
    // What a trace shows is no key to the object.
    let trace = format!("{:?}", cloud.trace());
    assert!(
        trace.contains("/receipts/o-1.pdf") && !trace.contains("signature"),
        "{trace}"
    );
}

#[ifc::test]
async fn a_request_streams_into_a_bucket(cloud: TestCloud) {
    let body = vec![7; 1_000_000];
    let put = || cloud.http().put("/receipts/large").body(body.clone());
    assert_eq!(put().await.status(), StatusCode::OK);
    let stored = cloud.bucket(&RECEIPTS).get("large").await.unwrap();
    assert_eq!(stored, body);
    assert_eq!(put().await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[ifc::test]
async fn objects_expire_by_prefix(cloud: TestCloud) {
    RECEIPTS.put("drafts/a", "x").await.unwrap();
    RECEIPTS.put("kept/a", "x").await.unwrap();
    cloud.advance(days(7) - seconds(1)).await;
    assert!(RECEIPTS.head("drafts/a").await.unwrap().is_some());
    cloud.advance(seconds(1)).await;
    assert!(RECEIPTS.head("drafts/a").await.unwrap().is_none());
    assert_eq!(cloud.bucket(&RECEIPTS).keys(), ["kept/a"]);
}

#[ifc::test]
async fn handlers_hear_of_objects_that_come_and_go(cloud: TestCloud) {
    for key in ["in/a.txt", "in/b.txt", "in/c.md", "other/d.txt"] {
        LABELS.put(key, key).await.unwrap();
    }
    cloud.settle().await;
    let probe = cloud.bucket(&LABELS);
    let keys = [
        "in/a.txt",
        "in/b.txt",
        "in/c.md",
        "other/d.txt",
        "out/a.txt",
        "out/b.txt",
    ];
    assert_eq!(probe.keys(), keys);
    assert_eq!(
        probe.get("out/a.txt").await.as_deref(),
        Some(&b"IN/A.TXT"[..])
    );
    // Told of what is gone, twice: nothing is wrong with that.
    LABELS.delete("in/a.txt").await.unwrap();
    cloud.faults().duplicate(1.0);
    cloud.settle().await;
    assert!(probe.get("out/a.txt").await.is_none());
}
