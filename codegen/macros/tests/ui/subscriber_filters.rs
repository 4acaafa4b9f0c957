use ifc::prelude::*;

#[resource]
static EVENTS: Topic<u64> = Topic::new("events");

#[subscriber(EVENTS, filter = attribute("Kind").exists())]
async fn impossible_key(event: u64) {
    let _ = event;
}

#[subscriber(EVENTS, filter = attribute("kind"))]
async fn no_test(event: u64) {
    let _ = event;
}

#[subscriber(EVENTS, filter = attribute("a").exists().and(attribute("a").prefix("x")))]
async fn twice(event: u64) {
    let _ = event;
}

#[subscriber(EVENTS)]
async fn wrong_message(event: String) {
    let _ = event;
}

fn main() {}
