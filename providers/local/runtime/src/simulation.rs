//! The driver in virtual time: delivers what is due, or moves time to where something is. The
//! adversary decides in which order, how often, and what goes wrong.

use crate::adversary::{Adversary, Delivered, Fate};
use crate::drive::Lease;
use crate::local::{Edge, EdgeId, Local};
use crate::moment::nanoseconds;
use ifc_manifest::Verb;
use ifc_runtime::{BoxFuture, Clock, Error, ErrorKind, Outcome, Target};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

/// Deliveries after which an application is taken not to come to rest.
const DELIVERIES_MAX: u32 = 100_000;

/// Fewest attempts that an event must have for a merciful adversary to take one.
const ATTEMPTS_MIN: u32 = 3;

/// A clock that moves when everything waits.
pub trait VirtualTime: Clock {
    /// Moves to `time`, and lets whatever waits for a moment before it go on.
    fn wait_until(&self, time: SystemTime) -> BoxFuture<'_, ()>;
}

/// Hears what happens.
pub trait Observer: Send + Sync {
    /// A unit was handed these events, and said this; nothing when it died.
    fn delivered(&self, edge: &Edge, leases: &[Lease], outcomes: Option<&[Outcome]>);

    /// A process of this unit died: what it kept in memory is gone.
    fn died(&self, unit: &str);

    /// The current code did this; not told where nothing is [disturbed](crate::Disturbed).
    fn operated(&self, target: Target<'_>, verb: Verb, succeeded: bool);
}

/// Hears nothing.
impl Observer for () {
    fn delivered(&self, _: &Edge, _: &[Lease], _: Option<&[Outcome]>) {}

    fn died(&self, _: &str) {}

    fn operated(&self, _: Target<'_>, _: Verb, _: bool) {}
}

/// How much time there is to make up for a lost attempt.
#[derive(Clone, Copy)]
enum Horizon {
    None,
    Until(SystemTime),
    Unlimited,
}

/// Drives one [`Local`] in virtual time.
pub struct Simulation {
    local: Arc<Local>,
    adversary: Arc<Adversary>,
    time: Arc<dyn VirtualTime>,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Second copies of events that are still under way.
    copies: Vec<Copy>,
    /// Edge and id of the events that have lost an attempt to the adversary.
    harmed: BTreeSet<(EdgeId, String)>,
}

struct Copy {
    due: SystemTime,
    edge: EdgeId,
    leases: Vec<Lease>,
}

/// A batch on its way to its handler.
struct Job {
    edge: EdgeId,
    leases: Vec<Lease>,
    /// None for a second copy: what its handler says counts for nothing.
    fate: Option<Fate>,
}

/// Counts deliveries, to give up on an application that goes round in circles.
struct Budget(u32);

impl Budget {
    fn spend(&mut self, edge: &Edge) -> Result<(), Error> {
        self.0 += 1;
        if self.0 <= DELIVERIES_MAX {
            return Ok(());
        }
        let message = format!(
            "the application does not come to rest: {DELIVERIES_MAX} deliveries, the last one to \
             unit `{}`; is there a loop through its queues?",
            edge.unit
        );
        Err(Error::new(ErrorKind::Failed, message))
    }
}

impl Simulation {
    /// Drives `local`, which must have been opened with `time` as its clock. Its reads are behind
    /// as `adversary` wants from now on.
    pub fn new(
        local: Arc<Local>,
        adversary: Arc<Adversary>,
        time: Arc<dyn VirtualTime>,
        observer: Arc<dyn Observer>,
    ) -> Simulation {
        local.oppose(Arc::clone(&adversary));
        Simulation {
            local,
            adversary,
            time,
            observer,
            state: Mutex::default(),
        }
    }

    /// The provider.
    pub fn local(&self) -> &Arc<Local> {
        &self.local
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers everything that is due now and whatever follows from it, without moving time.
    ///
    /// # Errors
    /// When the storage fails, or it does not come to an end.
    pub async fn run_due(&self) -> Result<(), Error> {
        let mut budget = Budget(0);
        while self.round(Horizon::None, &mut budget).await? {}
        Ok(())
    }

    /// Delivers, and moves time over delays and retries, until every queue is empty and no read is
    /// behind. Schedules do not fire.
    ///
    /// # Errors
    /// As [`run_due`](Simulation::run_due).
    pub async fn settle(&self) -> Result<(), Error> {
        let mut budget = Budget(0);
        loop {
            while self.round(Horizon::Unlimited, &mut budget).await? {}
            match self.next_due()?.or_else(|| self.local.caught_up()) {
                Some(time) => self.time.wait_until(time).await,
                None => return Ok(()),
            }
        }
    }

    /// Lets time pass until `target`, with everything that is due meanwhile, schedules too.
    ///
    /// # Errors
    /// As [`run_due`](Simulation::run_due).
    pub async fn advance_to(&self, target: SystemTime) -> Result<(), Error> {
        let mut budget = Budget(0);
        loop {
            self.local.fire_due_schedules().await?;
            while self.round(Horizon::Until(target), &mut budget).await? {}
            let schedule = self.local.next_schedule().map(|(_, time)| time);
            let next = self.next_due()?.into_iter().chain(schedule).min();
            match next.filter(|time| *time <= target) {
                Some(time) => self.time.wait_until(time).await,
                None if self.time.now() < target => self.time.wait_until(target).await,
                None => return Ok(()),
            }
        }
    }

    /// When something is to be delivered next.
    fn next_due(&self) -> Result<Option<SystemTime>, Error> {
        let mut next = self.state().copies.iter().map(|copy| copy.due).min();
        for edge in self.local.edges() {
            if let Some(due) = self.local.next_due(edge.id)? {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        Ok(next)
    }

    /// One round over all edges. Whether anything was delivered.
    async fn round(&self, horizon: Horizon, budget: &mut Budget) -> Result<bool, Error> {
        // What handlers spawned gets its turn before the next delivery.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let at_once = self.adversary.unkindness().shuffle;
        let mut edges: Vec<&Edge> = self.local.edges().iter().collect();
        self.adversary.shuffle(&mut edges);
        let mut jobs = self.due_copies();
        let mut any = !jobs.is_empty();
        for edge in edges {
            // What belongs together must not be dealt to several handlers.
            let together = edge.has_runs();
            let count = match together {
                true => self.adversary.batch(edge.batch),
                false => self.adversary.appetite(edge.batch, edge.max_concurrency),
            };
            let mut leases = self.local.receive(edge.id, count).await?;
            match together {
                true => self.interleave(&mut leases),
                // Of a fifo group there is one at most, so these have no order among themselves.
                false => self.adversary.shuffle(&mut leases),
            }
            while !leases.is_empty() {
                any = true;
                budget.spend(edge)?;
                let size = match together {
                    true => leases.len(),
                    false => self.adversary.batch(edge.batch.min(leases.len())),
                };
                let rest = leases.split_off(size);
                let mut fate = self.fate(edge, &leases, horizon);
                let ordered = self.local.queues[edge.queue].rules.fifo;
                if at_once && !ordered && fate == Fate::Duplicate(None) {
                    // Both copies run at the same time.
                    fate = Fate::Normal;
                    jobs.push(Job {
                        edge: edge.id,
                        leases: leases.clone(),
                        fate: None,
                    });
                }
                jobs.push(Job {
                    edge: edge.id,
                    leases: std::mem::replace(&mut leases, rest),
                    fate: Some(fate),
                });
            }
            if !at_once {
                self.run(std::mem::take(&mut jobs)).await?;
            }
        }
        self.run(jobs).await?;
        Ok(any)
    }

    /// Another order, in which each group keeps its own.
    fn interleave(&self, leases: &mut Vec<Lease>) {
        let mut groups: Vec<Option<String>> = (leases.iter())
            .map(|lease| lease.delivery.group.clone())
            .collect();
        self.adversary.shuffle(&mut groups);
        let mut waiting: BTreeMap<Option<String>, VecDeque<Lease>> = BTreeMap::new();
        for lease in leases.drain(..) {
            let group = waiting.entry(lease.delivery.group.clone()).or_default();
            group.push_back(lease);
        }
        leases.extend(
            groups
                .iter()
                .filter_map(|group| waiting.get_mut(group)?.pop_front()),
        );
    }

    fn due_copies(&self) -> Vec<Job> {
        let now = self.time.now();
        let mut state = self.state();
        let copies = state.copies.extract_if(.., |copy| copy.due <= now);
        let jobs = copies.map(|copy| Job {
            edge: copy.edge,
            leases: copy.leases,
            fate: None,
        });
        jobs.collect()
    }

    fn fate(&self, edge: &Edge, leases: &[Lease], horizon: Horizon) -> Fate {
        let rules = &self.local.queues[edge.queue].rules;
        let mut state = self.state();
        let mut may_lose = |lease: &Lease| {
            let known = (edge.id, lease.delivery.id.clone());
            let attempt = lease.delivery.attempt;
            let again = edge.lease.max(rules.retry.backoff_after(attempt));
            !self.adversary.unkindness().merciful
                || (rules.retry.max_attempts >= ATTEMPTS_MIN
                    && attempt < rules.retry.max_attempts
                    && self.is_made_up(again, horizon)
                    && nanoseconds(again + lease.age(self.time.now())) < rules.retention
                    && !state.harmed.contains(&known))
        };
        let may_lose = leases.iter().all(&mut may_lose);
        let fate = self.adversary.fate(rules.fifo, may_lose);
        if matches!(fate, Fate::Crash(_) | Fate::LoseLease | Fate::Fail(_)) {
            let ids = leases.iter().map(|lease| lease.delivery.id.clone());
            state.harmed.extend(ids.map(|id| (edge.id, id)));
        }
        fate
    }

    /// Whether what is repeated after this time is repeated in time.
    fn is_made_up(&self, again: Duration, horizon: Horizon) -> bool {
        match horizon {
            Horizon::None => false,
            Horizon::Until(target) => self.time.now() + again <= target,
            Horizon::Unlimited => true,
        }
    }

    /// Runs jobs side by side; in each turn those that can go on do so in an order of the
    /// adversary's.
    async fn run(&self, jobs: Vec<Job>) -> Result<(), Error> {
        let mut running: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::new();
        for job in jobs {
            running.push(Box::pin(self.deliver(job)));
        }
        let mut result = Ok(());
        poll_fn(|context| {
            self.adversary.shuffle(&mut running);
            running.retain_mut(|job| {
                if self.adversary.holds_back() {
                    context.waker().wake_by_ref();
                    return true;
                }
                match job.as_mut().poll(context) {
                    Poll::Pending => true,
                    Poll::Ready(done) => {
                        let so_far = std::mem::replace(&mut result, Ok(()));
                        result = so_far.and(done);
                        false
                    }
                }
            });
            match running.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        result
    }

    async fn deliver(&self, job: Job) -> Result<(), Error> {
        let Job { edge, leases, fate } = job;
        let edge = self.local.edge(edge);
        let copy = fate.is_none();
        let fate = fate.unwrap_or(Fate::Normal);
        if let Fate::Duplicate(Some(delay)) = fate {
            let copy = Copy {
                due: self.time.now() + delay,
                edge: edge.id,
                leases: leases.clone(),
            };
            self.state().copies.push(copy);
        }
        let outcomes = self.handle(edge, &leases, fate).await;
        let died = outcomes.is_none() || fate == Fate::Crash(u32::MAX);
        let said = outcomes.as_deref().filter(|_| !died);
        self.observer.delivered(edge, &leases, said);
        if died {
            self.observer.died(&edge.unit);
        }
        if fate == Fate::Duplicate(None) {
            let again = self.handle(edge, &leases, Fate::Normal).await;
            self.observer.delivered(edge, &leases, again.as_deref());
        }
        let Some(outcomes) = outcomes.filter(|_| !died && !copy && fate != Fate::LoseLease) else {
            return Ok(());
        };
        let receipts = leases.iter().map(|lease| lease.receipt);
        self.local
            .finish_all(edge.id, receipts.zip(outcomes).collect())
            .await?;
        Ok(())
    }

    /// Runs the handler; nothing when the process dies before it has ended.
    async fn handle(&self, edge: &Edge, leases: &[Lease], fate: Fate) -> Option<Vec<Outcome>> {
        let takes_turns = self.adversary.unkindness().shuffle;
        let delivered = Delivered::new(fate, takes_turns);
        let mut run = Box::pin(delivered.run(self.local.run(edge.id, leases)));
        let Fate::Crash(mut turns) = fate else {
            return Some(run.await);
        };
        poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(None);
            }
            turns -= 1;
            run.as_mut().poll(context).map(Some)
        })
        .await
    }
}

impl Lease {
    /// How long ago the event came to be.
    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.delivery.time).unwrap_or_default()
    }
}
