use ifc::prelude::*;

#[resource]
static NUMBERS: Topic<u64> = Topic::new("numbers");

#[resource]
static STEPS: Topic<u64> = Topic::new("steps").fifo();

#[resource]
static TEXTS: Queue<String> = Queue::new("texts").subscribed_to(&NUMBERS);

#[resource]
static IN_NO_ORDER: Queue<u64> = Queue::new("in-no-order").subscribed_to(&STEPS);

#[resource]
static FILTERED: Queue<u64> = Queue::new("filtered").filter(attribute("a").exists());

fn main() {}
