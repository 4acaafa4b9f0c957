//! A handler that runs handlers: it may do whatever any of them may.

use ifc::prelude::*;
use ifc::runtime::handler::{Thunk, entries};

#[resource]
static EMAILS: Queue<u64> = Queue::new("emails");

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders");

//= emails.send, orders.send
#[function]
async fn runs_the_first(number: u64) -> Result<u64> {
    let mut calls = entries().iter().filter_map(|entry| match entry.thunk() {
        Thunk::Call(call) => Some(call),
        _ => None,
    });
    match calls.next() {
        Some(call) => Ok(call(serde_json::to_vec(&number)?).await?.len() as u64),
        None => Ok(0),
    }
}

//= emails.send
#[function]
async fn sends_an_email(number: u64) -> Result<()> {
    EMAILS.send(&number).await?;
    Ok(())
}

//= orders.send
#[function]
async fn sends_an_order(number: u64) -> Result<()> {
    ORDERS.send(&number).await?;
    Ok(())
}

//=
#[function]
async fn nothing() -> Result<()> {
    Ok(())
}

ifc::main!();
