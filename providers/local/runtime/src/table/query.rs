//! Queries and scans: from what is asked for to a range of stored keys, page by page.

use super::cursor::{self, Shape};
use super::{Table, check_value, parse};
use crate::moment::Moment;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, slices};
use ifc_manifest::Targets;
use ifc_manifest::kind::table::{Key as KeyAttribute, QUERY_LIMIT, SCAN_LIMIT};
use ifc_runtime::ErrorKind;
use ifc_runtime::table::{Item, KeyValue, Page, Query, Scan, SortRange};
use std::ops::Range;

/// A page ends early when its items come to this size, as pages of every provider do.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// One page of a query.
pub(crate) fn query(
    source: &impl Read,
    table: &Table,
    now: Moment,
    query: &Query,
) -> Result<Page, Fault> {
    if !QUERY_LIMIT.contains(u64::from(query.limit)) {
        return Err(Fault::refused(
            ErrorKind::Invalid,
            QUERY_LIMIT.sentence(Targets::ALL),
        ));
    }
    let (prefix, partition, sort) = match &query.index {
        None => (
            KeyBytes::of(keys::ITEM, table.number),
            &table.spec.key,
            table.spec.sort.as_ref(),
        ),
        Some(name) => {
            let (number, index) = table
                .indexes()
                .find(|(_, index)| index.name == *name)
                .ok_or_else(|| {
                    let message = format!("the table has no index `{name}`");
                    Fault::refused(ErrorKind::Invalid, message)
                })?;
            (
                KeyBytes::of(keys::INDEX, number),
                &index.key,
                index.sort.as_ref(),
            )
        }
    };
    check_value(partition, &query.partition)?;
    let range = sort_range(prefix.value(&query.partition), sort, query.sort.as_ref())?;
    let reading = Reading {
        shape: Shape::of_query(table, query),
        by_index: query.index.is_some(),
        descending: query.descending,
        limit: query.limit,
    };
    let page = reading.page(source, table, now, range, query.cursor.as_deref())?;
    Ok(Page {
        items: page.items.into_iter().map(|(_, item)| item).collect(),
        cursor: page.cursor,
    })
}

/// One page of all items.
///
/// A scan has no order. So that nobody comes to rely on the one in which items are stored here, a
/// page is in the order of a hash of the keys.
pub(crate) fn scan(
    source: &impl Read,
    table: &Table,
    now: Moment,
    scan: &Scan,
) -> Result<Page, Fault> {
    if !SCAN_LIMIT.contains(u64::from(scan.limit)) {
        return Err(Fault::refused(
            ErrorKind::Invalid,
            SCAN_LIMIT.sentence(Targets::ALL),
        ));
    }
    let reading = Reading {
        shape: Shape::of_scan(table),
        by_index: false,
        descending: false,
        limit: scan.limit,
    };
    let range = KeyBytes::of(keys::ITEM, table.number).range();
    let mut page = reading.page(source, table, now, range, scan.cursor.as_deref())?;
    page.items
        .sort_by_cached_key(|(key, _)| cursor::hash(key.iter().copied()));
    Ok(Page {
        items: page.items.into_iter().map(|(_, item)| item).collect(),
        cursor: page.cursor,
    })
}

/// Items with the keys under which they were found.
#[derive(Default)]
struct Found {
    items: Vec<(Vec<u8>, Item)>,
    cursor: Option<String>,
}

/// How a range of keys is read.
struct Reading {
    shape: Shape,
    by_index: bool,
    descending: bool,
    limit: u32,
}

impl Reading {
    fn page(
        &self,
        source: &impl Read,
        table: &Table,
        now: Moment,
        mut range: Range<Vec<u8>>,
        cursor: Option<&str>,
    ) -> Result<Found, Fault> {
        if let Some(text) = cursor {
            let last = cursor::decode(&self.shape, text)?;
            if self.descending {
                range.end = last.min(range.end);
            } else {
                // The first key after `last`.
                let mut next = last;
                next.push(0);
                range.start = next.max(range.start);
            }
        }
        if range.start >= range.end {
            return Ok(Found::default());
        }
        self.read(source, table, now, &range)
    }

    fn read(
        &self,
        source: &impl Read,
        table: &Table,
        now: Moment,
        range: &Range<Vec<u8>>,
    ) -> Result<Found, Fault> {
        let mut entries = source.range(slices(range))?;
        let mut page = Found::default();
        let mut bytes_read = 0;
        loop {
            let entry = if self.descending {
                entries.next_back()
            } else {
                entries.next()
            };
            let Some(entry) = entry else {
                return Ok(page);
            };
            let (key, value) = entry?;
            let (item, bytes) = if !self.by_index {
                (parse(value.value())?, value.value().len())
            } else {
                let item_key = KeyBytes::of(keys::ITEM, table.number).raw(value.value());
                let Some(bytes) = source.get(item_key.as_bytes())? else {
                    return Err(Fault::malformed("index"));
                };
                (parse(bytes.value())?, bytes.value().len())
            };
            if !table.is_visible(&item, now) {
                continue;
            }
            // Only now is it sure that the page before is not the last one.
            if let Some((last, _)) = page.items.last() {
                let full = page.items.len() >= self.limit as usize;
                if full || bytes_read + bytes > PAGE_BYTES_MAX {
                    page.cursor = Some(cursor::encode(&self.shape, last));
                    return Ok(page);
                }
            }
            bytes_read += bytes;
            page.items.push((key.value().to_vec(), item));
        }
    }
}

/// The keys of a partition whose sort key lies in a range.
fn sort_range(
    partition: KeyBytes,
    attribute: Option<&KeyAttribute>,
    range: Option<&SortRange>,
) -> Result<Range<Vec<u8>>, Fault> {
    let Some(range) = range else {
        return Ok(partition.range());
    };
    let Some(attribute) = attribute else {
        let message = "the query restricts a sort key, but there is none";
        return Err(Fault::refused(ErrorKind::Invalid, message));
    };
    // An index goes on with the key of the item after the sort key, so "equal" is a range as well.
    let at = |value: &KeyValue| -> Result<KeyBytes, Fault> {
        check_value(attribute, value)?;
        Ok(partition.clone().value(value))
    };
    let whole = partition.clone().range();
    Ok(match range {
        SortRange::Equal(value) => at(value)?.range(),
        SortRange::Less(value) => whole.start..at(value)?.into_bytes(),
        SortRange::LessOrEqual(value) => whole.start..at(value)?.after(),
        SortRange::Greater(value) => at(value)?.after()..whole.end,
        SortRange::GreaterOrEqual(value) => at(value)?.into_bytes()..whole.end,
        SortRange::Between(low, high) => at(low)?.into_bytes()..at(high)?.after(),
        SortRange::BeginsWith(prefix) => {
            check_value(attribute, &KeyValue::String(prefix.clone()))?;
            partition.string_prefix(prefix).range()
        }
    })
}
