//! Presigned URLs: what they allow, written into the URL and signed.
//!
//! The signature is the tag of the authenticated cipher that secrets are sealed with, over a text
//! that no secret has for a name, around nothing. The key is the user's, so a URL outlives a
//! restart.

use super::Bucket;
use crate::local::Local;
use crate::moment::{epoch_seconds, from_system};
use crate::percent::{escape, parameter, unescape_bytes};
use crate::secret::KeyRing;
use crate::server::OBJECTS_PREFIX;
use ifc_runtime::Error;
use ifc_runtime::bucket::PresignPut;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// What a URL allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    /// The bucket, as the application names it.
    pub(super) bucket: String,
    /// The object.
    pub(super) key: String,
    /// Until when, in epoch seconds.
    pub(super) expires: i64,
    pub(super) action: Action,
}

/// What may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Read the object.
    Get,
    /// Write it.
    Put {
        /// The type that it must have.
        content_type: Option<String>,
        /// Most bytes.
        bytes_max: u64,
    },
}

impl Action {
    /// The HTTP method.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Action::Get => "GET",
            Action::Put { .. } => "PUT",
        }
    }
}

impl Permit {
    pub(super) fn get(bucket: &Bucket, key: String, now: SystemTime, expiry: Duration) -> Permit {
        Permit {
            bucket: bucket.name.clone(),
            key,
            expires: expires(now, expiry),
            action: Action::Get,
        }
    }

    pub(super) fn put(bucket: &Bucket, presign: PresignPut, now: SystemTime) -> Permit {
        Permit {
            bucket: bucket.name.clone(),
            key: presign.key,
            expires: expires(now, presign.expiry),
            action: Action::Put {
                content_type: presign.content_type,
                bytes_max: presign.bytes_max,
            },
        }
    }

    /// What is signed. A line each, and no part has a line end in it. The first one keeps it apart
    /// from the names of secrets.
    fn text(&self) -> String {
        let Permit {
            bucket,
            key,
            expires,
            action,
        } = self;
        let mut text = format!("presigned\n{}\n{bucket}\n{key}\n{expires}", action.method());
        if let Action::Put {
            content_type,
            bytes_max,
        } = action
        {
            let _ = write!(text, "\n{bytes_max}");
            if let Some(content_type) = content_type {
                let _ = write!(text, "\n{content_type}");
            }
        }
        text
    }

    fn path_and_query(&self, ring: &KeyRing) -> Result<String, Error> {
        let mut url = format!(
            "{OBJECTS_PREFIX}{}/{}?method={}&expires={}",
            escape(&self.bucket, b""),
            escape(&self.key, b"/"),
            self.action.method(),
            self.expires
        );
        if let Action::Put {
            content_type,
            bytes_max,
        } = &self.action
        {
            let _ = write!(url, "&max={bytes_max}");
            if let Some(content_type) = content_type {
                let _ = write!(url, "&type={}", escape(content_type, b""));
            }
        }
        url.push_str("&signature=");
        for byte in ring.seal(&self.text(), &[])? {
            let _ = write!(url, "{byte:02x}");
        }
        Ok(url)
    }

    /// The permit in a URL; `None` when it carries none that was made with this key.
    pub(super) fn read(path: &str, query: &str, ring: &KeyRing) -> Option<Permit> {
        let (bucket, key) = path.strip_prefix(OBJECTS_PREFIX)?.split_once('/')?;
        let text = |escaped: &str| String::from_utf8(unescape_bytes(escaped)).ok();
        let permit = Permit {
            bucket: text(bucket)?,
            key: text(key)?,
            expires: parameter(query, "expires")?.parse().ok()?,
            action: match parameter(query, "method")? {
                "GET" => Action::Get,
                "PUT" => Action::Put {
                    content_type: match parameter(query, "type") {
                        Some(content_type) => Some(text(content_type)?),
                        None => None,
                    },
                    bytes_max: parameter(query, "max")?.parse().ok()?,
                },
                _ => return None,
            },
        };
        let digits = parameter(query, "signature")?;
        let signature: Vec<u8> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()?;
        ring.open(&permit.text(), &signature).ok()?;
        Some(permit)
    }
}

/// Whole seconds, rounded down: a URL never works longer than it was asked to.
fn expires(now: SystemTime, expiry: Duration) -> i64 {
    let seconds = i64::try_from(expiry.as_secs()).unwrap_or(i64::MAX);
    epoch_seconds(from_system(now)).saturating_add(seconds)
}

impl Local {
    pub(super) fn presigned(&self, permit: Permit) -> Result<String, Error> {
        let path = permit.path_and_query(&self.key_ring)?;
        Ok(format!("{}{path}", self.public_url()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(action: Action) -> Permit {
        Permit {
            bucket: "audit/receipts".into(),
            key: "2026/a b?c&d=é%2F.pdf".into(),
            expires: 1_800_000_000,
            action,
        }
    }

    fn read(url: &str, ring: &KeyRing) -> Option<Permit> {
        let (path, query) = url.split_once('?')?;
        Permit::read(path, query, ring)
    }

    #[test]
    fn a_permit_is_read_as_it_was_written() {
        let ring = KeyRing::in_memory().unwrap();
        for action in [
            Action::Get,
            Action::Put {
                content_type: None,
                bytes_max: 0,
            },
            Action::Put {
                content_type: Some("text/plain; charset=utf-8".into()),
                bytes_max: u64::MAX,
            },
        ] {
            let permit = permit(action);
            let url = permit.path_and_query(&ring).unwrap();
            assert_eq!(read(&url, &ring), Some(permit), "{url}");
        }
    }

    #[test]
    fn nothing_in_the_url_can_be_changed() {
        let ring = KeyRing::in_memory().unwrap();
        let url = permit(Action::Put {
            content_type: Some("text/plain".into()),
            bytes_max: 100,
        });
        let url = url.path_and_query(&ring).unwrap();
        assert!(read(&url, &ring).is_some());
        for (from, to) in [
            ("2026", "2027"),
            ("audit%2Freceipts", "audit%2Fother"),
            ("method=PUT", "method=GET"),
            ("expires=18", "expires=19"),
            ("max=100", "max=1000"),
            ("type=text%2Fplain", "type=text%2Fhtml"),
            ("&type=text%2Fplain", ""),
            ("signature=", "signature=00"),
            ("signature=", "signature=zz"),
            ("&signature=", "&"),
        ] {
            let changed = url.replacen(from, to, 1);
            assert_ne!(changed, url, "{from}");
            assert_eq!(read(&changed, &ring), None, "{from}");
        }
        assert_eq!(read(&url[..url.len() - 2], &ring), None);
        assert_eq!(read(&url, &KeyRing::in_memory().unwrap()), None);
    }
}
