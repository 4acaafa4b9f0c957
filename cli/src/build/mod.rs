//! Building the application for a platform in a cloud: with the provider's feature, in release,
//! against a C library that the platform has. The graph is read out of what was built.
//!
//! For the local provider the application is built as cargo builds it; nothing of this takes part.

mod features;
mod toolchain;

use crate::application;
use crate::arguments::Global;
use crate::failure::{Context as _, Failure};
use crate::shim;
use ifc_analyzer::{Built, Project, Selection};
use ifc_aws_deploy::package::{Misfit, PLATFORM, Package};
use ifc_manifest::ProviderId;
use std::path::PathBuf;
use toolchain::{HELP, Toolchain};

/// The application, ready to be built for a platform.
pub(crate) struct Build {
    /// Built by its own `build`, it is for the platform.
    pub(crate) project: Project,
    toolchain: Toolchain,
}

impl Build {
    /// Decides how the application that the flags choose is built for AWS.
    pub(crate) fn for_aws(global: &Global) -> Result<Build, Failure> {
        let selection = application::selection(global);
        let usual = Project::find(&selection)?;
        let features = features::of(&usual, ProviderId::Aws, &selection.features)?;
        let toolchain = Toolchain::choose()?;
        let mut project = Project::find(&Selection {
            release: true,
            features,
            target: toolchain.target.clone(),
            builder: toolchain.builder.clone(),
            ..selection
        })?;
        if cfg!(target_os = "linux") {
            let shim = shim::path(&project)?;
            project.link_through(shim);
        }
        Ok(Build { project, toolchain })
    }

    /// What it is built for, as cargo calls it.
    pub(crate) fn target(&self) -> &str {
        &self.toolchain.triple
    }

    /// Packs what was built.
    pub(crate) fn pack(&self, built: &Built) -> Result<Package, Failure> {
        let path = &built.executable;
        let program = std::fs::read(path)
            .context(|| format!("cannot read the program `{}`", application::shown(path)))?;
        Package::of(&program).map_err(|misfit| self.misfit(&misfit))
    }

    fn misfit(&self, misfit: &Misfit) -> Failure {
        let failure = Failure::new(format!(
            "`{}`, built for {}, cannot run on AWS",
            self.project.binary,
            self.target()
        ))
        .because(misfit);
        match misfit {
            Misfit::Size { .. } => failure.help(
                "leave debugging information out of it: in Cargo.toml, `strip = true` below \
                 `[profile.release]`",
            ),
            misfit if misfit.is_of_libc() || matches!(misfit, Misfit::Architecture { .. }) => {
                failure.help(HELP)
            }
            _ => failure,
        }
    }

    /// Where the archive is put when nobody says.
    pub(crate) fn archive_path(&self) -> PathBuf {
        let folder = self.project.target_directory.join("ifc").join("aws");
        folder.join(format!("{}.zip", self.project.package))
    }
}

/// The platform in a few words.
pub(crate) fn platform() -> String {
    format!("{}, {}", PLATFORM.runtime, PLATFORM.architecture)
}
