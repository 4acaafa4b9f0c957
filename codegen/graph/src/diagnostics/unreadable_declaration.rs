//! `unreadable-declaration`: a record is intact, but its knobs are not what this version knows.

use crate::Diagnostic;
use ifc_manifest::kind::SpecError;
use ifc_manifest::{HandlerDescriptor, ResourceDescriptor, SourceSpan, Trigger};

const CODE: &str = "unreadable-declaration";

pub(crate) fn of_resource(resource: &ResourceDescriptor, error: &SpecError) -> Diagnostic {
    let what = format!("{} `{}`", resource.kind, resource.address.name);
    finding(&what, &resource.span, error)
}

pub(crate) fn of_handler(handler: &HandlerDescriptor, error: &SpecError) -> Diagnostic {
    let what = match &handler.trigger {
        Trigger::Schedule(_) => format!("the schedule of `{}`", handler.path),
        _ => format!("the trigger of `{}`", handler.path),
    };
    let finding = finding(&what, &handler.span, error);
    match &handler.trigger {
        Trigger::Schedule(config) => match config.text("cron").map(ifc_manifest::cron::parse) {
            Some(Err(error)) => finding.because(error.to_string()),
            _ => finding,
        },
        _ => finding,
    }
}

fn finding(what: &str, span: &SourceSpan, error: &SpecError) -> Diagnostic {
    Diagnostic::error(CODE, format!("{what} cannot be read"))
        .at(span, "declared here")
        .because(error.to_string())
        .help("use an `ifc` command of the same version as the application's `ifc` crate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};
    use ifc_manifest::Kind;
    use ifc_manifest::format::Value;

    #[test]
    fn a_resource_with_a_missing_knob() {
        let fixture = Fixture::new().resource_of("shop", Kind::Queue, "jobs", Value::empty());
        let (graph, findings) = fixture.build();
        assert!(graph.resources.is_empty());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "queue `jobs` cannot be read");
        assert_eq!(
            findings[0].causes,
            ["configuration key `fifo` is missing or unreadable"]
        );
    }

    #[test]
    fn its_consumer_is_not_blamed() {
        let fixture = Fixture::new()
            .resource_of("shop", Kind::Queue, "jobs", Value::empty())
            .consumer("work", "jobs");
        assert_eq!(codes(&fixture), [CODE]);
    }

    #[test]
    fn a_schedule_outside_the_dialect_says_where() {
        let findings = Fixture::new()
            .schedule("nightly", "0 25 * * *", "UTC")
            .findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].message,
            "the schedule of `shop::nightly` cannot be read"
        );
        assert!(
            findings[0].causes[1].contains("hour"),
            "{:?}",
            findings[0].causes
        );
    }
}
