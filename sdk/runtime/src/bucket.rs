//! Operations of a bucket, with bodies as bytes or as streams of them.

use crate::{BoxFuture, Error, Target};
use axum::body::{Body, Bytes, HttpBody as _};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// What is to be stored.
#[derive(Debug)]
pub enum Content {
    /// All of it, so that a provider may send it again.
    Bytes(Bytes),
    /// A stream, which can be read once. Its length may be unknown.
    Stream(Body),
}

/// When an object is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PutCondition {
    /// Whatever is there.
    #[default]
    Always,
    /// Only where no object is.
    IfAbsent,
    /// Only over the object of this version.
    IfVersion(String),
}

/// An object on its way into a bucket.
#[derive(Debug)]
pub struct PutObject {
    /// The key.
    pub key: String,
    /// The body.
    pub content: Content,
    /// The type that readers are told.
    pub content_type: String,
    /// What else readers are told.
    pub metadata: BTreeMap<String, String>,
    /// Whether to write it.
    pub condition: PutCondition,
}

/// Which part of an object to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first to before the second; the object may end earlier. Not empty.
    Between(u64, u64),
    /// From here to the end.
    StartingAt(u64),
    /// The last so many, or all when there are fewer. Not 0.
    Last(u64),
}

impl ByteRange {
    /// The bytes of an object of this size; `None` when the range begins at its end or later.
    pub fn of(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            ByteRange::Between(first, end) => first..end.min(size),
            ByteRange::StartingAt(first) => first..size,
            ByteRange::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// The key.
    pub key: String,
    /// Length of the body, in bytes.
    pub size: u64,
    /// Opaque. Bodies that differ have different versions; a write of an equal body may keep it.
    pub version: String,
    /// When it was written.
    pub modified: SystemTime,
    /// The type its writer gave.
    pub content_type: String,
    /// What else its writer gave.
    pub metadata: BTreeMap<String, String>,
}

/// An object, or a part of it.
#[derive(Debug)]
pub struct Object {
    /// What is known of the whole.
    pub head: ObjectHead,
    /// Which of its bytes follow.
    pub range: Range<u64>,
    /// The bytes. A stream that fails ends with an error, never silently short.
    pub body: Body,
}

/// An object as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// Length of the body, in bytes.
    pub size: u64,
    /// As in [`ObjectHead`].
    pub version: String,
    /// When it was written.
    pub modified: SystemTime,
}

/// Which keys a list wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListObjects {
    /// Beginning of the keys; empty: all.
    pub prefix: String,
    /// Whether keys with a `/` after the prefix are folded into what they have up to it.
    pub folders: bool,
    /// Most objects and folders on the page, 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A page of a list, in the order of the UTF-8 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// What keys were folded into, each once, ending in `/`.
    pub folders: Vec<String>,
    /// Where to go on; `None` on the last page. Opaque, good for at least an hour.
    pub cursor: Option<String>,
}

/// An upload to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresignPut {
    /// The key.
    pub key: String,
    /// How long the URL works, 60 to 3,600 s.
    pub expiry: Duration,
    /// The type that the upload must have; `None`: any.
    pub content_type: Option<String>,
    /// Most bytes of the upload.
    pub bytes_max: u64,
}

/// How to make an allowed upload: a PUT of the body to the URL, with the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresignedPut {
    /// Where to.
    pub url: String,
    /// What the request must carry, by lower-case name.
    pub headers: BTreeMap<String, String>,
}

/// What application code can do with a bucket.
///
/// Every operation sees all that was acknowledged before it. An expired object may vanish at any
/// time after its expiry. Callers have checked keys, prefixes, types, metadata and ranges that need
/// no object to be seen to be empty.
pub trait BucketOperations {
    /// The object under `key`, or a part of it.
    ///
    /// # Errors
    /// `Invalid` when the range begins at the end of the object or later.
    fn get_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        range: Option<ByteRange>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>>;

    /// What is known of the object under `key`.
    fn head_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<Option<ObjectHead>, Error>>;

    /// Writes a whole object, and returns its version once it is durable. Readers see all of the
    /// one before or all of this one. When the caller goes away first, either happened.
    ///
    /// # Errors
    /// `Conflict` when the condition does not hold, `TooLarge` above
    /// [`OBJECT_BYTES_MAX`](ifc_manifest::kind::bucket::OBJECT_BYTES_MAX), `Failed` when the stream
    /// fails; nothing is stored then.
    fn put_object<'a>(
        &'a self,
        bucket: Target<'a>,
        put: PutObject,
    ) -> BoxFuture<'a, Result<String, Error>>;

    /// Removes the object under `key`; succeeds when there is none.
    fn delete_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// One page of the keys.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list.
    fn list_objects<'a>(
        &'a self,
        bucket: Target<'a>,
        list: ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, Error>>;

    /// Writes a copy of the object under `from`, with its type and metadata, under `to`. Returns
    /// the copy's version.
    ///
    /// # Errors
    /// `NotFound` when there is no object under `from`.
    fn copy_object<'a>(
        &'a self,
        bucket: Target<'a>,
        from: String,
        to: String,
    ) -> BoxFuture<'a, Result<String, Error>>;

    /// A URL by which anyone can read the object under `key`, whether there is one yet or not.
    fn presign_get<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        expiry: Duration,
    ) -> BoxFuture<'a, Result<String, Error>>;

    /// A URL by which anyone can write the object.
    fn presign_put<'a>(
        &'a self,
        bucket: Target<'a>,
        presign: PresignPut,
    ) -> BoxFuture<'a, Result<PresignedPut, Error>>;
}

/// The body of the event that an object was written, or removed.
///
/// ```json
/// {"key": "2026/o-1.pdf", "size": 1024, "version": "a1"}
/// ```
///
/// Of a removed object `size` and `version` may be null.
pub fn encode_object_event(key: &str, size: Option<u64>, version: Option<&str>) -> Vec<u8> {
    serde_json::json!({ "key": key, "size": size, "version": version })
        .to_string()
        .into_bytes()
}

/// The next bytes of a body; `None` at its end. Never empty.
///
/// # Errors
/// When the body fails; there is nothing after that.
pub async fn next_chunk(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(bytes)) if !bytes.is_empty() => return Some(Ok(bytes)),
            // Trailers say nothing of the content.
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_within_the_object() {
        for (range, size, expected) in [
            (ByteRange::Between(0, 4), 10, Some(0..4)),
            (ByteRange::Between(8, 40), 10, Some(8..10)),
            (ByteRange::Between(10, 40), 10, None),
            (ByteRange::StartingAt(0), 10, Some(0..10)),
            (ByteRange::StartingAt(9), 10, Some(9..10)),
            (ByteRange::StartingAt(10), 10, None),
            (ByteRange::StartingAt(u64::MAX), 10, None),
            (ByteRange::Last(3), 10, Some(7..10)),
            (ByteRange::Last(30), 10, Some(0..10)),
            (ByteRange::Last(1), 0, None),
            (ByteRange::StartingAt(0), 0, None),
        ] {
            assert_eq!(range.of(size), expected, "{range:?} of {size}");
        }
    }
}
