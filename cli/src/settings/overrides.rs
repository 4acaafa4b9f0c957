//! What a stage has otherwise than the code says.

use super::{Number, StageSettings};
use ifc_engine::{Blueprint, BlueprintError, Part};
use ifc_graph::{Diagnostic, Graph, ResourceId, Spec, UnitSort, suggest};
use ifc_manifest::kind::unit::{
    CONCURRENCY, MAX_INSTANCES, MEMORY_MB, MIN_INSTANCES, TIMEOUT_ASYNC, TIMEOUT_CALL, TIMEOUT_HTTP,
};
use ifc_manifest::limit::Limit;
use ifc_manifest::{Kind, ProviderId, SourceSpan, Targets};
use std::time::Duration;

/// A setting for what the application does not have.
const NAME: &str = "unknown-name-in-settings";
/// A number that the stage's provider does not allow.
const LIMIT: &str = "setting-unavailable";

impl StageSettings {
    /// Makes the graph what it is in this stage. Says what cannot be, all of it.
    pub(crate) fn apply(&self, graph: &mut Graph, provider: &str) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for (id, settings) in &self.resources {
            let Some(spec) = spec(graph, id) else {
                findings.push(unknown(graph, id.kind, &id.name, &settings.place));
                continue;
            };
            if let Some(retention) = settings.retention {
                match spec {
                    Spec::Table(spec) => spec.knobs.retention = retention,
                    Spec::Bucket(spec) => spec.retention = retention,
                    Spec::Secret(spec) => spec.retention = retention,
                    _ => unreachable!("only these kinds have the setting"),
                }
            }
        }
        for (name, (json, place)) in &self.config {
            let id = ResourceId {
                kind: Kind::Config,
                name: name.clone(),
            };
            match spec(graph, &id) {
                Some(Spec::Config(spec)) => spec.default = Some(json.clone()),
                _ => findings.push(unknown(graph, Kind::Config, name, place)),
            }
        }
        findings.extend(self.apply_to_units(graph, provider));
        findings
    }

    fn apply_to_units(&self, graph: &mut Graph, provider: &str) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        // The limits in force are those of the provider that the stage is at.
        let provider = ProviderId::ALL
            .into_iter()
            .find(|known| known.as_str() == provider);
        let targets = provider.map_or(Targets::NONE, Targets::only);
        let mut check = |limit: &'static Limit, number: &Number| {
            if let Err(error) = limit.check(number.value.into(), targets) {
                let finding = Diagnostic::error(LIMIT, error.finding()).at(&number.place, "");
                findings.push(finding.because(limit.sentence(targets)));
            }
            number.value
        };
        let mut missing = Vec::new();
        for (name, settings) in &self.units {
            let Some(unit) = graph.units.iter_mut().find(|unit| unit.name == *name) else {
                missing.push((name, &settings.place));
                continue;
            };
            let timeout = match unit.sort {
                UnitSort::Api => &TIMEOUT_HTTP,
                UnitSort::Function => &TIMEOUT_CALL,
                UnitSort::Events(_) | UnitSort::Schedule => &TIMEOUT_ASYNC,
            };
            let spec = &mut unit.spec;
            if let Some(number) = &settings.memory_mb {
                spec.memory_mb = Some(check(&MEMORY_MB, number));
            }
            if let Some(number) = &settings.timeout_seconds {
                spec.timeout = Duration::from_secs(check(timeout, number).into());
            }
            if let Some(number) = &settings.max_instances {
                spec.max_instances = check(&MAX_INSTANCES, number);
            }
            if let Some(number) = &settings.min_instances {
                spec.min_instances = check(&MIN_INSTANCES, number);
            }
            if let Some(number) = &settings.concurrency {
                spec.concurrency = Some(check(&CONCURRENCY, number));
            }
        }
        let names: Vec<&str> = graph.units.iter().map(|unit| unit.name.as_str()).collect();
        findings.extend(
            missing
                .into_iter()
                .map(|(name, place)| not_there("unit", name, &names, place)),
        );
        findings
    }

    /// Protects the parts that this stage protects. `is_of` tells whose a part is.
    ///
    /// # Errors
    /// As for any blueprint; there are none for one that was checked before.
    pub(crate) fn protect(
        &self,
        graph: &Graph,
        blueprint: &Blueprint,
        is_of: &dyn Fn(&Part, &ResourceId) -> bool,
    ) -> Result<Blueprint, Vec<BlueprintError>> {
        let ids = graph.resources.iter().map(|resource| &resource.id);
        let ids: Vec<&ResourceId> = ids.collect();
        let parts = blueprint.in_order().cloned().map(|mut part| {
            if let Some(id) = ids.iter().find(|id| is_of(&part, id)) {
                let said = self.resources.get(*id);
                let said = said.and_then(|settings| settings.protect);
                // Protecting a whole stage is about what holds data.
                let usual = self.protect && part.lifecycle.retain;
                part.lifecycle.protected = said.unwrap_or(usual);
            }
            part
        });
        Blueprint::new(
            blueprint.application().clone(),
            blueprint.stage().clone(),
            blueprint.provider(),
            blueprint.artifact().clone(),
            parts,
        )
    }
}

fn spec<'a>(graph: &'a mut Graph, id: &ResourceId) -> Option<&'a mut Spec> {
    let mut resources = graph.resources.iter_mut();
    let found = resources.find(|resource| resource.id == *id);
    found.map(|resource| &mut resource.spec)
}

fn unknown(graph: &Graph, kind: Kind, name: &str, place: &SourceSpan) -> Diagnostic {
    let names: Vec<&str> = graph
        .of_kind(kind)
        .map(|resource| resource.id.name.as_str())
        .collect();
    not_there(kind.as_str(), name, &names, place)
}

fn not_there(what: &str, name: &str, known: &[&str], place: &SourceSpan) -> Diagnostic {
    let message = format!("the application has no {what} `{name}`");
    let mut finding = Diagnostic::error(NAME, message).at(place, "");
    finding.help = suggest::sentence(name, known);
    finding
}

#[cfg(test)]
mod tests {
    use super::super::reader::read;
    use ifc_graph::Spec;
    use ifc_graph::fixture::Fixture;
    use ifc_manifest::Kind;
    use ifc_manifest::kind::Retention;
    use std::time::Duration;

    #[test]
    fn a_stage_differs_where_it_says_so() {
        let (settings, findings) = read(
            "ifc.toml",
            "[stages.prod]\ntable.orders.retention = 'delete'\nunit.api.memory_mb = 1024\n\
             unit.api.timeout_seconds = 5\nconfig.limit = 7\n",
        );
        assert_eq!(findings, []);
        let (mut graph, _) = Fixture::shop().build();
        assert_eq!(settings.stage("prod").apply(&mut graph, "local"), []);
        let unit = graph.unit("api").unwrap();
        assert_eq!(unit.spec.memory_mb, Some(1024));
        assert_eq!(unit.spec.timeout, Duration::from_secs(5));
        let limit = graph.of_kind(Kind::Config).next().unwrap();
        let Spec::Config(spec) = &limit.spec else {
            panic!("{limit:?}")
        };
        assert_eq!(spec.default.as_deref(), Some("7"));
        let orders = graph
            .of_kind(Kind::Table)
            .find(|table| table.id.name == "orders");
        let Spec::Table(spec) = &orders.unwrap().spec else {
            panic!("{orders:?}")
        };
        assert_eq!(spec.knobs.retention, Retention::Delete);

        let (mut same, _) = Fixture::shop().build();
        assert_eq!(settings.stage("dev").apply(&mut same, "local"), []);
        assert_eq!(same, Fixture::shop().build().0);
    }

    #[test]
    fn what_the_application_lacks_is_found() {
        let (settings, _) = read(
            "ifc.toml",
            "[stages.prod]\ntable.order.protect = true\nunit.apii.memory_mb = 512\n\
             config.limits = 1\nunit.api.timeout_seconds = 500\n",
        );
        let (mut graph, _) = Fixture::shop().build();
        let findings = settings.stage("prod").apply(&mut graph, "local");
        let said: Vec<String> = findings
            .iter()
            .map(|finding| {
                let line = finding.primary.as_ref().unwrap().span.line;
                let help = finding.help.as_deref().unwrap_or_default();
                let causes = finding.causes.join("; ");
                format!("{line} {}: {causes}{help}", finding.message)
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
