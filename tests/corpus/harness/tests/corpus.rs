//! Builds the corpus in several profiles and compares what the analyzer reads out of each program
//! with what the sources say.
#![allow(clippy::unwrap_used)]

use ifc_corpus_harness::annotation::{INITIALISATION, Shape, shapes};
use ifc_corpus_harness::build::{Program, Workshop, forget_earlier, permissions};
use ifc_corpus_harness::compare::{Comparison, Found, found, only_in};
use ifc_corpus_harness::image;
use ifc_corpus_harness::profile::{DEV, MORE, RELEASE, wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const APPLICATION: Program = Program {
    name: "ifc-corpus",
    test: false,
};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The one place where all tests of this file build.
fn workshop() -> &'static Workshop {
    static WORKSHOP: LazyLock<Workshop> = LazyLock::new(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let workshop = Workshop {
            package: "ifc-corpus",
            directory: corpus(),
            target: target.join("corpus"),
            linker: PathBuf::from(env!("CARGO_BIN_EXE_ifc-corpus-cc")),
        };
        forget_earlier(&workshop).unwrap();
        workshop
    });
    &WORKSHOP
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
    let profiles = wanted();
    if profiles.len() <= MORE.len() {
        println!(
            "skipped: {} of the profiles; IFC_CORPUS=all asks for them",
            MORE.len()
        );
    }
    let mut comparison = Comparison::default();
    // What only the second engine finds, in each profile that it looks at.
    let mut more: Vec<BTreeMap<(String, String), String>> = Vec::new();
    for profile in &profiles {
        let started = std::time::Instant::now();
        let map = workshop.target.join(format!("{}.map", profile.name));
        let link = match profile.image {
            true => vec![
                "-Wl,--emit-relocs".to_owned(),
                format!("-Wl,-Map={}", map.display()),
            ],
            false => Vec::new(),
        };
        let executable = workshop.build(APPLICATION, profile, &link).unwrap();
        let read = found(&permissions(&executable).unwrap());
        let score = comparison.add("application", profile, &stated, &read);
        if profile.image {
            let program = std::fs::read(&executable).unwrap();
            let second = image::read(&program, &std::fs::read_to_string(&map).unwrap()).unwrap();
            let missed = only_in(profile.name, "first", &read, &second);
            comparison.failures.extend(missed.into_values());
            more.push(only_in(profile.name, "second", &second, &read));
        }
        println!(
            "{}: {} exact, {} wider, built in {:.1?}",
            profile.name,
            score.exact,
            score.wider,
            started.elapsed()
        );
    }
    for (key, line) in more.iter().flatten() {
        match more.len() > 1 && more.iter().all(|only| only.contains_key(key)) {
            true => comparison.failures.push(line.clone()),
            false => println!("by chance of the layout, {line}"),
        }
    }
    let failures = comparison.finish(&stated);
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Programs whose point is what they do besides their handlers.
#[test]
fn what_initialisation_and_the_dispatcher_reach_counts() {
    let workshop = workshop();
    for (name, file) in [
        ("ifc-corpus-plugins", "app/src/bin/plugins.rs"),
        ("ifc-corpus-dispatches", "app/src/bin/dispatches.rs"),
        ("ifc-corpus-exports", "app/src/bin/exports.rs"),
    ] {
        let stated = shapes(&corpus().join(file)).unwrap();
        let mut comparison = Comparison::default();
        for profile in [DEV, RELEASE] {
            let program = Program { name, test: false };
            let executable = workshop.build(program, &profile, &[]).unwrap();
            let permissions = permissions(&executable).unwrap();
            comparison.add(name, &profile, &stated, &found(&permissions));
            // What widens is said.
            let says = |word: &str| permissions.notes.iter().any(|note| note.contains(word));
            for (word, of) in [
                ("dispatcher", "ifc-corpus-dispatches"),
                ("`l64a` by name", "ifc-corpus-exports"),
            ] {
                assert_eq!(says(word), name == of, "{permissions:?}");
            }
        }
        let failures = comparison.finish(&stated);
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    }
}

/// The corpus as a test of itself is a program too. It runs every handler, and what they really do
/// is compared with what was read out of that very program.
#[test]
fn no_handler_does_what_was_not_read() {
    let program = Program {
        test: true,
        ..APPLICATION
    };
    let stated = stated();
    let mut failures = Vec::new();
    for profile in [DEV, RELEASE] {
        let executable = workshop().build(program, &profile, &[]).unwrap();
        let mut read = found(&permissions(&executable).unwrap());
        // A test program begins with tests, which may do anything.
        read.insert(INITIALISATION.to_owned(), BTreeMap::new());
        let mut comparison = Comparison::default();
        comparison.add("test of the application", &profile, &stated, &read);
        failures.extend(comparison.failures);
        let observed = observe(&executable);
        failures.extend(undiscovered(&observed, &read));
        let count: usize = observed.values().map(BTreeSet::len).sum();
        println!(
            "{}: {count} operations of {} handlers observed",
            profile.name,
            observed.len()
        );
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Runs the test program and returns what each handler did.
fn observe(executable: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observed.json");
    let status = Command::new(executable)
        .current_dir(corpus().join("app"))
        .env("IFC_CORPUS_TRACE", &file)
        .status()
        .unwrap();
    assert!(status.success(), "a handler of the corpus fails");
    serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
}

/// Operations that were performed and not read.
fn undiscovered(observed: &BTreeMap<String, BTreeSet<String>>, read: &Found) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, operations) in observed {
        for operation in operations {
            if !read
                .get(name)
                .is_some_and(|uses| uses.contains_key(operation))
            {
                failures.push(format!(
                    "`{name}` PERFORMED {operation}, which was not read"
                ));
            }
        }
    }
    failures
}
