//! Code that is there and never runs: conditions that the compiler decides.

use crate::resources::*;
use ifc::prelude::*;

const ON: bool = false;

//=
#[function]
async fn dead_by_cfg_macro(draw: Draw) -> Result<()> {
    if cfg!(target_os = "redox") {
        VAULT.send(&job(draw.number)).await?;
    }
    Ok(())
}

//=
#[function]
async fn dead_by_constant(draw: Draw) -> Result<()> {
    if ON {
        VAULT.send(&job(draw.number)).await?;
    }
    Ok(())
}

// The operations of handles take their grant where they are called, not inside their futures, so a
// dead call leaves no trace.
//=
#[function]
async fn dead_secret_by_constant(_: Draw) -> Result<()> {
    if ON {
        TOKEN.get().await?;
    }
    Ok(())
}

//=
#[function]
async fn dead_value_by_constant(_: Draw) -> Result<()> {
    if ON {
        GREETING.get().await?;
    }
    Ok(())
}

// The future of an async function is part of its caller's, dead or not.
async fn to_the_vault(number: u64) -> Result<()> {
    VAULT.send(&job(number)).await?;
    Ok(())
}

//=
//~ wider: vault.send because dead-branch-in-async
#[function]
async fn dead_helper_by_constant(draw: Draw) -> Result<()> {
    if ON {
        to_the_vault(draw.number).await?;
    }
    Ok(())
}

struct Gate<const OPEN: bool>;

impl<const OPEN: bool> Gate<OPEN> {
    async fn pass(number: u64) -> Result<()> {
        if OPEN {
            VAULT.send(&job(number)).await?;
        } else {
            JOBS.send(&job(number)).await?;
        }
        Ok(())
    }

    fn pass_beside(number: u64) {
        if OPEN {
            detach(async move { VAULT.send(&job(number)).await });
        } else {
            detach(async move { JOBS.send(&job(number)).await });
        }
    }
}

//= jobs.send
#[function]
async fn dead_by_parameter(draw: Draw) -> Result<()> {
    Gate::<false>::pass(draw.number).await
}

//= jobs.send
#[function]
async fn dead_by_parameter_in_sync(draw: Draw) -> Result<()> {
    Gate::<false>::pass_beside(draw.number);
    Ok(())
}

fn beside_if_on(number: u64) {
    if ON {
        detach(async move { VAULT.send(&job(number)).await });
    }
}

//=
#[function]
async fn dead_by_constant_in_sync(draw: Draw) -> Result<()> {
    beside_if_on(draw.number);
    Ok(())
}

//=
#[function]
async fn dead_by_cfg(_: Draw) -> Result<()> {
    #[cfg(target_os = "redox")]
    VAULT.send(&job(1)).await?;
    Ok(())
}

//= orders.get
#[function]
async fn alive_by_cfg(_: Draw) -> Result<bool> {
    #[cfg(not(target_os = "redox"))]
    let found = ORDERS.get("o-1").await?.is_some();
    #[cfg(target_os = "redox")]
    let found = VAULT.send(&job(1)).await.is_ok();
    Ok(found)
}

#[cfg(not(target_os = "redox"))]
async fn chosen(number: u64) -> Result<()> {
    EMAILS.send(&job(number)).await?;
    Ok(())
}

#[cfg(target_os = "redox")]
async fn chosen(number: u64) -> Result<()> {
    VAULT.send(&job(number)).await?;
    Ok(())
}

//= emails.send
#[function]
async fn helper_by_cfg(draw: Draw) -> Result<()> {
    chosen(draw.number).await
}

#[cfg(target_os = "redox")]
#[function]
async fn handler_by_cfg(draw: Draw) -> Result<()> {
    VAULT.send(&job(draw.number)).await?;
    Ok(())
}

//= orders.get
#[function]
async fn dead_after_a_return(_: Draw) -> Result<bool> {
    let found = ORDERS.get("o-1").await?.is_some();
    if std::env::args().count() > 0 {
        return Ok(found);
    }
    #[allow(unreachable_code)]
    {
        unreachable!("there is an argument");
        VAULT.send(&job(1)).await?;
        Ok(false)
    }
}

//= jobs.send
#[function]
async fn constant_of_a_resource(draw: Draw) -> Result<()> {
    const QUEUE: &Queue<Job, JOBS> = &JOBS;
    QUEUE.send(&job(draw.number)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // What tests do is in the test's own program only.
    #[ifc::test]
    async fn a_test_uses_what_no_handler_does() {
        VAULT.send(&job(1)).await.expect("the queue is there");
        assert!(
            UNUSED
                .get("o-1")
                .await
                .expect("the table is there")
                .is_none()
        );
    }
}
