//! The application that the global flags choose: finding, building, reading it.

use crate::arguments::Global;
use crate::failure::{Context as _, Failure};
use crate::shim;
use clap::ColorChoice;
use ifc_analyzer::{Analysis, Features, Project, Selection};
use std::path::{Path, PathBuf};

/// Where the local provider keeps its data unless the user says otherwise, below the application's
/// package.
const DATA_DIRECTORY: &str = ".ifc/local";

/// Everything that stays on this machine, below the application's package.
const LOCAL_DIRECTORY: &str = ".ifc";

/// The variable by which the user says otherwise.
pub(crate) const DATA_DIRECTORY_VARIABLE: &str = "IFC_DATA_DIR";

/// What the flags choose.
pub(crate) fn selection(global: &Global) -> Selection {
    let color = match global.color {
        ColorChoice::Auto => None,
        ColorChoice::Always => Some("always".to_owned()),
        ColorChoice::Never => Some("never".to_owned()),
    };
    Selection {
        directory: global.directory.clone(),
        package: global.package.clone(),
        binary: global.bin.clone(),
        release: global.release,
        features: Features {
            enable: global.features.clone(),
            no_default: global.no_default_features,
        },
        target: None,
        builder: None,
        target_directory: None,
        color,
        shim: None,
    }
}

/// Finds the application.
pub(crate) fn find(global: &Global) -> Result<Project, Failure> {
    let mut project = Project::find(&selection(global))?;
    // Elsewhere programs are not of the format whose links can be read.
    if cfg!(target_os = "linux") {
        let shim = shim::path(&project)?;
        project.link_through(shim);
    }
    Ok(project)
}

/// Builds the application and reads its graph.
pub(crate) fn analyze(project: &Project) -> Result<Analysis, Failure> {
    let built = project.build()?;
    Ok(ifc_analyzer::analyze(&built)?)
}

/// Where the application's local data is.
pub(crate) fn data_directory(project: &Project) -> PathBuf {
    match std::env::var_os(DATA_DIRECTORY_VARIABLE) {
        // As the application understands it, which runs in its package's directory.
        Some(directory) => project.package_root.join(directory),
        None => project.package_root.join(DATA_DIRECTORY),
    }
}

/// Where everything of the application is kept that stays on this machine.
pub(crate) fn local_directory(project: &Project) -> PathBuf {
    project.package_root.join(LOCAL_DIRECTORY)
}

/// Makes that directory, and keeps it out of version control: it holds what belongs to this machine.
pub(crate) fn make_local_directory(project: &Project) -> Result<(), Failure> {
    let directory = local_directory(project);
    let ignore = directory.join(".gitignore");
    if ignore.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(&ignore, "*\n"))
        .context(|| format!("cannot write `{}`", shown(&ignore)))
}

/// A path as the user would write it from where they are.
pub(crate) fn shown(path: &Path) -> String {
    let below = std::env::current_dir()
        .ok()
        .and_then(|current| path.strip_prefix(current).ok().map(Path::to_owned));
    match below {
        Some(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Some(below) => below.display().to_string(),
        None => path.display().to_string(),
    }
}

/// The file with the key of local secrets, as the local provider finds it.
pub(crate) fn key_file() -> Option<PathBuf> {
    let path = |variable: &str| {
        std::env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(file) = path("IFC_KEY_FILE") {
        return Some(file);
    }
    let configuration = match path("XDG_CONFIG_HOME") {
        Some(directory) => directory,
        None => path("HOME")?.join(".config"),
    };
    Some(configuration.join("ifc").join("local.key"))
}
