//! What messages of every kind have in common: a body, an id, attributes, a group, and what the
//! contract asks of them (sections 3 and 4.3).

use ifc_manifest::kind::queue::ID_BYTES_MAX;
use ifc_manifest::limit::Limit;
use ifc_manifest::{name, size};
use ifc_runtime::{Environment, Error, ErrorKind};
use serde::Serialize;
use std::collections::BTreeMap;

/// A message in the making.
pub(crate) struct Envelope {
    pub(crate) body: Result<Vec<u8>, Error>,
    pub(crate) id: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) group: Option<String>,
}

/// A message that the contract allows.
pub(crate) struct Checked {
    pub(crate) id: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) group: Option<String>,
}

impl Envelope {
    pub(crate) fn new(message: &impl Serialize) -> Envelope {
        Envelope {
            body: serde_json::to_vec(message).map_err(|error| {
                Error::new(ErrorKind::Invalid, "the message has no JSON form").caused_by(error)
            }),
            id: None,
            attributes: BTreeMap::new(),
            group: None,
        }
    }

    /// The parts, or why the contract does not allow them. `kind` is what it is sent to, which takes
    /// bodies within `limit`.
    pub(crate) fn checked(
        self,
        fifo: bool,
        kind: &str,
        limit: &'static Limit,
    ) -> Result<Checked, Error> {
        let body = self.body?;
        let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
        check_size(limit, body.len())?;
        match (&self.group, fifo) {
            (None, true) => {
                return invalid(format!("a fifo {kind} needs a group: add `.group(\"…\")`"));
            }
            (Some(_), false) => {
                return invalid(format!(
                    "a standard {kind} has no groups: declare it with `.fifo()`"
                ));
            }
            _ => {}
        }
        for (what, text) in [("id", &self.id), ("group", &self.group)] {
            if let Some(text) = text {
                check_token(what, text)?;
            }
        }
        check_attributes(&self.attributes)?;
        Ok(Checked {
            id: self.id,
            body,
            attributes: self.attributes,
            group: self.group,
        })
    }
}

/// Refuses what has more bytes than every target takes.
pub(crate) fn check_size(limit: &'static Limit, bytes: usize) -> Result<(), Error> {
    limit
        .check(bytes as u64, Environment::targets())
        .map_err(|refused| Error::new(ErrorKind::TooLarge, refused.to_string()))
}

/// An id or a group is 1 to 128 visible ASCII characters.
pub(crate) fn check_token(what: &str, text: &str) -> Result<(), Error> {
    if text.is_empty()
        || text.len() > ID_BYTES_MAX
        || !text.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let message =
            format!("the {what} `{text}` is not 1 to {ID_BYTES_MAX} visible ASCII characters");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

/// Something has more bytes than it may.
pub(crate) fn too_large(what: &str, bytes: usize, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "{what} has {bytes} bytes, the limit is {limit}: put it into a bucket and send its key"
        ),
    )
}

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Error> {
    if attributes.len() > size::ATTRIBUTES_MAX {
        let message = format!(
            "{} attributes, the limit is {}",
            attributes.len(),
            size::ATTRIBUTES_MAX
        );
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    let mut total = 0;
    for (key, value) in attributes {
        if !name::is_attribute_key(key) {
            let message = format!(
                "the attribute key `{key}` is not 1 to {} of a-z 0-9 _ . -",
                size::ATTRIBUTE_KEY_BYTES_MAX
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if value.len() > size::ATTRIBUTE_VALUE_BYTES_MAX {
            return Err(too_large(
                &format!("the attribute `{key}`"),
                value.len(),
                size::ATTRIBUTE_VALUE_BYTES_MAX,
            ));
        }
        total += key.len() + value.len();
    }
    if total > size::ATTRIBUTES_BYTES_MAX {
        return Err(too_large(
            "all attributes together",
            total,
            size::ATTRIBUTES_BYTES_MAX,
        ));
    }
    Ok(())
}
