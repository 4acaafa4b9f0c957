//! `ifc new`: a project that builds, runs and tests.

use crate::application;
use crate::arguments::{Global, New, Template};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::terminal;
use ifc_manifest::name::{APPLICATION_NAME_BYTES_MAX, check};
use minijinja::{Environment, UndefinedBehavior, context};
use std::fs;
use std::path::{Path, PathBuf};

/// A file to write: where, and its template.
type File = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path, ".j2"))
    };
}

const COMMON: &[File] = &[
    ("Cargo.toml", template!("common/Cargo.toml")),
    (".gitignore", template!("common/gitignore")),
];

const API: &[File] = &[
    ("README.md", template!("api/README.md")),
    ("src/main.rs", template!("api/main.rs")),
    ("src/tests.rs", template!("api/tests.rs")),
];

const WORKER: &[File] = &[
    ("README.md", template!("worker/README.md")),
    ("job.json", template!("worker/job.json")),
    ("src/main.rs", template!("worker/main.rs")),
    ("src/tests.rs", template!("worker/tests.rs")),
];

pub(crate) fn run(global: &Global, new: &New) -> Result<Exit, Failure> {
    let directory = global.directory.join(&new.path);
    let name = name_of(&new.path)?;
    if directory.exists() && !is_empty(&directory) {
        return Err(
            Failure::usage(format!("`{}` exists already", new.path.display()))
                .help("choose another directory, or empty this one"),
        );
    }
    let files = match new.template {
        Template::Api => API,
        Template::Worker => WORKER,
    };
    let ifc = dependency(new.ifc_path.as_deref())?;
    for (path, template) in COMMON.iter().chain(files) {
        let text = render(path, template, &name, new.template, &ifc)?;
        write(&directory.join(path), &text)?;
    }
    let shown = application::shown(&directory);
    terminal::status("Created", &format!("`{name}` in `{shown}`"));
    if let Some(workspace) = workspace_above(&directory) {
        terminal::warn(&format!(
            "`{shown}` is inside of the workspace of `{}`; add it to the `members` there",
            application::shown(&workspace)
        ));
    }
    terminal::status("Next", &format!("cd {shown} && ifc dev"));
    Ok(Exit::Success)
}

/// The package's name, which is the application's name too.
fn name_of(path: &Path) -> Result<String, Failure> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| {
            Failure::usage(format!("`{}` does not end with a name", path.display()))
                .help("write `ifc new NAME`")
        })?;
    check(name, APPLICATION_NAME_BYTES_MAX).map_err(|_| {
        Failure::usage(format!("`{name}` cannot be the name of an application")).help(format!(
            "write at most {APPLICATION_NAME_BYTES_MAX} of a-z, 0-9 and single hyphens, beginning with a letter"
        ))
    })?;
    // Crates of these names cannot be built, or hide what applications need.
    if matches!(
        name,
        "test" | "core" | "std" | "alloc" | "ifc" | "serde" | "self" | "super" | "crate"
    ) {
        return Err(
            Failure::usage(format!("`{name}` cannot be the name of a package"))
                .help("it means something else to Rust; choose another one"),
        );
    }
    Ok(name.to_owned())
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// What stands after `ifc =` in the manifest. Features of the application choose the provider.
fn dependency(path: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = path else {
        let version = env!("CARGO_PKG_VERSION");
        return Ok(format!(
            "{{ version = \"{version}\", default-features = false }}"
        ));
    };
    let path = path
        .canonicalize()
        .context(|| format!("cannot find `{}`", path.display()))?;
    // A path in a manifest is a string of TOML, whose escapes are those of JSON.
    let quoted = serde_json::to_string(&path.to_string_lossy())
        .context(|| "cannot write the path".to_owned())?;
    Ok(format!("{{ path = {quoted}, default-features = false }}"))
}

fn render(
    path: &str,
    template: &str,
    name: &str,
    kind: Template,
    ifc: &str,
) -> Result<String, Failure> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let text = environment
        .render_str(
            template,
            context! {
                name,
                ifc,
                rust_version => env!("CARGO_PKG_RUST_VERSION"),
                template => match kind {
                    Template::Api => "api",
                    Template::Worker => "worker",
                },
            },
        )
        .context(|| format!("cannot make `{path}`"))?;
    // The engine takes the last line's end for the template's own.
    Ok(text + "\n")
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let make = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)
    };
    make().context(|| format!("cannot write `{}`", path.display()))
}

/// The manifest of a workspace that a new package would belong to.
fn workspace_above(directory: &Path) -> Option<PathBuf> {
    let directory = directory.canonicalize().ok()?;
    directory
        .ancestors()
        .skip(1)
        .map(|above| above.join("Cargo.toml"))
        .find(|manifest| {
            fs::read_to_string(manifest)
                .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_applications() {
        for (path, expected) in [
            ("shop", Some("shop")),
            ("work/shop-2", Some("shop-2")),
            ("./shop/", Some("shop")),
            ("Shop", None),
            ("my_shop", None),
            ("a-name-that-is-too-long", None),
            ("ifc", None),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(name_of(Path::new(path)).ok().as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn templates_are_complete() {
        for kind in [Template::Api, Template::Worker] {
            for (path, template) in COMMON.iter().chain(API).chain(WORKER) {
                let text = render(path, template, "shop", kind, "\"1\"").unwrap();
                assert!(
                    !text.contains("{{") && !text.contains("{%"),
                    "{path}: {text}"
                );
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path}");
            }
        }
    }
}
