//! A large application, with clients of three cloud services: handlers that call them and use none
//! of the application's resources get nothing, and those that do get exactly what they use.
#![allow(clippy::unwrap_used)]

use ifc_corpus_harness::annotation::shapes;
use ifc_corpus_harness::build::{Program, Workshop, forget_earlier, permissions};
use ifc_corpus_harness::compare::{Comparison, found};
use ifc_corpus_harness::profile::DEV;
use std::path::{Path, PathBuf};

#[test]
#[ignore = "compiles three AWS SDKs, which takes minutes"]
fn clients_of_clouds_grant_nothing() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../large");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let workshop = Workshop {
        package: "ifc-large",
        target: target.join("large"),
        linker: PathBuf::from(env!("CARGO_BIN_EXE_ifc-corpus-cc")),
        directory: directory.clone(),
    };
    forget_earlier(&workshop).unwrap();
    let program = Program {
        name: "ifc-large",
        test: false,
    };
    let read = permissions(&workshop.build(program, &DEV, &[]).unwrap()).unwrap();
    assert_eq!(read.notes, [""; 0]);
    let stated = shapes(&directory.join("src")).unwrap();
    let mut comparison = Comparison::default();
    let score = comparison.add("large", &DEV, &stated, &found(&read));
    println!("{} exact, {} wider", score.exact, score.wider);
    let failures = comparison.finish(&stated);
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
