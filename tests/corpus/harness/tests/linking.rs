//! Programs linked through the analyzer, in the ways in which linkers are called: what is embedded
//! must be there, once, and the link must be as it would be without us.
#![allow(clippy::unwrap_used)]

use ifc_analyzer::link::{Embedded, SECTION, embedded};
use object::{Object as _, ObjectSection as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const LINKER: &str = env!("CARGO_BIN_EXE_ifc-corpus-cc");

/// A folder with a program that says hello.
fn workshop(source: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("main.rs"), source).unwrap();
    directory
}

const HELLO: &str = "fn main() { println!(\"hello\") }";

fn rustc(directory: &Path, linker: &str, arguments: &[&str]) -> Output {
    Command::new("rustc")
        .current_dir(directory)
        .args(["main.rs", "-o", "program", "--edition=2024"])
        .arg(format!("-Clinker={linker}"))
        .args(arguments)
        .env_remove("IFC_LINKER")
        .output()
        .unwrap()
}

fn link(directory: &Path, arguments: &[&str]) -> PathBuf {
    let output = rustc(directory, LINKER, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    directory.join("program")
}

fn read(program: &Path) -> Embedded {
    let bytes = std::fs::read(program).unwrap();
    let embedded = embedded(&*bytes).unwrap().unwrap();
    let text = serde_json::to_vec(&embedded).unwrap();
    let found = bytes.windows(text.len()).filter(|part| *part == text);
    assert_eq!(found.count(), 1, "what is embedded is there once");
    embedded
}

fn says_hello(program: &Path) -> bool {
    let output = Command::new(program).output().unwrap();
    output.status.success() && output.stdout == b"hello\n"
}

/// What rustc and users do with linkers.
const WAYS: &[&[&str]] = &[
    &[],
    &["-Cdebuginfo=2"],
    &["-Cdebuginfo=2", "-Csplit-debuginfo=packed"],
    &["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"],
    &[
        "-Cdebuginfo=2",
        "-Clink-arg=-Wl,--compress-debug-sections=zlib",
    ],
    &["-Cstrip=symbols"],
    &["-Cstrip=debuginfo", "-Cdebuginfo=1"],
    &["-Copt-level=3", "-Clto=fat", "-Ccodegen-units=1"],
    &["-Clink-arg=-Wl,--build-id=sha1"],
    &["-Clink-arg=-Wl,--no-gc-sections"],
    &[
        "-Clink-arg=-Wl,--gc-sections",
        "-Clink-arg=-Wl,--emit-relocs",
    ],
    &["-Clinker-features=-lld"],
    &["-Clinker-features=-lld", "-Cstrip=symbols"],
    &["-Clinker-features=-lld", "-Clink-arg=-fuse-ld=gold"],
    &["-Ctarget-feature=+crt-static"],
    &["-Crelocation-model=static"],
];

#[test]
fn every_usual_way_of_linking() {
    let directory = workshop(HELLO);
    for way in WAYS {
        if way.contains(&"-Clink-arg=-fuse-ld=gold") && !there("ld.gold") {
            println!("skipped: {way:?}: there is no ld.gold");
            continue;
        }
        let program = link(directory.path(), way);
        assert!(
            matches!(read(&program), Embedded::Permissions(_)),
            "{way:?}"
        );
        assert!(says_hello(&program), "{way:?}");
        let first = std::fs::read(&program).unwrap();
        link(directory.path(), way);
        assert!(
            first == std::fs::read(&program).unwrap(),
            "{way:?}: equal input"
        );
    }
    let left: Vec<_> = directory.path().read_dir().unwrap().collect();
    let left = left.iter().map(|entry| entry.as_ref().unwrap().file_name());
    assert!(
        left.clone()
            .all(|name| !name.to_string_lossy().contains("ifc-permissions"))
    );
}

fn there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn other_tools_keep_what_is_embedded() {
    let directory = workshop(HELLO);
    let program = link(directory.path(), &["-Cdebuginfo=1"]);
    let before = read(&program);
    for tool in [&["strip"][..], &["objcopy", "--strip-debug"], &["objcopy"]] {
        if !there(tool[0]) {
            println!("skipped: there is no `{}`", tool[0]);
            continue;
        }
        let copy = directory.path().join("copy");
        std::fs::copy(&program, &copy).unwrap();
        let status = Command::new(tool[0]).args(&tool[1..]).arg(&copy).status();
        assert!(status.unwrap().success(), "{tool:?}");
        assert_eq!(read(&copy), before, "{tool:?}");
        assert!(says_hello(&copy), "{tool:?}");
    }
}

/// A linker of a shell script, which does something and calls the usual one.
fn script(directory: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join("my-cc");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn link_by_script(directory: &Path, text: &str) -> Output {
    let linker = script(directory, text);
    Command::new("rustc")
        .current_dir(directory)
        .args(["main.rs", "-o", "program", "--edition=2024"])
        .arg(format!("-Clinker={LINKER}"))
        .env("IFC_LINKER", linker)
        .output()
        .unwrap()
}

#[test]
fn a_linker_that_fails_fails_as_without_us() {
    let source = "unsafe extern \"C\" { fn nowhere_to_be_found(); }\n\
                  fn main() { unsafe { nowhere_to_be_found() } }";
    let directory = workshop(source);
    let through = rustc(directory.path(), LINKER, &[]);
    let plain = rustc(directory.path(), "cc", &[]);
    assert!(!through.status.success() && !plain.status.success());
    let complaints = |output: &Output| -> Vec<String> {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = text
            .lines()
            .filter(|line| line.contains("nowhere_to_be_found"));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert!(!complaints(&plain).is_empty());
    assert_eq!(complaints(&through), complaints(&plain));
    let text = String::from_utf8_lossy(&through.stderr).into_owned();
    assert!(!text.contains("ifc:"), "{text}");
}

#[test]
fn a_linker_that_treats_our_section_in_its_own_way() {
    let directory = workshop(HELLO);
    let path = directory.path();
    // It is compressed in the first link, and whoever reads it there finds something else.
    let once = "cc \"$@\" || exit 1\n\
                test -e once || objcopy --compress-debug-sections \
                --set-section-alignment .ifc.permissions=64 \
                --update-section .ifc.permissions=/dev/null program 2>/dev/null\n\
                touch once";
    if there("objcopy") {
        let output = link_by_script(path, once);
        assert!(output.status.success(), "{output:?}");
        assert!(matches!(
            read(&path.join("program")),
            Embedded::Permissions(_)
        ));
    } else {
        println!("skipped: there is no objcopy");
    }
    // One that drops it leaves a program that says nothing; nobody invents something.
    let drops = "cc \"$@\" && strip --remove-section=.ifc.permissions program";
    if there("strip") {
        let output = link_by_script(path, drops);
        assert!(output.status.success(), "{output:?}");
        let bytes = std::fs::read(path.join("program")).unwrap();
        assert_eq!(embedded(&*bytes), Ok(None));
        assert!(says_hello(&path.join("program")));
    }
}

#[test]
fn what_cannot_be_analysed_links_and_says_why() {
    let directory = workshop(HELLO);
    for (arguments, why) in [
        (
            &["-Clink-arg=-Wl,--defsym=other=main"][..],
            "`--defsym=other=main`",
        ),
        (
            &["-Clinker-plugin-lto", "-Clink-arg=-Wl,--lto-O1"][..],
            "LLVM bitcode",
        ),
    ] {
        let output = rustc(directory.path(), LINKER, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let program = directory.path().join("program");
        assert!(says_hello(&program));
        let Embedded::Unavailable(reason) = read(&program) else {
            panic!("{arguments:?} was analysed");
        };
        assert!(reason.contains(why), "{reason}");
    }
}

#[test]
fn the_section_is_not_loaded_and_equal_programs_have_one_build_id() {
    let directory = workshop(HELLO);
    let id = |arguments: &[&str]| {
        let program = link(directory.path(), arguments);
        let bytes = std::fs::read(program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let section = file.section_by_name(SECTION).unwrap();
        assert_eq!(section.address(), 0);
        let (offset, size) = section.file_range().unwrap();
        assert_eq!(offset + size, bytes.len() as u64);
        file.build_id().unwrap().unwrap().to_owned()
    };
    let arguments = ["-Clink-arg=-Wl,--build-id=sha1"];
    assert_eq!(id(&arguments), id(&arguments));
}
