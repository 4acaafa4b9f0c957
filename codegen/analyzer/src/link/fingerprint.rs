//! Which analyzer this is. What is embedded in a program depends on the program and on the code of
//! this module; cargo sees the first and not the second.

/// The files of this module, as they were compiled.
const SOURCES: &[(&str, &str)] = &[
    ("arguments.rs", include_str!("arguments.rs")),
    ("declared.rs", include_str!("declared.rs")),
    ("embed.rs", include_str!("embed.rs")),
    ("error.rs", include_str!("error.rs")),
    ("exports.rs", include_str!("exports.rs")),
    ("files.rs", include_str!("files.rs")),
    ("fingerprint.rs", include_str!("fingerprint.rs")),
    ("load.rs", include_str!("load.rs")),
    ("marks.rs", include_str!("marks.rs")),
    ("mod.rs", include_str!("mod.rs")),
    ("name.rs", include_str!("name.rs")),
    ("network.rs", include_str!("network.rs")),
    ("object.rs", include_str!("object.rs")),
    ("permissions.rs", include_str!("permissions.rs")),
    ("reach.rs", include_str!("reach.rs")),
    ("shim.rs", include_str!("shim.rs")),
];

/// Names this analyzer: its version and a digest of its code, so that a program which another one
/// linked can be told and linked anew. The same on every machine.
pub fn fingerprint() -> String {
    let texts = SOURCES.iter().map(|(_, text)| text.as_bytes());
    let digest = texts.fold(super::declared::digest(b""), |digest, text| {
        digest.rotate_left(1) ^ super::declared::digest(text)
    });
    format!("{}-{digest:016x}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_of_the_module_counts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/link");
        let mut files: Vec<String> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, files);
    }

    #[test]
    fn it_is_a_folder_name_with_the_version() {
        let fingerprint = fingerprint();
        let (version, digest) = fingerprint.rsplit_once('-').unwrap();
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        assert!(digest.len() == 16 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
