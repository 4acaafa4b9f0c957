//! The embedded store by hand, as a careful engineer would use it: one writer thread whose commits
//! concurrent callers share, keys and values in one ordered map. What ours makes durable is durable
//! here, and nothing more is done than the operation needs.

use redb::{Database, ReadableTable as _, TableDefinition};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

const MAP: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("map");

type Map<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;
type Work = Box<dyn FnOnce(&mut Map<'_>) -> Result<Vec<u8>, redb::Error> + Send>;

/// A store with its writer.
pub struct Raw {
    jobs: Sender<(Work, oneshot::Sender<Vec<u8>>)>,
}

/// Where a message of a queue stands in the order of due times.
fn due_key(queue: u8, due: u64, number: u64) -> [u8; 18] {
    let mut key = [0; 18];
    key[..2].copy_from_slice(&[2, queue]);
    key[2..10].copy_from_slice(&due.to_be_bytes());
    key[10..].copy_from_slice(&number.to_be_bytes());
    key
}

fn message_key(queue: u8, number: u64) -> [u8; 10] {
    let mut key = [0; 10];
    key[..2].copy_from_slice(&[1, queue]);
    key[2..].copy_from_slice(&number.to_be_bytes());
    key
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

impl Raw {
    /// Opens a new store.
    ///
    /// # Panics
    /// When it cannot.
    pub fn open(path: &Path) -> Raw {
        let database = Database::create(path).expect("a new store");
        let (jobs, receiver) = channel();
        std::thread::spawn(move || {
            if let Err(error) = write(&database, &receiver) {
                panic!("the store by hand failed: {error}");
            }
        });
        Raw { jobs }
    }

    /// Appends a record to the log of a key.
    pub async fn append(&self, key: u8, body: Vec<u8>) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.run(Box::new(move |map| {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            map.insert(&message_key(key, number)[..], &*body)?;
            Ok(Vec::new())
        }))
        .await;
    }

    /// Leases the next record of a key by writing down where the reader stands, reads it, and then
    /// writes down that it is done.
    pub async fn follow(&self, key: u8) {
        while !self.followed(key).await {
            tokio::task::yield_now().await;
        }
    }

    /// Whether there was one.
    async fn followed(&self, key: u8) -> bool {
        let place = [3, key];
        let read = self
            .run(Box::new(move |map| {
                let done = match map.get(&place[..])? {
                    Some(done) => done.value()[..8].try_into().unwrap_or_default(),
                    None => [0; 8],
                };
                let range = message_key(key, u64::from_be_bytes(done))..message_key(key, u64::MAX);
                let next = map
                    .range::<&[u8]>(&range.start[..]..&range.end[..])?
                    .next()
                    .transpose()?
                    .map(|(key, body)| (key.value().to_vec(), body.value().to_vec()));
                let Some((next, body)) = next else {
                    return Ok(Vec::new());
                };
                std::hint::black_box(body);
                let mut leased = done.to_vec();
                leased.extend_from_slice(&next[2..]);
                leased.extend_from_slice(&(now() + 60_000_000_000).to_be_bytes());
                map.insert(&place[..], &*leased)?;
                Ok(next[2..].to_vec())
            }))
            .await;
        if read.is_empty() {
            return false;
        }
        self.run(Box::new(move |map| {
            let mut number = [0; 8];
            number.copy_from_slice(&read);
            let done = (u64::from_be_bytes(number) + 1).to_be_bytes();
            map.insert(&place[..], &done[..])?;
            Ok(Vec::new())
        }))
        .await;
        true
    }

    async fn run(&self, work: Work) -> Vec<u8> {
        let (reply, answer) = oneshot::channel();
        let _ = self.jobs.send((work, reply));
        answer.await.expect("the writer answers")
    }

    /// Puts an item with one index entry, in the place of an older one.
    pub async fn put(&self, id: String, customer: String, item: Vec<u8>) {
        let key = format!("i{id}").into_bytes();
        let index = format!("x{customer}\0{id}").into_bytes();
        self.run(Box::new(move |map| {
            // An older item's index entry would have to go.
            let old = map.insert(&*key, &*item)?.map(|old| old.value().len());
            map.insert(&*index, &[][..])?;
            Ok(old.map_or_else(Vec::new, |length| vec![length as u8]))
        }))
        .await;
    }

    /// Puts a message into queues.
    pub async fn send(&self, queues: &'static [u8], body: Vec<u8>) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.run(Box::new(move |map| {
            for queue in queues {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                map.insert(&message_key(*queue, number)[..], &*body)?;
                map.insert(&due_key(*queue, now(), number)[..], &[0][..])?;
            }
            Ok(Vec::new())
        }))
        .await;
    }

    /// Leases the next message of a queue, reads its body, and then removes it.
    pub async fn take(&self, queue: u8) {
        while !self.taken(queue).await {
            tokio::task::yield_now().await;
        }
    }

    /// Whether there was one.
    async fn taken(&self, queue: u8) -> bool {
        let leased = self
            .run(Box::new(move |map| {
                let range = due_key(queue, 0, 0)..due_key(queue, now(), u64::MAX);
                let first = map
                    .range::<&[u8]>(&range.start[..]..&range.end[..])?
                    .next()
                    .transpose()?
                    .map(|(key, _)| key.value().to_vec());
                let Some(key) = first else {
                    return Ok(Vec::new());
                };
                map.remove(&*key)?;
                let mut number = [0; 8];
                number.copy_from_slice(&key[10..]);
                let number = u64::from_be_bytes(number);
                let leased = due_key(queue, now() + 60_000_000_000, number);
                map.insert(&leased[..], &[1][..])?;
                let body = map.get(&message_key(queue, number)[..])?;
                std::hint::black_box(body.map(|body| body.value().to_vec()));
                Ok(leased.to_vec())
            }))
            .await;
        if leased.is_empty() {
            return false;
        }
        self.run(Box::new(move |map| {
            let mut number = [0; 8];
            number.copy_from_slice(&leased[10..]);
            map.remove(&*leased)?;
            map.remove(&message_key(queue, u64::from_be_bytes(number))[..])?;
            Ok(Vec::new())
        }))
        .await;
        true
    }
}

fn write(
    database: &Database,
    jobs: &Receiver<(Work, oneshot::Sender<Vec<u8>>)>,
) -> Result<(), redb::Error> {
    while let Ok(first) = jobs.recv() {
        let mut answers = Vec::new();
        let transaction = database.begin_write()?;
        {
            let mut map = transaction.open_table(MAP)?;
            let mut next = Some(first);
            while let Some((work, reply)) = next.take().or_else(|| jobs.try_recv().ok()) {
                answers.push((work(&mut map)?, reply));
            }
        }
        transaction.commit()?;
        for (answer, reply) in answers {
            let _ = reply.send(answer);
        }
    }
    Ok(())
}
