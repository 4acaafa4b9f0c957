//! `no-application`, `two-applications`: an artifact has exactly one `ifc::main!()`.

use super::Declarations;
use crate::Diagnostic;

pub(crate) fn find(declarations: &Declarations<'_>) -> Vec<Diagnostic> {
    match declarations.applications.as_slice() {
        [] => vec![
            Diagnostic::error("no-application", "the program has no `ifc::main!()`")
                .because("nothing in the artifact says which package is the application")
                .help("write `ifc::main!();` in `src/main.rs`"),
        ],
        [_] => Vec::new(),
        [first, others @ ..] => {
            let mut finding = Diagnostic::error(
                "two-applications",
                format!("`ifc::main!()` is used {} times in one program", others.len() + 1),
            )
            .at(&first.span, format!("in package `{}`", first.package))
            .because("a program is one application: its own names stand for themselves, those of libraries have the library's name before them")
            .help("keep it in the program's `src/main.rs` and remove it from its libraries");
            for other in others {
                finding = finding.and_at(&other.span, format!("in package `{}`", other.package));
            }
            vec![finding]
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{Fixture, codes};

    #[test]
    fn exactly_one() {
        assert_eq!(codes(&Fixture::new()), [""; 0]);
        assert_eq!(codes(&Fixture::empty()), ["no-application"]);
        let two = Fixture::new().application("audit");
        let findings = two.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, "two-applications");
        assert_eq!(findings[0].secondary.len(), 1);
    }
}
