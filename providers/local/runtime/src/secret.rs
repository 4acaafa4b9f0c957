//! Values of secrets: encrypted in the store, with a key that lives outside the data directory.
//!
//! So a data directory that is copied, or committed by mistake, tells nothing. Whoever can read the
//! user's own files can read the key; that is as far as a laptop goes.

use crate::names::Named;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use chacha20_poly1305::{ChaCha20Poly1305, Key, Nonce};
use ifc_manifest::kind::secret::Charset;
use ifc_manifest::size::SECRET_BYTES_MAX;
use ifc_runtime::secret::SecretValue;
use ifc_runtime::{Error, ErrorKind};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where the key comes from. Read, and made, when it is first needed.
pub(crate) struct KeyRing {
    file: Option<PathBuf>,
    key: OnceLock<[u8; 32]>,
}

impl KeyRing {
    /// A random key that lives as long as this value.
    pub(crate) fn in_memory() -> Result<KeyRing, Error> {
        let key = OnceLock::new();
        let _ = key.set(random_bytes()?);
        Ok(KeyRing { file: None, key })
    }

    /// The key in a file; `None`: the user's.
    pub(crate) fn in_file(file: Option<PathBuf>) -> KeyRing {
        KeyRing {
            file: file.or_else(user_key_file),
            key: OnceLock::new(),
        }
    }

    fn key(&self) -> Result<[u8; 32], Error> {
        if let Some(key) = self.key.get() {
            return Ok(*key);
        }
        let file = self.file.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::NotReady,
                "there is no place for the key of secrets: set IFC_KEY_FILE, XDG_CONFIG_HOME or \
                 HOME",
            )
        })?;
        let key = read_or_make_key(file).map_err(|error| {
            let message = format!("cannot use the key of secrets in `{}`", file.display());
            Error::new(ErrorKind::NotReady, format!("{message}: {error}"))
        })?;
        Ok(*self.key.get_or_init(|| key))
    }

    fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("`{}`", file.display()),
            None => "memory".to_owned(),
        }
    }

    /// A value as it is stored: nonce, tag, ciphertext. `name` is authenticated with it, so that a
    /// value cannot be moved under another name.
    pub(crate) fn seal(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        if value.len() > SECRET_BYTES_MAX {
            let message = format!(
                "the value of secret `{name}` has {} bytes, the limit is {SECRET_BYTES_MAX}",
                value.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let nonce: [u8; 12] = random_bytes()?;
        let mut content = value.to_vec();
        let cipher = ChaCha20Poly1305::new(Key::new(self.key()?), Nonce::new(nonce));
        let tag = cipher.encrypt(&mut content, Some(name.as_bytes()));
        Ok([nonce.as_slice(), &tag, &content].concat())
    }

    /// Inverts [`seal`](KeyRing::seal).
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Result<SecretValue, Error> {
        let split = || {
            let (nonce, rest) = sealed.split_first_chunk::<12>()?;
            let (tag, content) = rest.split_first_chunk::<16>()?;
            Some((*nonce, *tag, content.to_vec()))
        };
        let key = self.key()?;
        let opened = split().and_then(|(nonce, tag, mut content)| {
            ChaCha20Poly1305::new(Key::new(key), Nonce::new(nonce))
                .decrypt(&mut content, tag, Some(name.as_bytes()))
                .ok()?;
            Some(SecretValue::new(content))
        });
        opened.ok_or_else(|| {
            let message = format!(
                "secret `{name}` cannot be decrypted with the key in {}: it was set with another \
                 key; bring that key back, or set the value again with `ifc secret set {name}`",
                self.place()
            );
            Error::new(ErrorKind::NotReady, message).retry_safe(false)
        })
    }
}

fn user_key_file() -> Option<PathBuf> {
    let path = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    if let Some(file) = path("IFC_KEY_FILE") {
        return Some(file.into());
    }
    let configuration = match path("XDG_CONFIG_HOME") {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(path("HOME")?).join(".config"),
    };
    Some(configuration.join("ifc").join("local.key"))
}

fn read_or_make_key(file: &Path) -> io::Result<[u8; 32]> {
    match fs::read_to_string(file) {
        Ok(text) => read_key(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(file),
        Err(error) => Err(error),
    }
}

fn read_key(text: &str) -> io::Result<[u8; 32]> {
    let text = text.trim();
    let mut key = [0; 32];
    let hexadecimal = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, byte) in key.iter_mut().enumerate().filter(|_| hexadecimal) {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(io::Error::other)?;
    }
    if hexadecimal {
        Ok(key)
    } else {
        Err(io::Error::other("it does not hold 64 hexadecimal digits"))
    }
}

fn make_key(file: &Path) -> io::Result<[u8; 32]> {
    let bytes: [u8; 32] = random_bytes().map_err(io::Error::other)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let directory = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory {
        fs::create_dir_all(directory)?;
    }
    // Written aside and linked into place, so that of two processes one wins and the other reads a
    // whole key.
    let aside = file.with_extension(format!("{}.new", ifc_runtime::event::random_id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut new = options.open(&aside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    let linked = fs::hard_link(&aside, file);
    fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_key(&fs::read_to_string(file)?)
        }
        Err(error) => Err(error),
    }
}

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let message = format!("the operating system gives no random bytes: {error}");
            Err(Error::new(ErrorKind::Unavailable, message))
        }
    }
}

/// A value of `length` characters, each equally likely.
pub(crate) fn generate(length: u32, charset: Charset) -> Result<Vec<u8>, Error> {
    let characters = charset.characters();
    // Bytes beyond the last whole multiple would favour the first characters.
    let fair = 256 / characters.len() * characters.len();
    let mut value = Vec::with_capacity(length as usize);
    while value.len() < length as usize {
        let bytes: [u8; 64] = random_bytes()?;
        let drawn = bytes.iter().filter(|byte| usize::from(**byte) < fair);
        let missing = length as usize - value.len();
        value.extend(
            drawn
                .take(missing)
                .map(|byte| characters[usize::from(*byte) % characters.len()]),
        );
    }
    Ok(value)
}

/// A secret as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStatus {
    /// The name.
    pub name: String,
    /// How often a value was set; `None` when there is none.
    pub version: Option<u64>,
}

/// Stores a sealed value; returns its version, counted from 1.
pub(crate) fn put(
    transaction: &mut Transaction<'_, '_>,
    name: &str,
    sealed: &[u8],
) -> Result<u64, Fault> {
    let key = KeyBytes::named(keys::SECRET, name);
    let version = transaction
        .get(key.as_bytes())?
        .map_or(0, |value| version(&value))
        + 1;
    let value = [version.to_le_bytes().as_slice(), sealed].concat();
    transaction.put(key.as_bytes(), &value)?;
    Ok(version)
}

/// The sealed value.
pub(crate) fn get(table: &impl Read, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let key = KeyBytes::named(keys::SECRET, name);
    let value = table.get(key.as_bytes())?;
    Ok(value.map(|value| value.value().get(8..).unwrap_or_default().to_vec()))
}

/// Name and version of every value.
pub(crate) fn list(table: &impl Read) -> Result<Vec<(String, u64)>, Fault> {
    let range = keys::space(keys::SECRET);
    let mut list = Vec::new();
    for entry in table.range(slices(&range))? {
        let (key, value) = entry?;
        let name = String::from_utf8_lossy(key.value().get(1..).unwrap_or_default());
        list.push((name.into_owned(), version(value.value())));
    }
    Ok(list)
}

fn version(value: &[u8]) -> u64 {
    value
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Joins what is declared with what has a value, by name.
pub(crate) fn statuses<'a>(
    declared: impl Iterator<Item = &'a str>,
    values: Vec<(String, u64)>,
) -> Vec<SecretStatus> {
    let mut versions = Named::new();
    for name in declared {
        versions.insert(name.to_owned(), None);
    }
    for (name, version) in values {
        versions.insert(name, Some(version));
    }
    let status = |(name, version)| SecretStatus { name, version };
    versions.into_entries().into_iter().map(status).collect()
}

/// What to say of a secret without a value.
pub(crate) fn missing(name: &str) -> Error {
    let message = format!("secret `{name}` has no value: set it with `ifc secret set {name}`");
    Error::new(ErrorKind::NotReady, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(key: u8) -> KeyRing {
        let ring = KeyRing {
            file: Some("/keys/mine".into()),
            key: OnceLock::new(),
        };
        let _ = ring.key.set([key; 32]);
        ring
    }

    #[test]
    fn sealed_values_open_only_with_their_key_and_name() {
        let sealed = ring(1).seal("payment-key", b"s3cret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        assert_eq!(
            ring(1).open("payment-key", &sealed).unwrap().expose_bytes(),
            b"s3cret"
        );
        assert_ne!(ring(1).seal("payment-key", b"s3cret").unwrap(), sealed);

        let error = ring(2)
            .open("payment-key", &sealed)
            .unwrap_err()
            .to_string();
        assert!(error.contains("`/keys/mine`") && error.contains("ifc secret set payment-key"));
        assert!(ring(1).open("other", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(ring(1).open("payment-key", &damaged).is_err(), "byte {at}");
            assert!(
                ring(1).open("payment-key", &sealed[..at]).is_err(),
                "cut at {at}"
            );
        }
        let large = vec![0; SECRET_BYTES_MAX + 1];
        assert!(ring(1).seal("x", &large).unwrap_err().is_too_large());
    }

    #[test]
    fn the_key_file_is_made_once_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ifc").join("local.key");
        let first = KeyRing::in_file(Some(file.clone()));
        assert!(!file.exists(), "nothing is made before it is needed");
        let sealed = first.seal("a", b"x").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        let second = KeyRing::in_file(Some(file.clone()));
        assert_eq!(second.open("a", &sealed).unwrap().expose_bytes(), b"x");
        let names: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is left beside it");

        fs::write(&file, "not a key").unwrap();
        let error = KeyRing::in_file(Some(file))
            .seal("a", b"x")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("local.key") && error.contains("hexadecimal"),
            "{error}"
        );
    }

    #[test]
    fn generated_values_use_every_character_of_their_set() {
        for charset in [Charset::Alphanumeric, Charset::Hex, Charset::UrlSafe] {
            let value = generate(4096, charset).unwrap();
            assert_eq!(value.len(), 4096);
            let characters = charset.characters();
            assert!(value.iter().all(|byte| characters.contains(byte)));
            assert!(characters.iter().all(|character| value.contains(character)));
        }
    }
}
