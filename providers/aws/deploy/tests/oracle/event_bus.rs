//! EventBridge.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use ifc_runtime::TraceContext;
use ifc_runtime::event_bus::{EventBusOperations, EventContext, OutgoingEvent};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn put_events() {
    let recorder = Recorder::json(
        r#"{"FailedEntryCount":1,"Entries":[{"EventId":"e"},
            {"ErrorCode":"ThrottlingException","ErrorMessage":"slow down"}]}"#,
    );
    let event = |id: &str| OutgoingEvent {
        id: Some(id.to_owned()),
        context: EventContext {
            event_type: "order.placed".to_owned(),
            source: "shop".to_owned(),
            subject: Some("o-1".to_owned()),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_478_400),
        },
        data: br#"{"region":"eu"}"#.to_vec(),
        fields: BTreeMap::from([("data.region".to_owned(), "eu".to_owned())]),
        trace: TraceContext::root(),
    };
    let events = vec![event("e-1"), event("e-2")];
    let put = ours(&recorder).put_events(target("bus"), events).await;
    let ours = recorder.taken();

    let client =
        aws_sdk_eventbridge::Client::from_conf(sdk!(aws_sdk_eventbridge, recorder).build());
    let mut call = client.put_events();
    for entry in ours.json()["Entries"].as_array().expect("a list") {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name("shop-dev-bus")
            .source("shop")
            .detail_type("order.placed")
            .time(DateTime::from_secs(1_768_478_400))
            .detail(entry["Detail"].as_str().expect("a text"))
            .build();
        call = call.entries(entry);
    }
    let output = call.send().await.expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);

    let put = put.expect("the call succeeds");
    assert_eq!(put[0].as_ref().expect("accepted"), "e-1");
    assert_eq!(output.failed_entry_count(), 1);
    assert_eq!(
        output.entries()[1].error_code(),
        Some("ThrottlingException")
    );
    assert!(put[1].as_ref().expect_err("refused").is_throttled());
}
