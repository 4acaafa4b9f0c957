//! Handlers that are alike: the linker or the optimiser could fold them into one.

use crate::resources::*;
use ifc::prelude::*;

//= jobs.send
#[function]
async fn twin_of_jobs(draw: Draw) -> Result<()> {
    helpers::jobs(draw.number).await?;
    helpers::jobs(draw.number).await
}

//= returns.send
#[function]
async fn twin_of_returns(draw: Draw) -> Result<()> {
    helpers::returns(draw.number).await?;
    helpers::returns(draw.number).await
}

mod helpers {
    use super::*;

    #[inline(never)]
    pub(super) async fn jobs(number: u64) -> Result<()> {
        JOBS.send(&job(number)).await?;
        JOBS.send(&job(number)).await?;
        Ok(())
    }

    #[inline(never)]
    pub(super) async fn returns(number: u64) -> Result<()> {
        RETURNS.send(&job(number)).await?;
        RETURNS.send(&job(number)).await?;
        Ok(())
    }
}

//= orders.get
#[function]
async fn same_as_the_next(_: Draw) -> Result<bool> {
    Ok(ORDERS.get("o-1").await?.is_some())
}

//= orders.get
#[function]
async fn same_as_the_one_before(_: Draw) -> Result<bool> {
    Ok(ORDERS.get("o-1").await?.is_some())
}

//= archive.get
#[function]
async fn same_on_another_table(_: Draw) -> Result<bool> {
    Ok(ARCHIVE.get("o-1").await?.is_some())
}

//= api-key.read
#[function]
async fn same_kind_first_secret(_: Draw) -> Result<()> {
    API_KEY.get().await?;
    Ok(())
}

//= token.read
#[function]
async fn same_kind_second_secret(_: Draw) -> Result<()> {
    TOKEN.get().await?;
    Ok(())
}

//= orders.put
#[function]
async fn inner(draw: Draw) -> Result<()> {
    Ok(ORDERS.put(&order(draw.number)).await?)
}

//= jobs.send, orders.put
#[function]
async fn middle(draw: Draw) -> Result<()> {
    JOBS.send(&job(draw.number)).await?;
    inner(draw).await
}

//= api-key.read, jobs.send, orders.put
#[function]
async fn outer(draw: Draw) -> Result<()> {
    API_KEY.get().await?;
    middle(draw).await
}
