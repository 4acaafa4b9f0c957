//! Streams under random use: whatever fails, dies or is replayed, each consumer acknowledges the
//! records of a key in their order and loses none.

use super::*;
use crate::message::Message;
use crate::queue::{Finished, Leased};
use crate::store::{Storage, Store};
use crate::test_support::{Random, rounds};
use ifc_manifest::kind::edge::RetrySpec;
use ifc_runtime::{Outcome, TraceContext};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
const LEASE: i64 = 60 * SECOND;

const LOG: Log = Log {
    stream: 1,
    retention: 86_400 * SECOND,
};

fn consumer(queue: u32) -> Rules {
    Rules {
        queue,
        fifo: true,
        runs: true,
        retention: LOG.retention,
        retry: RetrySpec {
            max_attempts: 100,
            min_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(20),
        },
    }
}

struct World {
    store: Store,
    sequence: Arc<Sequence>,
    consumers: Vec<Rules>,
    now: Moment,
}

impl World {
    fn new(consumers: &[u32]) -> World {
        let world = World {
            store: Store::open(&Storage::Memory, Box::new(|_| {})).unwrap(),
            sequence: Arc::default(),
            consumers: consumers.iter().map(|queue| consumer(*queue)).collect(),
            now: 1_000 * SECOND,
        };
        world.begin();
        world
    }

    /// What a start of the process does.
    fn begin(&self) {
        let consumers: Vec<(Log, Rules)> = self.consumers.iter().map(|c| (LOG, *c)).collect();
        let sequence = Arc::clone(&self.sequence);
        self.write(move |transaction, _| begin(transaction, &consumers, &sequence));
    }

    fn write<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Transaction<'_, '_>, &Sequence) -> Result<T, Fault> + Send + 'static,
    ) -> T {
        let sequence = Arc::clone(&self.sequence);
        let result = self
            .store
            .write_now(move |transaction| command(transaction, &sequence));
        result.unwrap()
    }

    fn append(&self, key: &str, id: usize) {
        let message = Message {
            id: id.to_string(),
            sent_at: self.now,
            trace: TraceContext::root(),
            group: Some(key.to_owned()),
            attributes: BTreeMap::new(),
            body: b"null".to_vec(),
        };
        let consumers = self.consumers.clone();
        self.write(move |transaction, sequence| {
            append(transaction, &LOG, sequence, &message.encode(), &consumers)
        });
    }

    fn receive(&self, consumer: Rules, max: usize) -> Vec<Leased> {
        let now = self.now;
        self.write(move |transaction, sequence| {
            fetch(transaction, &LOG, &consumer, sequence, now, max)?;
            queue::receive(transaction, &consumer, now, LEASE, max)
        })
        .leased
    }

    fn finish(&self, consumer: Rules, outcomes: Vec<(queue::Receipt, Outcome)>) -> Vec<Finished> {
        let now = self.now;
        self.write(move |transaction, _| {
            let outcomes = outcomes.iter();
            outcomes
                .map(|(receipt, outcome)| {
                    queue::finish(transaction, &consumer, now, *receipt, outcome)
                })
                .collect()
        })
    }
}

fn number(message: &Message) -> usize {
    message.id.parse().unwrap()
}

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::new(&[7, 8]);
    // By consumer and key: what was acknowledged, in the order in which it was.
    let mut done: BTreeMap<(u32, String), Vec<usize>> = BTreeMap::new();
    let mut flying: Vec<(Rules, Vec<Leased>)> = Vec::new();
    let (mut appended, target) = (0, 150);
    for step in 0..20_000 {
        let context = format!("seed {seed}, step {step}");
        let busy = appended < target;
        if !busy && world.consumers.iter().all(|c| finished(&world, c)) {
            break;
        }
        match random.below(10) {
            0..4 if busy => {
                let key = ["a", "b", "c"][random.below(3)];
                world.append(key, appended);
                appended += 1;
            }
            0..6 => {
                let consumer = world.consumers[random.below(2)];
                let leased = world.receive(consumer, 1 + random.below(6));
                let mut last: BTreeMap<String, usize> = BTreeMap::new();
                for one in &leased {
                    let key = one.message.group.clone().unwrap();
                    let this = number(&one.message);
                    let before = last.insert(key, this);
                    assert!(before.is_none_or(|before| before < this), "{context}");
                }
                if !leased.is_empty() {
                    flying.push((consumer, leased));
                }
            }
            6..9 if !flying.is_empty() => {
                let (consumer, leased) = flying.swap_remove(random.below(flying.len()));
                // Some processes die with what they hold.
                if random.below(8) == 0 {
                    continue;
                }
                let fails = random.below(leased.len() * 2);
                let outcomes: Vec<_> = leased
                    .iter()
                    .enumerate()
                    .map(|(at, one)| match at == fails {
                        true => (one.receipt, Outcome::retry("no")),
                        false => (one.receipt, Outcome::Ack),
                    })
                    .collect();
                let results = world.finish(consumer, outcomes);
                for (one, result) in leased.iter().zip(results) {
                    let key = one.message.group.clone().unwrap();
                    if result == Finished::Acked {
                        let done = done.entry((consumer.queue, key)).or_default();
                        done.push(number(&one.message));
                    }
                }
            }
            _ => world.now += random.below(30) as i64 * SECOND,
        }
    }
    for consumer in &world.consumers {
        assert!(finished(&world, consumer), "seed {seed}: not done");
        let mut all: BTreeSet<usize> = BTreeSet::new();
        for key in ["a", "b", "c"] {
            let done = &done[&(consumer.queue, key.to_owned())];
            assert!(
                done.windows(2).all(|pair| pair[0] < pair[1]),
                "seed {seed}, {key} at {}: {done:?}",
                consumer.queue
            );
            all.extend(done.iter().copied());
        }
        assert_eq!(all.len(), target, "seed {seed}: nothing is lost");
    }
}

fn finished(world: &World, consumer: &Rules) -> bool {
    let depth = |snapshot: &_| {
        let depth = queue::depth(snapshot, consumer, world.now)?;
        let behind = is_behind(snapshot, &LOG, consumer)?;
        Ok(depth.ready + depth.delayed + depth.in_flight == 0 && !behind)
    };
    world.store.read(depth).unwrap()
}

#[test]
fn consumers_acknowledge_each_key_in_its_order_whatever_fails() {
    for seed in 0..8 * rounds() {
        run(seed);
    }
}

#[test]
fn a_new_consumer_begins_at_the_end_and_one_that_returns_is_new() {
    let mut world = World::new(&[7]);
    world.append("a", 0);
    world.consumers.push(consumer(8));
    world.begin();
    world.append("a", 1);
    let ids = |world: &World, at: usize| -> Vec<usize> {
        let leased = world.receive(world.consumers[at], 10);
        leased.iter().map(|one| number(&one.message)).collect()
    };
    assert_eq!(ids(&world, 0), [0, 1]);
    assert_eq!(ids(&world, 1), [1]);
    let gone = world.consumers.pop().unwrap();
    world.begin();
    world.append("a", 2);
    world.consumers.push(gone);
    world.begin();
    world.append("a", 3);
    assert_eq!(ids(&world, 1), [3]);
}

#[test]
fn the_order_survives_a_start_on_an_empty_log() {
    let mut world = World::new(&[7]);
    for id in 0..5 {
        world.append("a", id);
    }
    let leased = world.receive(world.consumers[0], 10);
    let outcomes = leased.iter().map(|one| (one.receipt, Outcome::Ack));
    world.finish(world.consumers[0], outcomes.collect());
    world.now += LOG.retention;
    let now = world.now;
    let swept = world.write(move |transaction, _| sweep(transaction, &LOG, now, 100));
    assert_eq!(swept, 5);
    // A new process knows of the order only what the store says.
    world.sequence = Arc::default();
    let sequence = Arc::clone(&world.sequence);
    world
        .store
        .read(|snapshot| sequence.resume(snapshot))
        .unwrap();
    world.begin();
    world.append("a", 5);
    let leased = world.receive(world.consumers[0], 10);
    assert_eq!(
        leased.len(),
        1,
        "a place in the order before the cursor is lost"
    );
}

#[test]
fn a_record_that_kills_its_process_takes_no_other_with_it() {
    let mut world = World::new(&[7]);
    for id in 0..4 {
        world.append("a", id);
    }
    let consumer = world.consumers[0];
    let ids = |leased: &[Leased]| -> Vec<(usize, u32)> {
        let ids = leased.iter().map(|one| (number(&one.message), one.attempt));
        ids.collect()
    };
    assert_eq!(
        ids(&world.receive(consumer, 10)),
        [(0, 1), (1, 1), (2, 1), (3, 1)]
    );
    // The process dies; the first one comes again alone.
    world.now += LEASE;
    let leased = world.receive(consumer, 10);
    assert_eq!(ids(&leased), [(0, 2)]);
    world.finish(consumer, vec![(leased[0].receipt, Outcome::Ack)]);
    let leased = world.receive(consumer, 10);
    assert_eq!(ids(&leased), [(1, 1), (2, 1), (3, 1)]);
    // A dead letter in the middle lets the key continue under the same lease.
    let outcomes = vec![
        (leased[0].receipt, Outcome::Ack),
        (leased[1].receipt, Outcome::dead_letter("no")),
        (leased[2].receipt, Outcome::retry("later")),
    ];
    let results = world.finish(consumer, outcomes);
    assert_eq!(results[..2], [Finished::Acked, Finished::DeadLettered]);
    assert!(matches!(results[2], Finished::RetryAt(_)));
    world.append("a", 4);
    world.now += 60 * SECOND;
    let leased = world.receive(consumer, 10);
    assert_eq!(ids(&leased), [(3, 2)]);
}
