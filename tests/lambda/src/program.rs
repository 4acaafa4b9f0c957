//! The program: built for AWS as `ifc build` does, permissions included.

use ifc_analyzer::{Features, Project, Selection};
use std::io;
use std::path::{Path, PathBuf};

/// Builds `examples/orders` for AWS, with `linker` in the place of the linker, and puts the program
/// into `folder`: the target directory is anybody's.
///
/// # Panics
/// When it does not build; cargo has said why.
pub fn build_orders(linker: &Path, folder: &Path) -> PathBuf {
    let project = Project::find(&Selection {
        directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/orders"),
        features: Features {
            enable: vec!["aws".to_owned()],
            no_default: true,
        },
        shim: Some(linker.to_owned()),
        ..Selection::default()
    });
    let project = project.expect("the example is a project");
    let built = project.build().expect("the example builds for aws");
    let program = folder.join("bootstrap");
    std::fs::copy(&built.executable, &program).expect("the program can be copied");
    program
}

/// A copy of a program as plain cargo would have linked it, as far as it can be told: the section
/// with its permissions has another name.
///
/// # Errors
/// When it cannot be read or written.
///
/// # Panics
/// When it has no permissions in it.
pub fn without_permissions(program: &Path) -> io::Result<PathBuf> {
    const NAME: &[u8] = b".ifc.permissions\0";
    let mut bytes = std::fs::read(program)?;
    // The names of sections are at the end; what looks for them has the name, too.
    let name = bytes.windows(NAME.len()).rposition(|bytes| bytes == NAME);
    bytes[name.expect("the program has permissions in it") + 1] = b'x';
    let copy = program.with_extension("plain");
    std::fs::copy(program, &copy)?;
    std::fs::write(&copy, bytes)?;
    Ok(copy)
}
