//! Where state is kept, as people write it: a folder's path, `s3://…`, `gs://…`, `az://…`.

use crate::object::{self, Credentials};
use crate::{FolderStore, key};
use ifc_engine::{StateStore, StoreError};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Where state is kept.
///
/// ```
/// # fn main() -> Result<(), ifc_state::LocationError> {
/// use ifc_state::Location;
///
/// let location: Location = "az://account/container/ifc".parse()?;
/// assert_eq!(location.within("dev")?.to_string(), "az://account/container/ifc/dev");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of the local disk, for one machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix?region=…&endpoint=…`: Amazon S3, or a store that speaks its protocol
    /// and honours `If-Match` and `If-None-Match` on writes and deletions.
    S3 {
        /// The bucket, which must exist.
        bucket: String,
        /// What all keys begin with, without slashes at its ends. May be empty.
        prefix: String,
        /// The bucket's region. Without, `AWS_REGION` or `AWS_DEFAULT_REGION` say it.
        region: Option<String>,
        /// Another address than Amazon's.
        endpoint: Option<String>,
    },
    /// `gs://bucket/prefix?endpoint=…`: Google Cloud Storage.
    Gcs {
        /// The bucket, which must exist.
        bucket: String,
        /// As for S3.
        prefix: String,
        /// Another address than Google's.
        endpoint: Option<String>,
    },
    /// `az://account/container/prefix?endpoint=…`: Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// The container, which must exist.
        container: String,
        /// As for S3.
        prefix: String,
        /// Another address than `https://<account>.blob.core.windows.net`.
        endpoint: Option<String>,
    },
}

/// Why a text is no location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationError {
    message: String,
}

impl fmt::Display for LocationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for LocationError {}

fn wrong(message: impl Into<String>) -> LocationError {
    LocationError {
        message: message.into(),
    }
}

impl Location {
    /// A place of its own below this one, such as that of one stage.
    ///
    /// # Errors
    /// When `name` is not one segment of lower-case letters, digits, `-` and `.`: others would mean
    /// different things in different stores.
    pub fn within(&self, name: &str) -> Result<Location, LocationError> {
        if !key::is_segment(name) {
            return Err(wrong(format!(
                "`{name}` cannot name a place for state: it may have lower-case letters, digits, \
                 `-` and `.`"
            )));
        }
        let mut within = self.clone();
        match &mut within {
            Location::Folder(folder) => folder.push(name),
            Location::S3 { prefix, .. }
            | Location::Gcs { prefix, .. }
            | Location::Azure { prefix, .. } => {
                if !prefix.is_empty() {
                    prefix.push('/');
                }
                prefix.push_str(name);
            }
        }
        Ok(within)
    }

    /// What all keys begin with in an object store; empty for a folder.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Location::Folder(_) => "",
            Location::S3 { prefix, .. }
            | Location::Gcs { prefix, .. }
            | Location::Azure { prefix, .. } => prefix,
        }
    }

    pub(crate) fn endpoint(&self) -> Option<&str> {
        match self {
            Location::Folder(_) => None,
            Location::S3 { endpoint, .. }
            | Location::Gcs { endpoint, .. }
            | Location::Azure { endpoint, .. } => endpoint.as_deref(),
        }
    }

    /// The store there. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When what is needed to ask is missing or contradictory: a region, a readable file with
    /// credentials.
    ///
    /// # Panics
    /// Operations on a cloud's store need a tokio runtime with time and I/O.
    pub fn open(&self, credentials: &Credentials) -> Result<Arc<dyn StateStore>, StoreError> {
        Ok(match self {
            Location::Folder(folder) => Arc::new(FolderStore::new(folder)),
            _ => Arc::new(object::ObjectStore::new(self, credentials)?),
        })
    }
}

impl fmt::Display for Location {
    /// As it is written, so that it can be read again.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = |prefix: &str| match prefix {
            "" => String::new(),
            prefix => format!("/{prefix}"),
        };
        let (place, options) = match self {
            Location::Folder(folder) => return write!(formatter, "{}", folder.display()),
            Location::S3 {
                bucket,
                prefix,
                region,
                endpoint,
            } => (
                format!("s3://{bucket}{}", below(prefix)),
                [("region", region), ("endpoint", endpoint)],
            ),
            Location::Gcs {
                bucket,
                prefix,
                endpoint,
            } => (
                format!("gs://{bucket}{}", below(prefix)),
                [("endpoint", endpoint), ("", &None)],
            ),
            Location::Azure {
                account,
                container,
                prefix,
                endpoint,
            } => (
                format!("az://{account}/{container}{}", below(prefix)),
                [("endpoint", endpoint), ("", &None)],
            ),
        };
        formatter.write_str(&place)?;
        let given = options
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (index, (name, value)) in given.enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(formatter, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Location, LocationError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(wrong("the place for state is empty")),
                folder => Ok(Location::Folder(folder.into())),
            };
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        match scheme {
            "s3" => {
                let mut options = Options::parse(text, query, &["region", "endpoint"])?;
                let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
                Ok(Location::S3 {
                    bucket: name(text, "bucket", bucket, 3..=63, "-.")?,
                    prefix: prefix_of(text, prefix)?,
                    region: options.region(text)?,
                    endpoint: options.endpoint(text)?,
                })
            }
            "gs" => {
                let mut options = Options::parse(text, query, &["endpoint"])?;
                let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
                Ok(Location::Gcs {
                    bucket: name(text, "bucket", bucket, 3..=222, "-._")?,
                    prefix: prefix_of(text, prefix)?,
                    endpoint: options.endpoint(text)?,
                })
            }
            "az" => {
                let mut options = Options::parse(text, query, &["endpoint"])?;
                let (account, path) = path.split_once('/').ok_or_else(|| {
                    wrong(format!(
                        "`{text}` names no container: write `az://account/container/prefix`"
                    ))
                })?;
                let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
                Ok(Location::Azure {
                    account: name(text, "storage account", account, 3..=24, "")?,
                    container: name(text, "container", container, 3..=63, "-")?,
                    prefix: prefix_of(text, prefix)?,
                    endpoint: options.endpoint(text)?,
                })
            }
            scheme => Err(wrong(format!(
                "`{scheme}://` is no place for state: there are `s3://bucket/prefix`, \
                 `gs://bucket/prefix`, `az://account/container/prefix`, and the path of a folder"
            ))),
        }
    }
}

/// The name of a bucket, account or container.
fn name(
    text: &str,
    what: &str,
    name: &str,
    length: std::ops::RangeInclusive<usize>,
    signs: &str,
) -> Result<String, LocationError> {
    if name.is_empty() {
        return Err(wrong(format!("`{text}` names no {what}")));
    }
    let fine =
        |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || signs.contains(sign);
    if !name.chars().all(fine) || !length.contains(&name.len()) {
        let signs: String = signs.chars().map(|sign| format!(", `{sign}`")).collect();
        return Err(wrong(format!(
            "`{name}` in `{text}` is no name of a {what}: {} to {} lower-case letters, \
             digits{signs}",
            length.start(),
            length.end()
        )));
    }
    Ok(name.to_owned())
}

/// With what stores have to add to a prefix, keys stay below the 1,024 bytes that all allow.
const PREFIX_MAX: usize = 512;

fn prefix_of(text: &str, prefix: &str) -> Result<String, LocationError> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() {
        return Ok(String::new());
    }
    for segment in prefix.split('/') {
        let problem = match segment {
            "" => "there is nothing between two slashes",
            "." | ".." => "`.` and `..` mean nothing in an object store",
            _ if segment
                .chars()
                .any(|sign| sign.is_control() || "\\#%*".contains(sign)) =>
            {
                "control characters and `\\`, `#`, `%`, `*` are not kept alike by all stores"
            }
            _ => continue,
        };
        return Err(wrong(format!(
            "the prefix of `{text}` cannot be: {problem}"
        )));
    }
    if prefix.len() > PREFIX_MAX {
        return Err(wrong(format!(
            "the prefix of `{text}` is longer than {PREFIX_MAX} bytes"
        )));
    }
    Ok(prefix.to_owned())
}

/// What comes after the question mark.
struct Options<'a> {
    given: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    fn parse(text: &str, query: &'a str, known: &[&str]) -> Result<Options<'a>, LocationError> {
        let mut given: Vec<(&str, &str)> = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if !known.contains(&name) {
                return Err(wrong(format!(
                    "`{name}` in `{text}` is no option: there is `{}`",
                    known.join("`, `")
                )));
            }
            if value.is_empty() {
                return Err(wrong(format!("`{name}` in `{text}` has no value")));
            }
            if given.iter().any(|(other, _)| *other == name) {
                return Err(wrong(format!("`{name}` is given twice in `{text}`")));
            }
            given.push((name, value));
        }
        Ok(Options { given })
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let found = self.given.iter().find(|(given, _)| *given == name)?;
        Some(found.1)
    }

    fn region(&mut self, text: &str) -> Result<Option<String>, LocationError> {
        let Some(region) = self.take("region") else {
            return Ok(None);
        };
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match region.bytes().all(fine) {
            true => Ok(Some(region.to_owned())),
            false => Err(wrong(format!("`{region}` in `{text}` is no region"))),
        }
    }

    /// An address over TLS, or one of this machine.
    fn endpoint(&mut self, text: &str) -> Result<Option<String>, LocationError> {
        let Some(endpoint) = self.take("endpoint") else {
            return Ok(None);
        };
        if endpoint.contains('@') {
            return Err(wrong(
                "an endpoint has no user name or password: credentials are not part of a location",
            ));
        }
        let endpoint = endpoint.strip_suffix('/').unwrap_or(endpoint);
        let no_address = || {
            wrong(format!(
                "`{endpoint}` in `{text}` is no address such as `https://example.com:9000/path`"
            ))
        };
        let address: http::Uri = endpoint.parse().map_err(|_| no_address())?;
        let (Some(scheme), Some(host)) = (address.scheme_str(), address.host()) else {
            return Err(no_address());
        };
        // What the library understands otherwise than it was written is refused.
        let port = address
            .port_u16()
            .map_or(String::new(), |port| format!(":{port}"));
        let path = address.path().trim_end_matches('/');
        if endpoint != format!("{scheme}://{host}{port}{path}") || path.contains("//") {
            return Err(no_address());
        }
        match scheme {
            "https" => Ok(Some(endpoint.to_owned())),
            "http" if is_loopback(host) => Ok(Some(endpoint.to_owned())),
            "http" => Err(wrong(format!(
                "`{endpoint}` would send credentials unencrypted: use `https`, or a server on this \
                 machine"
            ))),
            _ => Err(no_address()),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_understood_and_written_again() {
        let s3 = |prefix: &str, region: Option<&str>, endpoint: Option<&str>| Location::S3 {
            bucket: "state".to_owned(),
            prefix: prefix.to_owned(),
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
        };
        for (text, location) in [
            ("s3://state", s3("", None, None)),
            ("s3://state/a/b", s3("a/b", None, None)),
            (
                "s3://state/größe?region=eu-south-1&endpoint=http://127.0.0.1:4566",
                s3("größe", Some("eu-south-1"), Some("http://127.0.0.1:4566")),
            ),
            (
                "gs://state/x",
                Location::Gcs {
                    bucket: "state".to_owned(),
                    prefix: "x".to_owned(),
                    endpoint: None,
                },
            ),
            (
                "az://account/box?endpoint=https://example.com/account",
                Location::Azure {
                    account: "account".to_owned(),
                    container: "box".to_owned(),
                    prefix: String::new(),
                    endpoint: Some("https://example.com/account".to_owned()),
                },
            ),
            (
                "./somewhere else",
                Location::Folder("./somewhere else".into()),
            ),
            ("/var/lib/state", Location::Folder("/var/lib/state".into())),
        ] {
            assert_eq!(text.parse::<Location>().as_ref(), Ok(&location), "{text}");
            assert_eq!(location.to_string(), text);
        }
        let slashed: Location = "s3://state/a/?endpoint=http://[::1]:80/".parse().unwrap();
        assert_eq!(slashed, s3("a", None, Some("http://[::1]:80")));
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        for (text, expected) in [
            ("", "is empty"),
            (
                "ftp://host/x",
                "`ftp://` is no place for state: there are `s3://bucket/prefix`",
            ),
            ("S3://bucket", "`S3://` is no place"),
            ("s3://", "names no bucket"),
            ("s3:///prefix", "names no bucket"),
            (
                "s3://My_Bucket",
                "`My_Bucket` in `s3://My_Bucket` is no name of a bucket: 3 to 63",
            ),
            ("s3://ab", "is no name of a bucket"),
            ("s3://state/a//b", "nothing between two slashes"),
            ("s3://state/../b", "`.` and `..` mean nothing"),
            ("s3://state/a%20b", "`%`"),
            ("s3://state/a\tb", "control characters"),
            (
                "s3://state?regoin=x",
                "`regoin` in `s3://state?regoin=x` is no option: there is `region`, `endpoint`",
            ),
            (
                "s3://state?region=",
                "`region` in `s3://state?region=` has no value",
            ),
            ("s3://state?region", "has no value"),
            ("s3://state?region=a&region=b", "given twice"),
            ("s3://state?region=EU", "is no region"),
            (
                "s3://state?endpoint=http://example.com",
                "would send credentials unencrypted",
            ),
            (
                "s3://state?endpoint=http://127.0.0.1.example.com",
                "unencrypted",
            ),
            (
                "s3://state?endpoint=https://me:secret@example.com",
                "no user name or password",
            ),
            (
                "s3://state?endpoint=example.com",
                "is no address such as `https://example.com",
            ),
            ("s3://state?endpoint=https://a b", "is no address"),
            (
                "gs://state?region=x",
                "`region` in `gs://state?region=x` is no option",
            ),
            (
                "az://account",
                "names no container: write `az://account/container/prefix`",
            ),
            ("az:///box", "names no storage account"),
            ("az://account/", "names no container"),
            ("az://my-account/box", "is no name of a storage account"),
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
            assert!(!error.contains("secret@"), "{error}");
        }
        let long = format!("s3://state/{}", "x".repeat(513));
        assert!(
            long.parse::<Location>()
                .unwrap_err()
                .to_string()
                .contains("512 bytes")
        );
    }

    #[test]
    fn whatever_is_written_is_refused_or_written_again() {
        const PIECES: &[&str] = &[
            "s3",
            "gs",
            "az",
            "://",
            "/",
            "?",
            "&",
            "=",
            "region",
            "endpoint",
            "http://",
            "https://",
            "127.0.0.1",
            "[::1]",
            ":80",
            "bucket",
            "account",
            "ü",
            "%",
            "..",
            " ",
            "\u{0}",
            "@",
            "a",
        ];
        const BEGINNINGS: &[&str] = &[
            "",
            "s3://bucket",
            "gs://bucket/a",
            "az://account/bucket",
            "s3://bucket?endpoint=http",
        ];
        let mut random = fastrand::Rng::with_seed(11);
        let mut understood = 0;
        for _ in 0..100_000 {
            let mut text = BEGINNINGS[random.usize(..BEGINNINGS.len())].to_owned();
            for _ in 0..random.usize(0..10) {
                text.push_str(PIECES[random.usize(..PIECES.len())]);
            }
            if let Ok(location) = text.parse::<Location>() {
                understood += usize::from(!matches!(location, Location::Folder(_)));
                let again = location.to_string().parse::<Location>();
                assert_eq!(again.as_ref(), Ok(&location), "{text:?}");
            }
        }
        assert!(understood > 1_000, "{understood}");
    }

    #[test]
    fn a_place_within() {
        for (text, expected) in [
            ("s3://state?region=x", "s3://state/dev?region=x"),
            ("gs://state/a", "gs://state/a/dev"),
            ("az://account/box", "az://account/box/dev"),
            ("here", "here/dev"),
        ] {
            let within = text.parse::<Location>().unwrap().within("dev").unwrap();
            assert_eq!(within.to_string(), expected);
        }
        for name in ["", "..", "a/b", "Dev", "~lock"] {
            let error = Location::Folder("x".into()).within(name).unwrap_err();
            assert!(
                error.to_string().contains(&format!("`{name}` cannot name")),
                "{error}"
            );
        }
    }
}
