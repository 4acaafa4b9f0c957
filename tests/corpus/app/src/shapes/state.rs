//! Shared state: what making it needs belongs to the handlers that take it.

use crate::resources::*;
use ifc::prelude::*;
use std::sync::Arc;

struct Rates {
    scale: u32,
}

impl Provide for Rates {
    async fn provide() -> Result<Self> {
        Ok(Rates {
            scale: PAGE_SIZE.get().await?,
        })
    }
}

struct Signer {
    key: usize,
}

impl Provide for Signer {
    async fn provide() -> Result<Self> {
        let key = API_KEY.get().await?;
        Ok(Signer {
            key: key.expose()?.len(),
        })
    }
}

struct Both {
    rates: Arc<Rates>,
    signer: Arc<Signer>,
}

impl Provide for Both {
    async fn provide() -> Result<Self> {
        Ok(Both {
            rates: ifc::runtime::state::get::<Rates>().await?,
            signer: ifc::runtime::state::get::<Signer>().await?,
        })
    }
}

struct Plain(u64);

impl Provide for Plain {
    async fn provide() -> Result<Self> {
        Ok(Plain(3))
    }
}

//=
#[function]
async fn state_of_nothing(draw: Draw, plain: State<Plain>) -> Result<u64> {
    Ok(draw.number + plain.0)
}

//= page-size.read
#[function]
async fn state_from_configuration(draw: Draw, rates: State<Rates>) -> Result<u64> {
    Ok(draw.number + u64::from(rates.scale))
}

//= api-key.read, jobs.send
#[function]
async fn state_from_a_secret(draw: Draw, signer: State<Signer>) -> Result<()> {
    JOBS.send(&job(draw.number + signer.key as u64)).await?;
    Ok(())
}

//= api-key.read, page-size.read
#[function]
async fn state_two(_: Draw, rates: State<Rates>, signer: State<Signer>) -> Result<u64> {
    Ok(u64::from(rates.scale) + signer.key as u64)
}

//= api-key.read, page-size.read
#[function]
async fn state_of_states(_: Draw, both: State<Both>) -> Result<u64> {
    Ok(u64::from(both.rates.scale) + both.signer.key as u64)
}
