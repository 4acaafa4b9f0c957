//! Code of the user that runs before `main`: what it can reach is lent to every unit, and said to
//! be lent by the initialisation.

// The whole of what the constructors of this program can reach.
//= [initialisation] emails.send

use ifc::prelude::*;

#[resource]
static EMAILS: Queue<u64> = Queue::new("emails");

#[resource]
static JOBS: Queue<u64> = Queue::new("jobs");

/// A plugin registers itself before `main`.
struct Plugin {
    run: fn(u64),
}

inventory::collect!(Plugin);

inventory::submit! {
    Plugin { run: to_emails }
}

fn to_emails(number: u64) {
    tokio::spawn(async move { EMAILS.send(&number).await });
}

//= emails.send
#[function]
async fn runs_plugins(number: u64) -> Result<()> {
    for plugin in inventory::iter::<Plugin> {
        (plugin.run)(number);
    }
    Ok(())
}

//= jobs.send
#[function]
async fn knows_no_plugins(number: u64) -> Result<()> {
    JOBS.send(&number).await?;
    Ok(())
}

//=
#[function]
async fn nothing() -> Result<()> {
    Ok(())
}

ifc::main!();
