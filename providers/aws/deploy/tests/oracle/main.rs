//! The data half held against the official SDK crates, which the deploy half has anyway: each call
//! is made with both against a recorder that gives both the same answers, and what went over the
//! wire, and what is made of the answer, is compared.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod recorder;

mod bucket;
mod config;
mod event_bus;
mod function;
mod queue;
mod secret;
mod stream;
mod table;
mod topic;

use aws_credential_types::Credentials;
use ifc_aws::{Aws, WIRING_VARIABLE, Wiring};
use ifc_runtime::{Application, SystemClock, Target};
use recorder::Recorder;
use std::collections::BTreeMap;
use std::sync::Arc;

const KEY: (&str, &str, &str) = ("AKIDEXAMPLE", "secret", "session");

fn credentials() -> Credentials {
    Credentials::new(KEY.0, KEY.1, Some(KEY.2.to_owned()), None, "test")
}

/// The client of a service as it calls the recorder.
macro_rules! sdk {
    ($service:ident, $recorder:expr) => {{
        let config = $service::Config::builder()
            .behavior_version($service::config::BehaviorVersion::latest())
            .region($service::config::Region::new("eu-west-1"))
            .endpoint_url(&$recorder.endpoint)
            .credentials_provider(crate::credentials())
            .retry_config($service::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        config
    }};
}
pub(crate) use sdk;

/// Our provider as it calls the recorder. It has one resource of each kind, called as the kind, and
/// the thing behind it is `shop-dev-KIND`.
fn ours(recorder: &Recorder) -> Aws {
    let mut wiring = Wiring::new("eu-west-1", "123456789012", "shop-dev-");
    for (section, name) in [
        (&mut wiring.queues, "queue"),
        (&mut wiring.topics, "topic"),
        (&mut wiring.buses, "bus"),
        (&mut wiring.streams, "stream"),
        (&mut wiring.tables, "table"),
        (&mut wiring.buckets, "bucket"),
        (&mut wiring.secrets, "secret"),
        (&mut wiring.configs, "config"),
        (&mut wiring.functions, "function"),
    ] {
        section.insert(name.to_owned(), format!("shop-dev-{name}"));
    }
    let variables = BTreeMap::from([
        (WIRING_VARIABLE, wiring.to_json()),
        ("AWS_ACCESS_KEY_ID", KEY.0.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", KEY.1.to_owned()),
        ("AWS_SESSION_TOKEN", KEY.2.to_owned()),
        ("AWS_ENDPOINT_URL", recorder.endpoint.clone()),
    ]);
    let resources = vec![table::declared()];
    let application = Application::new("shop", resources, Vec::new()).expect("it is whole");
    let variable = |name: &str| variables.get(name).cloned();
    Aws::from_environment(Arc::new(application), Arc::new(SystemClock), variable)
        .expect("nothing is missing")
}

fn target(name: &str) -> Target<'_> {
    Target {
        package: "shop",
        name,
    }
}
