//! A running application, through its control endpoints.
//!
//! It leaves its address and a token in its data directory, readable for its user only.

use crate::failure::{Context as _, Failure};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;
use ureq::http::{Request, Response, StatusCode};
use ureq::{Agent, AsSendBody, Body};

/// Longest time for an answer: that of the longest handler, which `invoke` waits for.
const ANSWER_MAX: Duration = Duration::from_secs(610);

/// A running application.
pub(crate) struct Running {
    agent: Agent,
    address: Address,
}

/// What `control.json` says.
#[derive(Debug, Deserialize)]
struct Address {
    pid: u32,
    port: u16,
    token: String,
}

#[derive(Deserialize)]
struct Problem {
    error: String,
}

impl Running {
    /// The application that holds this data directory, if one runs.
    pub(crate) fn find(directory: &Path) -> Result<Option<Running>, Failure> {
        let file = directory.join("control.json");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(
                    Failure::new(format!("cannot read `{}`", file.display())).because(error)
                );
            }
        };
        let address: Address = serde_json::from_str(&text)
            .context(|| format!("`{}` does not say where the application is", file.display()))?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(ANSWER_MAX))
            // A proxy of the user's has no business on the loopback interface.
            .proxy(None)
            .build()
            .new_agent();
        let running = Running { agent, address };
        // A killed application leaves its file behind, and its port may be another program's now.
        match running.request("GET", "status", &[]) {
            Ok((StatusCode::OK, _)) => Ok(Some(running)),
            Ok(_) | Err(ureq::Error::ConnectionFailed | ureq::Error::Io(_)) => Ok(None),
            Err(error) => Err(running.unreachable(&error)),
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.address.pid
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask("GET", path, &[])
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        self.ask("POST", path, body)
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        self.ask("PUT", path, body)
    }

    /// The body behind a URL of the application's.
    pub(crate) fn download(&self, url: &str) -> Result<impl Read + use<>, Failure> {
        let response = self.agent.get(url).call();
        Ok(self.accepted(response)?.into_body().into_reader())
    }

    /// Sends a body to a URL of the application's.
    pub(crate) fn upload(
        &self,
        url: &str,
        content_type: &str,
        body: impl AsSendBody,
    ) -> Result<(), Failure> {
        let request = self.agent.put(url).header("content-type", content_type);
        self.accepted(request.send(body)).map(drop)
    }

    fn accepted(
        &self,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let mut response = response.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let text = response.body_mut().read_to_string();
        let text = text.map_err(|error| self.unreachable(&error))?;
        Err(refusal(response.status(), &text))
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let (status, text) = self
            .request(method, path, body)
            .map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            return serde_json::from_str(&text)
                .context(|| "the answer of the application is not JSON".to_owned());
        }
        Err(refusal(status, &text))
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<(StatusCode, String), ureq::Error> {
        let Address { port, token, .. } = &self.address;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{port}/__ifc/{path}"))
            .header("authorization", format!("Bearer {token}"));
        let mut response = match method {
            "GET" => self.agent.run(request.body(())?)?,
            _ => self.agent.run(request.body(body)?)?,
        };
        // An answer may hold messages of 240 KiB each.
        let text = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()?;
        Ok((response.status(), text))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let Address { pid, port, .. } = &self.address;
        Failure::new(format!(
            "the running application (process {pid}) does not answer on port {port}"
        ))
        .because(error)
    }
}

/// What an answer says that is no success.
fn refusal(status: StatusCode, text: &str) -> Failure {
    let message = match serde_json::from_str::<Problem>(text) {
        Ok(problem) => problem.error,
        Err(_) => format!("the application answered {status}"),
    };
    match status {
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Failure::usage(message),
        _ => Failure::new(message),
    }
}
