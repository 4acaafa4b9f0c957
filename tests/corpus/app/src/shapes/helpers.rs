//! Operations in other functions, modules and crates.

use crate::resources::*;
use ifc::prelude::*;
use ifc_corpus_library::{self as library, Sink};
use ifc_corpus_macros::send_to;

mod depot {
    //! A module of helpers.
    use super::*;

    pub(super) async fn store(draw: &Draw) -> Result<()> {
        Ok(ORDERS.put(&order(draw.number)).await?)
    }

    pub(super) mod deep {
        use super::*;

        #[inline(never)]
        pub(in super::super) async fn down(draw: &Draw) -> Result<()> {
            super::store(draw).await
        }
    }

    pub(super) async fn send<R: Resource>(queue: &Queue<Job, R>, number: u64) -> Result<()> {
        queue.send(&job(number)).await?;
        Ok(())
    }

    pub(super) async fn any<T: Item<Partition = String, Sort = ifc::NoSortKey>>(
        table: &Table<T, impl Resource>,
    ) -> Result<bool> {
        Ok(table.get("o-1").await?.is_some())
    }
}

//= orders.put
#[function]
async fn helper_in_a_module(draw: Draw) -> Result<()> {
    depot::store(&draw).await
}

//= orders.put
#[function]
async fn helper_of_a_helper(draw: Draw) -> Result<()> {
    depot::deep::down(&draw).await
}

//= audit.send
#[function]
async fn helper_in_a_crate(_: Draw) -> Result<()> {
    library::note("helper").await
}

//= audit-key.read, audit-log.put
#[function]
async fn helper_with_its_own_secret(_: Draw) -> Result<()> {
    library::sign("helper").await
}

//= audit-level.read, audit-log.query, audit.send
#[function]
async fn resources_of_a_crate(_: Draw) -> Result<u32> {
    library::AUDIT
        .send_batch(&[library::Entry::about("x")])
        .await?;
    library::AUDIT_LOG.query("x").await?;
    Ok(library::AUDIT_LEVEL.get().await?)
}

//= returns.send
#[function]
async fn generic_helper(draw: Draw) -> Result<()> {
    depot::send(&RETURNS, draw.number).await
}

//= emails.send
#[function]
async fn generic_helper_elsewhere(draw: Draw) -> Result<()> {
    depot::send(&EMAILS, draw.number).await
}

//= invoices.send
#[function]
async fn generic_helper_of_a_crate(draw: Draw) -> Result<()> {
    library::twice(&INVOICES, &job(draw.number)).await
}

//= archive.get
#[function]
async fn generic_over_items(_: Draw) -> Result<bool> {
    depot::any(&ARCHIVE).await
}

struct ToJobs;

impl Sink for ToJobs {
    async fn take(&self, number: u64) -> Result<()> {
        JOBS.send(&job(number)).await?;
        Ok(())
    }
}

struct ToNowhere;

impl Sink for ToNowhere {
    async fn take(&self, _: u64) -> Result<()> {
        Ok(())
    }
}

//= jobs.send
#[function]
async fn trait_of_a_crate(_: Draw) -> Result<()> {
    library::drain(&ToJobs).await
}

//=
#[function]
async fn trait_that_does_nothing(_: Draw) -> Result<()> {
    library::drain(&ToNowhere).await
}

macro_rules! emit {
    ($queue:ident, $number:expr) => {
        $queue.send(&job($number)).await?
    };
}

//= returns.send
#[function]
async fn in_a_macro(draw: Draw) -> Result<()> {
    emit!(RETURNS, draw.number);
    Ok(())
}

//= ledger.send
#[function]
async fn in_a_nested_macro(draw: Draw) -> Result<()> {
    macro_rules! grouped {
        ($($number:expr),*) => {
            $(LEDGER.send(&job($number)).group("g").await?;)*
        };
    }
    grouped!(draw.number, 2, 3);
    Ok(())
}

//= emails.send
#[function]
async fn in_a_procedural_macro(_: Draw) -> Result<()> {
    send_to!(EMAILS);
    Ok(())
}

macro_rules! handlers {
    ($($name:ident = $queue:ident;)*) => {
        $(
            #[function]
            async fn $name(draw: Draw) -> Result<()> {
                $queue.send(&job(draw.number)).await?;
                Ok(())
            }
        )*
    };
}

handlers! {
    //= [made_for_jobs] jobs.send
    made_for_jobs = JOBS;
    //= [made_for_returns] returns.send
    made_for_returns = RETURNS;
}

//= visits.put
#[function]
async fn through_an_alias(draw: Draw) -> Result<()> {
    use crate::resources::VISITS as SEEN;
    let table = &SEEN;
    Ok(table.put(&visit(draw.number)).await?)
}

async fn recurse(depth: u64) -> Result<()> {
    match depth {
        0 => Ok(ARCHIVE.delete("o-1").await?),
        depth => Box::pin(recur_again(depth - 1)).await,
    }
}

async fn recur_again(depth: u64) -> Result<()> {
    Box::pin(recurse(depth)).await
}

//= archive.delete
#[function]
async fn recursion(draw: Draw) -> Result<()> {
    recurse(draw.pick(4)).await
}

async fn polymorphic<const N: usize>(number: u64) -> Result<()> {
    for at in 0..N as u64 {
        JOBS.send(&job(number + at)).await?;
    }
    Ok(())
}

//= jobs.send
#[function]
async fn generic_over_a_number(draw: Draw) -> Result<()> {
    polymorphic::<3>(draw.number).await
}
