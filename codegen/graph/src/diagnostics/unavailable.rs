//! `E-FN-01`, `E-Q-03` and the other codes of the support tables: a declaration asks for what one of
//! the application's targets lacks. The tables, with the facts and what to do instead, are in
//! `ifc_manifest`; this only asks them.

use super::Declarations;
use crate::{Application, Diagnostic, Graph};
use ifc_manifest::support::{Demand, Unavailable};
use ifc_manifest::{SourceSpan, Targets};

pub(crate) fn find(declarations: &Declarations<'_>, graph: &Graph) -> Vec<Diagnostic> {
    let application = &graph.application;
    let mut findings = Vec::new();
    let mut look = |what: &str, span: &SourceSpan, demands: Vec<Demand>| {
        for unavailable in refused(demands, application.targets) {
            let finding = finding(what, &unavailable).at(span, "declared here");
            findings.push(targets_of(application, finding));
        }
    };
    // What cannot be read has a finding of its own.
    for resource in &declarations.resources {
        let name = resource.address.within(&application.package);
        let what = format!("{} `{name}`", resource.kind);
        look(
            &what,
            &resource.span,
            resource.demands().unwrap_or_default(),
        );
    }
    for handler in &declarations.handlers {
        let what = format!("unit `{}`", handler.address.within(&application.package));
        look(&what, &handler.span, handler.demands().unwrap_or_default());
    }
    findings
}

/// The finding with the place where the application says its targets; without a list of them there
/// is nothing to point at.
pub(super) fn targets_of(application: &Application, finding: Diagnostic) -> Diagnostic {
    match &application.span {
        Some(span) if application.targets != Targets::ALL => {
            finding.and_at(span, format!("targets are {}", application.targets))
        }
        _ => finding,
    }
}

/// What the targets lack, each once.
fn refused(demands: Vec<Demand>, targets: Targets) -> Vec<Unavailable> {
    let mut refused: Vec<Unavailable> = demands
        .iter()
        .filter_map(|demand| demand.check(targets).err())
        // What no provider has is refused by the compiler.
        .filter(|unavailable| !unavailable.code.is_empty())
        .collect();
    refused.dedup();
    refused
}

/// The finding about `what`, without a place.
pub(super) fn finding(what: &str, unavailable: &Unavailable) -> Diagnostic {
    let message = format!("{what}: {}", unavailable.finding());
    let mut finding = Diagnostic::error(unavailable.code, message);
    for (_, fact) in &unavailable.without {
        finding = finding.because(fact);
    }
    match unavailable.help() {
        Some(help) => finding.help(help),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{Fixture, codes};
    use ifc_manifest::ProviderId::{self, Aws, Azure, Gcp};
    use ifc_manifest::kind::queue::QueueSpec;
    use ifc_manifest::kind::unit::{Arch, UnitSpec};
    use std::time::Duration;

    /// A function whose unit is changed by `edit`.
    fn function(edit: impl Fn(&mut UnitSpec)) -> Fixture {
        Fixture::new().function("report").unit(edit)
    }

    fn check(fixture: Fixture, targets: &[ProviderId], expected: &[&str]) {
        assert_eq!(codes(&fixture.targets(targets)), expected, "{targets:?}");
    }

    #[test]
    fn a_timeout_above_the_maximum_of_its_edge() {
        let function = function(|unit| unit.timeout = Duration::from_secs(600));
        check(function.clone(), &ProviderId::ALL, &["E-FN-01"]);
        check(function.clone(), &[Azure], &["E-FN-01"]);
        check(function, &[Aws, Gcp], &[]);
        let consumer = Fixture::new()
            .queue("jobs")
            .consumer_with_timeout("work", "jobs", 700);
        // The lease follows the time-out as far as the targets allow.
        check(
            consumer.clone(),
            &[Gcp],
            &["E-FN-01", "timeout-exceeds-lease"],
        );
        check(consumer, &[Aws], &[]);
    }

    #[test]
    fn few_instances_on_azure() {
        let function = function(|unit| unit.max_instances = 5);
        check(function.clone(), &[Aws, Gcp], &[]);
        check(function.clone(), &[Aws, Azure], &["E-FN-02"]);
        let finding = function.targets(&[Aws, Azure]).findings().remove(0);
        assert_eq!(
            finding.message,
            "unit `report`: 5 for max_instances is not available on azure"
        );
        assert_eq!(
            finding.causes,
            ["Flex Consumption has no maximum below 40 instances (azure allows 40 to 1000)"]
        );
        assert_eq!(
            finding.help.as_deref(),
            Some("ask for 40 or more, or leave azure out of the targets")
        );
        assert_eq!(finding.secondary[0].text, "targets are aws, azure");
    }

    #[test]
    fn a_slow_http_handler_on_aws() {
        let api = Fixture::new().api_with_timeout("api", 60).route("GET", "/");
        check(api.clone(), &[Gcp, Azure], &[]);
        check(api, &ProviderId::ALL, &["E-API-01"]);
    }

    #[test]
    fn memory_between_the_sizes_of_azure() {
        let function = function(|unit| unit.memory_mb = Some(1536));
        check(function.clone(), &[Aws, Gcp], &[]);
        check(function, &ProviderId::ALL, &["E-FN-05"]);
    }

    #[test]
    fn arm_on_clouds_without_it() {
        let function = function(|unit| unit.arch = Arch::Arm64);
        check(function.clone(), &[Aws], &[]);
        check(function.clone(), &[Aws, Gcp], &["E-FN-04"]);
        let finding = function.findings().remove(0);
        assert_eq!(
            finding.message,
            "unit `report`: a unit on 64-bit Arm is not available on gcp and azure"
        );
        assert_eq!(
            finding.help.as_deref(),
            Some("leave `arch` out, or make aws the only target")
        );
    }

    #[test]
    fn leases_and_retentions() {
        let fixture = |lease: u64, retention: u64| {
            let spec = QueueSpec {
                lease: Some(Duration::from_secs(lease)),
                retention: Duration::from_secs(retention),
                ..QueueSpec::DEFAULT
            };
            Fixture::new()
                .queue_with("jobs", spec)
                .consumer("work", "jobs")
        };
        check(fixture(600, 604_800), &ProviderId::ALL, &[]);
        check(fixture(601, 604_800), &[Gcp], &["E-Q-03"]);
        check(fixture(600, 604_801), &[Gcp], &["E-Q-04"]);
        check(fixture(3_600, 1_209_600), &[Aws], &[]);
    }

    #[test]
    fn every_provider_that_lacks_it_has_its_fact_once() {
        let consumer = Fixture::new()
            .queue_with_lease("jobs", Some(600))
            .consumer_with_timeout("work", "jobs", 700);
        let findings = consumer.findings();
        let finding = findings.iter().find(|f| f.code == "E-FN-01").unwrap();
        assert_eq!(finding.causes.len(), 2, "{finding:?}");
        assert!(finding.secondary.is_empty());
    }
}
