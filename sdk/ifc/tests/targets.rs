//! An application for one provider has that provider's limits, and no others.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;

ifc::main!(targets = ["aws"]);

#[resource]
static JOBS: Queue<u32> = Queue::new("jobs").lease(minutes(20)).retention(days(14));

#[resource]
static NAMES: Queue<String> = Queue::new("names");

#[consumer(NAMES)]
async fn greet(name: String) {
    let _ = name;
}

#[consumer(JOBS, timeout = minutes(15), memory_mb = 128, max_instances = 1)]
async fn work(job: u32) {
    let _ = job;
}

#[ifc::test]
async fn the_limits_of_the_target_are_in_force(cloud: TestCloud) {
    JOBS.send(&1).delay(minutes(15)).await.unwrap();
    cloud.settle().await;
    assert!(cloud.queue(&JOBS).is_empty());
}

#[ifc::test]
async fn what_the_target_lacks_is_refused_with_its_reason(_: TestCloud) {
    let error = JOBS.send(&1).delay(hours(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "send on `jobs`: 3600 seconds for the delay of a message is not available on aws because \
         SQS delays a message by 15 minutes at most (aws allows 0 to 900 seconds); let a schedule \
         look for what is due, or send it again from the consumer until it is due"
    );
}

#[ifc::test]
async fn sizes_are_those_of_the_target(cloud: TestCloud) {
    NAMES.send(&"x".repeat(1_000_000)).await.unwrap();
    cloud.settle().await;
    assert!(cloud.queue(&NAMES).is_empty());
    let error = NAMES.send(&"x".repeat(1_100_000)).await.unwrap_err();
    assert!(error.is_too_large());
    let reason = "because SQS takes 1 MiB with attributes";
    assert!(error.to_string().contains(reason), "{error}");
}
