//! Queues through their handles: what the SDK checks, and what consumers see.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Error, ErrorKind, Outgoing};
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Letter {
    text: String,
}

fn letter(text: &str) -> Letter {
    Letter {
        text: text.to_owned(),
    }
}

#[resource]
static LETTERS: Queue<Letter> = Queue::new("letters");

#[resource]
static STEPS: Queue<u32> = Queue::new("steps").fifo();

#[resource]
static DONE: Queue<u32> = Queue::new("done");

#[consumer(LETTERS)]
async fn read(letter: Event<Letter>) -> Result<Outcome> {
    match letter.body.text.as_str() {
        "later" if letter.attempt == 1 => Ok(Outcome::retry_after(hours(1), "not now")),
        "never" => Ok(Outcome::dead_letter("refused")),
        "panic" => panic!("unreadable"),
        "slow" => {
            tokio::time::sleep(minutes(5)).await;
            Ok(Outcome::Ack)
        }
        _ => Ok(Outcome::Ack),
    }
}

/// Fails the second step of every group once.
#[consumer(STEPS)]
async fn step(step: Event<u32>) -> Result<()> {
    if step.body % 10 == 2 && step.attempt == 1 {
        return Err(HandlerError::new("stumbled"));
    }
    DONE.send(&step.body).await?;
    Ok(())
}

fn kind(result: Result<String, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[ifc::test]
async fn what_the_contract_does_not_allow_is_refused_before_it_is_sent(cloud: TestCloud) {
    let large = letter(&"x".repeat(300_000));
    assert!(LETTERS.send(&large).await.unwrap_err().is_too_large());
    let delayed = letter(&"x".repeat(70_000));
    assert!(
        LETTERS
            .send(&delayed)
            .delay(seconds(1))
            .await
            .unwrap_err()
            .is_too_large()
    );
    LETTERS.send(&delayed).await.unwrap();

    let small = letter("hello");
    assert_eq!(
        kind(LETTERS.send(&small).delay(minutes(16)).await),
        ErrorKind::Invalid
    );
    assert_eq!(
        kind(LETTERS.send(&small).group("g").await),
        ErrorKind::Invalid
    );
    assert_eq!(
        kind(LETTERS.send(&small).id("with space").await),
        ErrorKind::Invalid
    );
    assert_eq!(kind(LETTERS.send(&small).id("").await), ErrorKind::Invalid);
    assert_eq!(
        kind(LETTERS.send(&small).attribute("Upper", "x").await),
        ErrorKind::Invalid
    );
    let long = "x".repeat(1_025);
    assert!(
        LETTERS
            .send(&small)
            .attribute("k", long)
            .await
            .unwrap_err()
            .is_too_large()
    );
    let many = (0..11).fold(LETTERS.send(&small), |send, n| {
        send.attribute(format!("k{n}"), "v")
    });
    assert!(many.await.unwrap_err().is_too_large());
    assert_eq!(kind(STEPS.send(&1).await), ErrorKind::Invalid);
    assert_eq!(
        kind(STEPS.send(&1).group("g").delay(seconds(1)).await),
        ErrorKind::Invalid
    );

    let error = STEPS.send(&1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "send on `steps`: a fifo queue needs a group: add `.group(\"…\")`"
    );
    assert_eq!(cloud.queue(&LETTERS).len(), 1);
    assert!(cloud.queue(&STEPS).is_empty());
}

#[ifc::test]
async fn a_batch_has_a_result_for_each_message(cloud: TestCloud) {
    let results = Outgoing::all(vec![
        LETTERS.send(&letter("a")).id("first"),
        LETTERS.send(&letter(&"x".repeat(300_000))),
        LETTERS.send(&letter("b")),
    ])
    .await
    .unwrap();
    assert_eq!(results[0].as_deref().unwrap(), "first");
    assert!(results[1].as_ref().unwrap_err().is_too_large());
    assert!(results[2].is_ok());
    assert_eq!(cloud.queue(&LETTERS).messages(), [letter("a"), letter("b")]);

    let eleven: Vec<Letter> = (0..11).map(|n| letter(&n.to_string())).collect();
    assert!(
        LETTERS
            .send_batch(&eleven)
            .await
            .unwrap_err()
            .is_too_large()
    );
    assert!(LETTERS.send_batch(&[]).await.unwrap().is_empty());
}

/// Counts deliveries exactly, so the cloud is kind.
#[ifc::test(benign)]
async fn outcomes_are_followed(cloud: TestCloud) {
    let start = cloud.now();
    for text in ["fine", "later", "never", "panic", "slow"] {
        LETTERS.send(&letter(text)).id(text).await.unwrap();
    }
    cloud.settle().await;

    let dead = cloud.dead_letters(&LETTERS);
    let find = |id: &str| dead.iter().find(|letter| letter.id == id).unwrap();
    assert_eq!(dead.len(), 3);
    assert_eq!(
        (find("never").attempts, &*find("never").reason),
        (1, "refused")
    );
    assert_eq!(find("panic").attempts, 5);
    assert!(
        find("panic").reason.contains("unreadable"),
        "{}",
        find("panic").reason
    );
    assert_eq!(find("slow").attempts, 5);
    let later = cloud.trace();
    let later: Vec<_> = later
        .deliveries_to("read")
        .into_iter()
        .filter(|entry| format!("{:?}", entry.event).contains("\"later\""))
        .collect();
    assert_eq!(later.len(), 2);
    assert!(later[1].time.duration_since(start).unwrap() >= hours(1));
}

#[ifc::test]
async fn a_failing_step_holds_back_its_group(cloud: TestCloud) {
    for (group, number) in [("a", 11), ("b", 21), ("a", 12), ("a", 13), ("b", 23)] {
        STEPS.send(&number).group(group).await.unwrap();
    }
    cloud.settle().await;
    let mut done = cloud.queue(&DONE).messages();
    // A step may be done twice, but never after a later one.
    done.sort_by_key(|step| step / 10);
    done.dedup();
    let of_a: Vec<u32> = done.iter().copied().filter(|n| n / 10 == 1).collect();
    let of_b: Vec<u32> = done.iter().copied().filter(|n| n / 10 == 2).collect();
    assert_eq!((of_a, of_b), (vec![11, 12, 13], vec![21, 23]));
}

#[ifc::test]
async fn a_delayed_message_waits(cloud: TestCloud) {
    LETTERS
        .send(&letter("fine"))
        .delay(minutes(10))
        .await
        .unwrap();
    cloud.run_due().await;
    assert_eq!(cloud.queue(&LETTERS).len(), 1);
    cloud.advance(minutes(9)).await;
    assert_eq!(cloud.queue(&LETTERS).len(), 1);
    cloud.advance(minutes(1)).await;
    assert!(cloud.queue(&LETTERS).is_empty());
}

/// Two tests that would see each other's messages if they shared a cloud.
static SEEN: AtomicU32 = AtomicU32::new(0);

#[ifc::test]
async fn clouds_are_isolated_one(cloud: TestCloud) {
    SEEN.fetch_add(1, Ordering::Relaxed);
    DONE.send(&1).await.unwrap();
    tokio::time::sleep(days(1)).await;
    assert_eq!(cloud.queue(&DONE).messages(), [1]);
}

#[ifc::test]
async fn clouds_are_isolated_two(cloud: TestCloud) {
    SEEN.fetch_add(1, Ordering::Relaxed);
    DONE.send(&2).await.unwrap();
    tokio::time::sleep(days(1)).await;
    assert_eq!(cloud.queue(&DONE).messages(), [2]);
}

#[ifc::test]
async fn other_threads_of_the_runtime_are_in_the_same_cloud(cloud: TestCloud) {
    let sent = tokio::spawn(async { DONE.send(&1).await });
    sent.await.unwrap().unwrap();
    let handle = tokio::runtime::Handle::current();
    let sent = tokio::task::spawn_blocking(move || handle.block_on(DONE.send(&2).into_future()));
    sent.await.unwrap().unwrap();
    assert_eq!(cloud.queue(&DONE).messages(), [1, 2]);

    let elsewhere = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(DONE.send(&3).into_future())
    });
    let error = elsewhere.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
}
