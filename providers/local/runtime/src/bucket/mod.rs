//! Objects of buckets: records in the store, as functions of the store and the time, and bodies
//! beside it.
//!
//! The record is the object: a body counts from the commit of the record that refers to it. An
//! expired object is treated as absent everywhere and removed some time later.

mod bodies;
mod event;
mod list;
mod operate;
mod operations;
mod presign;
mod serve;

pub(crate) use bodies::Bodies;
pub(crate) use list::objects;
pub(crate) use operations::remove_orphans;

use crate::moment::{Moment, nanoseconds, to_system};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use ifc_manifest::Address;
use ifc_manifest::kind::bucket::BucketSpec;
use ifc_runtime::ErrorKind;
use ifc_runtime::bucket::{ObjectHead, PutCondition};
use redb::ReadableTable as _;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};

/// A bucket and its number in the store.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// Package and declared name.
    pub(crate) address: Address,
    /// The name that the application sees.
    pub(crate) name: String,
    /// The bucket's number.
    pub(crate) number: u32,
    /// What is declared.
    pub(crate) spec: BucketSpec,
}

/// What the store knows of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// The body's name; as every write has a body of its own, the object's version too.
    pub(crate) body: String,
    /// Length of the body in bytes.
    pub(crate) size: u64,
    /// When it was written.
    pub(crate) modified: Moment,
    /// The type its writer gave.
    pub(crate) content_type: String,
    /// What else its writer gave.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        json!({
            "body": self.body,
            "size": self.size,
            "modified": self.modified,
            "type": self.content_type,
            "metadata": self.metadata,
        })
        .to_string()
        .into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Record, Fault> {
        let read = || -> Option<Record> {
            let record: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
            let text = |value: &Value| Some(value.as_str()?.to_owned());
            let metadata = record.get("metadata")?.as_object()?.iter();
            Some(Record {
                body: text(record.get("body")?)?,
                size: record.get("size")?.as_u64()?,
                modified: record.get("modified")?.as_i64()?,
                content_type: text(record.get("type")?)?,
                metadata: metadata
                    .map(|(key, value)| Some((key.clone(), text(value)?)))
                    .collect::<Option<_>>()?,
            })
        };
        read().ok_or_else(|| Fault::malformed("object"))
    }

    /// What callers are told.
    pub(crate) fn head(&self, key: &str) -> ObjectHead {
        ObjectHead {
            key: key.to_owned(),
            size: self.size,
            version: self.body.clone(),
            modified: to_system(self.modified),
            content_type: self.content_type.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

impl Bucket {
    /// The beginning of the keys of all its objects. What follows is the object's key as it is, so
    /// that the store's order is the order of lists.
    fn objects(&self) -> KeyBytes {
        KeyBytes::of(keys::OBJECT, self.number)
    }

    fn object_key(&self, key: &str) -> Vec<u8> {
        self.objects().raw(key.as_bytes()).into_bytes()
    }

    fn is_expired(&self, key: &str, modified: Moment, now: Moment) -> bool {
        let after = self.spec.expires_after(key);
        after.is_some_and(|after| modified.saturating_add(nanoseconds(after)) <= now)
    }

    /// The object in this record, unless it has expired.
    fn visible(&self, key: &str, record: &[u8], now: Moment) -> Result<Option<Record>, Fault> {
        let record = Record::decode(record)?;
        Ok((!self.is_expired(key, record.modified, now)).then_some(record))
    }
}

/// The object under a key.
pub(crate) fn get(
    source: &impl Read,
    bucket: &Bucket,
    now: Moment,
    key: &str,
) -> Result<Option<Record>, Fault> {
    match source.get(bucket.object_key(key).as_slice())? {
        Some(record) => bucket.visible(key, record.value(), now),
        None => Ok(None),
    }
}

/// Writes a record if the condition holds of what is there. Returns the body that nothing refers to
/// any more.
pub(crate) fn put(
    transaction: &mut Transaction<'_, '_>,
    bucket: &Bucket,
    now: Moment,
    key: &str,
    record: &Record,
    condition: &PutCondition,
) -> Result<Option<String>, Fault> {
    let stored = transaction.get(&bucket.object_key(key))?;
    let stored = stored.map(|stored| Record::decode(&stored)).transpose()?;
    let visible = stored
        .as_ref()
        .filter(|stored| !bucket.is_expired(key, stored.modified, now));
    let conflict = |finding: &str| {
        let message = format!("the condition does not hold: {finding}");
        Err(Fault::refused(ErrorKind::Conflict, message))
    };
    match (condition, visible) {
        (PutCondition::IfAbsent, Some(_)) => return conflict("the object exists already"),
        (PutCondition::IfVersion(_), None) => return conflict("the object does not exist"),
        (PutCondition::IfVersion(version), Some(stored)) if *version != stored.body => {
            return conflict("the object has another version");
        }
        _ => {}
    }
    transaction.put(&bucket.object_key(key), &record.encode())?;
    Ok(stored.map(|stored| stored.body))
}

/// Removes an object; returns what it was.
pub(crate) fn delete(
    transaction: &mut Transaction<'_, '_>,
    bucket: &Bucket,
    key: &str,
) -> Result<Option<Record>, Fault> {
    let stored_key = bucket.object_key(key);
    let Some(stored) = transaction.get(&stored_key)? else {
        return Ok(None);
    };
    let record = Record::decode(&stored)?;
    transaction.remove(&stored_key)?;
    Ok(Some(record))
}

/// Removes up to `limit` expired objects; returns their bodies.
pub(crate) fn sweep(
    transaction: &mut Transaction<'_, '_>,
    bucket: &Bucket,
    now: Moment,
    limit: usize,
) -> Result<Vec<String>, Fault> {
    let mut expired = Vec::new();
    for rule in &bucket.spec.expiry {
        let range = bucket.objects().raw(rule.prefix.as_bytes()).range();
        for entry in transaction.table().range(slices(&range))? {
            let (stored_key, record) = entry?;
            let key = str::from_utf8(keys::rest(stored_key.value())).unwrap_or_default();
            let record = Record::decode(record.value())?;
            if bucket.is_expired(key, record.modified, now) {
                expired.push((stored_key.value().to_vec(), record.body));
            }
            if expired.len() == limit {
                break;
            }
        }
    }
    let mut bodies = Vec::with_capacity(expired.len());
    for (stored_key, body) in expired {
        // A key that two rules cover was found twice.
        if transaction.remove(&stored_key)? {
            bodies.push(body);
        }
    }
    Ok(bodies)
}

/// The bodies that records of any bucket refer to, declared or not.
pub(crate) fn referred(source: &impl Read) -> Result<HashSet<String>, Fault> {
    let range = keys::space(keys::OBJECT);
    let mut bodies = HashSet::new();
    for entry in source.range(slices(&range))? {
        let (_, record) = entry?;
        bodies.insert(Record::decode(record.value())?.body);
    }
    Ok(bodies)
}
