//! A laboratory: samples that another service announces on a bus are analysed by a function of its
//! own, and the results are kept in a table that outlives the deployment.

#[cfg(test)]
mod tests;

use ifc::Retention;
use ifc::prelude::*;
use lab_events::{LAB_EVENTS, SampleReceived};

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
pub struct Finding {
    #[item(key)]
    pub sample: String,
    #[item(index = "by-site")]
    pub site: String,
    pub test: String,
    pub value: u64,
}

// ANCHOR: results
/// Paid by the request, and kept when the stage is destroyed: results are not made twice.
#[resource]
pub static FINDINGS: Table<Finding> = Table::new("findings").retention(Retention::Retain);
// ANCHOR_END: results

// ANCHOR: rule
/// Analyses what comes in. A sample that has a finding already is left alone, so an event that comes
/// twice is analysed once, unless both come at the same time; then both find the same.
#[on_event(LAB_EVENTS)]
async fn fulfil(received: CloudEvent<SampleReceived>) -> Result<()> {
    let SampleReceived { sample, site, test } = received.data;
    if FINDINGS.get(&sample).await?.is_some() {
        return Ok(());
    }
    let value = analyse::invoke(&Probe {
        sample: sample.clone(),
        test: test.clone(),
    })
    .await?;
    let finding = Finding {
        sample,
        site,
        test,
        value,
    };
    FINDINGS.put(&finding).await?;
    Ok(())
}

/// Samples of the harbour are urgent: someone is told.
#[on_event(LAB_EVENTS, pattern = Pattern::new().field("data.site", &["harbour"]))]
async fn alarm(received: SampleReceived) -> Result<()> {
    tracing::warn!(sample = received.sample, "urgent: it is from the harbour");
    Ok(())
}
// ANCHOR_END: rule

/// What the instrument is given.
#[derive(Serialize, Deserialize)]
struct Probe {
    sample: String,
    test: String,
}

/// The instrument: slow, and with more memory than anything else here.
#[function(timeout = seconds(120), memory_mb = 1024)]
async fn analyse(probe: Probe) -> Result<u64> {
    if probe.test.is_empty() {
        return Err(HandlerError::new("the sample says not what to look for"));
    }
    // Equal samples give equal values.
    let bytes = probe.sample.bytes().chain(probe.test.bytes());
    Ok(bytes.fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000))
}

#[get("/findings/{sample}")]
async fn finding(Path(sample): Path<String>) -> Result<Json<Finding>> {
    match FINDINGS.get(&sample).await? {
        Some(finding) => Ok(Json(finding)),
        None => Err(HandlerError::not_found(format!(
            "no finding for sample `{sample}`"
        ))),
    }
}

#[get("/sites/{site}/findings")]
async fn of_site(Path(site): Path<String>) -> Result<Json<Vec<Finding>>> {
    let findings = FINDINGS.query_index(Finding::BY_SITE, &site).all().await?;
    Ok(Json(findings))
}

ifc::main!();
