//! The local provider held to the portable contract, in memory and on a directory, by a kind driver
//! and by an unkind one; and the suite held to its purpose, on local providers with a defect.

mod defect;
mod harness;

use harness::LocalHarness;
use std::ops::Range;
use std::sync::Arc;

/// Where the unkind driver draws from: `IFC_SEEDS` seeds from `IFC_SEED` on. In memory a seed repeats
/// a run exactly; on a directory the time that the disk takes plays a part.
fn seeds() -> Range<u64> {
    let number = |name, default| match std::env::var(name) {
        Ok(text) => text.parse().expect("a seed is a number"),
        Err(_) => default,
    };
    let first: u64 = number("IFC_SEED", 1);
    first..first + number("IFC_SEEDS", 1)
}

async fn check(on_disk: bool, adversary: Option<u64>) {
    let harness = LocalHarness { on_disk, adversary };
    ifc_conformance::run(Arc::new(harness)).await.check();
}

#[tokio::test]
async fn in_memory() {
    check(false, None).await;
}

#[tokio::test]
async fn in_memory_adversarial() {
    for seed in seeds() {
        check(false, Some(seed)).await;
    }
}

#[tokio::test]
async fn on_a_directory() {
    check(true, None).await;
}

#[tokio::test]
async fn on_a_directory_adversarial() {
    for seed in seeds() {
        check(true, Some(seed)).await;
    }
}
