//! The parts on an emulator: each type through the whole of its life, and every request held against
//! the models that AWS publishes.

mod account;
mod data;
mod everything;
mod faults;
mod life;
mod messages;
mod units;

use crate::account::Account;
use crate::provider::Aws;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_types::retry::RetryConfig;
use ifc_emulators::{Emulator, ModelProxy, Skipped, ministack};
use std::path::PathBuf;
use std::sync::LazyLock;

/// One for all tests; it ends with their process.
static CLOUD: LazyLock<Result<(Emulator, ModelProxy), Skipped>> = LazyLock::new(|| {
    let emulator = ministack()?;
    let models = ModelProxy::before(&emulator)?;
    Ok((emulator, models))
});

/// Where requests are held against their models. `None` when the emulator cannot be had: then `what`
/// is reported as skipped.
fn cloud(what: &str) -> Option<&'static ModelProxy> {
    match &*CLOUD {
        Ok((_, models)) => Some(models),
        Err(skipped) => {
            skipped.report(what);
            None
        }
    }
}

/// The account with this number behind an endpoint. To the emulator, numbers are worlds apart.
async fn account(endpoint: &str, number: u64) -> Account {
    let keys = Credentials::new(format!("{number:012}"), "secret", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .empty_test_environment()
        .http_client(Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .endpoint_url(endpoint)
        .load()
        .await;
    Account::identify(config).await.unwrap()
}

async fn aws(endpoint: &str, number: u64, archive: Option<PathBuf>) -> Aws {
    Aws::new(&account(endpoint, number).await, archive)
}
