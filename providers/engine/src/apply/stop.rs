//! The user's wish to stop: once gently, twice at once.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Says to a running apply that it should stop. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    requests: u8,
    wakers: Vec<Waker>,
}

impl StopSignal {
    /// A signal that says nothing yet.
    pub fn new() -> StopSignal {
        StopSignal::default()
    }

    /// The first time: begin nothing new. The second time: leave at once.
    pub fn request(&self) {
        let mut inner = self.lock();
        inner.requests = inner.requests.saturating_add(1);
        inner.wakers.drain(..).for_each(Waker::wake);
    }

    /// Whether nothing new is to be begun.
    pub fn is_requested(&self) -> bool {
        self.lock().requests >= 1
    }

    /// Ends when nothing new is to be begun.
    pub(crate) async fn requested(&self) {
        self.reached(1).await;
    }

    /// Ends when the apply is to leave at once.
    pub(crate) async fn insisted(&self) {
        self.reached(2).await;
    }

    async fn reached(&self, requests: u8) {
        poll_fn(|context| {
            let mut inner = self.lock();
            if inner.requests >= requests {
                return Poll::Ready(());
            }
            if !inner
                .wakers
                .iter()
                .any(|waker| waker.will_wake(context.waker()))
            {
                inner.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
