//! A message as it is stored: a small binary record, because every message is written once and
//! read once and JSON would double that work.

use crate::moment::Moment;
use crate::store::Fault;
use ifc_runtime::TraceContext;
use std::collections::BTreeMap;

/// Version of the record, its first byte.
const VERSION: u8 = 1;

/// A message in a queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// The event's id.
    pub(crate) id: String,
    /// When it was sent, or sent again by a redrive: its retention counts from here.
    pub(crate) sent_at: Moment,
    /// What caused it.
    pub(crate) trace: TraceContext,
    /// Group of a fifo message.
    pub(crate) group: Option<String>,
    /// What the sender attached.
    pub(crate) attributes: BTreeMap<String, String>,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.id.len() + self.body.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.sent_at.to_le_bytes());
        bytes.extend_from_slice(&self.trace.trace_id);
        bytes.extend_from_slice(&self.trace.parent_id);
        push_text(&mut bytes, &self.id);
        match &self.group {
            Some(group) => {
                bytes.push(1);
                push_text(&mut bytes, group);
            }
            None => bytes.push(0),
        }
        bytes.push(self.attributes.len().min(255) as u8);
        for (key, value) in self.attributes.iter().take(255) {
            push_text(&mut bytes, key);
            push_text(&mut bytes, value);
        }
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads a record back.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Message, Fault> {
        decode(bytes).ok_or_else(|| Fault::malformed("message"))
    }
}

/// When the message in this record was sent, without reading all of it.
pub(crate) fn sent_at(record: &[u8]) -> Option<Moment> {
    Some(Moment::from_le_bytes(record.get(1..9)?.try_into().ok()?))
}

/// The same record with another time of sending.
pub(crate) fn sent_again(record: &[u8], now: Moment) -> Vec<u8> {
    let mut bytes = record.to_vec();
    if let Some(field) = bytes.get_mut(1..9) {
        field.copy_from_slice(&now.to_le_bytes());
    }
    bytes
}

/// Lengths take two bytes: ids, groups and attributes are limited to far less than 64 KiB.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn decode(bytes: &[u8]) -> Option<Message> {
    let mut rest = bytes;
    if take(&mut rest, 1)? != [VERSION] {
        return None;
    }
    Some(Message {
        sent_at: Moment::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?),
        trace: TraceContext {
            trace_id: take(&mut rest, 16)?.try_into().ok()?,
            parent_id: take(&mut rest, 8)?.try_into().ok()?,
        },
        id: take_text(&mut rest)?,
        group: match take(&mut rest, 1)? {
            [0] => None,
            _ => Some(take_text(&mut rest)?),
        },
        attributes: {
            let mut attributes = BTreeMap::new();
            for _ in 0..take(&mut rest, 1)?[0] {
                attributes.insert(take_text(&mut rest)?, take_text(&mut rest)?);
            }
            attributes
        },
        body: rest.to_vec(),
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = u16::from_le_bytes(take(rest, 2)?.try_into().ok()?);
    let text = take(rest, usize::from(length))?;
    Some(str::from_utf8(text).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_inverts_encoding_and_survives_damage() {
        let attributes = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        for (id, group, attributes, body) in [
            ("", None, attributes(&[]), ""),
            ("a", Some(""), attributes(&[("", "")]), "null"),
            (
                "é".repeat(64).as_str(),
                Some("g"),
                attributes(&[("k", "v"), ("l", "")]),
                "[1]",
            ),
        ] {
            let message = Message {
                id: id.to_owned(),
                sent_at: -5,
                trace: TraceContext::root(),
                group: group.map(str::to_owned),
                attributes,
                body: body.as_bytes().to_vec(),
            };
            let record = message.encode();
            assert_eq!(Message::decode(&record).unwrap(), message);
            assert_eq!(sent_at(&record), Some(-5));
            let again = Message::decode(&sent_again(&record, 77)).unwrap();
            assert_eq!(
                again,
                Message {
                    sent_at: 77,
                    ..message.clone()
                }
            );
            for length in 0..record.len() - message.body.len() {
                assert!(
                    Message::decode(&record[..length]).is_err(),
                    "cut at {length}"
                );
            }
        }
        assert!(Message::decode(&[9; 200]).is_err());
    }
}
