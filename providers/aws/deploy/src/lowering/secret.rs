//! A secret: one of the Secrets Manager. Its value is generated there or set out of band; it is never
//! a property.

use super::{About, Lowering, LoweringError};
use crate::catalog::SECRET;
use ifc_engine::Value;
use ifc_graph::Resource;
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::secret::{Charset, SecretSpec};

/// What ASCII has beside letters and digits, but for the four that URLs take.
const NOT_SAFE_IN_URLS: &str = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}";

impl Lowering<'_> {
    pub(super) fn secret(
        &mut self,
        resource: &Resource,
        spec: &SecretSpec,
    ) -> Result<(), LoweringError> {
        let about = About::resource(resource);
        let generated = spec.generated.map(|(length, charset)| {
            let characters = match charset {
                Charset::Alphanumeric => vec![("ExcludePunctuation", true.into())],
                Charset::Hex => vec![
                    ("ExcludePunctuation", true.into()),
                    ("ExcludeUppercase", true.into()),
                    ("ExcludeCharacters", "ghijklmnopqrstuvwxyz".into()),
                ],
                Charset::UrlSafe => vec![("ExcludeCharacters", NOT_SAFE_IN_URLS.into())],
            };
            let common = [
                ("PasswordLength", i64::from(length).into()),
                ("IncludeSpace", false.into()),
                ("RequireEachIncludedType", false.into()),
            ];
            Value::map(common.into_iter().chain(characters))
        });
        let making = self
            .fixed(&resource.id.name, "secret", SECRET, &about)?
            .retained(spec.retention == Retention::Retain)
            .set_if("GenerateSecretString", generated);
        self.add(making);
        Ok(())
    }

    /// The name of a secret.
    pub(super) fn secret_name(&self, name: &str) -> String {
        self.context.fixed(super::entry(SECRET), name, "secret")
    }
}
