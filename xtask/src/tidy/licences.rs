//! Licences, banned crates and sources of everything that is linked in, by the rules of
//! `deny.toml`: they hold also where `cargo deny` is not installed.

use super::Finding;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use cargo_metadata::Package;
use spdx::{Expression, ParseMode};
use toml_edit::{DocumentMut, Item};

const POLICY: &str = "deny.toml";

/// The part of `deny.toml` that we check ourselves.
#[derive(Debug)]
struct Policy {
    licences: Vec<String>,
    banned: Vec<String>,
}

impl Policy {
    fn parse(text: &str) -> Result<Policy> {
        let document: DocumentMut = text.parse().context(POLICY)?;
        let list = |table: &str, key: &str| -> Result<Vec<Item>> {
            let Some(array) = document.get(table).and_then(|t| t.get(key)?.as_array()) else {
                bail!("{POLICY} has no list `{table}.{key}`");
            };
            Ok(array
                .iter()
                .map(|value| Item::Value(value.clone()))
                .collect())
        };
        let word = |item: &Item| -> Result<String> {
            // `deny = ["rsa"]` and `deny = [{ crate = "rsa", reason = "…" }]` are both good.
            item.as_str()
                .or_else(|| item.get("crate")?.as_str())
                .map(str::to_owned)
                .with_context(|| format!("{POLICY}: cannot read `{item}`"))
        };
        Ok(Policy {
            licences: list("licenses", "allow")?
                .iter()
                .map(word)
                .collect::<Result<_>>()?,
            banned: list("bans", "deny")?
                .iter()
                .map(word)
                .collect::<Result<_>>()?,
        })
    }

    fn judge(&self, name: &str, licence: Option<&str>, source: Option<&str>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.banned.iter().any(|banned| banned == name) {
            findings.push(Finding::new(
                "Cargo.lock",
                format!("`{name}` is banned"),
                format!("`cargo tree -i {name}` shows who asks for it; {POLICY} says why not"),
            ));
        }
        if !licence.is_some_and(|licence| self.allows(licence)) {
            findings.push(Finding::new(
                "Cargo.lock",
                format!("`{name}` has licence `{}`", licence.unwrap_or("none")),
                format!("the licences that may be linked in are listed in {POLICY}"),
            ));
        }
        if source.is_some_and(|source| source != CRATES_IO) {
            findings.push(Finding::new(
                "Cargo.lock",
                format!("`{name}` does not come from crates.io"),
                "depend on a published version",
            ));
        }
        findings
    }

    fn allows(&self, licence: &str) -> bool {
        let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
            return false;
        };
        expression.evaluate(|requirement| {
            let text = requirement.to_string();
            self.licences.contains(&text)
        })
    }
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let policy = Policy::parse(&workspace.read(POLICY)?)?;
    let members = &workspace.metadata.workspace_members;
    let outside = |package: &&Package| !members.contains(&package.id);
    Ok(workspace
        .metadata
        .packages
        .iter()
        .filter(outside)
        .flat_map(|package| {
            // A path outside the workspace has no source: report it like any other stranger.
            let source = package
                .source
                .as_ref()
                .map_or("path", |source| source.repr.as_str());
            policy.judge(&package.name, package.license.as_deref(), Some(source))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_none;
    use crate::workspace::this;

    #[test]
    fn this_repository() {
        assert_none(&check(this()).unwrap());
    }

    fn policy() -> Policy {
        let text = r#"
            [licenses]
            allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
            [bans]
            deny = ["rsa", { crate = "openssl-sys", reason = "…" }]
        "#;
        Policy::parse(text).unwrap()
    }

    #[test]
    fn licences() {
        for (licence, fine) in [
            ("MIT", true),
            ("MIT OR GPL-3.0-only", true),
            ("MIT/Apache-2.0", true),
            ("MIT AND GPL-3.0-only", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
            ("not an expression (", false),
        ] {
            assert_eq!(policy().allows(licence), fine, "{licence}");
        }
        assert_eq!(policy().judge("x", None, Some(CRATES_IO)).len(), 1);
    }

    #[test]
    fn bans_and_sources() {
        for name in ["rsa", "openssl-sys"] {
            assert_eq!(
                policy().judge(name, Some("MIT"), Some(CRATES_IO)).len(),
                1,
                "{name}"
            );
        }
        let elsewhere = policy().judge("x", Some("MIT"), Some("git+https://example.com/x"));
        assert_eq!(elsewhere.len(), 1);
        assert_none(&policy().judge("x", Some("MIT"), Some(CRATES_IO)));
    }
}
