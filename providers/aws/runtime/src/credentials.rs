//! Who calls: keys from the environment, as Lambda gives them, or from the endpoint of a container.

use crate::connection::{Exchange, collect};
use crate::date;
use crate::failure::Failure;
use axum::body::Body;
use axum::http::{Request, Uri};
use ifc_runtime::{BoxFuture, json};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Keys are renewed when they have less than this left, so that no call is signed with keys that
/// end on its way.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// The address at which containers find their keys.
const CONTAINER_HOST: &str = "http://169.254.170.2";

/// The longest answer of the endpoint that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Keys. No text shows them.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// What goes with keys that are good for a while.
    pub(crate) session: Option<String>,
    /// When they end, if they do.
    pub(crate) expiry: Option<SystemTime>,
}

/// Where keys come from.
pub(crate) enum Source {
    /// They do not change as long as the process lives.
    Fixed(Credentials),
    /// An HTTP endpoint that hands out keys for a while.
    Container {
        url: Uri,
        token: Option<Token>,
        held: Mutex<Option<Credentials>>,
    },
}

/// What the endpoint wants to see.
pub(crate) enum Token {
    Text(String),
    /// Read each time: it is renewed in its place.
    File(String),
}

impl Source {
    /// Looks into the environment.
    ///
    /// # Errors
    /// When there is nothing usable; says what was looked for.
    pub(crate) fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Source, String> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        match (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(id), Some(secret)) => {
                return Ok(Source::Fixed(Credentials {
                    id,
                    secret,
                    session: variable("AWS_SESSION_TOKEN"),
                    expiry: None,
                }));
            }
            (Some(_), None) => return Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
            (None, Some(_)) => return Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
            (None, None) => {}
        }
        let url = match variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) => format!("{CONTAINER_HOST}{path}"),
            None => variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").ok_or_else(|| {
                "there are no credentials: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY nor \
                 AWS_CONTAINER_CREDENTIALS_FULL_URI is set; profiles are not read here, `aws \
                 configure export-credentials --format env` turns one into variables"
                    .to_owned()
            })?,
        };
        let url: Uri = url
            .parse()
            .map_err(|error| format!("`{url}` is no URL for credentials: {error}"))?;
        let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
            .map(Token::File)
            .or_else(|| variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Text));
        Ok(Source::Container {
            url,
            token,
            held: Mutex::new(None),
        })
    }

    /// Keys that are good for a while yet.
    pub(crate) fn credentials<'a>(
        &'a self,
        exchange: &'a dyn Exchange,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Credentials, Failure>> {
        Box::pin(self.found(exchange, now))
    }

    async fn found(
        &self,
        exchange: &dyn Exchange,
        now: SystemTime,
    ) -> Result<Credentials, Failure> {
        let (url, token, held) = match self {
            Source::Fixed(credentials) => return Ok(credentials.clone()),
            Source::Container { url, token, held } => (url, token, held),
        };
        // Whoever comes while keys are fetched waits for the same ones.
        let mut held = held.lock().await;
        if let Some(credentials) = held.as_ref()
            && credentials
                .expiry
                .is_none_or(|expiry| now + RENEW_BEFORE < expiry)
        {
            return Ok(credentials.clone());
        }
        let credentials = fetch(exchange, url, token.as_ref()).await?;
        *held = Some(credentials.clone());
        Ok(credentials)
    }

    /// Forgets keys that the service no longer takes. Returns whether there can be others.
    pub(crate) async fn renew(&self) -> bool {
        match self {
            Source::Fixed(_) => false,
            Source::Container { held, .. } => held.lock().await.take().is_some(),
        }
    }
}

fn half(is: &str, lacks: &str) -> String {
    format!("{is} is set and {lacks} is not: set both, or neither")
}

async fn fetch(
    exchange: &dyn Exchange,
    url: &Uri,
    token: Option<&Token>,
) -> Result<Credentials, Failure> {
    let mut request = Request::get(url.clone());
    let token = match token {
        None => None,
        Some(Token::Text(text)) => Some(text.clone()),
        Some(Token::File(path)) => {
            let read = std::fs::read_to_string(path);
            let text = read.map_err(|error| {
                failed(format!("the token in `{path}` cannot be read: {error}"))
            })?;
            Some(text.trim().to_owned())
        }
    };
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let request = request
        .body(Body::empty())
        .map_err(|error| failed(format!("the request cannot be made: {error}")))?;
    let response = collect(exchange.exchange(request).await?, ANSWER_BYTES_MAX).await?;
    if !response.status().is_success() {
        return Err(failed(format!("`{url}` answered {}", response.status())));
    }
    // What was read is not shown: it may be a key.
    let strange = || failed(format!("the answer of `{url}` is not what it should be"));
    let answer = json::parse(response.body()).map_err(|_| strange())?;
    let text = |name: &str| match &answer[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(strange()),
    };
    let expiry = match text("Expiration")? {
        None => None,
        Some(text) => Some(
            date::parse(&text)
                .ok_or_else(|| failed(format!("`{url}` answered with the date `{text}`")))?,
        ),
    };
    Ok(Credentials {
        id: text("AccessKeyId")?.ok_or_else(strange)?,
        secret: text("SecretAccessKey")?.ok_or_else(strange)?,
        session: text("Token")?,
        expiry,
    })
}

fn failed(message: String) -> Failure {
    Failure::local(
        "NoCredentials",
        format!("there are no credentials: {message}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::scripted::{Scripted, answer};

    fn from(variables: &[(&str, &str)]) -> Result<Source, String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Source::from_environment(find)
    }

    #[test]
    fn what_is_missing_is_named() {
        for (variables, expected) in [
            (&[][..], "neither AWS_ACCESS_KEY_ID"),
            (
                &[("AWS_ACCESS_KEY_ID", "a")],
                "AWS_SECRET_ACCESS_KEY is not",
            ),
            (
                &[("AWS_SECRET_ACCESS_KEY", "a")],
                "AWS_ACCESS_KEY_ID is not",
            ),
            (
                &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
                "neither",
            ),
            (
                &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "a b")],
                "`a b` is no URL",
            ),
        ] {
            let error = from(variables).err().expect("it is refused");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn keys_of_a_container_are_kept_until_they_end_soon() {
        let keys = |id: &str, expiration: &str| {
            let body = format!(
                r#"{{"AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"{expiration}"}}"#
            );
            answer(200, &body)
        };
        let exchange = Scripted::new([
            keys("first", "2026-01-15T13:00:00Z"),
            keys("second", "2026-01-15T14:00:00Z"),
        ]);
        let source = from(&[
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in"),
        ]);
        let source = source.expect("it is complete");
        let at = |text| date::parse(text).expect("a date");
        for (now, id) in [
            ("2026-01-15T12:00:00Z", "first"),
            ("2026-01-15T12:54:59Z", "first"),
            ("2026-01-15T12:55:00Z", "second"),
        ] {
            let keys = source.credentials(&exchange, at(now)).await;
            assert_eq!(keys.expect("they are there").id, id, "{now}");
        }
        let requests = exchange.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].uri(), "http://169.254.170.2/keys");
        assert_eq!(requests[0].headers()["authorization"], "let me in");
    }

    #[tokio::test]
    async fn an_endpoint_that_fails_is_named_and_shows_no_key() {
        let exchange = Scripted::new([answer(200, r#"{"AccessKeyId":"hidden"}"#), answer(500, "")]);
        let source = from(&[(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://127.0.0.1:1/keys",
        )]);
        let source = source.expect("it is complete");
        for expected in ["is not what it should be", "answered 500"] {
            let failure = source.credentials(&exchange, SystemTime::UNIX_EPOCH).await;
            let failure = failure.err().expect("it fails");
            assert!(
                failure.message.contains("http://127.0.0.1:1/keys"),
                "{failure:?}"
            );
            assert!(failure.message.contains(expected), "{failure:?}");
            assert!(!failure.message.contains("hidden"), "{failure:?}");
        }
    }
}
