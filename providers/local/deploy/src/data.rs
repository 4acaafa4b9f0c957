//! Removing what a part held: directly while nobody serves the stage, and through the application
//! that does otherwise, because only one process holds the data.

use ifc_engine::{ProviderError, ProviderErrorKind};
use ifc_local::offline::Store;
use ifc_local::{OpenError, Removal};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

/// How long an application may take to start anew without what it no longer declares.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the application that holds the data says about where it is.
#[derive(Deserialize)]
struct Control {
    port: u16,
    token: String,
}

/// Removes everything that is stored for the resource or edge. Nothing stored is no error.
pub(crate) fn remove(directory: &Path, removal: &Removal) -> Result<(), ProviderError> {
    if !directory.exists() {
        return Ok(());
    }
    match Store::open(directory) {
        Ok(store) => store.remove(removal).map_err(|error| {
            rejected(format!("cannot remove the data of {removal}")).caused_by(error)
        }),
        Err(OpenError::InUse { .. }) => ask(directory, removal),
        Err(error) => Err(rejected(format!("cannot open the data of {removal}")).caused_by(error)),
    }
}

/// Asks the application that holds the data.
fn ask(directory: &Path, removal: &Removal) -> Result<(), ProviderError> {
    let waiting = |why: String| {
        let kind = ProviderErrorKind::NotReady {
            what: "the application that serves the stage".to_owned(),
            budget: PATIENCE,
        };
        ProviderError::new(kind, why)
    };
    let file = directory.join("control.json");
    let control = std::fs::read(&file)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Control>(&bytes).ok());
    let Some(Control { port, token }) = control else {
        return Err(waiting(format!(
            "the data of {removal} is held by a process that does not say where it is"
        )));
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        // A proxy of the user's has no business on the loopback interface.
        .proxy(None)
        .build()
        .into();
    let url = format!("http://127.0.0.1:{port}/__ifc/removals");
    let answer = agent
        .post(&url)
        .header("authorization", format!("Bearer {token}"))
        .send_json(removal.to_json());
    match answer {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(mut reply) => {
            let body = reply.body_mut().read_to_string().unwrap_or_default();
            let text = serde_json::from_str::<serde_json::Value>(&body)
                .ok()
                .and_then(|json| Some(json.get("error")?.as_str()?.to_owned()));
            Err(waiting(text.unwrap_or(body)))
        }
        Err(error) => Err(waiting(format!(
            "the application that holds the data of {removal} does not answer: {error}"
        ))),
    }
}

fn rejected(message: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, message)
}
