//! An object that is being read.

use ifc_manifest::kind::bucket::GET;
use ifc_runtime::axum::body::{Body, Bytes};
use ifc_runtime::bucket::{self as runtime, ObjectHead, next_chunk};
use ifc_runtime::{Error, ErrorKind, Target};
use serde::de::DeserializeOwned;
use std::ops::Range;

/// An object, or a part of it, whose body is still to be read. What is known of it stands in its
/// [`ObjectHead`]: `object.size`, `object.version`, `object.content_type`.
#[derive(Debug)]
pub struct Object {
    target: Target<'static>,
    inner: runtime::Object,
}

impl std::ops::Deref for Object {
    type Target = ObjectHead;

    fn deref(&self) -> &ObjectHead {
        &self.inner.head
    }
}

impl Object {
    pub(super) fn new(target: Target<'static>, inner: runtime::Object) -> Object {
        Object { target, inner }
    }

    /// Which of the object's bytes the body has.
    pub fn range(&self) -> Range<u64> {
        self.inner.range.clone()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the provider fails within the body. It never ends early without one.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match next_chunk(&mut self.inner.body).await {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(error)) => {
                let message = "the body could not be read to its end";
                let error = Error::new(ErrorKind::Unavailable, message).caused_by(error);
                Err(error.on(self.target, GET))
            }
        }
    }

    /// The whole body, in memory.
    ///
    /// # Errors
    /// As [`chunk`](Object::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let range = self.range();
        let length = usize::try_from(range.end - range.start).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&first);
        bytes.extend_from_slice(&second);
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.into())
    }

    /// The whole body as text.
    ///
    /// # Errors
    /// As [`chunk`](Object::chunk); of kind `Malformed` when it is not UTF-8.
    pub async fn text(self) -> Result<String, Error> {
        let target = self.target;
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.into()).map_err(|error| {
            Error::new(ErrorKind::Malformed, "the body is not UTF-8")
                .caused_by(error)
                .on(target, GET)
        })
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// As [`chunk`](Object::chunk); of kind `Malformed` when it is not a `T`.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let target = self.target;
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let name = std::any::type_name::<T>();
            Error::new(ErrorKind::Malformed, format!("the body is not a `{name}`"))
                .caused_by(error)
                .on(target, GET)
        })
    }

    /// The body as a stream: for a response, or for another bucket.
    pub fn into_body(self) -> Body {
        self.inner.body
    }
}
