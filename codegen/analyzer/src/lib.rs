//! Reads the graph of an `ifc` application out of its compiled artifact.
//!
//! [`cargo`] finds the application and builds it, [`artifact`] reads the records that declarations
//! left in the build's output, [`analyze`] joins them into a graph. Nothing of the user's program is
//! run. This crate knows no provider and prints nothing itself; the compiler's own messages go to
//! standard error as they come.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod artifact;
pub mod cargo;
pub mod link;

mod grants;
mod unlinked;

pub use artifact::ArtifactError;
use artifact::ArtifactRecord;
pub use cargo::{Built, CargoError, Features, Library, Project, Selection};
pub use grants::{Derivation, Reason};

use ifc_graph::diagnostics::{
    dropped_declaration, lent_permission, queue_cycle, table_scan, unavailable_operation,
    unreadable_record, unused_resource,
};
use ifc_graph::{Diagnostic, Graph};
use link::Declared;
use std::collections::BTreeSet;

/// What an artifact says about its application.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What is declared.
    pub graph: Graph,
    /// What is wrong with it. The graph may be acted upon when none of them is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// How the graph's bindings came about.
    pub derivation: Derivation,
}

impl Analysis {
    /// Whether the graph may be acted upon.
    pub fn is_valid(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Reads what a build produced.
///
/// # Errors
/// When a file of the build cannot be read as what it should be. What is wrong with the
/// declarations themselves is in the analysis.
pub fn analyze(built: &Built) -> Result<Analysis, ArtifactError> {
    let program = artifact::open(&built.executable)?;
    let records = artifact::records_of(&built.executable, &program)?;
    let mut descriptors = Vec::new();
    let mut diagnostics = Vec::new();
    for record in &records {
        match &record.descriptor {
            Ok(descriptor) => descriptors.push(descriptor.clone()),
            Err(error) => diagnostics.push(unreadable_record::finding(error)),
        }
    }
    let (mut graph, findings) = ifc_graph::build(&descriptors);
    diagnostics.extend(unlinked::find(
        built,
        &records,
        graph.application.span.as_ref(),
    )?);
    diagnostics.extend(findings);
    let (derivation, declared) = grants::join(&mut graph, &program);
    diagnostics.extend(dropped(&declared, &records));
    if let Derivation::Exact { reasons, .. } = &derivation {
        let lent = reasons.iter().filter(|reason| reason.handler.is_none());
        let lent = lent.map(|reason| (&reason.resource, reason.verb));
        diagnostics.extend(lent_permission::find(&graph, lent));
        diagnostics.extend(unused_resource::find(&graph));
        diagnostics.extend(queue_cycle::find(&graph));
        diagnostics.extend(table_scan::find(&graph));
        diagnostics.extend(unavailable_operation::find(&graph));
    }
    Ok(Analysis {
        graph,
        diagnostics,
        derivation,
    })
}

/// What was declared in the inputs of the link and is not among the program's records.
fn dropped(declared: &[Declared], records: &[ArtifactRecord]) -> Vec<Diagnostic> {
    let there: BTreeSet<u64> = records
        .iter()
        .map(|record| Declared::of(&record.body, None).digest)
        .collect();
    declared
        .iter()
        .filter(|declared| !there.contains(&declared.digest))
        .map(|declared| dropped_declaration::finding(&declared.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_that_the_program_lacks_is_an_error() {
        let record = |body: &[u8]| ArtifactRecord {
            body: body.to_vec(),
            descriptor: Err(ifc_manifest::DescriptorError::Sort("test".into())),
        };
        let declared = [Declared::of(b"first", None), Declared::of(b"second", None)];
        let both = [record(b"second"), record(b"first")];
        assert_eq!(dropped(&declared, &both), []);
        assert_eq!(dropped(&declared, &both[..1]).len(), 1);
        assert_eq!(dropped(&[], &both), []);
    }
}
