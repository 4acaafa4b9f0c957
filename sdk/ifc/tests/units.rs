//! Functions, schedules, state, secrets and configuration through their handles.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Charset, ErrorKind, HttpApi};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

#[resource]
static TOKEN: Secret = Secret::new("token").generated(24, Charset::Hex);

#[resource]
static FACTOR: Config<u64> = Config::new("factor").default_json("3");

#[resource]
static NOTES: Queue<String> = Queue::new("notes");

#[resource]
static ADMIN: HttpApi = HttpApi::new("admin").timeout(seconds(2));

#[function]
async fn multiply(number: u64) -> Result<u64> {
    if number == 13 {
        return Err(HandlerError::new("unlucky"));
    }
    Ok(number * FACTOR.get().await?)
}

#[function]
async fn note(text: String) -> Result<()> {
    NOTES.send(&text).await?;
    Ok(())
}

#[schedule(every = hours(6), input = r#"{"text":"tick"}"#)]
async fn tick(event: Event<serde_json::Value>) -> Result<()> {
    NOTES
        .send(&format!("{} {}", event.body["text"], event.id))
        .await?;
    Ok(())
}

struct Counter(AtomicU32);

impl Provide for Counter {
    async fn provide() -> Result<Self> {
        Ok(Counter(AtomicU32::new(0)))
    }
}

#[get("/count")]
async fn count(counter: State<Counter>) -> String {
    counter.0.fetch_add(1, Ordering::Relaxed).to_string()
}

#[get("/sleep", api = ADMIN)]
async fn sleep() {
    tokio::time::sleep(seconds(10)).await;
}

#[get("/panic", api = ADMIN)]
async fn panic() {
    panic!("secret details");
}

#[post("/echo/{rest..}", api = ADMIN)]
async fn echo(Path(rest): Path<String>, body: String) -> String {
    format!("{rest}: {} bytes", body.len())
}

#[ifc::test]
async fn functions_reply_or_fail_with_their_cause(cloud: TestCloud) {
    cloud.set_config(&FACTOR, &10).await;
    assert_eq!(multiply::invoke(&14).await.unwrap(), 140);
    let error = multiply::invoke(&13).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("unlucky"), "{error}");
    // Not dynamic: fixed by the first read.
    cloud.set_config(&FACTOR, &11).await;
    assert_eq!(multiply::invoke(&14).await.unwrap(), 140);
    let wrong = cloud
        .invoke("multiply", json!("fourteen"))
        .await
        .unwrap_err();
    assert!(
        wrong.to_string().contains("the argument is not a `u64`"),
        "{wrong}"
    );

    note::invoke_async(&"later".to_owned()).await.unwrap();
    assert!(cloud.queue(&NOTES).is_empty());
    cloud.settle().await;
    // At least once.
    let mut notes = cloud.queue(&NOTES).messages();
    notes.dedup();
    assert_eq!(notes, ["later"]);
}

#[ifc::test]
async fn a_value_that_nobody_set_is_the_default() {
    assert_eq!(multiply::invoke(&14).await.unwrap(), 42);
}

#[ifc::test]
async fn a_schedule_fires_at_multiples_of_its_period(cloud: TestCloud) {
    cloud.advance(hours(13)).await;
    // A firing may be delivered twice; its id tells.
    let notes: BTreeSet<String> = cloud.queue(&NOTES).messages().into_iter().collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    for note in notes {
        assert!(note.starts_with("\"tick\" "), "{note}");
    }
}

#[ifc::test]
async fn state_is_shared_within_a_cloud_and_not_between_them(cloud: TestCloud) {
    assert_eq!(cloud.http().get("/count").await.text(), "0");
    assert_eq!(cloud.http().get("/count").await.text(), "1");
}

#[ifc::test]
async fn state_begins_anew_in_another_test(cloud: TestCloud) {
    assert_eq!(cloud.http().get("/count").await.text(), "0");
}

#[ifc::test]
async fn secrets_are_generated_once_and_never_shown(cloud: TestCloud) {
    let first = TOKEN.get().await.unwrap();
    assert_eq!(first.expose().unwrap().len(), 24);
    assert!(
        first
            .expose()
            .unwrap()
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
    );
    assert_eq!(TOKEN.get().await.unwrap(), first);
    assert_eq!(format!("{first:?}"), "SecretValue(…)");
    cloud.set_secret(&TOKEN, "mine").await;
    assert_eq!(TOKEN.get().await.unwrap().expose().unwrap(), "mine");
}

#[ifc::test]
async fn an_api_answers_for_handlers_that_do_not(cloud: TestCloud) {
    let admin = cloud.api("admin");
    assert_eq!(admin.get("/sleep").await.status(), 504);
    let reply = admin.get("/panic").await;
    assert_eq!(reply.status(), 500);
    let body: serde_json::Value = reply.json();
    assert_eq!(body["error"], "internal error");
    assert_eq!(body["request"], reply.header("x-request-id").unwrap());
    assert!(!reply.text().contains("secret details"));

    let large = vec![b'x'; 4 * 1024 * 1024 + 1];
    assert_eq!(admin.post("/echo/a/b").body(large).await.status(), 413);
    let fits = admin.post("/echo/a/b").body("hello").await;
    assert_eq!(fits.text(), "a/b: 5 bytes");
    assert_eq!(admin.get("/echo/a").await.status(), 405);
    // Routes of one API are not those of another.
    assert_eq!(cloud.http().get("/sleep").await.status(), 404);
}
