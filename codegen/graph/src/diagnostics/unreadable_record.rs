//! `unreadable-record`: a record of the artifact is damaged, or of a newer version's making. It is
//! made by whoever decodes records; nothing is ever skipped.

use crate::Diagnostic;
use ifc_manifest::DescriptorError;

const CODE: &str = "unreadable-record";

/// The finding for one record.
pub fn finding(error: &DescriptorError) -> Diagnostic {
    let newer = "use an `ifc` command at least as new as the application's `ifc` crate";
    match error {
        DescriptorError::Kind { kind, name, span } => {
            Diagnostic::error(CODE, format!("resource `{name}` is of unknown kind `{kind}`"))
                .at(span, "declared here")
                .help(newer)
        }
        DescriptorError::Sort(_) => Diagnostic::error(CODE, error.to_string())
            .because("this version does not know what it declares, nor where")
            .help(newer),
        DescriptorError::Body(_) | DescriptorError::Key(_) => Diagnostic::error(
            CODE,
            "a declaration in the artifact cannot be read",
        )
        .because(error.to_string())
        .because("its place in the source is part of what cannot be read")
        .help("build the application again; if that does not help, use an `ifc` command of the same version as its `ifc` crate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::SourceSpan;

    #[test]
    fn a_place_is_kept_when_there_is_one() {
        let span = SourceSpan {
            file: "src/main.rs".into(),
            line: 3,
            column: 12,
            length: 6,
        };
        let found = finding(&DescriptorError::Kind {
            kind: "stream".into(),
            name: "clicks".into(),
            span: span.clone(),
        });
        assert_eq!(
            found.message,
            "resource `clicks` is of unknown kind `stream`"
        );
        assert_eq!(found.primary.unwrap().span, span);
        assert!(
            finding(&DescriptorError::Sort("wish".into()))
                .primary
                .is_none()
        );
    }
}
