//! Two applies at once.

use crate::cloud::{Cloud, Orders};
use crate::support::running::Running;
use ifc_emulators::{Call, Fault};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn of_two_applies_at_once_one_waits_or_is_told_who_holds_the_stage() {
    let cloud = match Cloud::start() {
        Ok(cloud) => cloud,
        Err(skipped) => return skipped.report("two applies to AWS at once"),
    };
    let orders = Orders::copied("orders-twice");
    // Built beforehand, so that both begin at once.
    orders.ifc(&cloud, "plan").success();
    // The first is held in the middle of its work until the second has seen its lock.
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    cloud.weather.obey(move |call: &Call| {
        let held = call.operation == "CreateRole" && !gate.load(Ordering::SeqCst);
        held.then_some(Fault::Throttle)
    });
    let mut first = Running::start(&mut orders.command(&cloud, "apply --yes"));
    first.wait_for("Created");
    let mut second = Running::start(&mut orders.command(&cloud, "apply --yes"));
    second.wait_for("Waiting");
    open.store(true, Ordering::SeqCst);
    assert_eq!(first.ended(), Some(0));
    // Its plan was made before the first had done its work; and its patience may have been shorter
    // than that takes here.
    let error = second.wait_for("error");
    let told = ["the plan no longer fits", "the stage is locked by"];
    assert!(told.iter().any(|words| error.contains(words)), "{error}");
    assert_ne!(second.ended(), Some(0));
    cloud.weather.calm();
    orders.assert_done(&cloud);
    cloud.assert_requests_are_right();
}
