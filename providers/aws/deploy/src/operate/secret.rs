//! Secrets. A value passes through once, on its way in, and is never read.

use super::{OperateError, Operator, refused, told};
use aws_smithy_types::Blob;
use std::collections::HashMap;

/// Whether a secret has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretState {
    /// The secret.
    pub name: String,
    /// Whether it has a value.
    pub set: bool,
    /// The number of the value, when it was set by us: it grows by one with each.
    pub version: Option<u64>,
}

/// The part of a secret.
const PART: &str = "secret";

/// The label of the version that is read.
const CURRENT: &str = "AWSCURRENT";

impl Operator {
    /// Which secrets there are, sorted.
    ///
    /// # Errors
    /// When AWS refuses.
    pub async fn secrets(&self) -> Result<Vec<SecretState>, OperateError> {
        let mut secrets = Vec::new();
        for name in self.owners(PART) {
            let versions = self.versions(&name).await?;
            let mut current = versions.iter();
            let current = current.find(|(_, labels)| labels.iter().any(|label| label == CURRENT));
            secrets.push(SecretState {
                set: current.is_some(),
                version: current.and_then(|(id, _)| number(id)),
                name,
            });
        }
        Ok(secrets)
    }

    /// The versions of a secret, with their labels.
    async fn versions(&self, name: &str) -> Result<HashMap<String, Vec<String>>, OperateError> {
        let id = told(self.part("secret", name, PART)?, "Ref")?;
        let described = self.secrets.describe_secret().secret_id(id).send().await;
        let described = described.map_err(refused(format!("look at secret `{name}`")))?;
        Ok(described.version_ids_to_stages.unwrap_or_default())
    }

    /// Sets the value of a secret. Returns its number. Of two who set it at once one is refused.
    ///
    /// # Errors
    /// When the stage has no such secret, or AWS refuses.
    pub async fn set_secret(&self, name: &str, value: &[u8]) -> Result<u64, OperateError> {
        let id = told(self.part("secret", name, PART)?, "Ref")?;
        let versions = self.versions(name).await?;
        let numbers = versions.keys().filter_map(|id| number(id));
        // The current version and the one before are always kept, others only for a while.
        let next = numbers.max().unwrap_or(0) + 1;
        let put = self.secrets.put_secret_value().secret_id(id);
        let put = put.client_request_token(version_id(next));
        let put = match std::str::from_utf8(value) {
            Ok(text) => put.secret_string(text),
            Err(_) => put.secret_binary(Blob::new(value)),
        };
        put.send()
            .await
            .map_err(refused(format!("set secret `{name}`")))?;
        Ok(next)
    }
}

/// A version is known by a word of its maker's, of 32 characters at least: ours are numbers.
fn version_id(number: u64) -> String {
    format!("{number:032}")
}

/// The number of a version that we made.
fn number(version_id: &str) -> Option<u64> {
    let is_ours = version_id.len() == 32 && version_id.bytes().all(|byte| byte.is_ascii_digit());
    version_id.parse().ok().filter(|_| is_ours)
}
