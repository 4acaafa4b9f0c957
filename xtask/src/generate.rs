//! `cargo xtask generate`: the parts of the book that are made from the code, between two marks in
//! a page, so that they cannot disagree with it.
//!
//! A generated part stands between `<!-- generated: NAME -->` and `<!-- end of generated -->`.

use crate::tidy::Finding;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use ifc_manifest::kind::{self, Limit};
use ifc_manifest::{name, size};
use std::fmt::Write as _;

const END: &str = "<!-- end of generated -->";

/// Every generated part: page, name, text.
fn parts() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("book/src/limits.md", "ranges", ranges()),
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

/// The ranges of all knobs, as the messages of the compiler say them.
fn ranges() -> String {
    use kind::{edge, http_api, queue, schedule, secret, table, topic, unit};
    let groups: &[(&str, &[Limit])] = &[
        (
            "unit",
            &[
                unit::TIMEOUT_HTTP,
                unit::TIMEOUT_CALL,
                unit::TIMEOUT_ASYNC,
                unit::MAX_INSTANCES,
                unit::MIN_INSTANCES,
                unit::CONCURRENCY,
            ],
        ),
        (
            "http-api",
            &[
                http_api::ROUTES,
                http_api::CORS_MAX_AGE,
                http_api::CORS_ORIGINS,
            ],
        ),
        ("queue", &[queue::LEASE, queue::RETENTION, queue::DELAY]),
        (
            "edge",
            &[
                edge::MAX_ATTEMPTS,
                edge::BACKOFF,
                edge::BATCH,
                edge::MAX_WAIT,
                edge::MAX_CONCURRENCY,
            ],
        ),
        ("topic", &[topic::FILTER_VALUES, topic::SUBSCRIPTIONS]),
        (
            "table",
            &[
                table::INDEXES,
                table::BATCH_GET_KEYS,
                table::UPDATE_PATHS,
                table::QUERY_LIMIT,
                table::SCAN_LIMIT,
                table::BATCH_WRITE_ITEMS,
                table::TRANSACT_OPERATIONS,
            ],
        ),
        ("schedule", &[schedule::RETRIES]),
        ("secret", &[secret::GENERATED_LENGTH]),
    ];
    let mut text = String::from("| Kind | What | From | To |\n|---|---|---:|---:|\n");
    for (kind, limits) in groups {
        for limit in *limits {
            let what = limit
                .message
                .split(" must be between ")
                .next()
                .unwrap_or_default();
            let unit = unit_of(limit);
            let (min, max) = (grouped(limit.min), grouped(limit.max));
            let _ = writeln!(text, "| {kind} | {what} | {min}{unit} | {max}{unit} |");
        }
    }
    text
}

/// The unit in a limit's message: what follows the upper bound, up to a remark in parentheses.
fn unit_of(limit: &Limit) -> String {
    let bound = format!(" and {}", limit.max);
    let after = limit
        .message
        .rsplit_once(&bound)
        .map_or("", |(_, after)| after);
    match after.split(" (").next().unwrap_or_default() {
        " seconds" => " s".to_owned(),
        unit => unit.to_owned(),
    }
}

/// The size budgets.
fn sizes() -> String {
    table_of(
        "| What | At most |\n|---|---:|\n",
        &[
            ("body of a message", size::ASYNC_BODY_BYTES_MAX),
            (
                "body of a message sent with a delay",
                size::DELAYED_BODY_BYTES_MAX,
            ),
            ("key of an attribute", size::ATTRIBUTE_KEY_BYTES_MAX),
            ("value of an attribute", size::ATTRIBUTE_VALUE_BYTES_MAX),
            ("all attributes of a message", size::ATTRIBUTES_BYTES_MAX),
            (
                "HTTP body, argument and reply of a function",
                size::SYNC_BODY_BYTES_MAX,
            ),
            ("HTTP request line and headers", size::HTTP_HEAD_BYTES_MAX),
            ("table item, encoded", size::ITEM_BYTES_MAX),
            (
                "writes of a transaction, encoded",
                size::TRANSACTION_BYTES_MAX,
            ),
            ("partition key", kind::table::KEY_BYTES_MAX),
            ("sort key", kind::table::SORT_KEY_BYTES_MAX),
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
        assert_eq!(unit_of(&kind::queue::RETENTION), " s");
        assert_eq!(unit_of(&kind::edge::BATCH), "");
    }
}
