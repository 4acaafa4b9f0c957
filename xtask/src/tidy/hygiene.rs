//! Hygiene of text files: whitespace, leftovers of work in progress, paths of somebody's machine,
//! files that have grown too long.

use super::Finding;
use crate::workspace::Workspace;
use anyhow::Result;

/// Lines of code a file may have, its tests aside.
const LINES_MAX: usize = 1_000;

/// Ratchet: files that may be longer, and how long. A line may only go down or away.
const LONGER: &[(&str, usize)] = &[];

/// Beginnings of paths that exist on one machine only, and of its macros for unfinished work. In
/// two halves, or this file would find itself.
const HOMES: &[(&str, &str)] = &[
    ("/ho", "me/"),
    ("/ro", "ot/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
];
const LEFTOVERS: &[(&str, &str)] = &[("todo", "!("), ("dbg", "!("), ("unimplemented", "!(")];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in &workspace.files {
        let bytes = std::fs::read(workspace.root.join(file))?;
        // Binary files (pictures, recorded artifacts) are left alone.
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        findings.extend(judge(file, &text));
    }
    for (file, _) in LONGER {
        if !workspace.files.iter().any(|known| known == file) {
            findings.push(Finding::new(
                "xtask/src/tidy/hygiene.rs",
                format!("{file} is on the list of long files and does not exist"),
                "remove its line",
            ));
        }
    }
    Ok(findings)
}

fn judge(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: usize, message: String, help: &str| {
        findings.push(Finding::new(format!("{file}:{line}"), message, help));
    };
    // What a tool writes (lock files, expected compiler output) follows the tool's rules.
    let generated = file.ends_with(".lock") || file.ends_with(".stderr") || file.ends_with(".snap");
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if !generated {
            if line.contains('\t') && !file.ends_with("Makefile") {
                find(number, "there is a tab".into(), "use spaces");
            }
            if line.trim_end().len() < line.len() {
                find(
                    number,
                    "there is whitespace at the end of the line".into(),
                    "remove it",
                );
            }
        }
        for (first, second) in HOMES {
            if line.contains(&format!("{first}{second}")) {
                let message = format!("a path below {first}{second} exists on one machine only");
                find(
                    number,
                    message,
                    "use a relative path, or one made up such as /srv/app",
                );
            }
        }
        if file.ends_with(".rs") {
            for (first, second) in LEFTOVERS {
                let code = line.split("//").next().unwrap_or_default();
                if code.contains(&format!("{first}{second}")) {
                    find(
                        number,
                        format!("`{first}!` is a leftover"),
                        "finish or remove it",
                    );
                }
            }
        }
    }
    let lines = text.lines().count();
    if text.contains("\r\n") {
        find(1, "lines end with CRLF".into(), "end them with LF");
    }
    if !text.is_empty() && !generated && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        find(
            lines,
            "the file does not end with exactly one newline".into(),
            "mend its end",
        );
    }
    if file.ends_with(".rs") {
        let length = code_lines(text);
        let allowed = LONGER.iter().find(|(long, _)| *long == file);
        match allowed {
            Some((_, allowed)) if length > *allowed => find(
                length,
                format!("{length} lines of code, more than the {allowed} it is let have"),
                "split the file, do not raise its number",
            ),
            Some(_) if length <= LINES_MAX => find(
                length,
                format!("{length} lines of code need no exception"),
                "remove its line in xtask/src/tidy/hygiene.rs",
            ),
            None if length > LINES_MAX => find(
                length,
                format!("{length} lines of code, more than {LINES_MAX}"),
                "split the file",
            ),
            _ => {}
        }
    }
    findings
}

/// Lines before the file's tests.
fn code_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = |pair: &[&str]| {
        pair[0].trim() == "#[cfg(test)]"
            && pair[1].trim_start().starts_with("mod ")
            && pair[1].ends_with('{')
    };
    lines.windows(2).position(tests).unwrap_or(lines.len())
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

    fn check_text(file: &str, text: &str, expected: &[&str]) {
        let messages: Vec<String> = judge(file, text).into_iter().map(|f| f.message).collect();
        assert_eq!(messages.len(), expected.len(), "{text:?}: {messages:?}");
        for (message, expected) in messages.iter().zip(expected) {
            assert!(message.contains(expected), "{text:?}: {messages:?}");
        }
    }

    #[test]
    fn each_rule_finds_its_offence() {
        check_text("a.md", "fine\n", &[]);
        check_text("a.md", "", &[]);
        check_text("a.md", "a\tb\n", &["a tab"]);
        check_text("a.md", "a \nb\n", &["whitespace at the end"]);
        check_text("a.md", "a", &["exactly one newline"]);
        check_text("a.md", "a\n\n", &["exactly one newline"]);
        check_text("a.md", "a\r\nb\r\n", &["CRLF"]);
        check_text("Cargo.lock", "a\tb\n\n", &[]);
        check_text(
            "a.rs",
            &format!("let a = \"{}{}x\";\n", "/ho", "me/"),
            &["one machine only"],
        );
        check_text("a.rs", &format!("{}{})\n", "todo", "!("), &["leftover"]);
        check_text("a.rs", &format!("// never {}{})\n", "todo", "!("), &[]);
    }

    #[test]
    fn tests_do_not_count_as_code() {
        let code = "fn f() {}\n".repeat(1_001);
        check_text("a.rs", &code, &["1001 lines"]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        check_text("a.rs", &tests, &[]);
        check_text("a.md", &code, &[]);
    }
}
