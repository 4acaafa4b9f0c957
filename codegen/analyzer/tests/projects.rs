//! Choosing, building and reading whole projects. They stand in temporary directories and use a
//! stand-in for the SDK: a crate of its name, and records written out by hand as the macros place
//! them. So these tests compile in a moment and need no network.
#![allow(clippy::unwrap_used)]

use ifc_analyzer::{Analysis, CargoError, Project, Selection, analyze};
use ifc_graph::Severity;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

struct Workspace {
    directory: TempDir,
}

impl Workspace {
    /// A workspace of these members, with the stand-in for the SDK.
    fn new(members: &[&str]) -> Workspace {
        let workspace = Workspace {
            directory: tempfile::tempdir().unwrap(),
        };
        let mut list = "\"ifc\"".to_owned();
        for member in members {
            write!(list, ", \"{member}\"").unwrap();
        }
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [{list}]\n\n[profile.release]\nstrip = \"symbols\"\n"
        );
        workspace.write("Cargo.toml", &manifest);
        workspace.member("ifc", &[], "lib.rs", "");
        workspace
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn member(&self, name: &str, dependencies: &[&str], file: &str, source: &str) {
        let mut manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n"
        );
        for dependency in dependencies {
            writeln!(manifest, "{dependency} = {{ path = \"../{dependency}\" }}").unwrap();
        }
        self.write(&format!("{name}/Cargo.toml"), &manifest);
        self.write(&format!("{name}/src/{file}"), source);
    }

    fn target_directory(&self) -> PathBuf {
        self.directory.path().join("target")
    }

    fn selection(&self, directory: &str) -> Selection {
        Selection {
            directory: self.directory.path().join(directory),
            // Programs of several tests have one name.
            target_directory: Some(self.target_directory()),
            ..Selection::default()
        }
    }

    fn analyze(&self, selection: &Selection) -> Analysis {
        let built = Project::find(selection).unwrap().build().unwrap();
        assert!(built.executable.starts_with(self.target_directory()));
        analyze(&built).unwrap()
    }
}

/// Appends a text string, or any other head of a CBOR item.
fn text(body: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()).unwrap() {
        length @ 0..24 => body.push(0x60 | length),
        length => body.extend([0x78, length]),
    }
    body.extend(text.bytes());
}

/// A static that holds a record, as the macros expand to it.
fn record(entries: &[(&str, &str)]) -> String {
    let mut body = vec![0xbf];
    for (key, value) in entries {
        text(&mut body, key);
        match value.parse::<u8>() {
            Ok(number) => body.extend([0x18, number]),
            Err(_) if *value == "{}" => body.extend([0xbf, 0xff]),
            Err(_) => text(&mut body, value),
        }
    }
    body.push(0xff);
    let mut bytes = b"IFCdesc\x01\0\0\0\0".to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    format!(
        "const _: () = {{
    #[repr(C, align(8))]
    struct Record([u8; {length}]);
    #[used]
    #[cfg_attr(not(target_vendor = \"apple\"), unsafe(link_section = \"ifc1_desc\"))]
    #[cfg_attr(target_vendor = \"apple\", unsafe(link_section = \"__DATA,__ifc1_desc,regular,no_dead_strip\"))]
    static RECORD: Record = Record({bytes:?});
}};
",
        length = bytes.len(),
    )
}

fn application(package: &str) -> String {
    record(&[
        ("record", "application"),
        ("package", package),
        ("version", "0.1.0"),
        ("file", "src/main.rs"),
        ("line", "1"),
        ("column", "1"),
        ("length", "4"),
    ])
}

/// A declaration that the graph will find unreadable, which is all the same here.
fn resource(package: &str, name: &str) -> String {
    record(&[
        ("record", "resource"),
        ("package", package),
        ("name", name),
        ("kind", "secret"),
        ("path", "audit::TRAIL"),
        ("config", "{}"),
        ("file", "src/lib.rs"),
        ("line", "1"),
        ("column", "1"),
        ("length", "4"),
    ])
}

fn main_of(package: &str, source: &str) -> String {
    format!("{}{source}\nfn main() {{}}\n", application(package))
}

fn unlinked(analysis: &Analysis) -> Vec<(Severity, Option<&str>)> {
    analysis
        .diagnostics
        .iter()
        .filter(|finding| finding.code == "unlinked-crate")
        .map(|finding| (finding.severity, finding.help.as_deref()))
        .collect()
}

#[test]
fn a_dependency_that_nothing_mentions() {
    let workspace = Workspace::new(&["shop", "audit-log"]);
    workspace.member(
        "audit-log",
        &["ifc"],
        "lib.rs",
        &resource("audit-log", "trail"),
    );
    workspace.member(
        "shop",
        &["ifc", "audit-log"],
        "main.rs",
        &main_of("shop", ""),
    );
    let selection = workspace.selection("shop");
    let analysis = workspace.analyze(&selection);
    assert_eq!(
        unlinked(&analysis),
        [(
            Severity::Error,
            Some("add `use audit_log as _;` to `src/main.rs`")
        )]
    );
    assert!(!analysis.is_valid());

    let source = main_of("shop", "use audit_log as _;");
    workspace.write("shop/src/main.rs", &source);
    let analysis = workspace.analyze(&selection);
    assert_eq!(unlinked(&analysis), []);
    // Now it is there, and found to be unreadable.
    let codes: Vec<&str> = analysis
        .diagnostics
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(codes, ["unreadable-declaration"]);

    let stripped = Selection {
        release: true,
        ..selection
    };
    assert_eq!(workspace.analyze(&stripped).graph, analysis.graph);
}

#[test]
fn the_own_library_and_one_that_a_dependency_brings() {
    let workspace = Workspace::new(&["shop", "platform", "audit"]);
    workspace.member("audit", &["ifc"], "lib.rs", &resource("audit", "trail"));
    workspace.member("platform", &["audit"], "lib.rs", "");
    workspace.member(
        "shop",
        &["ifc", "platform"],
        "main.rs",
        &main_of("shop", ""),
    );
    workspace.write("shop/src/lib.rs", &resource("shop", "key"));
    let analysis = workspace.analyze(&workspace.selection("shop"));
    let found = unlinked(&analysis);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, Severity::Warning);
    assert!(
        found[0]
            .1
            .unwrap()
            .contains("comes with package `platform`"),
        "{found:?}"
    );
    assert_eq!(
        found[1],
        (
            Severity::Error,
            Some("add `use shop as _;` to `src/main.rs`")
        )
    );

    // To mention anything of a library is enough.
    workspace.write(
        "shop/src/lib.rs",
        &format!("{}pub fn version() {{}}", resource("shop", "key")),
    );
    workspace.write(
        "shop/src/main.rs",
        &format!("{}fn main() {{ shop::version() }}", application("shop")),
    );
    assert_eq!(
        unlinked(&workspace.analyze(&workspace.selection("shop"))).len(),
        1
    );
}

#[test]
fn a_program_without_declarations() {
    let workspace = Workspace::new(&["shop"]);
    workspace.member("shop", &["ifc"], "main.rs", "fn main() {}");
    let built = Project::find(&workspace.selection("shop"))
        .unwrap()
        .build()
        .unwrap();
    let error = analyze(&built).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("was not built with ifc, or without `ifc::main!()`"),
        "{error}"
    );
}

#[test]
fn which_program_is_meant() {
    let workspace = Workspace::new(&["shop", "library", "tool"]);
    workspace.member("shop", &["ifc"], "main.rs", &main_of("shop", ""));
    workspace.member("library", &["ifc"], "lib.rs", "");
    workspace.member("tool", &[], "main.rs", "fn main() {}");
    let find = |directory: &str, package: Option<&str>, binary: Option<&str>| {
        let selection = Selection {
            package: package.map(str::to_owned),
            binary: binary.map(str::to_owned),
            ..workspace.selection(directory)
        };
        Project::find(&selection).map(|project| (project.package, project.binary))
    };
    let shop = ("shop".to_owned(), "shop".to_owned());
    assert_eq!(find("shop", None, None).unwrap(), shop);
    assert_eq!(find("shop/src", None, None).unwrap(), shop);
    // Of the whole workspace, only one program uses the SDK.
    assert_eq!(find("", None, None).unwrap(), shop);
    assert_eq!(find("library", Some("shop"), None).unwrap(), shop);

    workspace.write("shop/src/bin/import.rs", "fn main() {}");
    let error = find("shop", None, None).unwrap_err();
    let CargoError::Ambiguous { candidates } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(candidates.len(), 2);
    assert_eq!(
        error.help().unwrap(),
        "choose one:\n  --package shop --bin import\n  --package shop --bin shop"
    );
    assert_eq!(find("shop", None, Some("shop")).unwrap(), shop);
    let error = find("shop", None, Some("imporr")).unwrap_err();
    assert_eq!(error.help().as_deref(), Some("did you mean `import`?"));

    let error = find("library", None, None).unwrap_err();
    assert!(
        matches!(error, CargoError::NoBinary { package: Some(_) }),
        "{error:?}"
    );
    let error = find("", Some("shpo"), None).unwrap_err();
    assert_eq!(error.help().as_deref(), Some("did you mean `shop`?"));
    let error = find("nowhere", None, None).unwrap_err();
    assert!(matches!(error, CargoError::NoDirectory(_)), "{error:?}");

    let elsewhere = tempfile::tempdir().unwrap();
    let selection = Selection {
        directory: elsewhere.path().to_owned(),
        ..Selection::default()
    };
    let error = Project::find(&selection).unwrap_err();
    assert!(
        error.to_string().contains("could not find `Cargo.toml`"),
        "{error}"
    );
}

#[test]
fn what_does_not_compile() {
    let workspace = Workspace::new(&["shop"]);
    workspace.member("shop", &["ifc"], "main.rs", "fn main() { 1 }");
    let error = Project::find(&workspace.selection("shop"))
        .unwrap()
        .build()
        .unwrap_err();
    assert!(matches!(error, CargoError::Failed), "{error:?}");
}

#[test]
fn the_directories_to_watch() {
    let workspace = Workspace::new(&["shop", "audit", "other"]);
    workspace.member("audit", &["ifc"], "lib.rs", "");
    workspace.member("other", &["ifc"], "lib.rs", "");
    workspace.member("shop", &["ifc", "audit"], "main.rs", "fn main() {}");
    let roots = Project::find(&workspace.selection("shop"))
        .unwrap()
        .source_roots();
    let names: Vec<&str> = roots
        .iter()
        .map(|root| root.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["audit", "ifc", "shop"]);
}
