//! Joins what was read from the link into the graph: what each unit may do, and why.

use crate::artifact::Content;
use crate::link::{Declared, Embedded, GrantUse, Permissions, Step, embedded};
use ifc_graph::{Binding, Graph, ResourceId, Source};
use ifc_manifest::{Kind, Verb};
use std::collections::{BTreeMap, BTreeSet};

/// How the permissions in a graph came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// They were read from the program's own link.
    Exact {
        /// Why each was granted, by unit, resource and verb.
        reasons: Vec<Reason>,
        /// What widened them, in the user's terms.
        notes: Vec<String>,
    },
    /// They could not be read: every unit counts as allowed every verb on every resource, which
    /// misses nothing.
    Widest {
        /// Why not.
        reason: String,
    },
}

/// Why a unit has a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The unit.
    pub unit: String,
    /// What is used.
    pub resource: ResourceId,
    /// How.
    pub verb: Verb,
    /// The handler that leads to it; `None` for code that runs before any handler.
    pub handler: Option<String>,
    /// A shortest way there.
    pub way: Vec<Step>,
}

/// Fills the graph's bindings from the program. Beside how that went, says what was declared in the
/// inputs of the program's link, where that is known.
pub(crate) fn join(graph: &mut Graph, program: &Content) -> (Derivation, Vec<Declared>) {
    let mut declared = Vec::new();
    let reason = match embedded(program) {
        Ok(Some(Embedded::Permissions(permissions))) => {
            let derivation = exact(graph, &permissions);
            declared = permissions.declared;
            match derivation {
                Ok(derivation) => return (derivation, declared),
                Err(reason) => reason,
            }
        }
        Ok(Some(Embedded::Unavailable(reason))) => reason,
        Ok(None) => "the program was linked without `ifc` (does `RUSTFLAGS` or a configuration of \
                     cargo set `-C linker`?)"
            .to_owned(),
        Err(reason) => format!("what was embedded is not readable: {reason}"),
    };
    graph.bindings = Some(widest(graph));
    (Derivation::Widest { reason }, declared)
}

fn exact(graph: &mut Graph, permissions: &Permissions) -> Result<Derivation, String> {
    let mut reasons: BTreeMap<(String, ResourceId, Verb), Reason> = BTreeMap::new();
    let mut add = |unit: &str, handler: Option<&str>, found: &crate::link::Use| {
        let (resource, verb) = resource_and_verb(graph, &found.grant)?;
        let key = (unit.to_owned(), resource.clone(), verb);
        reasons.entry(key).or_insert_with(|| Reason {
            unit: unit.to_owned(),
            resource,
            verb,
            handler: handler.map(str::to_owned),
            way: found.way.clone(),
        });
        Ok::<_, String>(())
    };
    for unit in &graph.units {
        for handler in &unit.handlers {
            let uses = permissions
                .handlers
                .iter()
                .find(|uses| uses.path == handler.path)
                .ok_or_else(|| {
                    format!(
                        "the link had no handler `{}`, but the program has",
                        handler.path
                    )
                })?;
            for found in &uses.uses {
                add(&unit.name, Some(&handler.path), found)?;
            }
        }
        for found in &permissions.initialisation {
            add(&unit.name, None, found)?;
        }
    }
    let mut bindings: BTreeMap<(String, ResourceId), BTreeSet<Verb>> = BTreeMap::new();
    for reason in reasons.values() {
        bindings
            .entry((reason.unit.clone(), reason.resource.clone()))
            .or_default()
            .insert(reason.verb);
    }
    graph.bindings = Some(
        bindings
            .into_iter()
            .map(|((unit, resource), verbs)| Binding {
                unit,
                resource,
                grants: verbs.into_iter().collect(),
            })
            .collect(),
    );
    Ok(Derivation::Exact {
        reasons: reasons.into_values().collect(),
        notes: permissions.notes.clone(),
    })
}

fn resource_and_verb(graph: &Graph, grant: &GrantUse) -> Result<(ResourceId, Verb), String> {
    let unknown = || {
        format!(
            "it speaks of `{}.{}`, which is not known",
            grant.name, grant.verb
        )
    };
    let kind = grant.kind().ok_or_else(unknown)?;
    let verb = kind
        .verbs()
        .iter()
        .find(|verb| verb.as_str() == grant.verb)
        .ok_or_else(unknown)?;
    let name = grant.address().within(&graph.application.package);
    Ok((ResourceId { kind, name }, *verb))
}

/// Everything to everyone.
fn widest(graph: &Graph) -> Vec<Binding> {
    let functions = graph
        .triggers
        .iter()
        .filter(|trigger| matches!(trigger.source, Source::Call))
        .map(|trigger| ResourceId {
            kind: Kind::Function,
            name: trigger.unit.clone(),
        });
    let resources: BTreeSet<ResourceId> = graph
        .resources
        .iter()
        .map(|resource| resource.id.clone())
        .chain(functions)
        .filter(|id| !id.kind.verbs().is_empty())
        .collect();
    let of_unit = |unit: &ifc_graph::Unit| {
        let unit = unit.name.clone();
        resources.iter().map(move |resource| Binding {
            unit: unit.clone(),
            resource: resource.clone(),
            grants: {
                let mut verbs = resource.kind.verbs().to_vec();
                verbs.sort();
                verbs
            },
        })
    };
    graph.units.iter().flat_map(of_unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{HandlerUses, Use};
    use ifc_graph::fixture::{Fixture, PACKAGE};

    fn shop() -> Graph {
        Fixture::new().table("orders").function("report").build().0
    }

    /// What the link of a program with one handler said.
    fn permissions(handler: &str, grant: (&str, &str, &str)) -> Permissions {
        let (name, kind, verb) = grant;
        Permissions {
            version: 2,
            handlers: vec![HandlerUses {
                package: PACKAGE.into(),
                name: "report".into(),
                path: handler.into(),
                uses: vec![Use {
                    grant: GrantUse {
                        package: PACKAGE.into(),
                        name: name.into(),
                        kind: kind.into(),
                        verb: verb.into(),
                    },
                    way: Vec::new(),
                }],
            }],
            initialisation: Vec::new(),
            notes: Vec::new(),
            declared: Vec::new(),
        }
    }

    fn path(graph: &Graph) -> String {
        graph.units[0].handlers[0].path.clone()
    }

    #[test]
    fn a_unit_gets_what_its_handlers_reach() {
        let mut graph = shop();
        let permissions = permissions(&path(&graph), ("orders", "table", "get"));
        let derivation = exact(&mut graph, &permissions).unwrap();
        let Derivation::Exact { reasons, .. } = derivation else {
            panic!("{derivation:?}");
        };
        assert_eq!(reasons.len(), 1);
        assert_eq!(graph.bindings.unwrap().len(), 1);
    }

    #[test]
    fn permissions_of_another_build_are_not_used() {
        let mut graph = shop();
        let of_other = permissions("shop::other", ("orders", "table", "get"));
        let reason = exact(&mut graph, &of_other).unwrap_err();
        assert!(reason.contains("the link had no handler `"), "{reason}");
        for grant in [("orders", "table", "fly"), ("orders", "balloon", "get")] {
            let reason = exact(&mut graph, &permissions(&path(&shop()), grant)).unwrap_err();
            assert!(reason.contains("which is not known"), "{reason}");
        }
    }
}
