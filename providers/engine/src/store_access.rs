//! Writing to a store whose answers get lost: what may have happened is found out by reading.

use crate::clock::Clock;
use crate::store::{Precondition, StateStore, StoreError, StoreErrorKind};
use std::time::Duration;

/// How long a store may be out of reach before we give up.
const PATIENCE: Duration = Duration::from_secs(120);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Whose bytes are there after a write that only one can win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Ours, or the very same.
    Ours,
    /// Another's.
    Theirs,
}

/// Growing waits until the patience is spent.
pub(crate) struct Patience<'a> {
    clock: &'a dyn Clock,
    until: Duration,
    wait: Duration,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(clock: &'a dyn Clock) -> Patience<'a> {
        Patience {
            clock,
            until: clock.now() + PATIENCE,
            wait: FIRST_WAIT,
        }
    }

    /// Waits, or gives the error back when it is of no use.
    pub(crate) async fn bear(&mut self, error: StoreError) -> Result<(), StoreError> {
        let asked = match error.kind() {
            StoreErrorKind::Unavailable { retry_after } => *retry_after,
            StoreErrorKind::Uncertain => None,
            _ => return Err(error),
        };
        if self.clock.now() >= self.until {
            return Err(error);
        }
        let left = self.until - self.clock.now();
        self.clock.sleep(asked.unwrap_or(self.wait).min(left)).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }
}

/// Writes under a key that is written only once. Succeeds also when the same bytes are there
/// already, be it from an attempt whose answer was lost.
pub(crate) async fn write_once(
    store: &dyn StateStore,
    clock: &dyn Clock,
    key: &str,
    bytes: &[u8],
) -> Result<Written, StoreError> {
    let mut patience = Patience::new(clock);
    loop {
        match store.put(key, bytes, &Precondition::Absent).await {
            Ok(_) => return Ok(Written::Ours),
            Err(error) if error.is_conflict() => {
                let found = read(store, clock, key).await?;
                match found {
                    Some(found) if found == bytes => return Ok(Written::Ours),
                    Some(_) => return Ok(Written::Theirs),
                    // It was removed in between: whoever does that has gone past us.
                    None => return Ok(Written::Theirs),
                }
            }
            // Another attempt tells: it conflicts when this one did happen.
            Err(error) => patience.bear(error).await?,
        }
    }
}

/// Reads, waiting for a store that is out of reach.
pub(crate) async fn read(
    store: &dyn StateStore,
    clock: &dyn Clock,
    key: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut patience = Patience::new(clock);
    loop {
        match store.get(key).await {
            Ok(object) => return Ok(object.map(|object| object.bytes)),
            Err(error) => patience.bear(error).await?,
        }
    }
}

/// Lists, waiting for a store that is out of reach.
pub(crate) async fn list(
    store: &dyn StateStore,
    clock: &dyn Clock,
    prefix: &str,
) -> Result<Vec<String>, StoreError> {
    let mut patience = Patience::new(clock);
    loop {
        match store.list(prefix).await {
            Ok(keys) => return Ok(keys),
            Err(error) => patience.bear(error).await?,
        }
    }
}

/// Removes what nobody needs any more. What cannot be removed now is removed another time.
pub(crate) async fn remove(store: &dyn StateStore, key: &str) {
    let _ = store.delete(key, &Precondition::Any).await;
}
