//! Function pointers: in tables, maps, matches; registries that the linker gathers.

use crate::resources::*;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ifc::prelude::*;
use std::collections::HashMap;
use std::sync::LazyLock;

type Step = fn(u64) -> BoxFuture<'static, Result<()>>;

fn to_jobs(number: u64) -> BoxFuture<'static, Result<()>> {
    async move {
        JOBS.send(&job(number)).await?;
        Ok(())
    }
    .boxed()
}

fn to_returns(number: u64) -> BoxFuture<'static, Result<()>> {
    async move {
        RETURNS.send(&job(number)).await?;
        Ok(())
    }
    .boxed()
}

fn to_emails(number: u64) -> BoxFuture<'static, Result<()>> {
    async move {
        EMAILS.send(&job(number)).await?;
        Ok(())
    }
    .boxed()
}

fn to_nobody(_: u64) -> BoxFuture<'static, Result<()>> {
    async { Ok(()) }.boxed()
}

static TABLE: [Step; 3] = [to_jobs, to_returns, to_nobody];

//= jobs.send, returns.send
#[function]
async fn table_all(draw: Draw) -> Result<()> {
    for step in TABLE {
        step(draw.number).await?;
    }
    Ok(())
}

//= jobs.send, returns.send
#[function]
async fn table_backwards(draw: Draw) -> Result<()> {
    for step in TABLE.iter().rev().take(draw.pick(4) as usize) {
        step(draw.number).await?;
    }
    Ok(())
}

//= jobs.send, returns.send
#[function]
async fn table_by_index(draw: Draw) -> Result<()> {
    TABLE[draw.pick(3) as usize](draw.number).await
}

//= jobs.send
//~ wider: returns.send because unoptimised-constant
#[function]
async fn table_by_constant(draw: Draw) -> Result<()> {
    TABLE[0](draw.number).await
}

//= emails.send, jobs.send, returns.send
#[function]
async fn match_of_functions(draw: Draw) -> Result<()> {
    let step: Step = match draw.pick(4) {
        0 => to_jobs,
        1 => to_returns,
        2 => to_emails,
        _ => to_nobody,
    };
    step(draw.number).await
}

static MAP: LazyLock<HashMap<u64, Step>> =
    LazyLock::new(|| HashMap::from([(0, to_jobs as Step), (1, to_emails as Step)]));

//= emails.send, jobs.send
#[function]
async fn map_of_functions(draw: Draw) -> Result<()> {
    match MAP.get(&draw.pick(3)) {
        Some(step) => step(draw.number).await,
        None => Ok(()),
    }
}

struct Steps {
    first: Step,
    second: Option<Step>,
}

static STEPS: Steps = Steps {
    first: to_emails,
    second: None,
};

//= emails.send
#[function]
async fn functions_in_a_struct(draw: Draw) -> Result<()> {
    let steps = std::hint::black_box(&STEPS);
    (steps.first)(draw.number).await?;
    match steps.second {
        Some(step) => step(draw.number).await,
        None => Ok(()),
    }
}

//= returns.send
#[function]
async fn function_as_an_argument(draw: Draw) -> Result<()> {
    #[inline(never)]
    async fn call(step: Step, number: u64) -> Result<()> {
        step(number).await
    }
    call(to_returns, draw.number).await
}

struct Steady;

impl Steady {
    const STEP: Step = to_jobs;
}

//= jobs.send
#[function]
async fn function_as_a_constant(draw: Draw) -> Result<()> {
    (Steady::STEP)(draw.number).await
}

/// The attribute places statics into a section, which the compiler counts as unsafe code.
#[allow(unsafe_code)]
mod gathered {
    use super::*;

    #[linkme::distributed_slice]
    pub(super) static GATHERED: [Step];

    #[linkme::distributed_slice(GATHERED)]
    static FIRST: Step = to_emails;

    #[linkme::distributed_slice(GATHERED)]
    static SECOND: Step = to_nobody;
}

//= emails.send
#[function]
async fn functions_the_linker_gathers(draw: Draw) -> Result<()> {
    for step in gathered::GATHERED {
        step(draw.number).await?;
    }
    Ok(())
}
