//! Bodies of events that nobody has looked at before the handler's type does: whatever arrives is
//! handled, or given up with the reason, and never takes another event of the batch with it.

use crate::draw::Draw;
use ifc::prelude::*;
use ifc::runtime::{Delivery, TraceContext};
use ifc::{Change, Outcome};
use std::collections::BTreeMap;
use std::time::SystemTime;

#[derive(Debug, Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    lines: Vec<(String, u32)>,
    note: Option<String>,
}

fn delivery(number: usize, body: Vec<u8>) -> Delivery {
    Delivery {
        id: number.to_string(),
        source: "orders".to_owned(),
        kind: "queue.message",
        attempt: 1,
        time: SystemTime::UNIX_EPOCH,
        attributes: BTreeMap::new(),
        body,
        group: None,
        trace: TraceContext::root(),
    }
}

/// Something near to what is expected, so that decoding gets beyond its first byte.
fn body(draw: &mut Draw<'_>) -> Vec<u8> {
    const PIECES: [&str; 16] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"id\"",
        "\"lines\"",
        "\"note\"",
        "\"o-1\"",
        "null",
        "1",
        "-1",
        "1e400",
        "\"key\"",
        "\"\\ud800\"",
    ];
    match draw.below(3) {
        0 => br#"{"id":"o-1","lines":[["a",1]]}"#.to_vec(),
        1 => {
            let pieces = (0..draw.below(20)).map(|_| draw.one(&PIECES));
            pieces.collect::<String>().into_bytes()
        }
        _ => (0..draw.below(40)).map(|_| draw.byte()).collect(),
    }
}

/// One outcome for each event; what cannot be decoded is given up, everything else is handled.
pub fn check(bytes: &[u8]) {
    let draw = &mut Draw::from(bytes);
    let bodies: Vec<Vec<u8>> = (0..1 + draw.below(4)).map(|_| body(draw)).collect();
    let deliveries = |bodies: &[Vec<u8>]| -> Vec<Delivery> {
        let numbered = bodies.iter().cloned().enumerate();
        numbered
            .map(|(number, body)| delivery(number, body))
            .collect()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("the operating system grants a runtime");
    let good: Vec<bool> = bodies
        .iter()
        .map(|body| serde_json::from_slice::<Order>(body).is_ok())
        .collect();
    let each = ifc::__private::run_events::<Order, Event<Order>, _, _>(
        deliveries(&bodies),
        async |event| {
            assert!(!event.id.is_empty());
            Ok(ifc::__private::into_outcomes(()))
        },
    );
    let outcomes = runtime.block_on(each);
    assert_eq!(outcomes.len(), bodies.len());
    for (good, outcome) in good.iter().zip(&outcomes) {
        match good {
            true => assert_eq!(*outcome, Outcome::Ack),
            false => assert!(matches!(outcome, Outcome::DeadLetter { .. }), "{outcome:?}"),
        }
    }
    // A change's decoder is written by hand.
    for body in &bodies {
        let _ = serde_json::from_slice::<Change<Order>>(body);
    }
}
