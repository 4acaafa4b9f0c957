//! `ifc build`: the application as it is uploaded to a provider, without uploading it.

#[cfg(feature = "aws")]
mod aws;

use crate::arguments::{Build, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stage::unavailable;
use ifc_manifest::ProviderId;

pub(crate) fn run(global: &Global, arguments: &Build) -> Result<Exit, Failure> {
    // The first provider that is uploaded to.
    let usual = ProviderId::Aws.as_str();
    let provider = arguments.provider.as_deref().unwrap_or(usual);
    match ProviderId::parse(provider) {
        #[cfg(feature = "aws")]
        Some(ProviderId::Aws) => aws::run(global, arguments),
        Some(ProviderId::Local) => {
            // Without clouds nothing else needs to know the application.
            let _ = global;
            Err(
                Failure::usage("provider `local` runs the application as cargo builds it")
                    .help("`ifc check` builds it, `ifc apply` builds and deploys it"),
            )
        }
        _ => Err(unavailable(provider)),
    }
}
