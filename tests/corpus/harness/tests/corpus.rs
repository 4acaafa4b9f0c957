//! Builds the corpus in several profiles and compares what the analyzer reads out of each program
//! with what the sources say.
#![allow(clippy::unwrap_used)]

use ifc_corpus_harness::annotation::{Shape, shapes};
use ifc_corpus_harness::build::{Program, Workshop, permissions};
use ifc_corpus_harness::compare::{Comparison, found};
use ifc_corpus_harness::profile::{DEV, FAT_LTO, MORE, RELEASE, all_wanted};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const APPLICATION: Program = Program {
    name: "ifc-corpus",
    test: false,
};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn workshop() -> Workshop {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    Workshop {
        directory: corpus(),
        target: target.join("corpus"),
        linker: PathBuf::from(env!("CARGO_BIN_EXE_ifc-corpus-cc")),
    }
}

/// What the sources of the application and its library say.
fn stated() -> BTreeMap<String, Shape> {
    let mut stated = shapes(&corpus().join("app/src")).unwrap();
    stated.extend(shapes(&corpus().join("library/src")).unwrap());
    stated
}

#[test]
fn every_handler_has_exactly_the_stated_permissions() {
    let workshop = workshop();
    let stated = stated();
    let mut profiles = vec![DEV, RELEASE, FAT_LTO];
    match all_wanted() {
        true => profiles.extend(MORE),
        false => println!(
            "skipped: {} more profiles; IFC_CORPUS=all asks for them",
            MORE.len()
        ),
    }
    let mut comparison = Comparison::default();
    for profile in &profiles {
        let started = std::time::Instant::now();
        let executable = workshop.build(APPLICATION, profile, &[]).unwrap();
        let found = found(&permissions(&executable).unwrap());
        let score = comparison.add("application", profile, &stated, &found);
        println!(
            "{}: {} exact, {} wider, built in {:.1?}",
            profile.name,
            score.exact,
            score.wider,
            started.elapsed()
        );
    }
    let failures = comparison.finish(&stated);
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
