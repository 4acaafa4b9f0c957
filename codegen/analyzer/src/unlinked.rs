//! Crates that were built for the program and are not in it.
//!
//! rustc links no crate that no code mentions, and the crate's records are gone with it, silently.
//! So the records of every library of the build are compared with those of the program.

use crate::artifact::{self, ArtifactError, ArtifactRecord, LibraryRecords};
use crate::cargo::{Built, Library};
use ifc_graph::Diagnostic;
use ifc_graph::diagnostics::unlinked_crate::{self, UnlinkedCrate};
use ifc_manifest::SourceSpan;
use std::collections::BTreeSet;

/// A finding for each such crate. `main` is where `ifc::main!()` stands.
pub(crate) fn find(
    built: &Built,
    program: &[ArtifactRecord],
    main: Option<&SourceSpan>,
) -> Result<Vec<Diagnostic>, ArtifactError> {
    let linked: BTreeSet<&[u8]> = program
        .iter()
        .map(|record| record.body.as_slice())
        .collect();
    let mut findings = Vec::new();
    for library in &built.libraries {
        findings.extend(of_library(library, &linked, main)?);
    }
    Ok(findings)
}

fn of_library(
    library: &Library,
    linked: &BTreeSet<&[u8]>,
    main: Option<&SourceSpan>,
) -> Result<Option<Diagnostic>, ArtifactError> {
    let mut declares = Vec::new();
    for path in &library.paths {
        match artifact::library_records(path)? {
            LibraryRecords::Bitcode => {
                return Ok(Some(unlinked_crate::not_checked(&library.package, main)));
            }
            LibraryRecords::Found(records) => {
                // All of a crate is linked, or nothing: one record of it in the program is enough.
                if records
                    .iter()
                    .any(|record| linked.contains(record.body.as_slice()))
                {
                    return Ok(None);
                }
                declares.extend(
                    records
                        .into_iter()
                        .filter_map(|record| record.descriptor.ok()),
                );
            }
        }
    }
    if declares.is_empty() {
        return Ok(None);
    }
    declares.sort_by(|a, b| a.span().cmp(b.span()));
    declares.dedup();
    let unlinked = UnlinkedCrate {
        package: library.package.clone(),
        crate_name: library.crate_name.clone(),
        own_library: library.own,
        brought_by: library.brought_by.clone(),
        declares,
    };
    Ok(Some(unlinked_crate::finding(&unlinked, main)))
}
