//! `ifc check` where something is wrong with the build or the link: a clear error, or a wider result
//! that says so. The projects use a stand-in for the SDK, a crate of its name and the record that
//! `ifc::main!()` leaves, so that they are built in a moment in any way.
#![allow(clippy::unwrap_used)]

mod support;

use ifc_manifest::format::{DESCRIPTOR_MAGIC, Encoder};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use support::{ifc, run};
use tempfile::TempDir;

struct Shop {
    directory: TempDir,
}

const LENGTH: usize = application::<0>().length();

/// The record of an application.
const fn application<const N: usize>() -> Encoder<N> {
    let mut encoder = Encoder::new();
    encoder
        .map()
        .text_entry("record", "application")
        .text_entry("package", "shop")
        .text_entry("version", "0.1.0")
        .text_entry("file", "src/main.rs")
        .uint_entry("line", 1)
        .uint_entry("column", 1)
        .uint_entry("length", 4)
        .end();
    encoder
}

fn main_with_record() -> String {
    let body = application::<LENGTH>().into_bytes();
    let mut bytes = DESCRIPTOR_MAGIC.to_vec();
    bytes.extend([0; 4]);
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    format!(
        "#[repr(C, align(8))] struct Record([u8; {length}]);
         #[used] #[unsafe(link_section = \"ifc1_desc\")]
         static RECORD: Record = Record({bytes:?});
         fn main() {{}}",
        length = bytes.len()
    )
}

impl Shop {
    fn new() -> Shop {
        let shop = Shop {
            directory: tempfile::tempdir().unwrap(),
        };
        let manifest = |name: &str, dependencies: &str| {
            format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                 [dependencies]\n{dependencies}\n"
            )
        };
        shop.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"ifc\", \"shop\"]\n",
        );
        shop.write("ifc/Cargo.toml", &manifest("ifc", ""));
        shop.write("ifc/src/lib.rs", "");
        shop.write(
            "shop/Cargo.toml",
            &manifest("shop", "ifc = { path = \"../ifc\" }"),
        );
        shop.write("shop/src/main.rs", &main_with_record());
        shop
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn check(&self) -> Command {
        let mut command = ifc(self.directory.path());
        command
            .arg("check")
            .env("CARGO_TARGET_DIR", self.path("target"));
        command
    }

    /// A linker of a shell script.
    fn linker(&self, text: &str) -> PathBuf {
        let path = self.path("my-cc");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

#[test]
fn the_usual_link_is_read_exactly() {
    let shop = Shop::new();
    let text = run(&mut shop.check()).success();
    assert!(text.starts_with("permissions\n"), "{text}");
    // Under a path that names the analyzer: another one links anew.
    let folder = shop
        .path("target/ifc")
        .join(ifc_analyzer::link::fingerprint());
    assert!(folder.join("ifc-cc").exists());
    // Stripped too.
    shop.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"ifc\", \"shop\"]\n\
         [profile.release]\nstrip = \"symbols\"\n",
    );
    let text = run(shop.check().arg("--release")).success();
    assert!(text.starts_with("permissions\n"), "{text}");
}

#[test]
fn a_link_that_is_not_ours_to_read_is_said_and_allows_everything() {
    for (flags, why) in [
        (
            "-Clinker=cc",
            "the program was linked without `ifc` (does `RUSTFLAGS` or a configuration of cargo set",
        ),
        (
            "-Clink-arg=-Wl,--defsym=other=main",
            "`--defsym=other=main`",
        ),
        ("-Clinker-plugin-lto", "the linker itself does the LTO here"),
    ] {
        let shop = Shop::new();
        let text = run(shop.check().env("RUSTFLAGS", flags)).success();
        assert!(text.contains("could not be derived"), "{flags}: {text}");
        assert!(text.contains(why), "{flags}: {text}");
        // What was not derived is never written down as what is meant.
        let errors = run(shop.check().env("RUSTFLAGS", flags).arg("--write-lock")).failure(1);
        assert!(errors.contains("could not be derived"), "{errors}");
        assert!(!shop.path("shop/grants.lock").exists());
    }
}

#[test]
fn a_linker_of_the_users_is_called_and_may_fail() {
    let shop = Shop::new();
    let linker = shop.linker("echo called >> \"$0.log\"; exec cc \"$@\"");
    let target = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER";
    let target = match cfg!(target_arch = "x86_64") {
        true => target,
        false => "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
    };
    let text = run(shop.check().env(target, &linker)).success();
    assert!(text.starts_with("permissions\n"), "{text}");
    assert!(
        fs::read_to_string(shop.path("my-cc.log"))
            .unwrap()
            .contains("called")
    );

    shop.linker("echo 'no space in section .text' >&2; exit 3");
    shop.write(
        "shop/src/main.rs",
        &format!("{}\n// again", main_with_record()),
    );
    let errors = run(shop.check().env(target, &linker)).failure(1);
    assert!(errors.contains("no space in section .text"), "{errors}");
    assert!(!errors.contains("ifc:"), "{errors}");

    let missing = shop.path("nowhere-cc");
    let errors = run(shop.check().env(target, &missing)).failure(1);
    assert!(errors.contains("the linker `"), "{errors}");
    assert!(errors.contains("nowhere-cc` cannot be started"), "{errors}");
}

#[test]
fn a_program_that_something_damaged() {
    let shop = Shop::new();
    run(&mut shop.check()).success();
    let program = shop.path("target/debug/shop");
    let whole = fs::read(&program).unwrap();
    let damage = |bytes: &[u8]| fs::write(&program, bytes).unwrap();

    for bytes in [
        &b"not a program"[..],
        &whole[..100],
        &whole[..whole.len() / 2],
        b"",
    ] {
        damage(bytes);
        let errors = run(&mut shop.check()).failure(1);
        assert!(
            errors.contains("target/debug/shop` is not an executable"),
            "{errors}"
        );
        assert!(errors.contains("remove it"), "{errors}");
    }
    // What is embedded stands at the end: cut there, it is not readable, and that is said.
    damage(&whole[..whole.len() - 8]);
    let text = run(&mut shop.check()).success();
    assert!(text.contains("what was embedded is not readable"), "{text}");
    damage(&whole);
    assert!(
        run(&mut shop.check())
            .success()
            .starts_with("permissions\n")
    );
}

#[test]
fn a_linker_that_drops_declarations() {
    if !there("objcopy") {
        println!("skipped: there is no `objcopy`");
        return;
    }
    let shop = Shop::new();
    let script = "cc \"$@\" || exit 1\n\
                  for last; do :; done\n\
                  while [ $# -gt 0 ]; do if [ \"$1\" = -o ]; then out=$2; fi; shift; done\n\
                  objcopy --remove-section=ifc1_desc \"$out\"";
    let linker = shop.linker(script);
    let errors = run(shop.check().env("IFC_LINKER", &linker)).failure(1);
    assert!(
        errors.contains("was not built with ifc, or without `ifc::main!()`"),
        "{errors}"
    );
}

fn there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn which_program_is_meant() {
    let shop = Shop::new();
    shop.write("shop/src/bin/import.rs", "fn main() {}");
    let errors = run(&mut shop.check()).failure(2);
    assert!(
        errors.contains("2 binaries could be the application"),
        "{errors}"
    );
    assert!(errors.contains("--package shop --bin import"), "{errors}");
    let text = run(shop.check().args(["--bin", "shop"])).success();
    assert!(text.starts_with("permissions\n"), "{text}");

    fs::remove_dir_all(shop.path("shop/src")).unwrap();
    shop.write("shop/src/lib.rs", "");
    let errors = run(&mut shop.check()).failure(2);
    assert!(
        errors.contains("no package of the workspace has a binary that depends on `ifc`"),
        "{errors}"
    );
}

#[test]
fn a_program_of_another_version_or_of_nobody() {
    let shop = Shop::new();
    let source = main_with_record().replace("ifc1_desc", "ifc2_desc");
    shop.write("shop/src/main.rs", &source);
    let errors = run(&mut shop.check()).failure(1);
    assert!(
        errors.contains("are in format 2, this tool reads format 1"),
        "{errors}"
    );
    assert!(
        errors.contains("at least as new as the application's `ifc` crate"),
        "{errors}"
    );

    shop.write("shop/src/main.rs", "fn main() {}");
    let errors = run(&mut shop.check()).failure(1);
    assert!(
        errors.contains("was not built with ifc, or without `ifc::main!()`"),
        "{errors}"
    );
}
