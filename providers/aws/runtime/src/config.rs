//! Configuration values: parameters of the Systems Manager, or the declared default, kept for as long
//! as the contract allows.

use crate::aws::{Aws, named};
use crate::transport::{Repeat, Service};
use crate::wiring::{self, name_of};
use ifc_manifest::Kind;
use ifc_manifest::kind::config::{ConfigSpec, POLL_SECONDS_MIN, READ};
use ifc_runtime::config::ConfigOperations;
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use serde_json::json;
use std::time::Duration;

pub(crate) const SYSTEMS_MANAGER: Service = Service {
    name: "ssm",
    target: "AmazonSSM",
    json: "1.1",
};

/// How long a value that may not change while a unit runs is kept: as long as it runs.
const FOR_GOOD: Duration = Duration::MAX;

impl ConfigOperations for Aws {
    fn read_config<'a>(&'a self, config: Target<'a>) -> BoxFuture<'a, Result<String, Error>> {
        named(config, READ, async move {
            let wiring = &self.wiring.configs;
            let parameter = wiring::find(wiring, "config", &self.application, config)?;
            let now = self.clock.now();
            if let Some(value) = self.configs.get(parameter, now).await {
                return Ok(value);
            }
            let declared = self.config_spec(config);
            let age_max = match declared.as_ref().is_some_and(|declared| declared.dynamic) {
                true => Duration::from_secs(POLL_SECONDS_MIN),
                false => FOR_GOOD,
            };
            let value = match self.parameter(parameter).await? {
                Some(value) => value,
                None => declared
                    .and_then(|declared| declared.default)
                    .ok_or_else(|| {
                        let message = "it has neither a value nor a default; set one with \
                                   `ifc config set`, or declare a default";
                        Error::new(ErrorKind::NotReady, message)
                    })?,
            };
            self.configs
                .keep(parameter, value.clone(), now, age_max)
                .await;
            Ok(value)
        })
    }
}

impl Aws {
    /// The value of a parameter; `None` when it is not there.
    async fn parameter(&self, name: &str) -> Result<Option<String>, Error> {
        let input = json!({ "Name": name });
        let call = self
            .transport
            .json(&SYSTEMS_MANAGER, "GetParameter", &input, Repeat::Harmless);
        match call.await {
            Ok(answer) => match answer["Parameter"]["Value"].as_str() {
                Some(value) => Ok(Some(value.to_owned())),
                None => Err(Error::new(
                    ErrorKind::Malformed,
                    "the answer of the Systems Manager has no value",
                )),
            },
            Err(failure) if failure.code == "ParameterNotFound" => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    fn config_spec(&self, config: Target<'_>) -> Option<ConfigSpec> {
        let name = name_of(&self.application, config);
        let mut declared = self.application.of_kind(Kind::Config);
        let found =
            declared.find(|declared| self.application.name_of(&declared.address) == name)?;
        ConfigSpec::decode(&found.config).ok()
    }
}
