//! What happens to objects: what `#[on_created]` and `#[on_deleted]` handlers take.

use super::Bucket;
use crate::edge::{consumer_knobs, retry_knobs};
use crate::unit::unit_knobs;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::bucket::{KeyFilterKnobs, declared_prefix, declared_suffix};
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An object was written: put, copied or uploaded, also over another one.
///
/// Events come at least once and in no order, so the object may have been replaced or removed since:
/// compare [`version`](ObjectCreated::version) with that of the object when it matters.
///
/// ```
/// # use ifc::prelude::*;
/// #[resource]
/// static PHOTOS: Bucket = Bucket::new("photos");
///
/// #[on_created(PHOTOS, prefix = "originals/", suffix = ".png")]
/// async fn shrink(created: ObjectCreated) -> Result<()> {
///     let Some(photo) = PHOTOS.get(&created.key).await? else {
///         return Ok(());
///     };
///     let small = photo.bytes().await?.slice(..100);
///     let key = created.key.replacen("originals/", "small/", 1);
///     PHOTOS.put(key, small).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCreated {
    /// The object's key.
    pub key: String,
    /// Length of its body, in bytes.
    pub size: u64,
    /// Its version, as the write returned it.
    pub version: String,
}

/// An object was removed. Replacing an object removes none.
///
/// Events come at least once and in no order, so there may be an object under the key again. The
/// expiry of an object may or may not cause one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDeleted {
    /// The object's key.
    pub key: String,
    /// Length of its body, in bytes, where the provider still knows it.
    pub size: Option<u64>,
    /// Its version, where the provider still knows it.
    pub version: Option<String>,
}

/// What `#[on_created]` accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no objects",
    label = "#[on_created] takes a bucket"
)]
pub trait CreatedSource {
    type Body: DeserializeOwned + Send;
    const OPTIONS: ObjectOptions;
}

impl<R> CreatedSource for Bucket<R> {
    type Body = ObjectCreated;
    const OPTIONS: ObjectOptions = ObjectOptions::NEW;
}

/// What `#[on_deleted]` accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no objects",
    label = "#[on_deleted] takes a bucket"
)]
pub trait DeletedSource {
    type Body: DeserializeOwned + Send;
    const OPTIONS: ObjectOptions;
}

impl<R> DeletedSource for Bucket<R> {
    type Body = ObjectDeleted;
    const OPTIONS: ObjectOptions = ObjectOptions::NEW;
}

/// The knobs of `#[on_created]` and `#[on_deleted]`.
#[derive(Clone, Copy)]
pub struct ObjectOptions {
    filter: KeyFilterKnobs,
    consumer: ConsumerSpec,
    retry: RetrySpec,
    unit: UnitSpec,
}

impl ObjectOptions {
    const NEW: ObjectOptions = ObjectOptions {
        filter: KeyFilterKnobs::DEFAULT,
        consumer: ConsumerSpec::DEFAULT,
        retry: RetrySpec::DEFAULT,
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };

    unit_knobs!(TIMEOUT_ASYNC, unit);
    consumer_knobs!(consumer);
    retry_knobs!(retry);

    /// Only objects whose key begins so. Default all.
    ///
    /// # Panics
    /// When no key can begin so; in a constant that is a compile error.
    #[track_caller]
    pub const fn prefix(mut self, prefix: &'static str) -> Self {
        self.filter.prefix = declared_prefix(prefix);
        self
    }

    /// Only objects whose key ends so. Default all.
    ///
    /// # Panics
    /// When no key can end so; in a constant that is a compile error.
    #[track_caller]
    pub const fn suffix(mut self, suffix: &'static str) -> Self {
        self.filter.suffix = declared_suffix(suffix);
        self
    }

    /// Writes the edge's knobs, closes the trigger and writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.filter.encode(encoder);
        self.consumer.encode(encoder);
        self.retry.encode(encoder);
        encoder.end();
        self.unit.encode(encoder);
    }
}
