//! Operations of a bus, and the form in which its events arrive. Listening is not among the
//! operations: it is a trigger, see [`crate::handler`].

use crate::log::{parse_timestamp, timestamp};
use crate::{BoxFuture, Delivery, Error, Target, TraceContext};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// The context attributes of a CloudEvent that a [`Delivery`] has no place of its own for.
///
/// They travel as attributes of the message, as in the binary mode of CloudEvents: `ce-type`,
/// `ce-source`, `ce-subject`, `ce-time`. The id is the delivery's id, the data is its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventContext {
    /// What happened: at most [`TYPE_BYTES_MAX`](ifc_manifest::kind::event_bus::TYPE_BYTES_MAX)
    /// bytes.
    pub event_type: String,
    /// Where: at most [`SOURCE_BYTES_MAX`](ifc_manifest::kind::event_bus::SOURCE_BYTES_MAX) bytes.
    pub source: String,
    /// To what: at most [`SUBJECT_BYTES_MAX`](ifc_manifest::kind::event_bus::SUBJECT_BYTES_MAX)
    /// bytes.
    pub subject: Option<String>,
    /// When, to the millisecond; see [`EventContext::tells`].
    pub time: SystemTime,
}

const TYPE: &str = "ce-type";
const SOURCE: &str = "ce-source";
/// The attribute that is the subject, for providers whose patterns look into attributes.
pub const SUBJECT: &str = "ce-subject";
const TIME: &str = "ce-time";

impl EventContext {
    /// The attributes of the message that carries the event.
    pub fn to_attributes(&self) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::from([
            (TYPE.to_owned(), self.event_type.clone()),
            (SOURCE.to_owned(), self.source.clone()),
            (TIME.to_owned(), timestamp(self.time)),
        ]);
        if let Some(subject) = &self.subject {
            attributes.insert(SUBJECT.to_owned(), subject.clone());
        }
        attributes
    }

    /// Whether the attributes can tell this time: it is in the years from 1970 to 9999.
    pub fn tells(time: SystemTime) -> bool {
        let told = parse_timestamp(&timestamp(time));
        let lost = told.and_then(|told| time.duration_since(told).ok());
        lost.is_some_and(|lost| lost < Duration::from_millis(1))
    }

    /// What the delivery of an event says; `None` when it is not one of a bus.
    pub fn of(delivery: &Delivery) -> Option<EventContext> {
        let attribute = |key| delivery.attributes.get(key).cloned();
        Some(EventContext {
            event_type: attribute(TYPE)?,
            source: attribute(SOURCE)?,
            subject: attribute(SUBJECT),
            time: parse_timestamp(delivery.attributes.get(TIME)?)?,
        })
    }
}

/// An event on its way to a bus.
#[derive(Clone, Debug)]
pub struct OutgoingEvent {
    /// The event's id, the same at every rule; the provider makes one when absent.
    pub id: Option<String>,
    /// What it is about.
    pub context: EventContext,
    /// JSON, at most [`ifc_manifest::size::ASYNC_BODY_BYTES_MAX`] bytes.
    pub data: Vec<u8>,
    /// The bus's filterable fields that the data has, by path, each at most
    /// [`FIELD_VALUE_BYTES_MAX`](ifc_manifest::kind::event_bus::FIELD_VALUE_BYTES_MAX) bytes. For
    /// platforms that match attributes; handlers do not see them.
    pub fields: BTreeMap<String, String>,
    /// What caused it.
    pub trace: TraceContext,
}

/// What application code can do with a bus.
pub trait EventBusOperations {
    /// Puts events on the bus, each on its own: the result has one entry per event, in the order
    /// given, with its id. `Ok` means that the event is durable and will be delivered at least once
    /// to every rule that exists now and whose pattern it matches.
    ///
    /// The caller has checked sizes, ids and fields against the contract.
    ///
    /// # Errors
    /// The outer result fails when nothing was accepted.
    fn put_events<'a>(
        &'a self,
        bus: Target<'a>,
        events: Vec<OutgoingEvent>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_back() {
        for subject in [None, Some("o-1".to_owned())] {
            let context = EventContext {
                event_type: "order.placed".to_owned(),
                source: "shop".to_owned(),
                subject,
                time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_768_478_400_007),
            };
            let mut delivery = Delivery {
                id: "1".to_owned(),
                source: "shop-events".to_owned(),
                kind: "bus.event",
                attempt: 1,
                time: SystemTime::UNIX_EPOCH,
                attributes: context.to_attributes(),
                body: Vec::new(),
                group: None,
                trace: TraceContext::root(),
            };
            assert_eq!(EventContext::of(&delivery), Some(context));
            delivery.attributes.remove(TYPE);
            assert_eq!(EventContext::of(&delivery), None);
        }
    }
}
