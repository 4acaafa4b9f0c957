//! The patterns of the SDK: they are generic over the resources they work with, and grant what they
//! use of them, no more.

use crate::resources::*;
use ifc::prelude::*;
use ifc::{CircuitBreaker, ClaimCheck, Idempotent, Outbox, Posting, Posts};

static ONCE: Idempotent<HANDLED> = Idempotent::new(&HANDLED);

//= handled.delete, handled.get, handled.put, handled.update, jobs.send
#[consumer(ONCE_ONLY)]
async fn consumes_once(job: Event<Job>) -> Result<()> {
    ONCE.once(&job, async || {
        JOBS.send(&job.body).await?;
        Ok(())
    })
    .await
}

/// The same table through another value.
//= handled.delete, handled.get, handled.put, handled.update, orders.get
#[function]
async fn runs_once_for_a_key(draw: Draw) -> Result<u64> {
    let key = draw.number.to_string();
    let effect = async || Ok(ORDERS.get("o-1").await?.map_or(0, |order| order.total));
    Idempotent::new(&HANDLED).once_for(&key, effect).await
}

//= visits.put, visits.transact, visits.update
#[function]
async fn transacts_once(draw: Draw) -> Result<bool> {
    let update = VISITS.update(("home", 1)).set(Visit::NOTE, "x");
    let mark = VISITS.put(&visit(draw.number + 2));
    Ok(VISITS
        .transact()
        .with(update)
        .once(mark)
        .await
        .unwrap_or(false))
}

static BREAKER: CircuitBreaker<CIRCUITS> = CircuitBreaker::new("mail", &CIRCUITS);

//= circuits.get, circuits.put, circuits.update, emails.send
#[function]
async fn calls_through_a_breaker(draw: Draw) -> Result<()> {
    let call = async || {
        EMAILS.send(&job(draw.number)).await?;
        match draw.even() {
            true => Ok(()),
            false => Err(HandlerError::new("odd")),
        }
    };
    // A call that fails is a part of the shape.
    let _ = BREAKER.call(call).await;
    Ok(())
}

//= circuits.get
#[function]
async fn asks_a_breaker(_: Draw) -> Result<bool> {
    Ok(BREAKER.is_open().await?)
}

static CLAIMS: ClaimCheck<FILES> = ClaimCheck::new(&FILES).up_to(16);

//= files.put
#[function]
async fn checks_in(draw: Draw) -> Result<bool> {
    let claim = CLAIMS.check_in(&vec![draw.number; 10]).await?;
    Ok(claim.key().is_some())
}

//= files.get, files.put
#[function]
async fn checks_in_and_redeems(draw: Draw) -> Result<u64> {
    let claim = CLAIMS.check_in(&vec![draw.number; 10]).await?;
    Ok(CLAIMS.redeem(&claim).await?.iter().sum())
}

impl Posts<Job> for Order {
    fn posting(&self) -> Option<Posting<Job>> {
        Some(Posting {
            id: self.id.clone(),
            group: None,
            message: job(self.total),
        })
    }
}

static OUTBOX: Outbox<Order, Job, POSTED, RETURNS> = Outbox::new(&POSTED, &RETURNS);

//= posted.delete, returns.send
#[on_change(POSTED)]
async fn relays_an_outbox(change: Change<Order>) -> Result<()> {
    Ok(OUTBOX.relay(change).await?)
}
