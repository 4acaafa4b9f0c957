//! A library of the corpus: resources and helpers of its own, used by the application beside it.
//!
//! `//=` above a handler states the exact set of what it may do; see the harness.

use ifc::prelude::*;

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize, Item)]
pub struct Entry {
    /// The subject.
    #[item(key)]
    pub subject: String,
    /// The order of what happened to it.
    #[item(sort)]
    pub sequence: u64,
}

impl Entry {
    /// An entry about `subject`.
    pub fn about(subject: &str) -> Entry {
        Entry {
            subject: subject.to_owned(),
            sequence: 1,
        }
    }
}

/// What happened, for whoever wants to know.
#[resource]
pub static AUDIT: Queue<Entry> = Queue::new("audit");

/// What happened, for good.
#[resource]
pub static AUDIT_LOG: Table<Entry> = Table::new("audit-log");

/// A key that only code of this library reads.
#[resource]
pub static AUDIT_KEY: Secret = Secret::new("audit-key");

/// How much is told.
#[resource]
pub static AUDIT_LEVEL: Config<u32> = Config::new("audit-level").default_json("2");

/// Notes something down.
///
/// # Errors
/// As sending.
pub async fn note(subject: &str) -> Result<()> {
    AUDIT.send(&Entry::about(subject)).await?;
    Ok(())
}

/// Notes something down for good, and reads the library's key for it.
///
/// # Errors
/// As the operations.
pub async fn sign(subject: &str) -> Result<()> {
    AUDIT_KEY.get().await?;
    AUDIT_LOG.put(&Entry::about(subject)).await?;
    Ok(())
}

/// Nobody calls this.
///
/// # Errors
/// As the operation.
pub async fn forget(subject: &str) -> Result<()> {
    AUDIT_LOG.delete((subject, 1)).await?;
    Ok(())
}

/// Sends the same message twice, to any queue.
///
/// # Errors
/// As sending.
pub async fn twice<T: Serialize, R: Resource>(queue: &Queue<T, R>, message: &T) -> Result<()> {
    queue.send(message).await?;
    queue.send(message).await?;
    Ok(())
}

/// Calls back.
pub fn each(count: u64, call: &mut dyn FnMut(u64)) {
    (0..count).for_each(call);
}

/// A trait whose implementation lies in another crate.
pub trait Sink {
    /// Takes a job's number.
    fn take(&self, number: u64) -> impl Future<Output = Result<()>> + Send;
}

/// Hands two numbers to a sink.
///
/// # Errors
/// The sink's.
pub async fn drain(sink: &(impl Sink + Sync)) -> Result<()> {
    sink.take(1).await?;
    sink.take(2).await
}

/// The library's own handler.
//= audit-log.query
#[function]
pub async fn recount(subject: String) -> Result<u64> {
    let page = AUDIT_LOG.query(&subject).await?;
    Ok(page.items.len() as u64)
}
