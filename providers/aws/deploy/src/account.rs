//! Which account and region are worked in, and as whom: the official chain of credentials, one HTTP
//! client for all services, and what is said when that leads nowhere. What is done there is none of
//! its business.

use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::SdkError;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What the user says about the account; the rest comes from the environment and the shared
/// configuration files, as for every tool of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// The region, where it is not to come from the environment.
    pub region: Option<String>,
    /// The profile of the shared configuration files, where it is not to come from the
    /// environment.
    pub profile: Option<String>,
}

/// An account that is reached, in one region, as somebody.
#[derive(Clone, Debug)]
pub struct Account {
    config: SdkConfig,
    number: String,
    caller: String,
    partition: String,
    region: String,
}

impl Account {
    /// Finds region and credentials, and asks AWS whose they are. `AWS_ENDPOINT_URL` leads
    /// everything to an emulator.
    ///
    /// # Errors
    /// When there is no region, there are no credentials, AWS does not accept them, or it cannot be
    /// reached.
    pub async fn connect(settings: &AccountSettings) -> Result<Account, AccountError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(
                Builder::new()
                    .tls_provider(tls::Provider::Rustls(
                        tls::rustls_provider::CryptoMode::Ring,
                    ))
                    .build_https(),
            )
            // The engine repeats calls, with one rate per API for all of them.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(10))
                    .operation_timeout(Duration::from_secs(100))
                    .build(),
            );
        if let Ok(name) = AppName::new("ifc") {
            loader = loader.app_name(name);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        Account::identify(loader.load().await).await
    }

    /// The account that a configuration leads to.
    ///
    /// # Errors
    /// As [`Account::connect`].
    pub async fn identify(config: SdkConfig) -> Result<Account, AccountError> {
        // A variable that is set to nothing says nothing.
        let region = config.region().map(ToString::to_string);
        let Some(region) = region.filter(|region| !region.is_empty()) else {
            return Err(AccountError::NoRegion);
        };
        let provider =
            config
                .credentials_provider()
                .ok_or_else(|| AccountError::NoCredentials {
                    reason: "no source of credentials is configured".to_owned(),
                })?;
        if let Err(error) = provider.provide_credentials().await {
            return Err(no_credentials(&error));
        }
        let sts = aws_sdk_sts::Client::new(&config);
        let endpoint = config
            .endpoint_url()
            .map_or_else(|| format!("sts.{region}.amazonaws.com"), str::to_owned);
        let identity = sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| refused(error, &region, endpoint))?;
        let (Some(number), Some(caller)) = (identity.account, identity.arn) else {
            return Err(AccountError::Refused {
                code: "IncompleteAnswer".to_owned(),
                message: "`sts:GetCallerIdentity` names no account".to_owned(),
            });
        };
        let partition = caller.split(':').nth(1).unwrap_or("aws").to_owned();
        Ok(Account {
            config,
            number,
            caller,
            partition,
            region,
        })
    }

    /// The account's number, 12 digits.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The ARN of who calls.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// The partition, such as `aws` or `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where calls go instead of AWS, if they do.
    pub fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// Whether calls go to this machine: to an emulator, which is one process and, unlike AWS, has
    /// no readers that are behind.
    pub fn is_emulated(&self) -> bool {
        self.endpoint().is_some_and(is_here)
    }

    /// What clients of the official SDK are made from.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }
}

/// Why no account is reached.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountError {
    /// No region is configured anywhere.
    NoRegion,
    /// There are no credentials anywhere.
    NoCredentials {
        /// What the search for them came to.
        reason: String,
    },
    /// There are credentials, whose time is over.
    Expired {
        /// In the words of AWS.
        message: String,
    },
    /// AWS does not accept the credentials.
    Refused {
        /// Its word for it.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// There is no way to AWS, or to the emulator.
    Unreachable {
        /// Where it was tried.
        endpoint: String,
        /// The region that was asked for.
        region: String,
        /// What happened.
        reason: String,
    },
}

impl AccountError {
    /// One thing to do.
    pub fn help(&self) -> String {
        match self {
            AccountError::NoRegion => {
                "set `AWS_REGION`, or `region` for the stage in `ifc.toml`".to_owned()
            }
            AccountError::NoCredentials { .. } => {
                "log in with `aws sso login` or `aws configure`, or set `AWS_ACCESS_KEY_ID` and \
                 `AWS_SECRET_ACCESS_KEY`"
                    .to_owned()
            }
            AccountError::Expired { .. } => {
                "log in again, for example with `aws sso login`".to_owned()
            }
            AccountError::Refused { .. } => {
                "check which profile is used (`AWS_PROFILE`), and that the region is enabled for \
                 the account"
                    .to_owned()
            }
            AccountError::Unreachable { region, .. } => format!(
                "check the network and `AWS_ENDPOINT_URL`, and that `{region}` is a region of AWS"
            ),
        }
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountError::NoRegion => formatter.write_str("no region of AWS is configured"),
            AccountError::NoCredentials { reason } => {
                write!(formatter, "there are no credentials for AWS: {reason}")
            }
            AccountError::Expired { message } => {
                write!(formatter, "the credentials for AWS have expired: {message}")
            }
            AccountError::Refused { code, message } => write!(
                formatter,
                "AWS does not accept the credentials: `{code}`: {message}"
            ),
            AccountError::Unreachable {
                endpoint, reason, ..
            } => write!(formatter, "`{endpoint}` cannot be reached: {reason}"),
        }
    }
}

impl Error for AccountError {}

/// Whether an endpoint is on the loopback interface.
fn is_here(endpoint: &str) -> bool {
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn no_credentials(error: &CredentialsError) -> AccountError {
    let reason = chain(error);
    match reason.contains("expired") {
        true => AccountError::Expired { message: reason },
        false => AccountError::NoCredentials { reason },
    }
}

fn refused<E, R>(error: SdkError<E, R>, region: &str, endpoint: String) -> AccountError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    let text = |text: Option<&str>| text.unwrap_or("no reason given").to_owned();
    match &error {
        SdkError::ServiceError(service) => {
            let code = text(service.err().code());
            let message = text(service.err().message());
            match code.as_str() {
                "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                    AccountError::Expired { message }
                }
                _ => AccountError::Refused { code, message },
            }
        }
        _ => AccountError::Unreachable {
            endpoint,
            region: region.to_owned(),
            reason: chain(&error),
        },
    }
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &dyn Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    fn config(endpoint: &str) -> aws_config::ConfigLoader {
        aws_config::defaults(BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint)
            .empty_test_environment()
    }

    #[test]
    fn an_emulator_is_on_this_machine() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4566", true),
            ("http://localhost:4566/", true),
            ("http://s3.localhost", true),
            ("http://[::1]:4566", true),
            ("https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com", false),
            ("http://10.0.0.7:4566", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(is_here(endpoint), expected, "{endpoint}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let config = config("http://127.0.0.1:1").load().await;
        let error = Account::identify(config).await.unwrap_err();
        assert_eq!(error, AccountError::NoRegion);
        assert!(error.help().contains("AWS_REGION"));
        let config = self::config("http://127.0.0.1:1").region(Region::new(""));
        let error = Account::identify(config.load().await).await.unwrap_err();
        assert_eq!(error, AccountError::NoRegion);
    }

    #[tokio::test]
    async fn nobody_is_told_to_log_in() {
        let config = config("http://127.0.0.1:1")
            .region(Region::new("eu-west-1"))
            .no_credentials()
            .load()
            .await;
        let error = Account::identify(config).await.unwrap_err();
        assert!(
            matches!(error, AccountError::NoCredentials { .. }),
            "{error}"
        );
        assert!(error.help().contains("aws sso login"));
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_named() {
        let keys = Credentials::new("000000000000", "secret", None, None, "test");
        let config = config("http://127.0.0.1:1")
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .load()
            .await;
        let error = Account::identify(config).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`http://127.0.0.1:1` cannot be reached"),
            "{error}"
        );
        assert!(error.help().contains("`eu-west-1`"));
    }
}
