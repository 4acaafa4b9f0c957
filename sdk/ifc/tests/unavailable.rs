//! A program does not start when it declares what one of its targets lacks.

use ifc::prelude::*;

#[resource]
static JOBS: Queue<u32> = Queue::new("jobs").lease(minutes(20));

#[consumer(JOBS)]
async fn work(job: u32) {
    let _ = job;
}

#[ifc::test]
#[should_panic(
    expected = "queue `jobs` at sdk/ifc/tests/unavailable.rs:6:8: 1200 seconds for the \
                           lease of a queue is not available on gcp and azure because on gcp \
                           Pub/Sub waits 10 s to 10 minutes for an acknowledgement"
)]
async fn the_finding_is_that_of_the_check() {
    unreachable!("the application is not loaded");
}
