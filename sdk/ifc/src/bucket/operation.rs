//! Operations under construction: what is awaited does it.

use super::check;
use super::object::Object;
use crate::awaitable::awaitable;
use crate::cursor::Cursor;
use ifc_manifest::Verb;
use ifc_manifest::kind::bucket as kind;
use ifc_runtime::bucket::{
    self as runtime, ByteRange, Content, ListedObject, ObjectHead, PutCondition,
};
use ifc_runtime::{Environment, Error, ErrorKind, Grant, Target};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

/// How long a presigned URL works when nobody says.
const PRESIGN_EXPIRY_DEFAULT: Duration = Duration::from_secs(900);

/// Where an operation runs.
fn environment(target: Target<'_>, verb: Verb) -> Result<Arc<Environment>, Error> {
    Environment::current().map_err(|error| error.on(target, verb))
}

fn too_large(bytes: u64) -> Error {
    let message = format!(
        "{bytes} bytes, the limit of an object is {}",
        kind::OBJECT_BYTES_MAX
    );
    Error::new(ErrorKind::TooLarge, message)
}

/// A read of an object. See [`Bucket::get`](super::Bucket::get).
#[must_use = "the object is read when this is awaited"]
pub struct GetObject {
    grant: &'static Grant,
    key: String,
    range: Result<Option<ByteRange>, Error>,
}

impl GetObject {
    pub(super) fn new(grant: &'static Grant, key: String) -> Self {
        GetObject {
            grant,
            key,
            range: Ok(None),
        }
    }

    /// Only these bytes, counted from 0: `.range(0..1024)`, `.range(1024..)`. The object may end
    /// earlier, but not before the range begins.
    pub fn range(mut self, bytes: impl RangeBounds<u64>) -> Self {
        let first = match bytes.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match bytes.end_bound() {
            Bound::Included(last) => Some(last.saturating_add(1)),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => None,
        };
        self.range = match end {
            Some(end) if end <= first => Err(check::invalid(format!(
                "the range {first}..{end} has no bytes"
            ))),
            Some(end) => Ok(Some(ByteRange::Between(first, end))),
            None if first == 0 => Ok(None),
            None => Ok(Some(ByteRange::StartingAt(first))),
        };
        self
    }

    /// Only the last so many bytes, or all when there are fewer. An empty object has none.
    pub fn last(mut self, bytes: u64) -> Self {
        self.range = match bytes {
            0 => Err(check::invalid("the last 0 bytes are no range")),
            bytes => Ok(Some(ByteRange::Last(bytes))),
        };
        self
    }

    async fn run(self, target: Target<'static>) -> Result<Option<Object>, Error> {
        check::key(&self.key)?;
        let environment = environment(target, kind::GET)?;
        let operation = environment
            .provider
            .get_object(target, self.key, self.range?);
        Ok(operation.await?.map(|object| Object::new(target, object)))
    }
}

awaitable!([] GetObject => Option<Object>, kind::GET);

/// A look at an object. See [`Bucket::head`](super::Bucket::head).
#[must_use = "the object is looked at when this is awaited"]
pub struct HeadObject {
    grant: &'static Grant,
    key: String,
}

impl HeadObject {
    pub(super) fn new(grant: &'static Grant, key: String) -> Self {
        HeadObject { grant, key }
    }

    async fn run(self, target: Target<'static>) -> Result<Option<ObjectHead>, Error> {
        check::key(&self.key)?;
        let environment = environment(target, kind::HEAD)?;
        environment.provider.head_object(target, self.key).await
    }
}

awaitable!([] HeadObject => Option<ObjectHead>, kind::HEAD);

/// A write of an object. See [`Bucket::put`](super::Bucket::put).
#[must_use = "the object is written when this is awaited"]
pub struct PutObject {
    grant: &'static Grant,
    key: String,
    content: Content,
    content_type: Option<String>,
    metadata: BTreeMap<String, String>,
    condition: PutCondition,
}

impl PutObject {
    pub(super) fn new(grant: &'static Grant, key: String, content: Content) -> Self {
        PutObject {
            grant,
            key,
            content,
            content_type: None,
            metadata: BTreeMap::new(),
            condition: PutCondition::Always,
        }
    }

    /// The type that readers are told, at most 255 visible ASCII characters. Default
    /// `application/octet-stream`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Attaches an entry: at most 10, keys `[a-z][a-z0-9_]*` of at most 40 characters, values of
    /// visible ASCII, together 2,048 bytes.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Writes only where no object is: of several that try, one succeeds.
    pub fn if_absent(mut self) -> Self {
        self.condition = PutCondition::IfAbsent;
        self
    }

    /// Writes only over the object of this version, as [`head`](super::Bucket::head) or an earlier
    /// write returned it: of several that read the same object, one succeeds.
    pub fn if_version(mut self, version: impl Into<String>) -> Self {
        self.condition = PutCondition::IfVersion(version.into());
        self
    }

    async fn run(self, target: Target<'static>) -> Result<String, Error> {
        check::key(&self.key)?;
        check::metadata(&self.metadata)?;
        let content_type = match self.content_type {
            Some(content_type) => {
                check::content_type(&content_type)?;
                content_type
            }
            None => kind::CONTENT_TYPE_DEFAULT.to_owned(),
        };
        if let Content::Bytes(bytes) = &self.content
            && bytes.len() as u64 > kind::OBJECT_BYTES_MAX
        {
            return Err(too_large(bytes.len() as u64));
        }
        let environment = environment(target, kind::PUT)?;
        let put = runtime::PutObject {
            key: self.key,
            content: self.content,
            content_type,
            metadata: self.metadata,
            condition: self.condition,
        };
        environment.provider.put_object(target, put).await
    }
}

awaitable!([] PutObject => String, kind::PUT);

/// Some keys of a bucket, in the order of their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPage {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// With [`folders`](ListObjects::folders): what longer keys have up to their next `/`, each
    /// once.
    pub folders: Vec<String>,
    /// Where to go on; `None` on the last page.
    pub cursor: Option<Cursor>,
}

/// A list of keys. See [`Bucket::list`](super::Bucket::list).
#[must_use = "the keys are listed when this is awaited"]
pub struct ListObjects {
    grant: &'static Grant,
    list: runtime::ListObjects,
}

impl ListObjects {
    pub(super) fn new(grant: &'static Grant, prefix: String) -> Self {
        ListObjects {
            grant,
            list: runtime::ListObjects {
                prefix,
                folders: false,
                limit: kind::LIST_LIMIT.max as u32,
                cursor: None,
            },
        }
    }

    /// Lists one level: a key that goes on beyond a `/` after the prefix is not listed itself, but
    /// as the folder up to that `/`.
    pub fn folders(mut self) -> Self {
        self.list.folders = true;
        self
    }

    /// Most objects and folders on the page, 1 to 1,000. Default 1,000. There may be fewer, also
    /// when more follow: go by the cursor.
    pub fn limit(mut self, limit: u32) -> Self {
        self.list.limit = limit;
        self
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: &Cursor) -> Self {
        self.list.cursor = Some(cursor.0.clone());
        self
    }

    async fn run(self, target: Target<'static>) -> Result<ObjectPage, Error> {
        check::prefix(&self.list.prefix)?;
        check::list_limit(self.list.limit)?;
        let environment = environment(target, kind::LIST)?;
        let page = environment.provider.list_objects(target, self.list).await?;
        Ok(ObjectPage {
            objects: page.objects,
            folders: page.folders,
            cursor: page.cursor.map(Cursor),
        })
    }

    /// All pages together. For prefixes that are known to be small.
    ///
    /// # Errors
    /// As [`Bucket::list`](super::Bucket::list).
    pub async fn all(mut self) -> Result<ObjectPage, Error> {
        let mut all = ObjectPage {
            objects: Vec::new(),
            folders: Vec::new(),
            cursor: None,
        };
        loop {
            let page = ListObjects {
                grant: self.grant,
                list: self.list.clone(),
            };
            let page = page.await?;
            all.objects.extend(page.objects);
            all.folders.extend(page.folders);
            match page.cursor {
                Some(cursor) => self.list.cursor = Some(cursor.0),
                None => return Ok(all),
            }
        }
    }
}

awaitable!([] ListObjects => ObjectPage, kind::LIST);

/// A URL to read with. See [`Bucket::presign_get`](super::Bucket::presign_get).
#[must_use = "the URL is made when this is awaited"]
pub struct PresignGet {
    grant: &'static Grant,
    key: String,
    expiry: Duration,
}

impl PresignGet {
    pub(super) fn new(grant: &'static Grant, key: String) -> Self {
        PresignGet {
            grant,
            key,
            expiry: PRESIGN_EXPIRY_DEFAULT,
        }
    }

    /// How long it works, 60 to 3,600 s. Default 15 minutes.
    pub fn expires_in(mut self, expiry: Duration) -> Self {
        self.expiry = expiry;
        self
    }

    async fn run(self, target: Target<'static>) -> Result<String, Error> {
        check::key(&self.key)?;
        check::expiry(self.expiry)?;
        let environment = environment(target, kind::PRESIGN_GET)?;
        environment
            .provider
            .presign_get(target, self.key, self.expiry)
            .await
    }
}

awaitable!([] PresignGet => String, kind::PRESIGN_GET);

/// How to make an upload: a PUT request to the URL, with the headers and the file as its body. Has a
/// JSON form, so that it can be the reply to a browser that wants to upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresignedPut {
    /// Where to. Whoever has it can write the object, so log it nowhere.
    pub url: String,
    /// What the request must carry, by lower-case name; its length besides.
    pub headers: BTreeMap<String, String>,
}

/// A URL to write with. See [`Bucket::presign_put`](super::Bucket::presign_put).
#[must_use = "the URL is made when this is awaited"]
pub struct PresignPut {
    grant: &'static Grant,
    presign: runtime::PresignPut,
}

impl PresignPut {
    pub(super) fn new(grant: &'static Grant, key: String) -> Self {
        PresignPut {
            grant,
            presign: runtime::PresignPut {
                key,
                expiry: PRESIGN_EXPIRY_DEFAULT,
                content_type: None,
                bytes_max: kind::OBJECT_BYTES_MAX,
            },
        }
    }

    /// How long it works, 60 to 3,600 s. Default 15 minutes.
    pub fn expires_in(mut self, expiry: Duration) -> Self {
        self.presign.expiry = expiry;
        self
    }

    /// The type that the upload must have. Default any.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.presign.content_type = Some(content_type.into());
        self
    }

    /// Most bytes of the upload. Default 5 GiB. Less than that is refused where one of the
    /// application's targets lacks the capability `PresignLength`.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.presign.bytes_max = bytes;
        self
    }

    async fn run(self, target: Target<'static>) -> Result<PresignedPut, Error> {
        check::key(&self.presign.key)?;
        check::expiry(self.presign.expiry)?;
        if let Some(content_type) = &self.presign.content_type {
            check::content_type(content_type)?;
        }
        if self.presign.bytes_max > kind::OBJECT_BYTES_MAX {
            return Err(too_large(self.presign.bytes_max));
        }
        if self.presign.bytes_max < kind::OBJECT_BYTES_MAX {
            check::presign_length()?;
        }
        let environment = environment(target, kind::PRESIGN_PUT)?;
        let presigned = environment
            .provider
            .presign_put(target, self.presign)
            .await?;
        Ok(PresignedPut {
            url: presigned.url,
            headers: presigned.headers,
        })
    }
}

awaitable!([] PresignPut => PresignedPut, kind::PRESIGN_PUT);

pub(super) async fn delete(grant: &'static Grant, key: String) -> Result<(), Error> {
    let target = grant.target();
    check::key(&key).map_err(|error| error.on(target, kind::DELETE))?;
    let environment = environment(target, kind::DELETE)?;
    environment.provider.delete_object(target, key).await
}

pub(super) async fn copy(grant: &'static Grant, from: String, to: String) -> Result<String, Error> {
    let target = grant.target();
    for key in [&from, &to] {
        check::key(key).map_err(|error| error.on(target, kind::COPY))?;
    }
    let environment = environment(target, kind::COPY)?;
    environment.provider.copy_object(target, from, to).await
}
