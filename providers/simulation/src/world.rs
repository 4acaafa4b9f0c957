//! The simulated provider's side: the things that exist, operations that go on, requests that are
//! under way, and what readers see of it all.
//!
//! It promises what real providers can be relied on for, and no more:
//!
//! - A request takes effect within [`LATEST`] of being sent, or never; also when whoever sent it was
//!   killed, or was told that it failed. One that arrives after a later request for the same thing
//!   is turned away.
//! - Readers see a change within [`LAG`] of it; changes of one thing in their order.
//! - An update takes away what it is told to be there now and not to be there afterwards, and tags
//!   that are not wanted; whatever else there is stays.
//! - What carries the stage's tags can be listed.

mod provider;
mod thing;

pub(crate) use provider::{Half, Weather};
pub(crate) use thing::{Outcome, Settling, Thing};

use crate::application::type_of;
use crate::chance::Chance;
use crate::defect::Defect;
use crate::scenario::Sort;
use ifc_engine::{
    Actual, Desired, Identity, PartAddress, Progress, ProviderErrorKind, Target, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long after it was sent a request may take effect.
pub(crate) const LATEST: Duration = Duration::from_secs(4);
/// How long after a change readers may still see what was before.
pub(crate) const LAG: Duration = Duration::from_secs(5);
/// How long a guarded thing's name stays taken after its deletion.
const QUARANTINE: Duration = Duration::from_secs(30);

/// The value behind every secret.
pub(crate) const SECRET: &str = "correct-horse-battery-staple";

/// What may go on with operations that were accepted, and with what readers see.
#[derive(Clone, Copy, Default)]
pub(crate) struct Conditions {
    pub(crate) fails: u8,
    pub(crate) sticks: u8,
    pub(crate) lags: u8,
    pub(crate) partial: u8,
}

/// The provider's side. Clones are the same.
#[derive(Clone)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
}

pub(crate) struct Inner {
    seed: u64,
    pub(crate) defect: Defect,
    pub(crate) conditions: Conditions,
    now: Duration,
    pub(crate) things: BTreeMap<u64, Thing>,
    made: u64,
    /// By what was sent first.
    under_way: BTreeMap<u64, UnderWay>,
    sent: u64,
    answers: BTreeMap<u64, Answer>,
    /// The latest request that was handled for each thing.
    handled: BTreeMap<Identity, u64>,
    quarantine: BTreeMap<Identity, Duration>,
    /// What readers see from when on.
    visible: BTreeMap<Identity, Vec<(Duration, Vec<Thing>)>>,
    /// Requests that create, by their token.
    tokens: BTreeMap<String, u64>,
    /// Parts whose things may not be deleted without consent.
    pub(crate) kept: BTreeSet<Identity>,
    violations: Vec<String>,
}

/// A request that changes something.
#[derive(Clone)]
pub(crate) enum Request {
    Create(Desired, String),
    Update(Actual, Desired),
    Delete(Target),
}

pub(crate) type Answer = Result<Progress<Actual>, (ProviderErrorKind, String)>;

struct UnderWay {
    request: Request,
    arrives: Duration,
    consent: bool,
    wider: bool,
}

impl Request {
    pub(crate) fn target(&self) -> &Target {
        match self {
            Request::Create(desired, _) | Request::Update(_, desired) => &desired.target,
            Request::Delete(target) => target,
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Request::Create(..) => "create",
            Request::Update(..) => "update",
            Request::Delete(_) => "delete",
        }
    }
}

fn refused(kind: ProviderErrorKind, message: &str) -> Answer {
    Err((kind, message.to_owned()))
}

impl World {
    pub(crate) fn new(seed: u64, defect: Defect) -> World {
        World {
            inner: Arc::new(Mutex::new(Inner {
                seed,
                defect,
                conditions: Conditions::default(),
                now: Duration::ZERO,
                things: BTreeMap::new(),
                made: 0,
                under_way: BTreeMap::new(),
                sent: 0,
                answers: BTreeMap::new(),
                handled: BTreeMap::new(),
                quarantine: BTreeMap::new(),
                visible: BTreeMap::new(),
                tokens: BTreeMap::new(),
                kept: BTreeSet::new(),
                violations: Vec::new(),
            })),
        }
    }

    /// The world as it is at this time.
    pub(crate) fn at(&self, now: Duration) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.advance(now);
        inner
    }
}

impl Inner {
    /// Lets happen what is due, in its order.
    fn advance(&mut self, now: Duration) {
        loop {
            let arrival = self.under_way.iter();
            let arrival = arrival
                .map(|(number, request)| (request.arrives, Some(*number), 0))
                .min();
            let rest = self.things.iter();
            let rest = rest
                .filter_map(|(number, thing)| Some((thing.settling?.until, None, *number)))
                .min();
            let Some((due, request, thing)) = arrival.into_iter().chain(rest).min() else {
                break;
            };
            if due > now {
                break;
            }
            self.now = self.now.max(due);
            match request {
                Some(number) => self.arrive(number),
                None => self.come_to_rest(thing),
            }
        }
        self.now = self.now.max(now);
    }

    fn chance(&self, about: &str, identity: &Identity) -> Chance {
        let times = (self.sent, self.made);
        Chance::of(self.seed, (about, identity.physical_name.as_str(), times))
    }

    pub(crate) fn violate(&mut self, violation: String) {
        self.violations.push(violation);
    }

    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Sends a request, which arrives by itself.
    pub(crate) fn send(
        &mut self,
        request: Request,
        arrives: Duration,
        consent: bool,
        wider: bool,
    ) -> u64 {
        self.sent += 1;
        let under_way = UnderWay {
            request,
            arrives,
            consent,
            wider,
        };
        self.under_way.insert(self.sent, under_way);
        self.sent
    }

    /// The answer to a request that has arrived.
    pub(crate) fn answer(&mut self, number: u64) -> Answer {
        let lost = refused(ProviderErrorKind::Uncertain, "the connection was lost");
        self.answers.remove(&number).unwrap_or(lost)
    }

    /// What readers see of an identity.
    pub(crate) fn seen(&self, identity: &Identity) -> &[Thing] {
        let versions = self.visible.get(identity);
        let versions = versions.into_iter().flatten().rev();
        let mut visible = versions.filter(|(from, _)| *from <= self.now);
        visible.next().map_or(&[], |(_, things)| things)
    }

    pub(crate) fn of(&self, identity: &Identity) -> Vec<u64> {
        let things = self.things.iter();
        things
            .filter(|(_, thing)| thing.identity == *identity)
            .map(|(number, _)| *number)
            .collect()
    }

    /// Readers get to know of a change.
    pub(crate) fn changed(&mut self, identity: &Identity) {
        let chance = self.chance("lag", identity);
        let lag = match chance.percent("whether", self.conditions.lags) {
            true => chance.time("how long", LAG),
            false => Duration::ZERO,
        };
        let things = self.of(identity);
        let things: Vec<Thing> = things
            .iter()
            .map(|number| self.things[number].clone())
            .collect();
        let now = self.now;
        let versions = self.visible.entry(identity.clone()).or_default();
        // Only the last of those that everybody sees matters.
        let done = versions.iter().filter(|(from, _)| *from <= now).count();
        versions.drain(..done.saturating_sub(1));
        let earliest = versions.last().map_or(Duration::ZERO, |(from, _)| *from);
        versions.push(((now + lag).max(earliest), things));
        let ours = self.of(identity);
        let ours = ours.iter().filter(|number| self.things[number].is_ours());
        if ours.count() > 1 {
            self.violate(format!("created twice: there are two of `{identity}`"));
        }
    }

    fn arrive(&mut self, number: u64) {
        let Some(sent) = self.under_way.remove(&number) else {
            return;
        };
        let identity = sent.request.target().identity();
        if self
            .handled
            .get(&identity)
            .is_some_and(|last| *last > number)
        {
            return;
        }
        self.handled.insert(identity.clone(), number);
        let answer = match &sent.request {
            Request::Create(desired, token) => self.create(desired, token, &sent),
            Request::Update(from, desired) => self.update(from, desired, &sent),
            Request::Delete(target) => self.delete(target, &sent),
        };
        self.answers.insert(number, answer);
    }

    fn create(&mut self, desired: &Desired, token: &str, sent: &UnderWay) -> Answer {
        let identity = desired.target.identity();
        let numbered = identity.part_type == type_of(Sort::Numbered);
        let there = match (numbered, self.defect) {
            (true, Defect::CreatesAnew) => None,
            // The half looks for it, and sees what readers see; the provider knows its tokens.
            (true, _) => {
                let seen = self.seen(&identity).iter().filter(|thing| thing.is_ours());
                let seen = seen.map(|thing| thing.number);
                let seen = seen.filter(|number| self.things.contains_key(number));
                let known = self.tokens.get(token).copied();
                let known = known.filter(|number| self.things.contains_key(number));
                seen.chain(known).next()
            }
            (false, _) => self.of(&identity).first().copied(),
        };
        if let Some(number) = there {
            let thing = &self.things[&number];
            if !thing.is_ours() {
                return refused(
                    ProviderErrorKind::NameTaken {
                        owner: "somebody else".to_owned(),
                    },
                    "there is one already",
                );
            }
            // What goes on may be another's, for something else.
            match thing.settling {
                Some(settling) if settling.outcome != Outcome::Made || !thing.is_as(desired) => {
                    return busy();
                }
                Some(_) => return self.pending(number),
                None => {}
            }
            return self.bring(number, desired, sent);
        }
        if self
            .quarantine
            .get(&identity)
            .is_some_and(|until| *until > self.now)
        {
            return refused(
                ProviderErrorKind::NameQuarantined,
                "one of this name was deleted just now",
            );
        }
        if let Some(answer) = self.dangling(desired) {
            return answer;
        }
        self.made += 1;
        let number = self.made;
        let thing = Thing::new(number, desired);
        self.things.insert(number, thing);
        self.tokens.insert(token.to_owned(), number);
        let partial = self.chance("partial", &identity);
        if partial.percent("whether", self.conditions.partial) {
            if let Some(thing) = self.things.get_mut(&number) {
                thing.properties.remove("size");
            }
            self.changed(&identity);
            return denied("size");
        }
        if let Some(answer) = self.operate(number, Outcome::Made) {
            return answer;
        }
        self.changed(&identity);
        Ok(Progress::Done(self.things[&number].actual(sent.wider)))
    }

    fn update(&mut self, from: &Actual, desired: &Desired, sent: &UnderWay) -> Answer {
        let identity = desired.target.identity();
        let Some(number) = self.meant(&desired.target) else {
            return refused(ProviderErrorKind::Rejected, "there is no such thing");
        };
        let thing = &self.things[&number];
        if !thing.is_ours() && !sent.consent {
            if self.defect != Defect::EverythingIsOurs {
                return refused(
                    ProviderErrorKind::NameTaken {
                        owner: "somebody else".to_owned(),
                    },
                    "it is not ours",
                );
            }
            self.violate(format!("foreign: `{identity}` was changed without consent"));
        }
        if self.things[&number].settling.is_some() {
            return busy();
        }
        if self.defect == Defect::UpdatesByReplacing {
            self.remove(number, sent.consent);
            let request = Request::Create(desired.clone(), format!("again {number}"));
            let Request::Create(desired, token) = &request else {
                unreachable!("it was made so")
            };
            return self.create(desired, token, sent);
        }
        // Only what it is told to be there is taken away.
        let mut desired = desired.clone();
        for (name, value) in &self.things[&number].properties {
            if !from.properties.contains_key(name) {
                let wanted = desired.properties.entry(name.clone());
                wanted.or_insert_with(|| value.clone());
            }
        }
        self.bring(number, &desired, sent)
    }

    /// Brings what is there to what is wanted.
    fn bring(&mut self, number: u64, desired: &Desired, sent: &UnderWay) -> Answer {
        let identity = desired.target.identity();
        let thing = &self.things[&number];
        if let Some(name) = thing.cannot_become(desired) {
            let message = format!("`{name}` cannot be changed");
            return refused(ProviderErrorKind::Rejected, &message);
        }
        if let Some(answer) = self.dangling(desired) {
            return answer;
        }
        let before = self.things[&number].clone();
        if before.is_as(desired) {
            return Ok(Progress::Done(before.actual(sent.wider)));
        }
        let mut after = before.clone();
        after.become_as(desired);
        let half = self.chance("partial", &identity);
        let half = half.percent("whether", self.conditions.partial);
        if half || self.defect == Defect::UpdatesHalf {
            match before.properties.get("size") {
                Some(size) => after.properties.insert("size".to_owned(), size.clone()),
                None => after.properties.remove("size"),
            };
        }
        self.things.insert(number, after);
        if half {
            self.changed(&identity);
            return denied("size");
        }
        if let Some(answer) = self.operate(number, Outcome::Changed) {
            return answer;
        }
        self.changed(&identity);
        Ok(Progress::Done(self.things[&number].actual(sent.wider)))
    }

    fn delete(&mut self, target: &Target, sent: &UnderWay) -> Answer {
        let done = Ok(Progress::Done(Actual::default()));
        let Some(number) = self.meant(target) else {
            return done;
        };
        let thing = &self.things[&number];
        let identity = thing.identity.clone();
        if !thing.is_ours() {
            return refused(
                ProviderErrorKind::NameTaken {
                    owner: "somebody else".to_owned(),
                },
                "it is not ours",
            );
        }
        if thing.settling.is_some() {
            return busy();
        }
        let id = thing.id();
        let guarded = identity.part_type == type_of(Sort::Guarded);
        let mut others = self.things.values();
        // What is kept does not hold on to what it used: a stage could not be destroyed otherwise.
        let holds = |other: &Thing| {
            other.number != number && other.refers_to(&id) && !self.kept.contains(&other.identity)
        };
        if guarded && others.any(holds) {
            return refused(ProviderErrorKind::Rejected, "it is in use");
        }
        if self.defect == Defect::DeletesNothing && number % 5 == 0 {
            return done;
        }
        if let Some(answer) = self.operate(number, Outcome::Gone(sent.consent)) {
            return answer;
        }
        self.remove(number, sent.consent);
        done
    }

    /// The thing that a target is about.
    fn meant(&self, target: &Target) -> Option<u64> {
        let identity = target.identity();
        let id = target.outputs.get("id");
        let things = self.of(&identity);
        let by_id = things.iter();
        let by_id = by_id
            .filter(|number| id == Some(&self.things[number].id_value()))
            .copied()
            .next();
        let numbered = identity.part_type == type_of(Sort::Numbered);
        match (by_id, numbered) {
            (Some(number), _) => Some(number),
            (None, false) => things.first().copied(),
            // Its number is not known: the half looks for it.
            (None, true) => {
                let seen = self.seen(&identity).iter().filter(|thing| thing.is_ours());
                let mut seen = seen.map(|thing| thing.number);
                seen.find(|number| things.contains(number))
            }
        }
    }

    /// Whether it refers to what is not there.
    fn dangling(&self, desired: &Desired) -> Option<Answer> {
        let guarded = desired.target.part_type == type_of(Sort::Guarded);
        let exists = |id: &str| self.things.values().any(|thing| thing.id() == id);
        let missing = thing::references(&desired.properties).find(|id| guarded && !exists(id))?;
        let message = format!("`{missing}` does not exist");
        Some(refused(ProviderErrorKind::Rejected, &message))
    }

    /// Begins an operation that goes on, if the thing is of such a sort.
    fn operate(&mut self, number: u64, outcome: Outcome) -> Option<Answer> {
        let identity = self.things[&number].identity.clone();
        if identity.part_type != type_of(Sort::Slow) {
            return None;
        }
        let chance = self.chance("operation", &identity);
        let conditions = self.conditions;
        let until = match chance.percent("sticks", conditions.sticks) {
            true => Duration::MAX,
            false => self.now + chance.time("takes", Duration::from_secs(20)),
        };
        let settling = Settling {
            until,
            outcome,
            fails: chance.percent("fails", conditions.fails),
        };
        if let Some(thing) = self.things.get_mut(&number) {
            thing.settling = Some(settling);
        }
        self.changed(&identity);
        Some(self.pending(number))
    }

    fn pending(&self, number: u64) -> Answer {
        let thing = &self.things[&number];
        let chance = self.chance("poll", &thing.identity);
        let poll_after = match chance.percent("says", 50) {
            true => Some(chance.time("after", Duration::from_secs(5))),
            false => None,
        };
        Ok(Progress::Pending {
            note: "working on it".to_owned(),
            poll_after,
        })
    }

    fn come_to_rest(&mut self, number: u64) {
        let Some(thing) = self.things.get_mut(&number) else {
            return;
        };
        let identity = thing.identity.clone();
        let Some(settling) = thing.settling.take() else {
            return;
        };
        match (settling.outcome, settling.fails) {
            (Outcome::Gone(consent), false) => {
                self.remove(number, consent);
                return;
            }
            (Outcome::Made, true) => {
                self.things.remove(&number);
            }
            (Outcome::Changed, true) => {
                thing.properties.remove("size");
                thing.revision += 1;
            }
            (Outcome::Gone(_), true) | (Outcome::Made | Outcome::Changed, false) => {}
        }
        self.changed(&identity);
    }

    /// Deletes, and says so when that was not consented to.
    fn remove(&mut self, number: u64, consent: bool) {
        let Some(thing) = self.things.remove(&number) else {
            return;
        };
        let identity = thing.identity;
        if self.kept.contains(&identity) && !consent {
            self.violate(format!("kept: `{identity}` was deleted without consent"));
        }
        if !thing.tags.contains_key(crate::application::OURS.0) {
            self.violate(format!("foreign: `{identity}` was deleted"));
        }
        if identity.part_type == type_of(Sort::Guarded) {
            let until = self.now + QUARANTINE;
            self.quarantine.insert(identity.clone(), until);
        }
        self.changed(&identity);
    }

    /// Somebody else deletes it.
    pub(crate) fn vanish(&mut self, number: u64) {
        if let Some(thing) = self.things.remove(&number) {
            self.kept.remove(&thing.identity);
            self.changed(&thing.identity);
        }
    }

    /// Somebody else changes it.
    pub(crate) fn tamper(&mut self, number: u64, name: &str, value: Value) {
        if let Some(thing) = self.things.get_mut(&number) {
            thing.properties.insert(name.to_owned(), value);
            let identity = thing.identity.clone();
            self.changed(&identity);
        }
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u64 {
        self.sent
    }

    /// Somebody else makes a thing of their own.
    pub(crate) fn squat(&mut self, identity: Identity, address: &PartAddress) {
        self.made += 1;
        let thing = Thing::foreign(self.made, identity.clone(), address);
        self.things.insert(self.made, thing);
        self.changed(&identity);
    }

    /// From now on nothing goes wrong, and what never ends does.
    pub(crate) fn calm(&mut self) {
        self.conditions = Conditions::default();
        let now = self.now;
        for thing in self.things.values_mut() {
            if let Some(settling) = &mut thing.settling {
                settling.until = settling.until.min(now + Duration::from_secs(1));
            }
        }
    }
}

fn busy() -> Answer {
    refused(
        ProviderErrorKind::NotReady {
            what: "an operation to end".to_owned(),
            budget: Duration::from_secs(30),
        },
        "it is busy",
    )
}

fn denied(what: &str) -> Answer {
    refused(
        ProviderErrorKind::Denied {
            action: "set".to_owned(),
            on: what.to_owned(),
        },
        "everything but this was done",
    )
}
