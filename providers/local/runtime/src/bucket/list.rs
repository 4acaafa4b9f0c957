//! Lists of keys, page by page.

use super::Bucket;
use crate::moment::{Moment, to_system};
use crate::store::keys;
use crate::store::{Fault, Read, slices};
use ifc_manifest::kind::bucket::DELIMITER;
use ifc_runtime::ErrorKind;
use ifc_runtime::bucket::{ListObjects, ListedObject, ObjectPage};
use std::fmt::Write as _;

/// One page.
///
/// # Errors
/// `Invalid` for a cursor of another list.
pub(super) fn list(
    source: &impl Read,
    bucket: &Bucket,
    now: Moment,
    list: &ListObjects,
) -> Result<ObjectPage, Fault> {
    let mut range = bucket.objects().raw(list.prefix.as_bytes()).range();
    if let Some(cursor) = &list.cursor {
        range.start = decode(bucket, list, cursor)?.after(bucket);
    }
    let mut page = ObjectPage::default();
    let mut last = None;
    // A folder ends the walk over its keys, and a new one begins behind it.
    'walk: while range.start < range.end {
        for entry in source.range(slices(&range))? {
            let (stored_key, record) = entry?;
            let key = str::from_utf8(keys::rest(stored_key.value()))
                .map_err(|_| Fault::malformed("key of an object"))?;
            let Some(record) = bucket.visible(key, record.value(), now)? else {
                continue;
            };
            if page.objects.len() + page.folders.len() == list.limit as usize {
                page.cursor = last.map(|last| encode(bucket, list, &last));
                return Ok(page);
            }
            match folder(list, key) {
                Some(folder) => {
                    let folder = Position::Folder(folder.to_owned());
                    range.start = folder.after(bucket);
                    page.folders.push(folder.text().to_owned());
                    last = Some(folder);
                    continue 'walk;
                }
                None => {
                    page.objects.push(ListedObject {
                        key: key.to_owned(),
                        size: record.size,
                        version: record.body,
                        modified: to_system(record.modified),
                    });
                    last = Some(Position::Object(key.to_owned()));
                }
            }
        }
        break;
    }
    Ok(page)
}

/// All objects whose keys begin with `prefix`.
pub(crate) fn objects(
    source: &impl Read,
    bucket: &Bucket,
    now: Moment,
    prefix: &str,
) -> Result<Vec<ListedObject>, Fault> {
    let everything = ListObjects {
        prefix: prefix.to_owned(),
        folders: false,
        limit: u32::MAX,
        cursor: None,
    };
    Ok(list(source, bucket, now, &everything)?.objects)
}

/// What a key is folded into.
fn folder<'a>(list: &ListObjects, key: &'a str) -> Option<&'a str> {
    if !list.folders {
        return None;
    }
    let rest = key.get(list.prefix.len()..)?;
    let length = rest.find(DELIMITER)? + DELIMITER.len_utf8();
    key.get(..list.prefix.len() + length)
}

/// Where a page ended.
#[derive(Debug, PartialEq)]
enum Position {
    Object(String),
    Folder(String),
}

impl Position {
    fn text(&self) -> &str {
        match self {
            Position::Object(text) | Position::Folder(text) => text,
        }
    }

    fn mark(&self) -> char {
        match self {
            Position::Object(_) => 'o',
            Position::Folder(_) => 'f',
        }
    }

    /// The first stored key behind it.
    fn after(&self, bucket: &Bucket) -> Vec<u8> {
        let key = bucket.objects().raw(self.text().as_bytes());
        match self {
            Position::Object(_) => key.raw(&[0]).into_bytes(),
            Position::Folder(_) => key.after(),
        }
    }
}

fn encode(bucket: &Bucket, list: &ListObjects, position: &Position) -> String {
    let mut text = format!(
        "{:016x}{}",
        checksum(bucket, list, position),
        position.mark()
    );
    for byte in position.text().bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn decode(bucket: &Bucket, list: &ListObjects, cursor: &str) -> Result<Position, Fault> {
    let read = || {
        let (expected, rest) = cursor.split_at_checked(16)?;
        let expected = u64::from_str_radix(expected, 16).ok()?;
        let (mark, digits) = rest.split_at_checked(1)?;
        if digits.len() % 2 != 0 || !digits.is_ascii() {
            return None;
        }
        let text: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
            .collect::<Option<_>>()?;
        let text = String::from_utf8(text).ok()?;
        let position = match mark {
            "o" => Position::Object(text),
            "f" => Position::Folder(text),
            _ => return None,
        };
        (checksum(bucket, list, &position) == expected).then_some(position)
    };
    read().ok_or_else(|| {
        let message = "the cursor belongs to another list: go on with the list that returned it, \
                       only the limit may differ";
        Fault::refused(ErrorKind::Invalid, message)
    })
}

/// FNV-1a over everything that decides what the list returns. It guards against mistakes; a cursor
/// gives no access that the list itself does not.
fn checksum(bucket: &Bucket, list: &ListObjects, position: &Position) -> u64 {
    let shape = format!(
        "{}\0{}\0{}\0{}\0{}",
        bucket.number,
        list.prefix,
        list.folders,
        position.mark(),
        position.text()
    );
    shape.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
