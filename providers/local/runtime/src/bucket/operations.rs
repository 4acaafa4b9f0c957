//! What application code asks of buckets.

use super::{Bodies, Bucket, Record, list, presign};
use crate::local::{Local, undeclared};
use crate::operations::named;
use crate::store::Transaction;
use ifc_manifest::kind::bucket::{
    COPY, DELETE, GET, HEAD, LIST, OBJECT_BYTES_MAX, PRESIGN_GET, PRESIGN_PUT, PUT,
};
use ifc_manifest::kind::edge::Edge;
use ifc_runtime::bucket::{
    BucketOperations, ByteRange, Content, ListObjects, Object, ObjectHead, ObjectPage, PresignPut,
    PresignedPut, PutCondition, PutObject,
};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often a read starts anew because the object was replaced under it.
const ATTEMPTS: u32 = 16;

impl Local {
    fn bucket(&self, target: Target<'_>) -> Result<&Arc<Bucket>, Error> {
        self.buckets
            .get(target)
            .ok_or_else(|| undeclared("bucket", target))
    }

    pub(super) fn record(&self, bucket: &Bucket, key: &str) -> Result<Option<Record>, Error> {
        let now = self.now_moment();
        self.store
            .read(|snapshot| super::get(snapshot, bucket, now, key))
    }

    /// The object under a key, or a part of it.
    pub(crate) async fn read_object(
        &self,
        bucket: &Bucket,
        key: String,
        range: Option<ByteRange>,
    ) -> Result<Option<Object>, Error> {
        for _ in 0..ATTEMPTS {
            let Some(record) = self.record(bucket, &key)? else {
                return Ok(None);
            };
            let range = match range {
                None => 0..record.size,
                Some(range) => range.of(record.size).ok_or_else(|| {
                    let message = format!(
                        "the range has no bytes of the object, which has {}",
                        record.size
                    );
                    Error::new(ErrorKind::Invalid, message)
                })?,
            };
            // An object that is replaced meanwhile loses its body.
            if let Some(body) = self.bodies.open(&record.body, range.clone()).await? {
                let head = record.head(&key);
                return Ok(Some(Object { head, range, body }));
            }
        }
        Err(lost(&key))
    }

    /// Stores an object whose body is at most so large.
    pub(super) async fn write_object(
        &self,
        bucket: &Arc<Bucket>,
        put: PutObject,
        bytes_max: u64,
    ) -> Result<String, Error> {
        let body = self.bodies.write(put.content, bytes_max).await?;
        let record = Record {
            body: String::new(),
            size: body.size,
            modified: 0,
            content_type: put.content_type,
            metadata: put.metadata,
        };
        self.commit_object(bucket, put.key, record, body, put.condition)
            .await
    }

    async fn commit_object(
        &self,
        bucket: &Arc<Bucket>,
        key: String,
        record: Record,
        body: super::bodies::NewBody,
        condition: PutCondition,
    ) -> Result<String, Error> {
        let now = self.now_moment();
        let record = Record {
            body: body.id().to_owned(),
            modified: now,
            ..record
        };
        let (version, bucket) = (record.body.clone(), Arc::clone(bucket));
        // From here on the caller may go away, and the record be written all the same.
        let id = body.hand_over();
        let watchers = self.watchers(Edge::OnCreated, &bucket, &key);
        let command = move |transaction: &mut Transaction<'_, '_>| {
            let replaced = super::put(transaction, &bucket, now, &key, &record, &condition)?;
            watchers.tell(transaction, now, &key, &record)?;
            Ok(replaced)
        };
        let written = self.store.write(command).await;
        match &written {
            Ok(replaced) => replaced.iter().for_each(|body| self.bodies.remove(body)),
            Err(error) if error.is_conflict() => self.bodies.remove(&id),
            // Whether the record is on the disk is not known, so the body stays. If it is not, a
            // later start removes the body.
            Err(_) => return Err(written.expect_err("it was just looked at")),
        }
        self.bodies.settle(&id);
        written.map(|_| version)
    }

    /// Removes an object; says whether it was there.
    pub(super) async fn delete(&self, bucket: &Arc<Bucket>, key: String) -> Result<bool, Error> {
        let (bucket, now) = (Arc::clone(bucket), self.now_moment());
        let watchers = self.watchers(Edge::OnDeleted, &bucket, &key);
        let command = move |transaction: &mut Transaction<'_, '_>| {
            let Some(record) = super::delete(transaction, &bucket, &key)? else {
                return Ok(None);
            };
            // What has expired is gone for everyone but the store.
            let there = !bucket.is_expired(&key, record.modified, now);
            if there {
                watchers.tell(transaction, now, &key, &record)?;
            }
            Ok(Some((record.body, there)))
        };
        let Some((body, there)) = self.store.write(command).await? else {
            return Ok(false);
        };
        self.bodies.remove(&body);
        Ok(there)
    }

    /// Removes the bodies that no record refers to.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub(crate) fn sweep_bodies(&self) -> Result<(), Error> {
        remove_orphans(&self.bodies, &self.store)
    }
}

/// As [`Local::sweep_bodies`].
///
/// # Errors
/// `Unavailable` when the storage fails.
pub(crate) fn remove_orphans(bodies: &Bodies, store: &crate::store::Store) -> Result<(), Error> {
    // In this order: a body that is handed to a record after the first step is not among these.
    let mut orphans = bodies.at_rest().map_err(|error| {
        let message = format!("the bodies of objects cannot be listed: {error}");
        Error::new(ErrorKind::Unavailable, message)
    })?;
    if orphans.is_empty() {
        return Ok(());
    }
    let referred = store.read(super::referred)?;
    orphans.retain(|body| !referred.contains(body));
    for body in &orphans {
        bodies.remove(body);
    }
    if !orphans.is_empty() {
        tracing::debug!("removed {} bodies of uploads without an end", orphans.len());
    }
    Ok(())
}

fn lost(key: &str) -> Error {
    let message = format!(
        "the body of object `{}` is not in the data directory: someone removed its file",
        key.escape_debug()
    );
    Error::new(ErrorKind::Unavailable, message).retry_safe(false)
}

impl BucketOperations for Local {
    fn get_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        range: Option<ByteRange>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        named(bucket, GET, async move {
            self.read_object(self.bucket(bucket)?, key, range).await
        })
    }

    fn head_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<Option<ObjectHead>, Error>> {
        named(bucket, HEAD, async move {
            let record = self.record(self.bucket(bucket)?, &key)?;
            Ok(record.map(|record| record.head(&key)))
        })
    }

    fn put_object<'a>(
        &'a self,
        bucket: Target<'a>,
        put: PutObject,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(bucket, PUT, async move {
            self.write_object(self.bucket(bucket)?, put, OBJECT_BYTES_MAX)
                .await
        })
    }

    fn delete_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(bucket, DELETE, async move {
            self.delete(self.bucket(bucket)?, key).await.map(drop)
        })
    }

    fn list_objects<'a>(
        &'a self,
        bucket: Target<'a>,
        list: ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, Error>> {
        named(bucket, LIST, async move {
            let (bucket, now) = (self.bucket(bucket)?, self.now_moment());
            self.store
                .read(|snapshot| list::list(snapshot, bucket, now, &list))
        })
    }

    fn copy_object<'a>(
        &'a self,
        bucket: Target<'a>,
        from: String,
        to: String,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(bucket, COPY, async move {
            let bucket = self.bucket(bucket)?;
            for _ in 0..ATTEMPTS {
                let Some(record) = self.record(bucket, &from)? else {
                    let message = format!("there is no object `{}`", from.escape_debug());
                    return Err(Error::new(ErrorKind::NotFound, message));
                };
                if let Some(body) = self.bodies.copy(&record.body, record.size).await? {
                    let always = PutCondition::Always;
                    return self.commit_object(bucket, to, record, body, always).await;
                }
            }
            Err(lost(&from))
        })
    }

    fn presign_get<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        expiry: Duration,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(bucket, PRESIGN_GET, async move {
            let bucket = self.bucket(bucket)?;
            self.presigned(presign::Permit::get(bucket, key, self.now(), expiry))
        })
    }

    fn presign_put<'a>(
        &'a self,
        bucket: Target<'a>,
        presign: PresignPut,
    ) -> BoxFuture<'a, Result<PresignedPut, Error>> {
        named(bucket, PRESIGN_PUT, async move {
            let bucket = self.bucket(bucket)?;
            let mut headers = BTreeMap::new();
            if let Some(content_type) = &presign.content_type {
                headers.insert("content-type".to_owned(), content_type.clone());
            }
            let permit = presign::Permit::put(bucket, presign, self.now());
            let url = self.presigned(permit)?;
            Ok(PresignedPut { url, headers })
        })
    }
}

/// An upload through a presigned URL as a put.
pub(super) fn uploaded(key: String, content_type: String, content: Content) -> PutObject {
    PutObject {
        key,
        content,
        content_type,
        metadata: BTreeMap::new(),
        condition: PutCondition::Always,
    }
}
