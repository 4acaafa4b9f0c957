//! Bucket: objects by key.

mod check;
mod event;
mod object;
mod operation;

pub use event::{CreatedSource, DeletedSource, ObjectCreated, ObjectDeleted};
pub use object::Object;
pub use operation::{
    GetObject, HeadObject, ListObjects, ObjectPage, PresignGet, PresignPut, PresignedPut, PutObject,
};

use crate::Undeclared;
use crate::declaration::declaration;
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::bucket::{
    BucketKnobs, COPY, DELETE, GET, HEAD, LIST, PRESIGN_GET, PRESIGN_PUT, PUT,
};
use ifc_manifest::name;
use ifc_manifest::{Kind, Verb};
use ifc_runtime::axum::body::{Body, Bytes};
use ifc_runtime::bucket::Content;
use ifc_runtime::{BoxFuture, Error, Operation, Resource, grant};
use std::marker::PhantomData;
use std::time::Duration;

/// Objects: bodies of any size up to 5 GiB under a key, with a content type and a little metadata.
///
/// A key is 1 to 900 bytes of UTF-8: no `/` first or last, no `//`, no `\`, no control characters,
/// no dot at the end, no segment `.` or `..`. Every read sees all writes that were acknowledged
/// before it. Nobody but the application can reach an object, unless it hands out a
/// [presigned URL](Bucket::presign_get).
///
/// ```
/// # use ifc::prelude::*;
/// #[resource]
/// static RECEIPTS: Bucket = Bucket::new("receipts").expire("drafts/", days(7));
///
/// # async fn example(pdf: Vec<u8>) -> Result<()> {
/// RECEIPTS.put("2026/o-1.pdf", pdf).content_type("application/pdf").await?;
/// if let Some(receipt) = RECEIPTS.get("2026/o-1.pdf").await? {
///     let bytes = receipt.bytes().await?;
/// #   let _ = bytes;
/// }
/// let page = RECEIPTS.list("2026/").limit(100).await?;
/// let url = RECEIPTS.presign_get("2026/o-1.pdf").expires_in(minutes(5)).await?;
/// # let _ = (page, url); Ok(()) }
/// ```
pub struct Bucket<R = Undeclared> {
    name: &'static str,
    knobs: BucketKnobs,
    marker: PhantomData<fn() -> R>,
}

impl<R> Bucket<R> {
    /// A bucket whose objects do not expire, and are retained when its declaration goes away.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Bucket {
            name: name::resource(name),
            knobs: BucketKnobs::DEFAULT,
            marker: PhantomData,
        }
    }

    /// Lets objects whose key begins with `prefix` expire so long after they were written: 1 to
    /// 3,650 whole days. Not earlier, and gone some time after: do not read what has expired. Up to
    /// ten rules; where several fit a key, the shortest counts. An empty prefix means every object.
    ///
    /// # Panics
    /// Outside the range, or when no key can begin so; in a static that is a compile error.
    #[track_caller]
    pub const fn expire(mut self, prefix: &'static str, after: Duration) -> Self {
        self.knobs = self.knobs.expire(prefix, after);
        self
    }

    /// What becomes of the objects when the declaration goes away. Default `Retain`.
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.knobs.retention = retention;
        self
    }

    declaration!(Kind::Bucket, knobs);
}

macro_rules! operations {
    ($($name:ident = $verb:ident;)*) => {
        $(
            struct $name;

            impl Operation for $name {
                const VERB: Verb = $verb;
            }
        )*
    };
}

operations! {
    GetOperation = GET;
    HeadOperation = HEAD;
    PutOperation = PUT;
    DeleteOperation = DELETE;
    ListOperation = LIST;
    CopyOperation = COPY;
    PresignGetOperation = PRESIGN_GET;
    PresignPutOperation = PRESIGN_PUT;
}

impl<R> Bucket<R> {
    /// The object under `key`, or `None`. Its body is read as it is asked for: all at once with
    /// [`bytes`](Object::bytes), or piece by piece. A part of it with [`range`](GetObject::range).
    ///
    /// # Errors
    /// Of kind `Invalid` for a bad key, and for a range that begins at the object's end or later;
    /// `is_denied`; `is_throttled` after the retry budget is spent.
    pub fn get(&self, key: impl Into<String>) -> GetObject
    where
        R: Resource,
    {
        GetObject::new(grant::<R, GetOperation>(), key.into())
    }

    /// What is known of the object under `key`: size, version, time, type, metadata; or `None`.
    ///
    /// # Errors
    /// Of kind `Invalid` for a bad key; `is_denied`.
    pub fn head(&self, key: impl Into<String>) -> HeadObject
    where
        R: Resource,
    {
        HeadObject::new(grant::<R, HeadOperation>(), key.into())
    }

    /// Writes an object, replacing what was there, and returns its version. Readers see the
    /// previous object or all of the new one, never a part of it. Durable when it returns.
    ///
    /// # Errors
    /// Of kind `Invalid` for a bad key, content type or metadata; `is_conflict` when a condition
    /// does not hold; `is_too_large` above 5 GiB; `is_denied`.
    pub fn put(&self, key: impl Into<String>, body: impl Into<Bytes>) -> PutObject
    where
        R: Resource,
    {
        let content = Content::Bytes(body.into());
        PutObject::new(grant::<R, PutOperation>(), key.into(), content)
    }

    /// As [`put`](Bucket::put), with a body that does not fit into memory: the body of a request,
    /// or any stream through [`Body::from_stream`]. A large one is sent in parts; those of an
    /// upload that does not come to its end are removed.
    ///
    /// # Errors
    /// As [`put`](Bucket::put); of kind `Failed` when the stream fails. Nothing is stored then.
    pub fn put_stream(&self, key: impl Into<String>, body: impl Into<Body>) -> PutObject
    where
        R: Resource,
    {
        let content = Content::Stream(body.into());
        PutObject::new(grant::<R, PutOperation>(), key.into(), content)
    }

    /// Removes the object under `key`; succeeds when there is none.
    ///
    /// # Errors
    /// Of kind `Invalid` for a bad key; `is_denied`.
    pub fn delete(&self, key: impl Into<String>) -> BoxFuture<'static, Result<(), Error>>
    where
        R: Resource,
    {
        Box::pin(operation::delete(grant::<R, DeleteOperation>(), key.into()))
    }

    /// The objects whose key begins with `prefix`, page by page, in the order of the keys' bytes.
    /// An empty prefix lists all.
    ///
    /// # Errors
    /// Of kind `Invalid` for a prefix that no key can have, a limit outside 1 to 1,000, or a cursor
    /// of another list; `is_denied`.
    pub fn list(&self, prefix: impl Into<String>) -> ListObjects
    where
        R: Resource,
    {
        ListObjects::new(grant::<R, ListOperation>(), prefix.into())
    }

    /// Writes a copy of the object under `from`, with its type and metadata, under `to`, replacing
    /// what was there. Returns the copy's version.
    ///
    /// # Errors
    /// `is_not_found` when there is no object under `from`; of kind `Invalid` for a bad key;
    /// `is_denied`.
    pub fn copy(
        &self,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> BoxFuture<'static, Result<String, Error>>
    where
        R: Resource,
    {
        let grant = grant::<R, CopyOperation>();
        Box::pin(operation::copy(grant, from.into(), to.into()))
    }

    /// A URL by which anyone can read the object under `key` with a GET request, whether there is
    /// one yet or not, until it expires. It carries the application's own permission: hand it to
    /// those who may read the object, and log it nowhere.
    ///
    /// # Errors
    /// Of kind `Invalid` for a bad key or an expiry outside 60 to 3,600 s; `is_denied`.
    pub fn presign_get(&self, key: impl Into<String>) -> PresignGet
    where
        R: Resource,
    {
        PresignGet::new(grant::<R, PresignGetOperation>(), key.into())
    }

    /// Allows anyone who has the reply to write the object under `key` with a PUT request, until it
    /// expires: a browser can upload a file without sending it through the application.
    ///
    /// # Errors
    /// Of kind `Invalid` for a bad key or content type, or an expiry outside 60 to 3,600 s;
    /// `is_too_large` for a size above 5 GiB; `is_denied`.
    pub fn presign_put(&self, key: impl Into<String>) -> PresignPut
    where
        R: Resource,
    {
        PresignPut::new(grant::<R, PresignPutOperation>(), key.into())
    }
}
