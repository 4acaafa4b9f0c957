//! Values that were read, kept for a while.

use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Values with names. There are few.
pub(crate) struct Held<T>(Mutex<Vec<Value<T>>>);

struct Value<T> {
    name: String,
    value: T,
    read: SystemTime,
    age_max: Duration,
}

impl<T> Default for Held<T> {
    fn default() -> Held<T> {
        Held(Mutex::default())
    }
}

impl<T: Clone> Held<T> {
    /// The value of this name, unless it has been kept for too long.
    pub(crate) async fn get(&self, name: &str, now: SystemTime) -> Option<T> {
        let held = self.0.lock().await;
        let held = held.iter().find(|held| held.name == name)?;
        // A clock that was set back makes no value younger.
        let age = now.duration_since(held.read).ok()?;
        (age < held.age_max).then(|| held.value.clone())
    }

    /// Keeps a value that was read at `now`.
    pub(crate) async fn keep(&self, name: &str, value: T, now: SystemTime, age_max: Duration) {
        let mut held = self.0.lock().await;
        held.retain(|held| held.name != name);
        held.push(Value {
            name: name.to_owned(),
            value,
            read: now,
            age_max,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_is_kept_for_its_time() {
        let held = Held::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        held.keep("a", 1, at(100), Duration::from_secs(30)).await;
        for (now, expected) in [(100, Some(1)), (129, Some(1)), (130, None), (99, None)] {
            assert_eq!(held.get("a", at(now)).await, expected, "{now}");
        }
        assert_eq!(held.get("b", at(100)).await, None);
    }
}
