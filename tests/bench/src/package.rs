//! Packages outside the workspace, to be built and timed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The repository.
///
/// # Panics
/// When it is gone.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// A package outside the workspace.
pub struct Package {
    directory: PathBuf,
    target: PathBuf,
    /// Removes the directory where the package is only there for the measurement.
    _temporary: Option<tempfile::TempDir>,
}

impl Package {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// A package of the repository, which is there and locked.
    pub fn existing(directory: PathBuf, target: PathBuf) -> Package {
        Package {
            directory,
            target,
            _temporary: None,
        }
    }

    /// A new package with these dependencies and this `main.rs`, and the workspace's locked versions.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn new(dependencies: &str, source: &str) -> Package {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let manifest = format!(
            "[package]\nname = \"measured\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependencies}\n[workspace]\n"
        );
        let path = directory.path();
        std::fs::create_dir(path.join("src")).expect("a new directory");
        std::fs::write(path.join("Cargo.toml"), manifest).expect("a new file");
        std::fs::write(path.join("src/main.rs"), source).expect("a new file");
        std::fs::copy(root().join("Cargo.lock"), path.join("Cargo.lock"))
            .expect("a locked workspace");
        let package = Package {
            directory: path.to_owned(),
            target: path.join("target"),
            _temporary: Some(directory),
        };
        // Prunes the lock file to what this package needs, outside the measurement.
        package.cargo(&["metadata", "--format-version=1", "--offline"]);
        package
    }

    /// Runs cargo in the package.
    ///
    /// # Panics
    /// When cargo fails.
    pub fn cargo(&self, arguments: &[&str]) {
        self.run(Command::new(env!("CARGO")).args(arguments));
    }

    /// Runs a command in the package, with a target directory of its own.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, command: &mut Command) {
        let output = command
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", &self.target)
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// How long cargo takes.
    pub fn seconds(&self, arguments: &[&str]) -> f64 {
        let started = Instant::now();
        self.cargo(arguments);
        started.elapsed().as_secs_f64()
    }

    /// How long a clean build takes, without incremental compilation, which cargo uses for packages in folders and not for
    /// those of a registry: here ours are in folders, for a user they are not.
    pub fn clean_build(&self) -> f64 {
        let _ = std::fs::remove_dir_all(&self.target);
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO"));
        self.run(
            command
                .args(["build", "--offline"])
                .env("CARGO_INCREMENTAL", "0"),
        );
        started.elapsed().as_secs_f64()
    }

    /// How long a build takes after an edit of `main.rs`.
    ///
    /// # Panics
    /// When it fails.
    pub fn build_after_edit(&self, round: usize, arguments: &[&str]) -> f64 {
        let path = self.directory.join("src/main.rs");
        let source = std::fs::read_to_string(&path).expect("the source");
        let (base, _) = source.split_once("\n// edit").unwrap_or((&source, ""));
        let edited = format!("{base}\n// edit\nconst _EDIT: usize = {round};\n");
        std::fs::write(&path, edited).expect("the source");
        self.seconds(arguments)
    }
}

/// The dependencies of an application.
pub fn ifc_dependencies() -> String {
    let path = root().join("sdk/ifc");
    format!(
        "ifc = {{ path = {:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n",
        path.display().to_string()
    )
}

/// Builds something of a package of the workspace with the release profile; `product` is where it
/// then is below the profile's folder.
///
/// # Panics
/// When it cannot be built.
pub fn build_release(package: &str, what: &[&str], product: &str) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["build", "--release", "--quiet", "--package", package])
        .args(what)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "`{package}` cannot be built: {status}");
    // The bench itself lies in `release/deps` of the same target directory.
    let bench = std::env::current_exe().expect("this program has a path");
    let profile = bench.parent().and_then(Path::parent);
    profile.expect("cargo put it there").join(product)
}
