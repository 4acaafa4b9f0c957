//! CloudEvents as they arrive: as attributes of a message, and as JSON by hand. Whatever comes is an
//! event or refused with the reason, and every event that can be put arrives as it was.

use crate::draw::Draw;
use crate::shop;
use ifc::prelude::*;
use ifc::runtime::event_bus::EventContext;
use ifc::runtime::log::timestamp;
use ifc::runtime::{Delivery, TraceContext};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

#[resource]
static HAPPENINGS: EventBus = EventBus::new("happenings");

thread_local! {
    /// What the handler got: on the thread of the input.
    static HEARD: RefCell<Vec<CloudEvent<Value>>> = const { RefCell::new(Vec::new()) };
}

#[on_event(HAPPENINGS)]
async fn listen(event: CloudEvent<Value>) -> Result<()> {
    HEARD.with_borrow_mut(|heard| heard.push(event));
    Ok(())
}

/// Attributes are read as they were written, or not at all; the handler gets each event that there
/// is, whole.
pub fn check(bytes: &[u8]) {
    let draw = &mut Draw::from(bytes);
    any_attributes(draw);
    let (context, data) = (context(draw), data(draw));
    if !EventContext::tells(context.time) {
        // Putting it is refused.
        return;
    }
    let read = EventContext::of(&delivery(context.to_attributes(), Vec::new()));
    let read = read.expect("they were written");
    let lost = context.time.duration_since(read.time);
    assert!(lost.expect("never later") < Duration::from_millis(1));
    let context = EventContext {
        time: read.time,
        ..context
    };
    assert_eq!(read, context);
    by_message(&context, &data);
    by_hand(&context, data, draw);
}

/// Attributes that anybody may have written.
fn any_attributes(draw: &mut Draw<'_>) {
    const KEYS: [&str; 6] = [
        "ce-type",
        "ce-source",
        "ce-time",
        "ce-subject",
        "ce-id",
        "CE-TYPE",
    ];
    let mut attributes = BTreeMap::new();
    for _ in 0..draw.below(8) {
        let key = draw.one(&KEYS).to_owned();
        let value = match key == "ce-time" {
            true => time_text(draw),
            false => draw.text(),
        };
        attributes.insert(key, value);
    }
    let Some(context) = EventContext::of(&delivery(attributes.clone(), Vec::new())) else {
        return;
    };
    attributes.retain(|key, _| KEYS[..4].contains(&key.as_str()));
    assert_eq!(context.to_attributes(), attributes);
}

/// Mostly something near to a time.
fn time_text(draw: &mut Draw<'_>) -> String {
    let mut text = match draw.below(4) {
        0 => "9999-12-31T23:59:59.999Z".to_owned(),
        _ => timestamp(time(draw)),
    };
    for _ in 0..draw.below(3) {
        let pieces = ["0", "9", "99", "-", ":", "Z", "é", "", "+"];
        let place = text.floor_char_boundary(draw.below(text.len() + 1));
        let end = text.floor_char_boundary((place + draw.below(3)).min(text.len()));
        text.replace_range(place..end.max(place), draw.one(&pieces));
    }
    text
}

/// To the nanosecond, and up to where the platform's clocks end.
fn time(draw: &mut Draw<'_>) -> SystemTime {
    let number = u64::from_be_bytes(std::array::from_fn(|_| draw.byte()));
    let duration = match draw.below(4) {
        0 => Duration::from_nanos(number),
        1 => Duration::from_millis(number % 253_402_300_800_000),
        2 => Duration::from_millis(253_402_300_800_000 - number % 2_000 + 500),
        _ => Duration::from_millis(number),
    };
    let time = match draw.below(8) {
        0 => SystemTime::UNIX_EPOCH.checked_sub(duration),
        _ => SystemTime::UNIX_EPOCH.checked_add(duration),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn context(draw: &mut Draw<'_>) -> EventContext {
    EventContext {
        event_type: draw.text(),
        source: draw.text(),
        subject: draw.chance().then(|| draw.text()),
        time: time(draw),
    }
}

fn data(draw: &mut Draw<'_>) -> Value {
    match draw.below(5) {
        0 => Value::Null,
        1 => json!(u64::MAX),
        2 => json!([draw.text(), -1.5]),
        3 => json!({ "body": draw.text(), "type": null }),
        _ => json!(draw.text()),
    }
}

fn delivery(attributes: BTreeMap<String, String>, body: Vec<u8>) -> Delivery {
    Delivery {
        id: "1".to_owned(),
        source: "happenings".to_owned(),
        kind: "bus.event",
        attempt: 1,
        time: SystemTime::UNIX_EPOCH,
        attributes,
        body,
        group: None,
        trace: TraceContext::root(),
    }
}

fn assert_heard(context: &EventContext, data: &Value) {
    let heard = HEARD.take();
    let [event] = &heard[..] else {
        panic!("one event was expected: {heard:?}");
    };
    assert_eq!(event.event_type, context.event_type);
    assert_eq!(event.source, context.source);
    assert_eq!(event.subject, context.subject);
    assert_eq!(event.time, context.time);
    assert_eq!(event.bus, "happenings");
    assert_eq!(event.data, *data);
}

/// The way of what was put.
fn by_message(context: &EventContext, data: &Value) {
    type Body = ifc::__private::BusBody<Value>;
    HEARD.take();
    let delivery = delivery(context.to_attributes(), data.to_string().into_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("the operating system grants a runtime");
    let run = ifc::__private::run_events::<Body, CloudEvent<Value>, _, _>(
        vec![delivery],
        async |event| Ok(ifc::__private::into_outcomes(listen(event).await?)),
    );
    assert_eq!(runtime.block_on(run), [Outcome::Ack]);
    assert_heard(context, data);
}

/// The way of `ifc invoke`: the event as it is, and with something in it replaced.
fn by_hand(context: &EventContext, data: Value, draw: &mut Draw<'_>) {
    const NAMES: [&str; 8] = [
        "type",
        "source",
        "subject",
        "time",
        "data",
        "id",
        "attempt",
        "attributes",
    ];
    let mut event = json!({
        "specversion": "1.0",
        "id": "1",
        "type": context.event_type,
        "source": context.source,
        "subject": context.subject,
        "time": timestamp(context.time),
        "data": data,
    });
    shop::with(|shop| {
        HEARD.take();
        let reply = shop.run(shop.local.invoke_unit("listen", event.clone()));
        let reply = reply.expect("it is a CloudEvent");
        assert_eq!(reply["outcome"], "ack", "{reply}");
        assert_heard(context, &data);
        for _ in 0..=draw.below(2) {
            event[draw.one(&NAMES)] = match draw.below(6) {
                0 => Value::Null,
                1 => json!({ "a": [] }),
                2 => json!(0),
                3 => json!(u64::MAX),
                4 => json!(time_text(draw)),
                _ => json!(draw.text()),
            };
        }
        match shop.run(shop.local.invoke_unit("listen", event)) {
            Ok(reply) => {
                assert_eq!(reply["outcome"], "ack", "{reply}");
                assert_eq!(HEARD.take().len(), 1);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(HEARD.take().is_empty());
            }
        }
    });
}
