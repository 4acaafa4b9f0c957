//! Secrets: values of Secrets Manager, kept for as long as the contract allows.

use crate::aws::{Aws, named};
use crate::failure::Failure;
use crate::transport::{Repeat, Service};
use crate::wiring;
use ifc_manifest::kind::secret::{CACHE_SECONDS_MAX, READ};
use ifc_runtime::secret::{SecretOperations, SecretValue};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    target: "secretsmanager",
    json: "1.1",
};

impl SecretOperations for Aws {
    fn read_secret<'a>(&'a self, secret: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>> {
        named(secret, READ, async move {
            let wiring = &self.wiring.secrets;
            let id = wiring::find(wiring, "secret", &self.application, secret)?;
            let now = self.clock.now();
            if let Some(value) = self.secrets.get(id, now).await {
                return Ok(value);
            }
            let input = json!({ "SecretId": id });
            let call =
                self.transport
                    .json(&SECRETS_MANAGER, "GetSecretValue", &input, Repeat::Harmless);
            let value = value(call.await, secret)?;
            let age_max = Duration::from_secs(CACHE_SECONDS_MAX);
            self.secrets.keep(id, value.clone(), now, age_max).await;
            Ok(value)
        })
    }
}

fn value(answer: Result<Value, Failure>, secret: Target<'_>) -> Result<SecretValue, Error> {
    let missing = || {
        let name = secret.name;
        let message = format!("it has no value; set one with `ifc secret set {name}`");
        Error::new(ErrorKind::NotReady, message)
    };
    let answer = match answer {
        Ok(answer) => answer,
        // A secret without any version answers as one that is not there.
        Err(failure) if failure.code == "ResourceNotFoundException" => {
            return Err(missing().caused_by(failure.message));
        }
        Err(failure) => return Err(failure.into()),
    };
    if let Some(text) = answer["SecretString"].as_str() {
        return Ok(SecretValue::new(text.as_bytes().to_vec()));
    }
    match answer["SecretBinary"].as_str() {
        Some(text) => crate::base64::decode(text)
            .map(SecretValue::new)
            .ok_or_else(|| Failure::malformed("the secret's bytes are no base64").into()),
        None => Err(missing()),
    }
}
