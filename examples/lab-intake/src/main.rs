//! The reception of the laboratory: takes samples in, and tells so on a bus that another application
//! owns. It stores nothing.

use ifc::prelude::*;
use lab_events::{LAB_EVENTS, SampleReceived};

// ANCHOR: intake
#[post("/samples")]
async fn receive(Json(received): Json<SampleReceived>) -> Result<StatusCode> {
    LAB_EVENTS
        .put(&received)
        .subject(&received.sample)
        .id(&received.sample)
        .await?;
    Ok(StatusCode::ACCEPTED)
}
// ANCHOR_END: intake

ifc::main!();

#[cfg(test)]
mod tests {
    use ifc::test_kit::TestCloud;
    use serde_json::json;

    #[ifc::test]
    async fn a_sample_is_announced(cloud: TestCloud) {
        let sample = json!({ "sample": "s-1", "site": "river", "test": "lead" });
        let reply = cloud.http().post("/samples").json(&sample).await;
        assert_eq!(reply.status(), 202);
        assert!(cloud.trace().led_to("POST /samples", "lab-events.put"));
    }

    #[ifc::test]
    async fn half_a_sample_is_refused(cloud: TestCloud) {
        let reply = cloud
            .http()
            .post("/samples")
            .json(&json!({ "sample": "s-1" }))
            .await;
        assert_eq!(reply.status(), 422);
    }
}
