//! One writer at a time: a lock with a lease, a heartbeat and an epoch.
//!
//! The lock decides who *should* write, so that two applies do not get into each other's way. That
//! a stale holder *cannot* write is decided by the journal, see [`crate::journal`].
//!
//! No wall clocks are compared. Whoever waits watches the lock, and takes it over when it has not
//! moved for a whole lease by his own clock; whoever holds it begins nothing more when his last
//! heartbeat is nearly a lease ago by his. The lock object is never removed, so epochs only grow.

use crate::clock::{Clock, Timestamp};
use crate::store::{Object, Precondition, StateStore, StoreError, Version};
use crate::store_access::Patience;
use crate::wire;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the lock is kept.
pub(crate) const KEY: &str = "lock";

/// Who works on a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who runs the command.
    pub person: String,
    /// On which machine.
    pub host: String,
    /// In which process of it.
    pub process: u32,
    /// Which command.
    pub command: String,
    /// Since when, by that machine's clock.
    pub since: Timestamp,
    /// How long the lock stays theirs without a sign of life.
    pub lease: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockContents {
    pub(crate) epoch: u64,
    /// Grows with every heartbeat.
    pub(crate) beat: u64,
    /// Tells our own writes when an answer is lost.
    pub(crate) token: String,
    pub(crate) holder: Option<Holder>,
}

/// Whether a holder is known to be gone, such as a process of this machine that has ended.
pub type PresumeDead<'a> = &'a (dyn Fn(&Holder) -> bool + Send + Sync);

/// How to wait for a lock.
pub(crate) struct Waiting<'a> {
    pub(crate) longest: Duration,
    pub(crate) presume_dead: PresumeDead<'a>,
    pub(crate) on_wait: &'a (dyn Fn(&Holder) + Send + Sync),
}

/// Why the lock is not ours.
#[derive(Debug)]
pub(crate) enum LockFailure {
    Held(Box<Holder>),
    Newer(wire::WireError),
    Store(StoreError),
}

impl From<StoreError> for LockFailure {
    fn from(error: StoreError) -> LockFailure {
        LockFailure::Store(error)
    }
}

/// A lock that is ours.
pub(crate) struct Lease<'a> {
    store: &'a dyn StateStore,
    clock: &'a dyn Clock,
    lease: Duration,
    pub(crate) epoch: u64,
    held: Mutex<Held>,
}

struct Held {
    contents: LockContents,
    version: Version,
    /// Until when nobody else takes it, by our clock.
    valid_until: Duration,
    lost: bool,
}

/// What the lock object says.
pub(crate) async fn look(
    store: &dyn StateStore,
    clock: &dyn Clock,
) -> Result<Option<(Option<LockContents>, Version)>, LockFailure> {
    let mut patience = Patience::new(clock);
    let object = loop {
        match store.get(KEY).await {
            Ok(object) => break object,
            Err(error) => patience.bear(error).await?,
        }
    };
    let Some(Object { bytes, version }) = object else {
        return Ok(None);
    };
    match wire::lock_from_bytes(&bytes) {
        Ok(contents) => Ok(Some((Some(contents), version))),
        Err(error) if error.is_newer() => Err(LockFailure::Newer(error)),
        // A damaged lock is somebody's, we cannot tell whose.
        Err(_) => Ok(Some((None, version))),
    }
}

/// A lock that may be taken, as long as nobody else writes it.
pub(crate) struct Free {
    precondition: Precondition,
    epoch: u64,
}

/// The lock, if nobody has it. Whoever takes it by this knows that nobody had it since. A store that
/// does not answer is somebody else's to complain of.
pub(crate) async fn look_for_free(store: &dyn StateStore, clock: &dyn Clock) -> Option<Free> {
    match look(store, clock).await {
        Ok(None) => Some(Free {
            precondition: Precondition::Absent,
            epoch: 0,
        }),
        Ok(Some((Some(contents), version))) if contents.holder.is_none() => Some(Free {
            precondition: Precondition::Matches(version),
            epoch: contents.epoch,
        }),
        _ => None,
    }
}

impl<'a> Lease<'a> {
    /// Takes the lock, waiting for its holder to release it or to fall silent. The epoch will be
    /// above `epoch_floor`.
    pub(crate) async fn acquire(
        store: &'a dyn StateStore,
        clock: &'a dyn Clock,
        holder: Holder,
        token: String,
        epoch_floor: u64,
        waiting: &Waiting<'_>,
    ) -> Result<Lease<'a>, LockFailure> {
        let begun = clock.now();
        let mut watched: Option<(Version, Duration)> = None;
        loop {
            let found = look(store, clock).await?;
            let (precondition, epoch) = match &found {
                None => (Precondition::Absent, epoch_floor),
                Some((contents, version)) => {
                    let epoch = contents.as_ref().map_or(0, |contents| contents.epoch);
                    (
                        Precondition::Matches(version.clone()),
                        epoch.max(epoch_floor),
                    )
                }
            };
            let current = found
                .as_ref()
                .map(|(contents, version)| (contents, version));
            if let Some((contents, version)) = current
                && let Some(rival) = rival(contents.as_ref(), &holder)
                && !(waiting.presume_dead)(&rival)
            {
                let now = clock.now();
                let since = match &watched {
                    Some((seen, since)) if seen == version => *since,
                    _ => now,
                };
                watched = Some((version.clone(), since));
                let silent = now - since;
                if silent < rival.lease {
                    if now - begun >= waiting.longest {
                        return Err(LockFailure::Held(Box::new(rival)));
                    }
                    (waiting.on_wait)(&rival);
                    clock
                        .sleep((rival.lease - silent).min(Duration::from_secs(1)))
                        .await;
                    continue;
                }
            }
            let free = Free {
                precondition,
                epoch,
            };
            let (holder, token) = (holder.clone(), token.clone());
            let taken = Lease::take(store, clock, holder, token, epoch_floor, free).await?;
            if let Some(lease) = taken {
                return Ok(lease);
            }
        }
    }

    /// Takes a lock that was seen to be free or abandoned, or nothing when it is no longer as it was
    /// seen. The epoch will be above `epoch_floor`.
    pub(crate) async fn take(
        store: &'a dyn StateStore,
        clock: &'a dyn Clock,
        holder: Holder,
        token: String,
        epoch_floor: u64,
        free: Free,
    ) -> Result<Option<Lease<'a>>, LockFailure> {
        let lease = holder.lease;
        let contents = LockContents {
            epoch: free.epoch.max(epoch_floor) + 1,
            beat: 0,
            token,
            holder: Some(holder),
        };
        let written = write(store, clock, &contents, &free.precondition).await?;
        Ok(written.map(|(version, sent)| Lease {
            store,
            clock,
            lease,
            epoch: contents.epoch,
            held: Mutex::new(Held {
                contents,
                version,
                valid_until: sent + lease,
                lost: false,
            }),
        }))
    }

    /// Whether something may be begun: the lock is ours, and will be for some time.
    pub(crate) fn is_valid(&self) -> bool {
        let held = self.lock();
        !held.lost && self.clock.now() + self.lease / 4 < held.valid_until
    }

    /// Renews the lease for ever. Ends only when the lock is lost.
    pub(crate) async fn heartbeat(&self) {
        loop {
            self.clock.sleep(self.lease / 4).await;
            if !self.renew().await {
                return;
            }
        }
    }

    async fn renew(&self) -> bool {
        let (contents, version) = {
            let held = self.lock();
            let mut contents = held.contents.clone();
            contents.beat += 1;
            (contents, held.version.clone())
        };
        let precondition = Precondition::Matches(version);
        match write(self.store, self.clock, &contents, &precondition).await {
            Ok(Some((version, sent))) => {
                let mut held = self.lock();
                held.contents = contents;
                held.version = version;
                held.valid_until = sent + self.lease;
                true
            }
            Ok(None) => {
                self.lock().lost = true;
                false
            }
            // The lease runs out by itself, unless a later beat succeeds.
            Err(_) => true,
        }
    }

    /// Whether the lock is still ours, by asking the store.
    pub(crate) async fn confirm(&self) -> Result<bool, LockFailure> {
        let found = look(self.store, self.clock).await?;
        let contents = found.and_then(|(contents, _)| contents);
        let ours = contents.is_some_and(|contents| self.is_ours(&contents));
        if !ours {
            self.lock().lost = true;
        }
        Ok(ours)
    }

    /// Waits until something may be begun: for the next heartbeat, when this process stood still for
    /// longer than the lease and nobody took the lock meanwhile. For a lease at most.
    pub(crate) async fn settled(&self) {
        let begun = self.clock.now();
        while !self.is_valid() && !self.lock().lost && self.clock.now() - begun < self.lease {
            self.clock.sleep(self.lease / 40).await;
        }
    }

    /// Gives the lock back. When the store does not take it, it falls to the next after a lease.
    pub(crate) async fn release(&self) {
        let is_lost = self.lock().lost;
        if is_lost || self.write_released().await {
            return;
        }
        // A heartbeat that was given up on its way has arrived.
        if let Ok(Some((Some(contents), version))) = look(self.store, self.clock).await
            && self.is_ours(&contents)
        {
            {
                let mut held = self.lock();
                held.contents = contents;
                held.version = version;
            }
            self.write_released().await;
        }
    }

    fn is_ours(&self, contents: &LockContents) -> bool {
        contents.epoch == self.epoch && contents.token == self.lock().contents.token
    }

    /// Whether nothing else was written since.
    async fn write_released(&self) -> bool {
        let (mut contents, version) = {
            let held = self.lock();
            (held.contents.clone(), held.version.clone())
        };
        contents.holder = None;
        contents.beat += 1;
        let precondition = Precondition::Matches(version);
        let written = write(self.store, self.clock, &contents, &precondition).await;
        !matches!(written, Ok(None))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who stands in our way.
fn rival(contents: Option<&LockContents>, own: &Holder) -> Option<Holder> {
    match contents {
        Some(contents) => contents.holder.clone(),
        None => Some(Holder {
            person: "somebody".to_owned(),
            host: "unknown".to_owned(),
            process: 0,
            command: "unknown: the lock is damaged".to_owned(),
            since: Timestamp(0),
            lease: own.lease,
        }),
    }
}

/// Writes the lock. The version and when the write was sent at the latest, or `None` when somebody
/// else was faster.
async fn write(
    store: &dyn StateStore,
    clock: &dyn Clock,
    contents: &LockContents,
    precondition: &Precondition,
) -> Result<Option<(Version, Duration)>, StoreError> {
    let bytes = wire::lock_to_bytes(contents);
    let mut patience = Patience::new(clock);
    let begun = clock.now();
    loop {
        let sent = clock.now();
        match store.put(KEY, &bytes, precondition).await {
            Ok(version) => return Ok(Some((version, sent))),
            Err(error) if error.is_conflict() => {
                // An earlier attempt of ours may have been the one, and perhaps the first: whoever
                // waits has seen it since.
                let mut reading = Patience::new(clock);
                loop {
                    match store.get(KEY).await {
                        Ok(Some(object)) if object.bytes == bytes => {
                            return Ok(Some((object.version, begun)));
                        }
                        Ok(_) => return Ok(None),
                        Err(error) => reading.bear(error).await?,
                    }
                }
            }
            Err(error) => patience.bear(error).await?,
        }
    }
}

/// Takes the lock away from whoever has it. The epoch grows, so that they find out.
pub(crate) async fn break_lock(
    store: &dyn StateStore,
    clock: &dyn Clock,
    token: &str,
) -> Result<(), LockFailure> {
    loop {
        let Some((contents, version)) = look(store, clock).await? else {
            return Ok(());
        };
        let contents = LockContents {
            epoch: contents.map_or(0, |contents| contents.epoch) + 1,
            beat: 0,
            token: token.to_owned(),
            holder: None,
        };
        let precondition = Precondition::Matches(version);
        if write(store, clock, &contents, &precondition)
            .await?
            .is_some()
        {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, StoreErrorKind, VirtualClock, async_trait};

    fn holder(name: &str) -> Holder {
        Holder {
            person: name.to_owned(),
            host: "machine".to_owned(),
            process: 1,
            command: "apply".to_owned(),
            since: Timestamp(0),
            lease: Duration::from_secs(20),
        }
    }

    async fn acquire<'a>(
        store: &'a dyn StateStore,
        clock: &'a VirtualClock,
        name: &str,
    ) -> Lease<'a> {
        let waiting = Waiting {
            longest: Duration::ZERO,
            presume_dead: &|_| false,
            on_wait: &|_| {},
        };
        let lease = Lease::acquire(store, clock, holder(name), name.to_owned(), 0, &waiting);
        lease.await.unwrap()
    }

    /// Who holds the lock after the release of a lease that missed what became of `write`.
    fn released_after_missing(
        write: impl AsyncFnOnce(&Lease<'_>, &MemoryStore, &VirtualClock),
    ) -> Option<String> {
        let (store, clock) = (MemoryStore::new(), VirtualClock::new(1));
        clock.run(async {
            let lease = acquire(&store, &clock, "ann").await;
            let before = {
                let held = lease.lock();
                (held.contents.clone(), held.version.clone())
            };
            write(&lease, &store, &clock).await;
            (lease.lock().contents, lease.lock().version) = before;
            lease.release().await;
            let (contents, _) = look(&store, &clock).await.unwrap().unwrap();
            contents.unwrap().holder.map(|holder| holder.person)
        })
    }

    #[test]
    fn a_heartbeat_that_arrives_unnoticed_does_not_keep_the_lock() {
        let holder = released_after_missing(async |lease, _, _| {
            assert!(lease.renew().await);
        });
        assert_eq!(holder, None);
    }

    #[test]
    fn what_another_took_over_is_not_released() {
        let holder = released_after_missing(async |_, store, clock| {
            break_lock(store, clock, "tool").await.unwrap();
            drop(acquire(store, clock, "bob").await);
        });
        assert_eq!(holder.as_deref(), Some("bob"));
    }

    /// Loses the answer to the first write, and that only after half a minute.
    struct Slow {
        store: MemoryStore,
        clock: VirtualClock,
        lost: Mutex<bool>,
    }

    #[async_trait]
    impl StateStore for Slow {
        fn location(&self) -> String {
            self.store.location()
        }

        async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
            self.store.get(key).await
        }

        async fn put(
            &self,
            key: &str,
            bytes: &[u8],
            precondition: &Precondition,
        ) -> Result<Version, StoreError> {
            let answer = self.store.put(key, bytes, precondition).await;
            if std::mem::replace(&mut *self.lost.lock().unwrap(), true) {
                return answer;
            }
            self.clock.sleep(Duration::from_secs(30)).await;
            let location = self.location();
            Err(StoreError::new(StoreErrorKind::Uncertain, location, key))
        }

        async fn delete(&self, key: &str, condition: &Precondition) -> Result<(), StoreError> {
            self.store.delete(key, condition).await
        }

        async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
            self.store.list(prefix).await
        }
    }

    #[test]
    fn a_lease_begins_when_it_may_have_been_seen_first() {
        let clock = VirtualClock::new(1);
        let store = Slow {
            store: MemoryStore::new(),
            clock: clock.clone(),
            lost: Mutex::default(),
        };
        clock.run(async {
            let lease = acquire(&store, &clock, "ann").await;
            assert!(!lease.is_valid(), "it is over by now for who waits");
            assert!(lease.renew().await);
            assert!(lease.is_valid());
        });
    }
}
