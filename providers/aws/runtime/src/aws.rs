//! The provider: an application, its wiring, and the way to the services.

use crate::PROVIDER;
use crate::connection::Network;
use crate::credentials::Source;
use crate::endpoint::Endpoints;
use crate::held::Held;
use crate::transport::Transport;
use crate::wiring::{WIRING_VARIABLE, Wiring};
use ifc_manifest::Verb;
use ifc_runtime::secret::SecretValue;
use ifc_runtime::{Application, BoxFuture, Clock, Error, ErrorKind, Provider, SystemClock, Target};
use std::sync::Arc;
use std::time::SystemTime;

/// The data half of AWS.
pub struct Aws {
    pub(crate) application: Arc<Application>,
    pub(crate) wiring: Wiring,
    pub(crate) transport: Transport,
    /// What the application lives by. Requests are dated by the transport's own clock, which is the
    /// services' too.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secrets: Held<SecretValue>,
    pub(crate) configs: Held<String>,
}

impl Aws {
    /// The provider of a unit, set up by the variables of its environment:
    ///
    /// - `IFC_WIRING`: where its resources are, see [`Wiring`];
    /// - `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, or the variables of a
    ///   container's credentials: who it is;
    /// - `AWS_ENDPOINT_URL`: an emulator of all services, with TLS unless it is on this machine;
    /// - `AWS_CA_BUNDLE`: a PEM file with the root certificates to trust instead of Mozilla's.
    ///
    /// Not looked at are the profiles of `~/.aws`, single sign-on, web identities and the metadata
    /// service of EC2: on Lambda none of them is there, and elsewhere `aws configure
    /// export-credentials --format env` turns them into variables.
    ///
    /// # Errors
    /// `NotReady`, naming the variable that is missing or cannot be used.
    pub fn from_environment(
        application: Arc<Application>,
        clock: Arc<dyn Clock>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Aws, Error> {
        let not_ready = |message: String| Error::new(ErrorKind::NotReady, message);
        let wiring = variable(WIRING_VARIABLE).ok_or_else(|| {
            not_ready(format!(
                "{WIRING_VARIABLE} is not set: this program is a unit that `ifc apply` deploys to \
                 aws; to run it here, build it with the feature `local` of `ifc`"
            ))
        })?;
        let wiring = Wiring::parse(&wiring).map_err(|error| not_ready(error.to_string()))?;
        let endpoint = variable("AWS_ENDPOINT_URL").filter(|url| !url.is_empty());
        let endpoints = Endpoints::new(&wiring.region, endpoint.as_deref());
        let roots = variable("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        let network = Network::new(roots.as_deref());
        let transport = Transport {
            exchange: Box::new(network.map_err(|error| {
                not_ready(match roots {
                    Some(_) => format!("AWS_CA_BUNDLE: {error}"),
                    None => error,
                })
            })?),
            source: Source::from_environment(variable).map_err(not_ready)?,
            endpoints: endpoints.map_err(not_ready)?,
            clock: Arc::new(SystemClock),
        };
        Ok(Aws {
            application,
            wiring,
            transport,
            clock,
            secrets: Held::default(),
            configs: Held::default(),
        })
    }
}

impl Provider for Aws {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

impl Aws {
    /// The URL of a queue of this name.
    pub(crate) fn queue_url(&self, name: &str) -> String {
        let base = self.transport.endpoints.of("sqs");
        format!("{base}/{}/{name}", self.wiring.account)
    }
}

/// Runs an operation and names it in its error.
pub(crate) fn named<'a, T>(
    target: Target<'a>,
    verb: Verb,
    operation: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(async move {
        let result = operation.await;
        result.map_err(|error| error.on(target, verb).from_provider(PROVIDER))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let wiring = Wiring::<String>::new("eu-west-1", "123456789012", "shop-dev-").to_json();
        let whole = [
            (WIRING_VARIABLE, wiring.as_str()),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
        ];
        let application = || Arc::new(Application::new("shop", Vec::new(), Vec::new()).unwrap());
        let made = |change: (&str, &str)| {
            let variable = |name: &str| {
                let found = whole
                    .iter()
                    .chain([&change])
                    .rev()
                    .find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Aws::from_environment(application(), Arc::new(SystemClock), variable)
        };
        assert!(made(("", "")).is_ok());
        for (change, expected) in [
            (
                (WIRING_VARIABLE, "{}"),
                "the wiring in IFC_WIRING cannot be used",
            ),
            (
                ("AWS_SECRET_ACCESS_KEY", ""),
                "AWS_SECRET_ACCESS_KEY is not",
            ),
            (
                ("AWS_ENDPOINT_URL", "http://a.example"),
                "`http://a.example`",
            ),
            (
                ("AWS_CA_BUNDLE", "/no/such.pem"),
                "AWS_CA_BUNDLE: the root certificates in `/no/such.pem`",
            ),
        ] {
            let error = made(change).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::NotReady);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
