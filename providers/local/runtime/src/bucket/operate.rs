//! What an operator does with the objects of a bucket, by the bucket's name. Bodies go through
//! presigned URLs, whatever their size; handlers hear of what changes as if a unit had done it.

use super::presign::Permit;
use super::{Bucket, list};
use crate::local::Local;
use ifc_manifest::kind::bucket::{KeyError, OBJECT_BYTES_MAX, check_key, check_prefix};
use ifc_runtime::bucket::{ListObjects, ObjectPage, PresignPut};
use ifc_runtime::{Error, ErrorKind};
use std::time::Duration;

/// How long a URL for an operator works.
const EXPIRY: Duration = Duration::from_secs(3_600);

impl Local {
    /// A page of the objects of a bucket.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket; `Invalid` for a prefix that no key can have and for a
    /// cursor of another list; `Unavailable` when the storage fails.
    pub fn page_of_objects(&self, bucket: &str, wanted: &ListObjects) -> Result<ObjectPage, Error> {
        let (bucket, now) = (self.bucket_by_name(bucket)?, self.now_moment());
        check_prefix(&wanted.prefix).map_err(|error| bad_key("prefix", &wanted.prefix, &error))?;
        self.store
            .read(|snapshot| list::list(snapshot, bucket, now, wanted))
    }

    /// A URL from which an object can be read for an hour.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket or object; `NotReady` without a key for signatures.
    pub fn url_to_read(&self, bucket: &str, key: &str) -> Result<String, Error> {
        let bucket = self.bucket_by_name(bucket)?;
        if self.record(bucket, key)?.is_none() {
            return Err(no_object(bucket, key));
        }
        self.presigned(Permit::get(bucket, key.to_owned(), self.now(), EXPIRY))
    }

    /// A URL to which an object can be written for an hour.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket; `Invalid` for a key that no object can have;
    /// `NotReady` without a key for signatures.
    pub fn url_to_write(&self, bucket: &str, key: &str) -> Result<String, Error> {
        let bucket = self.bucket_by_name(bucket)?;
        check_key(key).map_err(|error| bad_key("key", key, &error))?;
        let presign = PresignPut {
            key: key.to_owned(),
            expiry: EXPIRY,
            content_type: None,
            bytes_max: OBJECT_BYTES_MAX,
        };
        self.presigned(Permit::put(bucket, presign, self.now()))
    }

    /// Removes an object that is there.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket or object; `Unavailable` when the storage fails.
    pub async fn remove_object(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let bucket = self.bucket_by_name(bucket)?;
        match self.delete(bucket, key.to_owned()).await? {
            true => Ok(()),
            false => Err(no_object(bucket, key)),
        }
    }
}

fn no_object(bucket: &Bucket, key: &str) -> Error {
    let message = format!(
        "there is no object `{}` in bucket `{}`",
        key.escape_debug(),
        bucket.name
    );
    Error::new(ErrorKind::NotFound, message)
}

fn bad_key(what: &str, text: &str, error: &KeyError) -> Error {
    let message = format!("the {what} `{}` {error}", text.escape_debug());
    Error::new(ErrorKind::Invalid, message)
}
