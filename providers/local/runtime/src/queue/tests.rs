//! The machine against an oracle that keeps everything in one list and looks at all of it each
//! time: thousands of random operations in virtual time, on standard and on fifo queues.

use super::*;
use crate::moment::to_system;
use crate::store::{Storage, Store};
use crate::test_support::{Random, rounds};
use ifc_runtime::TraceContext;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
const LEASE: i64 = 60 * SECOND;
const RETENTION: i64 = 3_600 * SECOND;

fn rules(fifo: bool) -> Rules {
    Rules {
        runs: false,
        queue: 7,
        fifo,
        retention: RETENTION,
        retry: RetrySpec {
            max_attempts: 5,
            min_backoff: Duration::from_secs(10),
            max_backoff: Duration::from_secs(300),
        },
    }
}

fn message(id: &str, now: Moment, group: Option<&str>) -> Message {
    Message {
        id: id.to_owned(),
        sent_at: now,
        trace: TraceContext::root(),
        group: group.map(str::to_owned),
        attributes: BTreeMap::new(),
        body: b"null".to_vec(),
    }
}

/// A queue on a store in memory.
struct Machine {
    store: Store,
    rules: Rules,
    sequence: Arc<Sequence>,
}

impl Machine {
    fn new(fifo: bool) -> Machine {
        Machine {
            store: Store::open(&Storage::Memory, Box::new(|_| {})).unwrap(),
            rules: rules(fifo),
            sequence: Arc::default(),
        }
    }

    fn write<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Transaction<'_, '_>, &Rules, &Sequence) -> Result<T, Fault>
        + Send
        + 'static,
    ) -> T {
        let (rules, sequence) = (self.rules, Arc::clone(&self.sequence));
        self.store
            .write_now(move |transaction| command(transaction, &rules, &sequence))
            .unwrap()
    }

    fn send(&self, id: &str, now: Moment, group: Option<&str>, delay: i64) {
        let record = message(id, now, group).encode();
        let group = group.map(str::to_owned);
        self.write(move |transaction, rules, sequence| {
            send(
                transaction,
                rules,
                sequence,
                &record,
                group.as_deref(),
                now + delay,
            )
        });
    }

    fn receive(&self, now: Moment, count: usize) -> Received {
        self.write(move |transaction, rules, _| receive(transaction, rules, now, LEASE, count))
    }

    fn finish(&self, now: Moment, receipt: Receipt, outcome: Outcome) -> Finished {
        self.write(move |transaction, rules, _| finish(transaction, rules, now, receipt, &outcome))
    }

    fn depth(&self, now: Moment) -> Depth {
        self.store
            .read(|snapshot| depth(snapshot, &self.rules, now))
            .unwrap()
    }

    fn dead(&self) -> Vec<DeadLetter> {
        let read = |snapshot: &_| dead_letters(snapshot, &self.rules, "q", usize::MAX);
        self.store.read(read).unwrap()
    }

    fn next_due(&self) -> Option<Moment> {
        self.store
            .read(|snapshot| next_due(snapshot, &self.rules))
            .unwrap()
    }
}

/// What the oracle knows of a message.
#[derive(Clone, Debug)]
struct Known {
    id: String,
    group: Option<String>,
    order: u64,
    sent_at: Moment,
    /// None: not the first of its group.
    due: Option<Moment>,
    attempts: u32,
    leased: bool,
}

struct Oracle {
    rules: Rules,
    live: Vec<Known>,
    dead: Vec<(Moment, Known)>,
    order: u64,
    acked: BTreeSet<String>,
    expired: BTreeSet<String>,
}

impl Oracle {
    fn new(rules: Rules) -> Oracle {
        Oracle {
            rules,
            live: Vec::new(),
            dead: Vec::new(),
            order: 0,
            acked: BTreeSet::new(),
            expired: BTreeSet::new(),
        }
    }

    fn send(&mut self, id: &str, now: Moment, group: Option<&str>, due: Moment) {
        let group = group.map(str::to_owned);
        let blocked = self.rules.fifo && self.live.iter().any(|known| known.group == group);
        self.order += 1;
        self.live.push(Known {
            id: id.to_owned(),
            group,
            order: self.order,
            sent_at: now,
            due: (!blocked).then_some(due),
            attempts: 0,
            leased: false,
        });
    }

    fn take(&mut self, at: usize, now: Moment) -> Known {
        let known = self.live.remove(at);
        if self.rules.fifo {
            let next = self
                .live
                .iter_mut()
                .find(|other| other.group == known.group);
            if let Some(next) = next {
                assert_eq!(next.due, None, "two of a group were in the open");
                next.due = Some(now);
            }
        }
        known
    }

    /// Ids, attempts and places in the order of what is leased.
    fn receive(&mut self, now: Moment, count: usize) -> Vec<(String, u32, u64)> {
        let mut leased = Vec::new();
        while leased.len() < count {
            let open = self.live.iter().enumerate();
            let due = open.filter(|(_, known)| known.due.is_some_and(|due| due <= now));
            let Some((at, _)) = due.min_by_key(|(_, known)| (known.due, known.order)) else {
                break;
            };
            if self.live[at].sent_at + RETENTION <= now {
                let known = self.take(at, now);
                self.expired.insert(known.id);
            } else if self.live[at].attempts >= self.rules.retry.max_attempts {
                let known = self.take(at, now);
                self.dead.push((now, known));
            } else {
                let known = &mut self.live[at];
                known.attempts += 1;
                known.leased = true;
                known.due = Some(now + LEASE);
                leased.push((known.id.clone(), known.attempts, known.order));
            }
        }
        leased
    }

    fn finish(&mut self, now: Moment, order: u64, attempt: u32, outcome: &Outcome) -> Finished {
        let held = self
            .live
            .iter()
            .position(|known| known.order == order && known.leased && known.attempts == attempt);
        let Some(at) = held else {
            return Finished::LeaseLost;
        };
        match outcome {
            Outcome::Ack => {
                let known = self.take(at, now);
                self.acked.insert(known.id);
                Finished::Acked
            }
            Outcome::Retry { after, .. } if attempt < self.rules.retry.max_attempts => {
                // 10 s, doubled for each attempt before, at most 300 s.
                let backoff = (10_i64 << (attempt - 1)).min(300) * SECOND;
                let wait = after.map_or(backoff, |after| after.as_nanos() as i64);
                let known = &mut self.live[at];
                known.leased = false;
                known.due = Some(now + wait);
                Finished::RetryAt(to_system(now + wait))
            }
            _ => {
                let known = self.take(at, now);
                self.dead.push((now, known));
                Finished::DeadLettered
            }
        }
    }

    fn redrive(&mut self, now: Moment, ids: &Option<HashSet<String>>) -> u64 {
        self.dead.sort_by_key(|(at, known)| (*at, known.order));
        let chosen = |known: &Known| ids.as_ref().is_none_or(|ids| ids.contains(&known.id));
        let (back, stay): (Vec<_>, Vec<_>) =
            self.dead.drain(..).partition(|(_, known)| chosen(known));
        self.dead = stay;
        for (_, known) in &back {
            self.send(&known.id, now, known.group.as_deref(), now);
        }
        back.len() as u64
    }

    fn depth(&self, now: Moment) -> Depth {
        let mut depth = Depth {
            dead: self.dead.len() as u64,
            ..Depth::default()
        };
        for known in &self.live {
            let waits = known.due.is_some_and(|due| due > now);
            match (
                known.leased && waits,
                known.sent_at + RETENTION <= now,
                waits,
            ) {
                (true, _, _) => depth.in_flight += 1,
                (_, true, _) => {}
                (_, _, true) => depth.delayed += 1,
                _ => depth.ready += 1,
            }
        }
        depth
    }
}

fn random_outcome(random: &mut Random) -> Outcome {
    match random.below(10) {
        0..4 => Outcome::Ack,
        4..7 => Outcome::retry("again"),
        7..9 => Outcome::retry_after(Duration::from_secs(random.below(120) as u64), "later"),
        _ => Outcome::dead_letter("never"),
    }
}

fn run(seed: u64, fifo: bool, operations: usize) {
    let mut random = Random::new(seed);
    let machine = Machine::new(fifo);
    let mut oracle = Oracle::new(machine.rules);
    let mut now = 1_700_000_000 * SECOND;
    let mut sent = 0_u32;
    let mut receipts: Vec<(u64, u32, Receipt)> = Vec::new();
    // Places in the order of arrival of messages delivered for the first time, by group.
    let mut delivered: BTreeMap<Option<String>, Vec<u64>> = BTreeMap::new();
    for step in 0..operations {
        let context = format!("seed {seed}, fifo {fifo}, step {step}");
        match random.below(100) {
            0..30 => {
                let id = sent.to_string();
                sent += 1;
                let group = fifo.then(|| ["a", "b", "c"][random.below(3)]);
                let delay = match fifo || random.below(3) > 0 {
                    true => 0,
                    false => random.below(900) as i64 * SECOND,
                };
                machine.send(&id, now, group, delay);
                oracle.send(&id, now, group, now + delay);
            }
            30..60 => {
                let count = 1 + random.below(4);
                let received = machine.receive(now, count);
                let expected = oracle.receive(now, count);
                assert_eq!(received.leased.len(), expected.len(), "{context}");
                for (leased, (id, attempt, order)) in received.leased.into_iter().zip(expected) {
                    assert_eq!(
                        (&leased.message.id, leased.attempt),
                        (&id, attempt),
                        "{context}"
                    );
                    assert!(attempt <= machine.rules.retry.max_attempts, "{context}");
                    if attempt == 1 {
                        delivered
                            .entry(leased.message.group)
                            .or_default()
                            .push(order);
                    }
                    receipts.push((order, attempt, leased.receipt));
                }
            }
            60..85 if !receipts.is_empty() => {
                // Some are finished twice, or long after their lease.
                let at = random.below(receipts.len());
                let (order, attempt, receipt) = match random.below(4) {
                    0 => receipts[at],
                    _ => receipts.swap_remove(at),
                };
                let outcome = random_outcome(&mut random);
                let expected = oracle.finish(now, order, attempt, &outcome);
                let actual = machine.finish(now, receipt, outcome);
                assert_eq!(actual, expected, "{context}");
            }
            85..96 => {
                now += match random.below(12) {
                    0 => RETENTION / 3,
                    1..4 => LEASE,
                    _ => random.below(30) as i64 * SECOND + 1,
                };
            }
            96 => {
                machine.write(move |transaction, rules, _| release(transaction, rules, now));
                for known in oracle.live.iter_mut().filter(|known| known.leased) {
                    known.leased = false;
                    known.due = Some(now);
                }
            }
            97 => {
                let ids = match random.below(2) {
                    0 => None,
                    _ => Some(
                        (0..5)
                            .map(|_| random.below(sent as usize + 1).to_string())
                            .collect(),
                    ),
                };
                let expected = oracle.redrive(now, &ids);
                let actual = machine.write(move |transaction, rules, sequence| {
                    redrive(transaction, rules, sequence, now, ids.as_ref())
                });
                assert_eq!(actual, expected, "{context}");
            }
            _ => {
                assert_eq!(machine.depth(now), oracle.depth(now), "{context}");
                oracle.dead.sort_by_key(|(at, known)| (*at, known.order));
                let dead: Vec<_> = machine
                    .dead()
                    .into_iter()
                    .map(|l| (l.id, l.attempts))
                    .collect();
                let expected: Vec<_> = oracle
                    .dead
                    .iter()
                    .map(|(_, known)| (known.id.clone(), known.attempts))
                    .collect();
                assert_eq!(dead, expected, "{context}");
                let due = oracle.live.iter().filter_map(|known| known.due).min();
                assert_eq!(machine.next_due(), due, "{context}");
            }
        }
        if fifo {
            for order in delivered.values() {
                assert!(
                    order.is_sorted(),
                    "{context}: group out of order: {order:?}"
                );
            }
        }
    }
    // Nothing is lost: everything that was sent is somewhere, exactly once.
    let live = oracle.live.iter().map(|known| &known.id);
    let dead = oracle.dead.iter().map(|(_, known)| &known.id);
    let mut all: Vec<&String> = live
        .chain(dead)
        .chain(&oracle.acked)
        .chain(&oracle.expired)
        .collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), sent as usize);
    assert_eq!(machine.depth(now), oracle.depth(now));
    let peeked = machine
        .store
        .read(|s| peek(s, &machine.rules, now, usize::MAX))
        .unwrap();
    let depth = machine.depth(now);
    assert_eq!(
        peeked.len() as u64,
        depth.ready + depth.delayed + depth.in_flight
    );
}

#[test]
fn random_lives_of_messages_agree_with_the_oracle() {
    for seed in 0..3 * rounds() {
        run(seed, false, 1_500);
        run(seed, true, 1_500);
    }
}

#[test]
fn a_lost_lease_does_not_end_the_next_delivery() {
    let machine = Machine::new(false);
    machine.send("m", 0, None, 0);
    let first = machine.receive(0, 1).leased.remove(0);
    assert!(
        machine.receive(LEASE - 1, 1).leased.is_empty(),
        "the lease holds"
    );
    let second = machine.receive(LEASE, 1).leased.remove(0);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(
        machine.finish(LEASE, first.receipt, Outcome::Ack),
        Finished::LeaseLost
    );
    assert_eq!(machine.depth(LEASE).in_flight, 1);
    assert_eq!(
        machine.finish(LEASE, second.receipt, Outcome::Ack),
        Finished::Acked
    );
    assert_eq!(
        machine.finish(LEASE, second.receipt, Outcome::Ack),
        Finished::LeaseLost
    );
    assert_eq!(machine.depth(LEASE), Depth::default());
}

#[test]
fn a_handler_that_kills_its_process_does_not_do_so_forever() {
    let machine = Machine::new(false);
    machine.send("m", 0, None, 0);
    for attempt in 1..=5 {
        assert_eq!(machine.receive(0, 1).leased[0].attempt, attempt);
        machine.write(|transaction, rules, _| release(transaction, rules, 0));
    }
    let received = machine.receive(0, 1);
    assert!(received.leased.is_empty());
    assert_eq!(
        received.dead[0].reason,
        "the process ended while it handled the message (delivery 5 of 5)"
    );
    let letter = machine.dead().remove(0);
    assert_eq!((letter.id.as_str(), letter.attempts), ("m", 5));
}

#[test]
fn waiting_messages_follow_a_clock_that_goes_back() {
    let machine = Machine::new(false);
    let noon = 1_700_000_000 * SECOND;
    let hour = 3_600 * SECOND;
    machine.send("ready", noon, None, 0);
    machine.send("delayed", noon, None, 60 * SECOND);
    let now = noon - hour;
    assert!(
        machine.receive(now, 9).leased.is_empty(),
        "everything is due in the future"
    );
    machine.write(move |transaction, rules, _| follow_clock_back(transaction, rules, now, hour));
    let ready = machine.receive(now, 9).leased.remove(0);
    assert_eq!(ready.message.id, "ready");
    assert_eq!(
        machine.finish(now, ready.receipt, Outcome::Ack),
        Finished::Acked
    );
    assert!(machine.receive(now + 59 * SECOND, 9).leased.is_empty());
    let later = machine.receive(now + 60 * SECOND, 9).leased;
    assert_eq!(later[0].message.id, "delayed");
}

#[test]
fn sweeping_drops_what_nobody_consumes_and_old_dead_letters() {
    for fifo in [false, true] {
        let machine = Machine::new(fifo);
        for id in ["a", "b", "c"] {
            machine.send(id, 0, fifo.then_some("g"), 0);
        }
        let held = machine.receive(0, 1).leased.remove(0);
        machine.finish(0, held.receipt, Outcome::dead_letter("no"));
        let sweep_at = |now: Moment| {
            machine.write(move |transaction, rules, _| sweep(transaction, rules, now))
        };
        assert!(sweep_at(RETENTION - 1).is_empty());
        assert_eq!(sweep_at(RETENTION), ["b", "c"]);
        assert_eq!(machine.next_due(), None);
        let week = nanoseconds(DEAD_LETTER_RETENTION);
        assert!(sweep_at(week).is_empty());
        assert_eq!(
            machine.dead().len(),
            1,
            "dead letters are kept for a week at least"
        );
        sweep_at(2 * week + 1);
        assert_eq!(machine.dead().len(), 0);
    }
}

#[test]
fn purging_leaves_dead_letters_and_nothing_else() {
    let machine = Machine::new(true);
    for id in ["a", "b", "c", "d"] {
        machine.send(id, 0, Some("g"), 0);
    }
    let first = machine.receive(0, 1).leased.remove(0);
    machine.finish(0, first.receipt, Outcome::dead_letter("no"));
    let second = machine.receive(0, 1).leased.remove(0);
    assert_eq!(
        machine.write(|transaction, rules, _| purge(transaction, rules)),
        3
    );
    assert_eq!(
        machine.finish(0, second.receipt, Outcome::Ack),
        Finished::LeaseLost
    );
    assert_eq!(
        machine.depth(0),
        Depth {
            dead: 1,
            ..Depth::default()
        }
    );
    machine.send("e", 0, Some("g"), 0);
    assert_eq!(
        machine.receive(0, 9).leased[0].message.id,
        "e",
        "the group is free again"
    );
}

#[test]
fn numbering_goes_on_after_what_is_stored() {
    let machine = Machine::new(false);
    for id in ["a", "b"] {
        machine.send(id, 0, None, 0);
    }
    let sequence = Sequence::default();
    machine
        .store
        .read(|snapshot| sequence.resume(snapshot))
        .unwrap();
    let stored = machine
        .store
        .read(|snapshot| entries(snapshot, &machine.rules))
        .unwrap();
    let last = stored
        .iter()
        .map(|(key, _)| read_due_key(key).unwrap().1)
        .max();
    assert!(sequence.next() > last.unwrap());
}
