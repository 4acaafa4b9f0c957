//! What S3 says of an object in the headers of its answers, and what we say to it.

use crate::date;
use crate::failure::Failure;
use crate::xml::element;
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use axum::http::{HeaderMap, HeaderName};
use ifc_manifest::kind::bucket::CONTENT_TYPE_DEFAULT;
use ifc_runtime::bucket::ObjectHead;
use ifc_runtime::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::ops::Range;

/// Before the name of an entry of the metadata.
const METADATA: &str = "x-amz-meta-";

/// What is known of the object under `key`. The size is the length of the answer.
pub(super) fn head_of(key: String, headers: &HeaderMap) -> Result<ObjectHead, Error> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let lacks = |what: &str| Failure::malformed(format!("the answer does not say the {what}"));
    let size = text(CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let modified = text(LAST_MODIFIED).and_then(date::parse_http);
    let mut metadata = BTreeMap::new();
    metadata.extend(headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(METADATA)?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    }));
    Ok(ObjectHead {
        key,
        size: size.ok_or_else(|| lacks("length"))?,
        version: version(text(ETAG).ok_or_else(|| lacks("version"))?),
        modified: modified.ok_or_else(|| lacks("time"))?,
        content_type: text(CONTENT_TYPE)
            .unwrap_or(CONTENT_TYPE_DEFAULT)
            .to_owned(),
        metadata,
    })
}

/// Which bytes an answer has, and of how many; `None` when it has all. Of an empty object it has
/// all, whatever it calls them: no bytes have a first and a last.
pub(super) fn range_of(headers: &HeaderMap) -> Result<Option<(Range<u64>, u64)>, Error> {
    let header = headers.get(CONTENT_RANGE);
    let Some(header) = header.filter(|range| !range.as_bytes().ends_with(b"/0")) else {
        return Ok(None);
    };
    let read = || {
        let (range, size) = header
            .to_str()
            .ok()?
            .strip_prefix("bytes ")?
            .split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let end = last.parse::<u64>().ok()?.checked_add(1)?;
        Some((first.parse().ok()?..end, size.parse().ok()?))
    };
    let read = read().ok_or_else(|| Failure::malformed("the answer has a range that is none"))?;
    Ok(Some(read))
}

/// A version without the quotes of an ETag.
pub(super) fn version(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// The version in an answer that is XML.
pub(super) fn version_of(body: &[u8]) -> Result<String, Error> {
    let etag = element(&String::from_utf8_lossy(body), "ETag");
    let etag = etag.ok_or_else(|| Failure::malformed("the answer does not say the version"))?;
    Ok(version(&etag))
}

/// The headers of an object's metadata.
///
/// # Errors
/// `Invalid` for a key that is no header's name.
pub(super) fn metadata_headers(
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<(HeaderName, String)>, Error> {
    let header = |(key, value): (&String, &String)| {
        let name = HeaderName::from_bytes(format!("{METADATA}{key}").as_bytes());
        let name = name.map_err(|error| {
            Error::new(
                ErrorKind::Invalid,
                format!("the metadata key `{key}` cannot be sent"),
            )
            .caused_by(error)
        })?;
        Ok((name, value.clone()))
    };
    metadata.iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        let entry = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn a_head_is_read_from_headers() {
        let whole = [
            ("content-length", "256"),
            ("etag", "\"a1\""),
            ("last-modified", "Thu, 15 Jan 2026 12:00:00 GMT"),
            ("content-type", "text/plain"),
            ("x-amz-meta-order_id", "o-1"),
        ];
        let head = head_of("a".to_owned(), &headers(&whole)).unwrap();
        let expected = ObjectHead {
            key: "a".to_owned(),
            size: 256,
            version: "a1".to_owned(),
            modified: date::parse("2026-01-15T12:00:00Z").unwrap(),
            content_type: "text/plain".to_owned(),
            metadata: BTreeMap::from([("order_id".to_owned(), "o-1".to_owned())]),
        };
        assert_eq!(head, expected);
        for (without, what) in [(0, "length"), (1, "version"), (2, "time")] {
            let mut rest = whole.to_vec();
            rest.remove(without);
            let error = head_of("a".to_owned(), &headers(&rest)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed);
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn a_range_is_read_from_its_header() {
        let range = |text| range_of(&headers(&[("content-range", text)]));
        assert_eq!(range_of(&headers(&[])).unwrap(), None);
        assert_eq!(range("bytes 2-4/10").unwrap(), Some((2..5, 10)));
        assert_eq!(range("bytes 0--1/0").unwrap(), None);
        for text in ["bytes */10", "2-4/10", "bytes 2-/10", "bytes 2-4"] {
            assert_eq!(
                range(text).unwrap_err().kind(),
                ErrorKind::Malformed,
                "{text}"
            );
        }
    }
}
