//! The same work by hand on axum and redb, as a careful engineer would write it: one writer thread
//! whose commits are shared by concurrent requests, a table with an index, a queue with leases and
//! a consumer that acknowledges. Every step that ours makes durable is durable here.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot};

#[derive(Serialize, Deserialize)]
struct Order {
    id: String,
    customer: String,
    total_cents: u64,
}

const ORDERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("orders");
const BY_CUSTOMER: TableDefinition<'_, &str, ()> = TableDefinition::new("by-customer");
const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");
/// Due time in milliseconds, then the message.
const DUE: TableDefinition<'_, (u64, u64), u32> = TableDefinition::new("due");

enum Change {
    Put {
        key: String,
        index: String,
        item: Vec<u8>,
    },
    Send {
        message: Vec<u8>,
    },
    Receive {
        limit: usize,
    },
    Acknowledge {
        due: Vec<(u64, u64)>,
    },
}

/// A received message: its place in the order of due times, and its body.
type Received = ((u64, u64), Vec<u8>);

type Reply = oneshot::Sender<Vec<Received>>;

#[derive(Clone)]
struct Store {
    changes: Sender<(Change, Reply)>,
    sent: Arc<Notify>,
}

impl Store {
    async fn apply(&self, change: Change) -> Vec<Received> {
        let (reply, answer) = oneshot::channel();
        let _ = self.changes.send((change, reply));
        answer.await.unwrap_or_default()
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

fn write(database: &Database, changes: &Receiver<(Change, Reply)>) -> Result<(), redb::Error> {
    let mut next = 0_u64;
    while let Ok(first) = changes.recv() {
        let mut replies = Vec::new();
        let transaction = database.begin_write()?;
        {
            let mut orders = transaction.open_table(ORDERS)?;
            let mut by_customer = transaction.open_table(BY_CUSTOMER)?;
            let mut messages = transaction.open_table(MESSAGES)?;
            let mut due = transaction.open_table(DUE)?;
            let mut pending = Some(first);
            while let Some((change, reply)) = pending.take().or_else(|| changes.try_recv().ok()) {
                let mut received = Vec::new();
                match change {
                    Change::Put { key, index, item } => {
                        orders.insert(&*key, &*item)?;
                        by_customer.insert(&*index, ())?;
                    }
                    Change::Send { message } => {
                        next += 1;
                        messages.insert(next, &*message)?;
                        due.insert((now_ms(), next), 0)?;
                    }
                    Change::Receive { limit } => {
                        let ready: Vec<_> = due
                            .range(..=(now_ms(), u64::MAX))?
                            .take(limit)
                            .map(|entry| {
                                entry.map(|(key, attempts)| (key.value(), attempts.value()))
                            })
                            .collect::<Result<_, _>>()?;
                        for (key, attempts) in ready {
                            due.remove(key)?;
                            let leased = (now_ms() + 60_000, key.1);
                            due.insert(leased, attempts + 1)?;
                            if let Some(body) = messages.get(key.1)? {
                                received.push((leased, body.value().to_vec()));
                            }
                        }
                    }
                    Change::Acknowledge { due: done } => {
                        for key in done {
                            due.remove(key)?;
                            messages.remove(key.1)?;
                        }
                    }
                }
                replies.push((reply, received));
            }
        }
        transaction.commit()?;
        for (reply, received) in replies {
            let _ = reply.send(received);
        }
    }
    Ok(())
}

async fn consume(store: Store) {
    loop {
        let received = store.apply(Change::Receive { limit: 10 }).await;
        if received.is_empty() {
            store.sent.notified().await;
            continue;
        }
        let (keys, bodies): (Vec<_>, Vec<_>) = received.into_iter().unzip();
        let orders: Vec<Option<Order>> = bodies
            .iter()
            .map(|body| serde_json::from_slice(body).ok())
            .collect();
        std::hint::black_box(orders);
        store.apply(Change::Acknowledge { due: keys }).await;
    }
}

async fn submit(State(store): State<Store>, Json(order): Json<Order>) -> Json<Order> {
    let item = serde_json::to_vec(&order).unwrap_or_default();
    let index = format!("{}\0{}", order.customer, order.id);
    let put = Change::Put {
        key: order.id.clone(),
        index,
        item: item.clone(),
    };
    store.apply(put).await;
    store.apply(Change::Send { message: item }).await;
    store.sent.notify_one();
    Json(order)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::var("IFC_PORT")?.parse()?;
    let directory = PathBuf::from(std::env::var("IFC_DATA_DIR")?);
    std::fs::create_dir_all(&directory)?;
    let database = Database::create(directory.join("orders.redb"))?;
    let _ = database.begin_read()?;
    let (changes, receiver) = channel();
    std::thread::spawn(move || {
        if let Err(error) = write(&database, &receiver) {
            eprintln!("{error}");
        }
    });
    let store = Store {
        changes,
        sent: Arc::new(Notify::new()),
    };
    // As many consumers as ours runs at a time at most would be 100; a few are enough to keep up.
    for _ in 0..4 {
        tokio::spawn(consume(store.clone()));
    }
    let router = Router::new()
        .route("/hello", get(async || {}))
        .route("/orders", post(submit))
        .with_state(store);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
