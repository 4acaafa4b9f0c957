//! Configuration values: parameters of Systems Manager, JSON each.

use super::{OperateError, Operator, refused, told};
use aws_sdk_ssm::types::ParameterType;
use ifc_engine::Value;

/// A configuration value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue {
    /// Its name.
    pub name: String,
    /// The value, JSON.
    pub value: String,
    /// Whether it is another one than the application's default.
    pub set: bool,
}

/// The part of a configuration value.
const PART: &str = "parameter";

/// Parameters in one call.
const BATCH: usize = 10;

impl Operator {
    /// The configuration values, sorted.
    ///
    /// # Errors
    /// When AWS refuses.
    pub async fn configs(&self) -> Result<Vec<ConfigValue>, OperateError> {
        let mut configs = Vec::new();
        for names in self.owners(PART).chunks(BATCH) {
            let mut asked = Vec::new();
            for name in names {
                let record = self.part("config", name, PART)?;
                asked.push((name, told(record, "Ref")?, record.properties.get("Value")));
            }
            let parameters = asked
                .iter()
                .map(|(_, parameter, _)| (*parameter).to_owned());
            let answer = self
                .parameters
                .get_parameters()
                .set_names(Some(parameters.collect()))
                .send()
                .await
                .map_err(refused("read the configuration values"))?;
            for (name, parameter, default) in asked {
                let mut found = answer.parameters().iter();
                let found = found.find(|found| found.name() == Some(parameter));
                if let Some(value) = found.and_then(|found| found.value()) {
                    let is_default = matches!(default, Some(Value::Text(text)) if text == value);
                    configs.push(ConfigValue {
                        name: name.clone(),
                        value: value.to_owned(),
                        set: !is_default,
                    });
                }
            }
        }
        Ok(configs)
    }

    /// Sets a configuration value, which is JSON.
    ///
    /// # Errors
    /// When the stage has no such value, or AWS refuses.
    pub async fn set_config(&self, name: &str, value: &str) -> Result<(), OperateError> {
        let parameter = told(self.part("config", name, PART)?, "Ref")?;
        self.parameters
            .put_parameter()
            .name(parameter)
            .value(value)
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .map_err(refused(format!("set config `{name}`")))?;
        Ok(())
    }
}
