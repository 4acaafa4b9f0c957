//! Secrets: values of Secrets Manager, kept for as long as the contract allows.

use crate::aws::{Aws, named};
use crate::failure::Failure;
use crate::transport::{Repeat, Service};
use crate::wiring;
use ifc_manifest::kind::secret::{CACHE_SECONDS_MAX, READ};
use ifc_runtime::secret::{SecretOperations, SecretValue};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    target: "secretsmanager",
    json: "1.1",
};

/// Values that were read, with the time of their reading.
#[derive(Default)]
pub(crate) struct Held(Mutex<BTreeMap<String, (SystemTime, SecretValue)>>);

impl SecretOperations for Aws {
    fn read_secret<'a>(&'a self, secret: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>> {
        named(secret, READ, async move {
            let wiring = &self.wiring.secrets;
            let id = wiring::find(wiring, "secret", &self.application, secret)?;
            let now = self.transport.clock.now();
            if let Some((read, value)) = self.secrets.0.lock().await.get(id)
                && now
                    .duration_since(*read)
                    .is_ok_and(|age| age < Duration::from_secs(CACHE_SECONDS_MAX))
            {
                return Ok(value.clone());
            }
            let input = json!({ "SecretId": id });
            let call =
                self.transport
                    .json(&SECRETS_MANAGER, "GetSecretValue", &input, Repeat::Harmless);
            let value = value(call.await, secret)?;
            let held = (now, value.clone());
            self.secrets.0.lock().await.insert(id.to_owned(), held);
            Ok(value)
        })
    }
}

fn value(answer: Result<Value, Failure>, secret: Target<'_>) -> Result<SecretValue, Error> {
    let answer = match answer {
        Ok(answer) => answer,
        // A secret without any version answers as one that is not there.
        Err(failure) if failure.code == "ResourceNotFoundException" => {
            let message = format!(
                "it has no value; set one with `ifc secret set {}`",
                secret.name
            );
            return Err(Error::new(ErrorKind::NotReady, message).caused_by(failure.message));
        }
        Err(failure) => return Err(failure.into()),
    };
    if let Some(text) = answer["SecretString"].as_str() {
        return Ok(SecretValue::new(text.as_bytes().to_vec()));
    }
    let bytes = answer["SecretBinary"]
        .as_str()
        .and_then(crate::base64::decode);
    bytes.map(SecretValue::new).ok_or_else(|| {
        Error::new(
            ErrorKind::Malformed,
            "the answer of Secrets Manager has no value",
        )
    })
}
