//! Queries: from a partition and a range of sort keys to a range of stored keys, page by page.

use super::{Table, check_value, cursor, parse};
use crate::moment::Moment;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, slices};
use ifc_manifest::kind::table::{Key as KeyAttribute, QUERY_LIMIT};
use ifc_runtime::ErrorKind;
use ifc_runtime::table::{KeyValue, Page, Query, SortRange};
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
        return Err(Fault::refused(ErrorKind::Invalid, QUERY_LIMIT.message));
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
    let mut range = sort_range(prefix.value(&query.partition), sort, query.sort.as_ref())?;
    if let Some(text) = &query.cursor {
        let last = cursor::decode(table, query, text)?;
        if query.descending {
            range.end = last.min(range.end);
        } else {
            // The first key after `last`.
            let mut next = last;
            next.push(0);
            range.start = next.max(range.start);
        }
    }
    if range.start >= range.end {
        return Ok(Page::default());
    }
    read_page(source, table, now, query, &range)
}

fn read_page(
    source: &impl Read,
    table: &Table,
    now: Moment,
    query: &Query,
    range: &Range<Vec<u8>>,
) -> Result<Page, Fault> {
    let mut entries = source.range(slices(range))?;
    let mut page = Page::default();
    let mut last = Vec::new();
    let mut bytes_read = 0;
    loop {
        let entry = if query.descending {
            entries.next_back()
        } else {
            entries.next()
        };
        let Some(entry) = entry else {
            return Ok(page);
        };
        let (key, value) = entry?;
        let (item, bytes) = if query.index.is_none() {
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
        let full = page.items.len() >= query.limit as usize;
        if full || (bytes_read + bytes > PAGE_BYTES_MAX && !page.items.is_empty()) {
            page.cursor = Some(cursor::encode(table, query, &last));
            return Ok(page);
        }
        bytes_read += bytes;
        last = key.value().to_vec();
        page.items.push(item);
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
