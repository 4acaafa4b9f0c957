//! Buses on EventBridge, with rules that hand to queues.

use super::{aws, call, endpoint, receive_texts, target, wiring, with_queue};
use crate::envelope::{self, field_name};
use crate::event_bus::EVENT_BRIDGE;
use ifc_runtime::event_bus::{EventBusOperations as _, EventContext, OutgoingEvent};
use ifc_runtime::{ErrorKind, TraceContext};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn events_reach_the_rules_that_they_match() {
    let Some(endpoint) = endpoint("buses on EventBridge") else {
        return;
    };
    let (maker, url) = with_queue(&endpoint, "rule", json!({})).await;
    let input = json!({ "Name": "events" });
    call(&maker, &EVENT_BRIDGE, "CreateEventBus", input).await;
    let fields = BTreeMap::from([(field_name("data.customer.region"), json!(["eu", "5"]))]);
    let pattern = json!({
        "source": ["shop/eu"],
        "detail-type": [{ "prefix": "order." }],
        "detail": { "ifc": { "attributes": { "ce-subject": ["o-1"] }, "fields": fields } },
    });
    let rule =
        json!({ "Name": "rule", "EventBusName": "events", "EventPattern": pattern.to_string() });
    call(&maker, &EVENT_BRIDGE, "PutRule", rule).await;
    let targets = json!([{ "Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:rule" }]);
    let input = json!({ "Rule": "rule", "EventBusName": "events", "Targets": targets });
    call(&maker, &EVENT_BRIDGE, "PutTargets", input).await;

    let mut wiring = wiring();
    wiring.buses.insert("bus".to_owned(), "events".to_owned());
    let aws = aws(&endpoint, Vec::new(), &wiring);
    let event = |number: usize, region: &str, subject: Option<&str>| OutgoingEvent {
        id: (number == 0).then(|| "e-0".to_owned()),
        context: EventContext {
            event_type: "order.placed".to_owned(),
            source: "shop/eu".to_owned(),
            subject: subject.map(str::to_owned),
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123),
        },
        data: json!({ "number": number, "text": "x\"é\\ \u{1F600}" })
            .to_string()
            .into_bytes(),
        fields: BTreeMap::from([("data.customer.region".to_owned(), region.to_owned())]),
        trace: TraceContext::root(),
    };
    // More than one call takes.
    let mut events: Vec<OutgoingEvent> = (0..11).map(|n| event(n, "eu", Some("o-1"))).collect();
    events.push(event(11, "5", Some("o-1")));
    events.push(event(12, "us", Some("o-1")));
    events.push(event(13, "eu", None));
    let results = aws.put_events(target("bus"), events.clone()).await.unwrap();
    let ids: Vec<String> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids[0], "e-0");

    let mut numbers = Vec::new();
    for text in receive_texts(&maker, &url).await {
        let outer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(outer["source"], "shop/eu");
        assert_eq!(outer["detail-type"], "order.placed");
        let arrived = envelope::open(&outer["detail"].to_string()).unwrap();
        let body: Value = serde_json::from_slice(&arrived.body).unwrap();
        let number = body["number"].as_u64().unwrap() as usize;
        let sent = &events[number];
        assert_eq!(arrived.id, ids[number]);
        assert_eq!(arrived.trace, Some(sent.trace));
        assert_eq!(arrived.attributes, sent.context.to_attributes());
        assert_eq!(arrived.body, sent.data);
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..12).collect::<Vec<_>>());

    let error = aws.put_events(target("other"), Vec::new()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotReady);
}
