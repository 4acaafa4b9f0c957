//! The local provider held to the portable contract, in memory and on a directory; and the suite
//! held to its purpose, on local providers with a defect.

mod defect;
mod harness;

use harness::LocalHarness;
use std::sync::Arc;

#[tokio::test]
async fn in_memory() {
    ifc_conformance::run(Arc::new(LocalHarness { on_disk: false }))
        .await
        .check();
}

#[tokio::test]
async fn on_a_directory() {
    ifc_conformance::run(Arc::new(LocalHarness { on_disk: true }))
        .await
        .check();
}
