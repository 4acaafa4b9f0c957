//! Configuration values: parameters of the Systems Manager, or the declared default.

use crate::aws::{Aws, named};
use crate::transport::{Repeat, Service};
use crate::wiring::{self, name_of};
use ifc_manifest::Kind;
use ifc_manifest::kind::config::{ConfigSpec, READ};
use ifc_runtime::config::ConfigOperations;
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use serde_json::json;

const SYSTEMS_MANAGER: Service = Service {
    name: "ssm",
    target: "AmazonSSM",
    json: "1.1",
};

impl ConfigOperations for Aws {
    fn read_config<'a>(&'a self, config: Target<'a>) -> BoxFuture<'a, Result<String, Error>> {
        named(config, READ, async move {
            let wiring = &self.wiring.configs;
            let parameter = wiring::find(wiring, "config", &self.application, config)?;
            let input = json!({ "Name": parameter });
            let call =
                self.transport
                    .json(&SYSTEMS_MANAGER, "GetParameter", &input, Repeat::Harmless);
            match call.await {
                Ok(answer) => match answer["Parameter"]["Value"].as_str() {
                    Some(value) => Ok(value.to_owned()),
                    None => Err(Error::new(
                        ErrorKind::Malformed,
                        "the answer of the Systems Manager has no value",
                    )),
                },
                Err(failure) if failure.code == "ParameterNotFound" => {
                    self.default_of(config).ok_or_else(|| {
                        let message = "it has neither a value nor a default; set one with \
                                       `ifc config set`, or declare a default";
                        Error::new(ErrorKind::NotReady, message)
                    })
                }
                Err(failure) => Err(failure.into()),
            }
        })
    }
}

impl Aws {
    fn default_of(&self, config: Target<'_>) -> Option<String> {
        let name = name_of(&self.application, config);
        let mut declared = self.application.of_kind(Kind::Config);
        let found =
            declared.find(|declared| self.application.name_of(&declared.address) == name)?;
        ConfigSpec::decode(&found.config).ok()?.default
    }
}
