//! Messages with large bodies.

use crate::Bucket;
use ifc_manifest::size::ASYNC_BODY_BYTES_MAX;
use ifc_runtime::event::random_id;
use ifc_runtime::{Error, ErrorKind, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Room for what surrounds the value in the message, in bytes.
const ENVELOPE_BYTES: usize = 1_024;

/// What is sent in the place of a large value: the value itself when it is small, else where it is.
///
/// Made by [`ClaimCheck::check_in`]; a `Queue<Claim<Report>>` carries reports of any size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim<T> {
    /// The value as JSON text, or the key of the object that has it.
    content: Content,
    #[serde(skip)]
    marker: PhantomData<fn() -> T>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Content {
    /// A text within the text: so the size in the message is known, whatever the value is.
    Here(String),
    There(String),
}

impl<T> Claim<T> {
    /// The key of the object that has the value; `None` when the claim itself has it.
    pub fn key(&self) -> Option<&str> {
        match &self.content {
            Content::Here(_) => None,
            Content::There(key) => Some(key),
        }
    }
}

/// Sends large values by reference: the value goes into a bucket, a [`Claim`] into the message.
///
/// ```
/// # use ifc::prelude::*;
/// # use ifc::{Claim, ClaimCheck};
/// # #[derive(Serialize, Deserialize)] struct Report { lines: Vec<String> }
/// #[resource]
/// static LARGE: Bucket = Bucket::new("large").expire("claims/", days(15));
///
/// #[resource]
/// static REPORTS: Queue<Claim<Report>> = Queue::new("reports");
///
/// static CLAIMS: ClaimCheck<LARGE> = ClaimCheck::new(&LARGE);
///
/// async fn send(report: &Report) -> Result<()> {
///     REPORTS.send(&CLAIMS.check_in(report).await?).await?;
///     Ok(())
/// }
///
/// #[consumer(REPORTS)]
/// async fn read(claim: Claim<Report>) -> Result<()> {
///     let report: Report = CLAIMS.redeem(&claim).await?;
///     println!("{} lines", report.lines.len());
///     Ok(())
/// }
/// ```
///
/// The object is written before there is a message that refers to it, so a claim that arrives can
/// be redeemed, as often as it arrives. Nobody can tell when it has arrived for the last time: let
/// the bucket [expire](Bucket::expire) the prefix `claims/`, after the queue's retention and the
/// seven days of its dead letters. That also removes what was written and then not sent.
pub struct ClaimCheck<B: Resource> {
    bucket: &'static Bucket<B>,
    here: usize,
}

impl<B: Resource> ClaimCheck<B> {
    /// Puts into `bucket` what does not fit into a message.
    pub const fn new(bucket: &'static Bucket<B>) -> Self {
        ClaimCheck {
            bucket,
            here: ASYNC_BODY_BYTES_MAX - ENVELOPE_BYTES,
        }
    }

    /// The largest claim in bytes that has its value with it, at most 244,736, which is the default.
    /// For delayed messages at most 64,512.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn up_to(mut self, bytes: usize) -> Self {
        assert!(
            bytes <= ASYNC_BODY_BYTES_MAX - ENVELOPE_BYTES,
            "a claim that has its value with it must fit into a message: at most 244,736 bytes"
        );
        self.here = bytes;
        self
    }

    /// What to send in the place of `value`. A value that is too large is in the bucket when this
    /// returns.
    ///
    /// # Errors
    /// Of kind `Invalid` when it has no JSON form; what the bucket fails with.
    pub async fn check_in<T: Serialize>(&self, value: &T) -> Result<Claim<T>, Error> {
        let text = serde_json::to_string(value).map_err(|error| {
            Error::new(ErrorKind::Invalid, "the value has no JSON form").caused_by(error)
        })?;
        let content = match quoted_len(&text) <= self.here {
            true => Content::Here(text),
            false => {
                let key = format!("claims/{}", random_id());
                let put = self.bucket.put(&key, text);
                put.content_type("application/json").await?;
                Content::There(key)
            }
        };
        Ok(Claim {
            content,
            marker: PhantomData,
        })
    }

    /// The value of a claim.
    ///
    /// # Errors
    /// `is_not_found` when the object is gone; of kind `Malformed` when it is not a `T`; what the
    /// bucket fails with.
    pub async fn redeem<T: DeserializeOwned>(&self, claim: &Claim<T>) -> Result<T, Error> {
        let malformed = |error: serde_json::Error| {
            let name = std::any::type_name::<T>();
            let message = format!("what was checked in is not a `{name}`");
            Error::new(ErrorKind::Malformed, message).caused_by(error)
        };
        match &claim.content {
            Content::Here(text) => serde_json::from_str(text).map_err(malformed),
            Content::There(key) => {
                let Some(object) = self.bucket.get(key).await? else {
                    let message = format!(
                        "`{key}` is gone: let the bucket keep claims for longer than their \
                         messages can be under way"
                    );
                    return Err(Error::new(ErrorKind::NotFound, message));
                };
                let bytes = object.bytes().await?;
                serde_json::from_slice(&bytes).map_err(malformed)
            }
        }
    }
}

/// The length of a text as JSON.
fn quoted_len(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\'));
    text.len() + escaped.count() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_json_within_json_is_known() {
        for value in ["plain", "with \"quotes\" and \\", "grüße\n\t\u{1}"] {
            let text = serde_json::to_string(value).expect("a text is JSON");
            let quoted = serde_json::to_string(&text).expect("a text is JSON");
            assert_eq!(quoted_len(&text), quoted.len(), "{value}");
        }
    }
}
