//! What a newer version wrote is left to it.

use crate::support::*;
use ifc_engine::{EngineError, Fingerprint, Plan};

/// The object as a newer version would write it: another version number, another body.
fn rewritten(tag: &str) -> Vec<u8> {
    let body = r#"{"everything":"is different"}"#;
    let checksum = Fingerprint::of(format!("{tag} 9\n{body}").as_bytes());
    let header = format!(r#"{{"format":"{tag}","version":9,"checksum":"{checksum}"}}"#);
    format!("{header}\n{body}\n").into_bytes()
}

#[test]
fn states_journals_and_locks() {
    for (key, tag) in [
        ("state/000000000001", "ifc-state"),
        ("state/000000000002", "ifc-state"),
        ("journal/000000000002/00000000", "ifc-journal"),
        ("lock", "ifc-lock"),
    ] {
        let stage = Stage::new();
        stage.apply(&[thing("queue")]);
        stage.memory.tamper(key, Some(rewritten(tag)));
        let before = stage.memory.contents();
        let parts = [thing("queue"), thing("table")];
        let error = stage.apply_with(&parts, &Default::default()).unwrap_err();
        let EngineError::Newer { location, source } = error else {
            panic!("{key}: {error:?}")
        };
        assert_eq!(location, "memory");
        assert!(source.is_newer());
        assert_eq!(stage.memory.contents(), before);
        assert_eq!(stage.world.names().len(), 1);
    }
}

#[test]
fn plans() {
    let plan = r#"{"everything":"is different"}"#;
    let checksum = Fingerprint::of(format!("ifc-plan 9\n{plan}").as_bytes());
    let text =
        format!(r#"{{"format":"ifc-plan","version":9,"checksum":"{checksum}","plan":{plan}}}"#);
    let error = Plan::from_json(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this plan has format 9, written by a newer version of `ifc`; update `ifc` to read it"
    );
}
