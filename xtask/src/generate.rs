//! `cargo xtask generate`: the parts of the book that are made from the code, between two marks in
//! a page, so that they cannot disagree with it.
//!
//! A generated part stands between `<!-- generated: NAME -->` and `<!-- end of generated -->`.

use crate::tidy::Finding;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use ifc_manifest::capability::Capability;
use ifc_manifest::kind::{self, unit};
use ifc_manifest::limit::{Limit, Range};
use ifc_manifest::{ProviderId, Targets, name, size};
use std::fmt::Write as _;

const END: &str = "<!-- end of generated -->";

/// Every generated part: page, name, text.
fn parts() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("book/src/limits.md", "ranges", ranges()),
        ("book/src/portability.md", "capabilities", capabilities()),
        ("book/src/portability.md", "lacking", lacking()),
        ("book/src/portability.md", "defaults", defaults()),
        ("book/src/limits.md", "sizes", sizes()),
        ("book/src/limits.md", "names", names()),
    ]
}

/// Writes every part into its page.
pub(crate) fn write(workspace: &Workspace) -> Result<bool> {
    for (page, name, text) in parts() {
        let old = workspace.read(page)?;
        let new = replace(&old, name, &text).with_context(|| page.to_owned())?;
        if old != new {
            std::fs::write(workspace.root.join(page), new)?;
            println!("wrote `{name}` of {page}");
        }
    }
    Ok(true)
}

/// Prints the parts that are not as the code says. True when there are none.
pub(crate) fn check(workspace: &Workspace) -> Result<bool> {
    let findings = findings(workspace)?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.is_empty())
}

/// The parts that are not as the code says.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (page, name, text) in parts() {
        let old = workspace.read(page)?;
        if replace(&old, name, &text).with_context(|| page.to_owned())? != old {
            findings.push(Finding::new(
                page,
                format!("the generated part `{name}` is not as the code says"),
                "run `cargo xtask generate --mode write`",
            ));
        }
    }
    Ok(findings)
}

/// The page with the text of one part replaced.
fn replace(page: &str, name: &str, text: &str) -> Result<String> {
    let start = format!("<!-- generated: {name} -->");
    let Some((before, rest)) = page.split_once(&start) else {
        bail!("there is no mark `{start}`");
    };
    let Some((_, after)) = rest.split_once(END) else {
        bail!("`{start}` has no `{END}`");
    };
    Ok(format!("{before}{start}\n\n{text}\n{END}{after}"))
}

/// The clouds, in the order of their columns.
const CLOUDS: [ProviderId; 3] = [ProviderId::Aws, ProviderId::Gcp, ProviderId::Azure];

/// The ranges of all knobs: in force for every provider, and of each cloud.
fn ranges() -> String {
    let mut text = String::from("| Kind | What | All targets | aws | gcp | azure |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for (kind, limits) in kind::limits() {
        for limit in limits.iter() {
            let all = range(&limit.in_force(Targets::ALL), limit);
            let _ = write!(text, "| {kind} | {} | {all} |", limit.what);
            for provider in CLOUDS {
                let row = range(&limit.on(provider).range, limit);
                let cell = if row == all { "same" } else { &row };
                let _ = write!(text, " {cell} |");
            }
            text.push('\n');
        }
    }
    text
}

/// "10–600 s", "512, 1,024 or 2,048 MB".
fn range(range: &Range, limit: &Limit) -> String {
    let unit = match limit.unit {
        " seconds" => " s",
        unit => unit,
    };
    let steps: Vec<String> = (range.steps.iter())
        .filter(|step| range.contains(**step))
        .map(|step| grouped(*step))
        .collect();
    match steps.as_slice() {
        [] => format!("{}–{}{unit}", grouped(range.min), grouped(range.max)),
        steps => format!("{}{unit}", steps.join(", ")),
    }
}

/// Which provider has which capability.
fn capabilities() -> String {
    let mut text = String::from("| Capability | What | local | aws | gcp | azure |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for capability in Capability::ALL {
        let _ = write!(text, "| `{capability}` | {} |", capability.what());
        for provider in ProviderId::ALL {
            let cell = if capability.on(provider).is_ok() {
                "yes"
            } else {
                "no"
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

/// What some provider lacks: the finding's code, the facts, what to do instead.
fn lacking() -> String {
    let mut text =
        String::from("| Code | What | Where not, and why | Instead |\n|---|---|---|---|\n");
    let mut row = |code: &str, what: &str, without: Vec<(ProviderId, &str)>, instead: [&str; 2]| {
        if without.is_empty() {
            return;
        }
        let facts: Vec<String> = (without.iter())
            .map(|(provider, fact)| format!("{provider}: {fact}"))
            .collect();
        let [first, second] = instead;
        let facts = facts.join("; ");
        let _ = writeln!(
            text,
            "| `{code}` | {what} | {facts} | {first}, or {second} |"
        );
    };
    for (_, limits) in kind::limits() {
        for limit in limits.iter().filter(|limit| !limit.code.is_empty()) {
            let facts = CLOUDS.map(|provider| (provider, limit.on(provider).fact));
            let without = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
            row(
                limit.code,
                limit.what,
                without.collect(),
                limit.alternatives,
            );
        }
    }
    for capability in Capability::ALL {
        let without = ProviderId::ALL
            .into_iter()
            .filter_map(|provider| Some((provider, capability.on(provider).err()?)));
        // Those that are the end of a limit stand above.
        if !kind::limits()
            .iter()
            .any(|(_, limits)| limits.iter().any(|limit| limit.code == capability.code()))
        {
            row(
                capability.code(),
                capability.what(),
                without.collect(),
                capability.alternatives(),
            );
        }
    }
    text
}

/// What a unit gets that asks for nothing.
fn defaults() -> String {
    let mut text =
        String::from("| Knob | local | aws | gcp | azure |\n|---|---:|---:|---:|---:|\n");
    for (knob, unit, table) in [
        ("`memory_mb`", " MB", unit::MEMORY_MB_DEFAULT),
        ("`concurrency`", "", unit::CONCURRENCY_DEFAULT),
    ] {
        let _ = write!(text, "| {knob} |");
        for provider in ProviderId::ALL {
            let _ = write!(text, " {}{unit} |", grouped(table.on(provider).into()));
        }
        text.push('\n');
    }
    text
}

/// The size budgets that are the same everywhere.
fn sizes() -> String {
    table_of(
        "| What | At most |\n|---|---:|\n",
        &[
            ("key of an attribute", size::ATTRIBUTE_KEY_BYTES_MAX),
            ("value of an attribute", size::ATTRIBUTE_VALUE_BYTES_MAX),
            ("all attributes of a message", size::ATTRIBUTES_BYTES_MAX),
            ("HTTP request line and headers", size::HTTP_HEAD_BYTES_MAX),
            ("partition key", kind::table::KEY_BYTES_MAX),
            ("sort key", kind::table::SORT_KEY_BYTES_MAX),
            ("object", kind::bucket::OBJECT_BYTES_MAX as usize),
            ("key of an object", kind::bucket::KEY_BYTES_MAX),
            (
                "content type of an object",
                kind::bucket::CONTENT_TYPE_BYTES_MAX,
            ),
            (
                "key of a metadata entry",
                kind::bucket::METADATA_KEY_BYTES_MAX,
            ),
            (
                "all metadata of an object",
                kind::bucket::METADATA_BYTES_MAX,
            ),
            ("message id, fifo group", kind::queue::ID_BYTES_MAX),
            ("secret", size::SECRET_BYTES_MAX),
            ("input of a schedule", size::SCHEDULE_INPUT_BYTES_MAX),
        ],
        " bytes",
    )
}

/// The lengths of names.
fn names() -> String {
    table_of(
        "| Name | At most |\n|---|---:|\n",
        &[
            ("resource, unit", name::RESOURCE_NAME_BYTES_MAX),
            ("application", name::APPLICATION_NAME_BYTES_MAX),
            ("stage", name::STAGE_NAME_BYTES_MAX),
        ],
        " characters",
    )
}

fn table_of(head: &str, rows: &[(&str, usize)], unit: &str) -> String {
    let mut text = head.to_owned();
    for (what, value) in rows {
        let _ = writeln!(text, "| {what} | {}{unit} |", grouped(*value as u64));
    }
    text
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_none;
    use crate::workspace::this;

    #[test]
    fn this_repository() {
        assert_none(&findings(this()).unwrap());
    }

    #[test]
    fn a_part_is_replaced_between_its_marks() {
        let page = "a\n<!-- generated: x -->\nold\n<!-- end of generated -->\nb\n";
        let new = replace(page, "x", "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- generated: x -->\n\nnew\n\n<!-- end of generated -->\nb\n"
        );
        assert_eq!(replace(&new, "x", "new\n").unwrap(), new);
        assert!(replace(page, "y", "new").is_err());
        assert!(replace("<!-- generated: x -->", "x", "new").is_err());
    }

    #[test]
    fn numbers_and_units() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(4_194_304), "4,194,304");
        let shown = |limit: &Limit, provider| range(&limit.on(provider).range, limit);
        assert_eq!(shown(&kind::queue::LEASE, ProviderId::Aws), "1–43,200 s");
        assert_eq!(
            shown(&unit::MEMORY_MB, ProviderId::Azure),
            "512, 1,024, 2,048, 4,096 MB"
        );
    }
}
