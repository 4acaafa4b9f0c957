//! What would stop an apply is found before anything is touched.

use crate::support::*;
use ifc_engine::EngineError;
use ifc_engine::provider::{Finding, Severity};

#[test]
fn errors_stop_and_warnings_do_not() {
    let stage = Stage::new();
    let finding = |severity| Finding {
        severity,
        part: Some(address("queue/thing")),
        message: "only 3 of 5 queues are left in the quota".to_owned(),
        help: None,
    };
    let parts = [thing("queue")];
    stage.world.lock().findings = vec![finding(Severity::Error)];
    let plan = stage.plan(&parts);
    assert!(!plan.is_applicable());
    match stage.apply_plan(&parts, &plan).unwrap_err() {
        EngineError::NotApplicable { messages } => {
            assert_eq!(messages, ["only 3 of 5 queues are left in the quota"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(stage.world.names().is_empty());
    stage.world.lock().findings = vec![finding(Severity::Warning)];
    let plan = stage.plan(&parts);
    assert_eq!(plan.findings.len(), 1);
    assert!(stage.apply_plan(&parts, &plan).unwrap().is_complete());
}

#[test]
fn what_cannot_be_read_makes_no_plan() {
    let stage = Stage::new();
    let denied = ifc_engine::ProviderErrorKind::Denied {
        action: "queue:Describe".to_owned(),
        on: "queue".to_owned(),
    };
    stage
        .world
        .fault(Op::Read, "queue/thing", [Fault::Before(denied)]);
    let error = stage
        .plan_with(&[thing("queue")], &Default::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "parts could not be read: `queue/thing`: `queue:Describe` on `queue` was denied: the \
         world says no (request r-1)"
    );
}
