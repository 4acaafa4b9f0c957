//! Building the application for a platform in a cloud: with the provider's feature, in release,
//! against a C library that the platform has. The graph is read out of what was built.
//!
//! For the local provider the application is built as cargo builds it; nothing of this takes part.

mod features;
mod toolchain;

use crate::application;
use crate::failure::{Context as _, Failure};
use crate::shim;
use ifc_analyzer::{Built, Project, Selection};
use ifc_aws_deploy::package::{Misfit, PLATFORM, Package};
use ifc_manifest::ProviderId;
use std::fs;
use std::path::{Path, PathBuf};
use toolchain::{HELP, Toolchain};

/// The application, ready to be built for a platform.
pub(crate) struct Build {
    /// Built by its own `build`, it is for the platform.
    pub(crate) project: Project,
    toolchain: Toolchain,
}

impl Build {
    /// Decides how the application, which was found as it is built usually, is built for AWS.
    pub(crate) fn for_aws(usual: &Project) -> Result<Build, Failure> {
        let selection = usual.selection().clone();
        let features = features::of(usual, ProviderId::Aws, &selection.features)?;
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

    /// Packs what was built, into a file of its own.
    pub(crate) fn pack(&self, built: &Built) -> Result<(Package, PathBuf), Failure> {
        let path = &built.executable;
        let program = fs::read(path)
            .context(|| format!("cannot read the program `{}`", application::shown(path)))?;
        let package = Package::of(&program).map_err(|misfit| self.misfit(&misfit))?;
        let folder = self.project.target_directory.join("ifc").join("aws");
        let archive = folder.join(format!("{}.zip", self.project.package));
        write(&archive, &package.archive)?;
        Ok((package, archive))
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
}

/// Writes a file as a whole or not at all.
pub(crate) fn write(place: &Path, content: &[u8]) -> Result<(), Failure> {
    let context = || format!("cannot write `{}`", application::shown(place));
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).context(context)?;
    }
    let mut aside = place.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    fs::write(&aside, content).context(context)?;
    fs::rename(&aside, place).context(context)
}

/// The platform in a few words.
pub(crate) fn platform() -> String {
    format!("{}, {}", PLATFORM.runtime, PLATFORM.architecture)
}
