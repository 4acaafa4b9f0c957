//! Concurrency: tasks, threads, joins, streams, workers behind channels.

use crate::resources::*;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use futures_util::{FutureExt as _, Stream};
use ifc::prelude::*;
use std::pin::{Pin, pin};
use std::sync::{LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

//= jobs.send
#[function]
async fn spawned(draw: Draw) -> Result<()> {
    tokio::spawn(async move { JOBS.send(&job(draw.number)).await }).await??;
    Ok(())
}

//= returns.send
#[function]
async fn spawned_and_forgotten(draw: Draw) -> Result<()> {
    detach(async move { RETURNS.send(&job(draw.number)).await });
    Ok(())
}

//= archive.delete
#[function]
async fn spawned_blocking(_: Draw) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let blocking = move || runtime.block_on(async { ARCHIVE.delete("o-1").await });
    Ok(tokio::task::spawn_blocking(blocking).await??)
}

//= invoices.send
#[function]
async fn spawned_by_a_thread(draw: Draw) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::spawn(move || {
        runtime.spawn(async move { INVOICES.send(&job(draw.number)).await });
    });
    thread
        .join()
        .map_err(|_| HandlerError::new("the thread failed"))
}

//= audit.send
#[function]
async fn spawned_set(_: Draw) -> Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 {
        tasks.spawn(ifc_corpus_library::note("task"));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

// A future that nobody polls does nothing.
//=
#[function]
async fn made_and_dropped(draw: Draw) -> Result<()> {
    let work = async move { EMAILS.send(&job(draw.number)).await };
    drop(work);
    Ok(())
}

//= archive.get, returns.send
#[function]
async fn joined(draw: Draw) -> Result<()> {
    let message = job(draw.number);
    let (sent, got) = tokio::join!(RETURNS.send(&message).into_future(), async {
        ARCHIVE.get("o-1").await
    });
    sent?;
    got?;
    Ok(())
}

//= archive.put, jobs.send
#[function]
async fn joined_or_failed(draw: Draw) -> Result<()> {
    let number = draw.number;
    tokio::try_join!(
        async move { Ok::<_, HandlerError>(ARCHIVE.put(&order(number)).await?) },
        async move {
            JOBS.send(&job(number)).await?;
            Ok(())
        }
    )?;
    Ok(())
}

//= emails.send, invoices.send
#[function]
async fn joined_list(draw: Draw) -> Result<()> {
    let number = draw.number;
    let list: Vec<BoxFuture<'static, Result<String, ifc::Error>>> = vec![
        EMAILS.send(&job(number)).into_future(),
        INVOICES.send(&job(number)).into_future(),
    ];
    for sent in futures_util::future::join_all(list).await {
        sent?;
    }
    Ok(())
}

//= archive.get, orders.put
#[function]
async fn selected(draw: Draw) -> Result<()> {
    let pause = Duration::from_millis(draw.pick(2));
    tokio::select! {
        done = async { tokio::time::sleep(pause).await; ORDERS.put(&order(1)).await } => done?,
        found = async { tokio::time::sleep(Duration::from_millis(1)).await; ARCHIVE.get("o-1").await } => {
            drop(found?);
        }
    }
    Ok(())
}

//= jobs.send
#[function]
async fn selected_against_time(draw: Draw) -> Result<()> {
    let work = pin!(async {
        tokio::time::sleep(Duration::from_secs(draw.pick(3))).await;
        JOBS.send(&job(1)).await
    });
    match tokio::time::timeout(Duration::from_secs(1), work).await {
        Ok(sent) => drop(sent?),
        Err(_) => tracing::info!("too late"),
    }
    Ok(())
}

//= invoices.send
#[function]
async fn stream_for_each(_: Draw) -> Result<()> {
    stream::iter(0..3)
        .for_each_concurrent(2, |number| async move {
            drop(INVOICES.send(&job(number)).await);
        })
        .await;
    Ok(())
}

//= orders.get, orders.put
#[function]
async fn stream_of_operations(draw: Draw) -> Result<u64> {
    let found = stream::iter(0..draw.pick(4))
        .then(|number| async move { ORDERS.get(&format!("o-{number}")).await })
        .filter_map(|found| async move { found.ok() })
        .fold(0, |count, found| async move {
            count + u64::from(found.is_some())
        })
        .await;
    ORDERS.put(&order(found)).await?;
    Ok(found)
}

/// A stream written by hand.
struct Pages {
    next: Option<BoxFuture<'static, Result<ifc::Page<Visit>, ifc::Error>>>,
}

impl Stream for Pages {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u64>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let page = std::task::ready!(next.as_mut().poll(context));
        self.next = None;
        Poll::Ready(page.ok().map(|page| page.items.len() as u64))
    }
}

//= visits.query
#[function]
async fn stream_by_hand(_: Draw) -> Result<u64> {
    let pages = Pages {
        next: Some(VISITS.query("home").limit(5).into_future()),
    };
    Ok(pages.fold(0, |sum, count| async move { sum + count }).await)
}

//= audit.send, jobs.send
#[function]
async fn stream_unordered(draw: Draw) -> Result<()> {
    let mut futures = FuturesUnordered::<BoxFuture<'static, Result<()>>>::new();
    futures.push(
        async move {
            JOBS.send(&job(draw.number)).await?;
            Ok(())
        }
        .boxed(),
    );
    futures.push(ifc_corpus_library::note("unordered").boxed());
    while let Some(done) = futures.next().await {
        done?;
    }
    Ok(())
}

type Request = (u64, oneshot::Sender<bool>);

/// Starts a worker that lives beside the handlers.
fn worker() -> mpsc::UnboundedSender<Request> {
    let (sender, mut requests) = mpsc::unbounded_channel::<Request>();
    detach(async move {
        while let Some((number, reply)) = requests.recv().await {
            let put = ARCHIVE.put(&order(number)).await;
            let _ = reply.send(put.is_ok());
        }
    });
    sender
}

//= archive.put
#[function]
async fn worker_behind_a_channel(draw: Draw) -> Result<bool> {
    let requests = worker();
    let (reply, done) = oneshot::channel();
    requests.send((draw.number, reply))?;
    Ok(done.await?)
}

static WORKER: LazyLock<mpsc::UnboundedSender<Request>> = LazyLock::new(worker);

//= archive.put
#[function]
async fn worker_made_lazily(draw: Draw) -> Result<bool> {
    let (reply, done) = oneshot::channel();
    // In a test the worker ends with the first test's runtime.
    match WORKER.send((draw.number, reply)) {
        Ok(()) => Ok(done.await.unwrap_or(false)),
        Err(_) => Ok(false),
    }
}

static TASKS: OnceLock<std::sync::Mutex<Vec<BoxFuture<'static, ()>>>> = OnceLock::new();

// Code that one handler leaves behind runs in its own process, not in the other's.
//= jobs.send
#[function]
async fn leaves_a_task(draw: Draw) -> Result<()> {
    let number = draw.number;
    let task = async move { drop(JOBS.send(&job(number)).await) }.boxed();
    if let Ok(mut tasks) = TASKS.get_or_init(Default::default).lock() {
        tasks.push(task);
    }
    Ok(())
}

//=
#[function]
async fn runs_left_tasks(_: Draw) -> Result<()> {
    let tasks = match TASKS.get_or_init(Default::default).lock() {
        Ok(mut tasks) => std::mem::take(&mut *tasks),
        Err(_) => return Ok(()),
    };
    // In a process that serves this handler alone there is none.
    tracing::debug!(tasks = tasks.len());
    Ok(())
}
