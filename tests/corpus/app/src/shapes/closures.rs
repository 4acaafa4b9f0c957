//! Closures: generic, boxed, borrowed, kept, returned.

use crate::resources::*;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ifc::prelude::*;
use std::collections::BTreeMap;

async fn apply<F: AsyncFn(u64) -> Result<()>>(call: F, number: u64) -> Result<()> {
    call(number).await
}

//= jobs.send
#[function]
async fn closure_async(draw: Draw) -> Result<()> {
    let call = async |number| {
        JOBS.send(&job(number)).await?;
        Ok(())
    };
    apply(call, draw.number).await
}

//= returns.send
#[function]
async fn closure_as_an_object(draw: Draw) -> Result<()> {
    let mut sum = draw.number;
    ifc_corpus_library::each(2, &mut |at| {
        sum += at;
        let number = sum;
        detach(async move { RETURNS.send(&job(number)).await });
    });
    Ok(())
}

type Boxed = Box<dyn Fn(u64) -> BoxFuture<'static, Result<()>> + Send + Sync>;

//= archive.put
#[function]
async fn closure_boxed(draw: Draw) -> Result<()> {
    let call: Boxed =
        Box::new(|number| async move { Ok(ARCHIVE.put(&order(number)).await?) }.boxed());
    call(draw.number).await
}

fn choose(even: bool) -> Boxed {
    match even {
        true => Box::new(|number| {
            async move {
                JOBS.send(&job(number)).await?;
                Ok(())
            }
            .boxed()
        }),
        false => Box::new(|_| async { Ok(ARCHIVE.delete("o-1").await?) }.boxed()),
    }
}

//= archive.delete, jobs.send
#[function]
async fn closure_returned(draw: Draw) -> Result<()> {
    choose(draw.even())(draw.number).await
}

//= emails.send, invoices.send
#[function]
async fn closures_in_a_map(draw: Draw) -> Result<()> {
    let mut calls: BTreeMap<u64, Boxed> = BTreeMap::new();
    calls.insert(
        0,
        Box::new(|number| {
            async move {
                EMAILS.send(&job(number)).await?;
                Ok(())
            }
            .boxed()
        }),
    );
    calls.insert(
        1,
        Box::new(|number| {
            async move {
                INVOICES.send(&job(number)).await?;
                Ok(())
            }
            .boxed()
        }),
    );
    match calls.get(&draw.pick(3)) {
        Some(call) => call(draw.number).await,
        None => Ok(()),
    }
}

//= jobs.send
#[function]
async fn closure_that_captures(draw: Draw) -> Result<()> {
    let queue = &JOBS;
    let message = job(draw.number);
    let call = move || queue.send(&message);
    call().await?;
    Ok(())
}

//= visits.put
#[function]
async fn closure_called_once(draw: Draw) -> Result<()> {
    let put: Box<dyn FnOnce() -> ifc::Put + Send> =
        Box::new(move || VISITS.put(&visit(draw.number)));
    put().await?;
    Ok(())
}

//= orders.get
#[function]
async fn closure_in_an_iterator(draw: Draw) -> Result<u64> {
    let gets: Vec<_> = (0..draw.pick(3))
        .map(|number| ORDERS.get(&format!("o-{number}")))
        .collect();
    let mut found = 0;
    for get in gets {
        found += u64::from(get.await?.is_some());
    }
    Ok(found)
}
