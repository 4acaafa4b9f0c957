//! Resources as values: by reference, in fields, in collections, chosen at run time.

use crate::resources::*;
use futures_util::future::BoxFuture;
use ifc::prelude::*;
use std::sync::LazyLock;

async fn send<R: Resource>(queue: &Queue<Job, R>, number: u64) -> Result<()> {
    queue.send(&job(number)).await?;
    Ok(())
}

//= jobs.send
#[function]
async fn by_reference(draw: Draw) -> Result<()> {
    let queue = &JOBS;
    send(queue, draw.number).await
}

//= jobs.send
#[function]
async fn by_named_reference(draw: Draw) -> Result<()> {
    async fn exactly(queue: &Queue<Job, JOBS>, number: u64) -> Result<()> {
        queue.send(&job(number)).await?;
        Ok(())
    }
    exactly(&JOBS, draw.number).await
}

struct Service<R: 'static> {
    queue: &'static Queue<Job, R>,
}

impl<R: Resource> Service<R> {
    async fn go(&self, number: u64) -> Result<()> {
        send(self.queue, number).await
    }
}

//= returns.send
#[function]
async fn in_a_field(draw: Draw) -> Result<()> {
    Service { queue: &RETURNS }.go(draw.number).await
}

/// Everything the application has, by typed references: operations stay where they are used.
struct Everything {
    jobs: &'static Queue<Job, JOBS>,
    emails: &'static Queue<Job, EMAILS>,
    orders: &'static Table<Order, ORDERS>,
}

static EVERYTHING: LazyLock<Everything> = LazyLock::new(|| Everything {
    jobs: &JOBS,
    emails: &EMAILS,
    orders: &ORDERS,
});

//= emails.send
#[function]
async fn one_of_everything(draw: Draw) -> Result<()> {
    EVERYTHING.emails.send(&job(draw.number)).await?;
    Ok(())
}

//= jobs.send, orders.get
#[function]
async fn two_of_everything(draw: Draw) -> Result<()> {
    if EVERYTHING.orders.get("o-1").await?.is_none() {
        EVERYTHING.jobs.send(&job(draw.number)).await?;
    }
    Ok(())
}

/// An operation on a queue that is not named in the type.
type Sender = Box<dyn Fn(u64) -> BoxFuture<'static, Result<String, ifc::Error>> + Send + Sync>;

fn sender<R: Resource>(queue: &'static Queue<Job, R>) -> Sender {
    Box::new(move |number| queue.send(&job(number)).into_future())
}

//= invoices.send
#[function]
async fn as_a_capability(draw: Draw) -> Result<()> {
    sender(&INVOICES)(draw.number).await?;
    Ok(())
}

struct Capabilities {
    jobs: Sender,
    emails: Sender,
}

static CAPABILITIES: LazyLock<Capabilities> = LazyLock::new(|| Capabilities {
    jobs: sender(&JOBS),
    emails: sender(&EMAILS),
});

//= emails.send
//~ wider: jobs.send because capabilities-together
#[function]
async fn one_of_the_capabilities(draw: Draw) -> Result<()> {
    (CAPABILITIES.emails)(draw.number).await?;
    Ok(())
}

//= emails.send, jobs.send
#[function]
async fn all_of_the_capabilities(draw: Draw) -> Result<()> {
    match draw.even() {
        true => (CAPABILITIES.jobs)(draw.number).await?,
        false => (CAPABILITIES.emails)(draw.number).await?,
    };
    Ok(())
}

//= emails.send, invoices.send, jobs.send
#[function]
async fn in_a_collection(draw: Draw) -> Result<()> {
    let mut senders = vec![sender(&JOBS), sender(&EMAILS)];
    senders.push(sender(&INVOICES));
    senders[draw.pick(3) as usize](draw.number).await?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Which {
    Jobs,
    Returns,
}

impl Which {
    async fn send(self, number: u64) -> Result<()> {
        match self {
            Which::Jobs => send(&JOBS, number).await,
            Which::Returns => send(&RETURNS, number).await,
        }
    }
}

//= jobs.send, returns.send
#[function]
async fn chosen_at_run_time(draw: Draw) -> Result<()> {
    let which = match draw.even() {
        true => Which::Jobs,
        false => Which::Returns,
    };
    which.send(draw.number).await
}

// Only one value ever comes, but that is known at run time only.
//= jobs.send
//~ wider: returns.send because run-time-value
#[function]
async fn chosen_always_alike(draw: Draw) -> Result<()> {
    std::hint::black_box(Which::Jobs).send(draw.number).await
}

//= archive.put, orders.delete
#[function]
async fn two_of_one_item_type(draw: Draw) -> Result<()> {
    ARCHIVE.put(&order(draw.number)).await?;
    Ok(ORDERS.delete(&format!("o-{}", draw.number)).await?)
}

//= jobs.send, returns.send
#[function]
async fn two_of_one_message_type(draw: Draw) -> Result<()> {
    send(&JOBS, draw.number).await?;
    send(&RETURNS, draw.number).await
}

/// Tables by their tags alone.
async fn shelve<From, To>(id: &str) -> Result<()>
where
    From: Resource<Handle = Table<Order, From>>,
    To: Resource<Handle = Table<Order, To>>,
{
    if let Some(order) = From::handle().get(id).await? {
        To::handle().put(&order).await?;
    }
    Ok(())
}

//= archive.put, orders.get
#[function]
async fn by_tag(_: Draw) -> Result<()> {
    shelve::<ORDERS, ARCHIVE>("o-1").await
}

//= archive.get, orders.put
#[function]
async fn by_tag_the_other_way(_: Draw) -> Result<()> {
    shelve::<ARCHIVE, ORDERS>("o-1").await
}

/// A trait over the tag: what a repository layer looks like.
trait Repository {
    fn load(&self, id: &str) -> impl Future<Output = Result<Option<Order>>> + Send;
    fn save(&self, order: &Order) -> impl Future<Output = Result<()>> + Send;
}

impl<R: Resource> Repository for Table<Order, R> {
    async fn load(&self, id: &str) -> Result<Option<Order>> {
        Ok(self.get(id).await?)
    }

    async fn save(&self, order: &Order) -> Result<()> {
        Ok(self.put(order).await?)
    }
}

//= orders.get
#[function]
async fn repository_read(_: Draw) -> Result<bool> {
    Ok(ORDERS.load("o-1").await?.is_some())
}

//= archive.put, orders.get
#[function]
async fn repository_moves(draw: Draw) -> Result<()> {
    async fn copy(from: &impl Repository, to: &impl Repository, id: &str) -> Result<()> {
        match from.load(id).await? {
            Some(order) => to.save(&order).await,
            None => Ok(()),
        }
    }
    copy(&ORDERS, &ARCHIVE, &format!("o-{}", draw.number)).await
}
