//! Notices that a source file changed.

use crate::failure::{Context as _, Failure};
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::{Path, PathBuf};

/// Sees changes until it is dropped.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    roots: Vec<PathBuf>,
}

impl Watch {
    /// Calls `changed` with every source file that changes below one of `roots`. Files below
    /// `ignored` and in directories that hold no sources are left out.
    pub(super) fn start(
        roots: Vec<PathBuf>,
        ignored: Vec<PathBuf>,
        changed: impl Fn(PathBuf) + Send + 'static,
    ) -> Result<Watch, Failure> {
        let below = roots.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error means that changes were missed; the next one is seen again.
            let Ok(event) = event else { return };
            if !changes_content(event.kind) {
                return;
            }
            for path in event.paths {
                if is_source(&path, &below, &ignored) {
                    changed(path);
                }
            }
        })
        .context(|| "cannot watch files".to_owned())?;
        let mut watch = Watch { watcher, roots };
        for root in watch.roots.clone() {
            watch.add(&root)?;
        }
        Ok(watch)
    }

    fn add(&mut self, root: &Path) -> Result<(), Failure> {
        self.watcher
            .watch(root, RecursiveMode::Recursive)
            .context(|| format!("cannot watch `{}`", root.display()))
    }
}

fn changes_content(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) | EventKind::Remove(_) => true,
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Metadata(_)),
        EventKind::Any | EventKind::Access(_) | EventKind::Other => false,
    }
}

/// Whether a change of `path` can change the program.
fn is_source(path: &Path, roots: &[PathBuf], ignored: &[PathBuf]) -> bool {
    if ignored.iter().any(|directory| path.starts_with(directory)) {
        return false;
    }
    // The root itself may stand in a hidden directory.
    let Some(below) = roots.iter().find_map(|root| path.strip_prefix(root).ok()) else {
        return false;
    };
    let hidden = below.components().any(|component| {
        let name = component.as_os_str().as_encoded_bytes();
        // `.cargo` holds flags, everything else that is hidden is somebody's own.
        (name.starts_with(b".") && name != b".cargo") || name == b"target"
    });
    // What editors write beside the file they save.
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let temporary = name.ends_with(b"~")
        || name.ends_with(b".swp")
        || name.ends_with(b".swx")
        || name.ends_with(b".tmp")
        || name == b"4913";
    !hidden && !temporary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_from_the_rest() {
        let roots = [PathBuf::from("/srv/.work/shop")];
        let ignored = [PathBuf::from("/srv/.work/shop/build")];
        for (path, expected) in [
            ("src/main.rs", true),
            ("Cargo.toml", true),
            ("templates/mail.html", true),
            (".cargo/config.toml", true),
            (".ifc/local/store.redb", false),
            (".git/index", false),
            ("target/debug/shop", false),
            ("build/debug/shop", false),
            ("src/.main.rs.swp", false),
            ("src/main.rs~", false),
            ("src/4913", false),
            ("src/target/mod.rs", false),
        ] {
            let path = roots[0].join(path);
            assert_eq!(
                is_source(&path, &roots, &ignored),
                expected,
                "{}",
                path.display()
            );
        }
        assert!(!is_source(Path::new("/etc/passwd"), &roots, &ignored));
    }
}
