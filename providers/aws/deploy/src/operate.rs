//! Operating what is deployed: looking into queues, putting dead letters back, setting secrets and
//! configuration values, running a unit by hand, reading logs.
//!
//! What is where is known from the state of the stage, so that nothing is guessed and nothing is
//! built. Nothing here changes a part.

mod config;
mod invoke;
mod logs;
mod queue;
mod secret;

#[cfg(test)]
mod tests;

pub use config::ConfigValue;
pub use invoke::Invoked;
pub use logs::{LogEvent, LogPosition};
pub use queue::{DeadLetter, Depth, Message};
pub use secret::SecretState;

use aws_config::SdkConfig;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::RequestId;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ifc_engine::State;
use ifc_engine::Value;
use ifc_engine::state::PartRecord;
use std::error::Error;
use std::fmt;

/// One stage that is deployed, to be operated.
#[derive(Debug)]
pub struct Operator {
    state: State,
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    secrets: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
}

impl Operator {
    /// Operates the stage with this state by this configuration of the official SDK.
    pub fn new(config: &SdkConfig, state: State) -> Operator {
        // The engine's own calls are repeated by the engine; here nobody does but the SDK.
        let retry = aws_smithy_types::retry::RetryConfig::standard();
        let config = config.to_builder().retry_config(retry).build();
        Operator {
            sqs: aws_sdk_sqs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            parameters: aws_sdk_ssm::Client::new(&config),
            state,
        }
    }

    /// The names of what has a part of this name, as the application writes them, sorted.
    fn owners(&self, part: &str) -> Vec<String> {
        let addresses = self.state.parts.keys();
        let owners = addresses.filter(|address| address.part() == part);
        owners.map(|address| name_of(address.resource())).collect()
    }

    /// The part of this name of something that the application names.
    fn part(
        &self,
        what: &'static str,
        name: &str,
        part: &str,
    ) -> Result<&PartRecord, OperateError> {
        let mut parts = self.state.parts.iter();
        let found = parts
            .find(|(address, _)| address.part() == part && name_of(address.resource()) == name);
        match found {
            Some((_, record)) => Ok(record),
            None => Err(OperateError::NotDeployed {
                what,
                name: name.to_owned(),
                known: self.owners(part),
            }),
        }
    }
}

/// Where a stage was deployed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The region.
    pub region: String,
    /// The number of the account.
    pub account: String,
}

/// Where the parts of a state were made, as their ARNs tell. `None` while there are none.
pub fn recorded_at(state: &State) -> Option<Recorded> {
    let outputs = state.parts.values().flat_map(|part| part.outputs.values());
    outputs
        .filter_map(|output| match output {
            Value::Text(text) => Some(text),
            _ => None,
        })
        .find_map(|text| {
            // arn:aws:lambda:eu-south-1:123456789012:function:…
            let mut fields = text.strip_prefix("arn:")?.split(':').skip(2);
            let (region, account) = (fields.next()?, fields.next()?);
            (!region.is_empty() && !account.is_empty()).then(|| Recorded {
                region: region.to_owned(),
                account: account.to_owned(),
            })
        })
}

/// The name behind an address: names of libraries' things have a slash, which addresses cannot.
pub fn name_of(address: &str) -> String {
    address.replace(':', "/")
}

/// A text that a part told when it was made.
fn told<'a>(record: &'a PartRecord, output: &str) -> Result<&'a str, OperateError> {
    match record.outputs.get(output) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(OperateError::Unfinished {
            label: record.label.clone(),
        }),
    }
}

/// Why a stage cannot be operated.
#[derive(Debug)]
#[non_exhaustive]
pub enum OperateError {
    /// The stage has no such thing.
    NotDeployed {
        /// What sort of thing.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An apply was interrupted before the thing was made.
    Unfinished {
        /// What people call it.
        label: String,
    },
    /// What was asked cannot be done.
    Invalid(String),
    /// AWS refused or was not reached.
    Refused {
        /// What was tried.
        what: String,
        /// The word of AWS for why not.
        code: Option<String>,
        /// Its sentence, or what happened on the way to it.
        message: String,
        /// Under which its support finds the call.
        request_id: Option<String>,
    },
}

impl fmt::Display for OperateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperateError::NotDeployed { what, name, .. } => {
                write!(formatter, "the stage has no {what} `{name}`")
            }
            OperateError::Unfinished { label } => write!(formatter, "{label} is not made yet"),
            OperateError::Invalid(message) => formatter.write_str(message),
            OperateError::Refused {
                what,
                code,
                message,
                request_id,
            } => {
                write!(formatter, "cannot {what}: ")?;
                if let Some(code) = code {
                    write!(formatter, "`{code}`: ")?;
                }
                formatter.write_str(message)?;
                if let Some(request_id) = request_id {
                    write!(formatter, " (request {request_id})")?;
                }
                Ok(())
            }
        }
    }
}

impl Error for OperateError {}

/// Makes an error of the SDK one of ours, with what was tried: "look into queue `orders`".
fn refused<E, R>(what: impl Into<String>) -> impl FnOnce(SdkError<E, R>) -> OperateError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug,
    SdkError<E, R>: RequestId + Error,
{
    let what = what.into();
    move |error| {
        let request_id = error.request_id().map(str::to_owned);
        let (code, message) = match error.as_service_error() {
            Some(service) => (
                service.code().map(str::to_owned),
                service.message().unwrap_or("no reason given").to_owned(),
            ),
            None => (None, chain(&error)),
        };
        OperateError::Refused {
            what,
            code,
            message,
            request_id,
        }
    }
}

/// An error with its causes, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
