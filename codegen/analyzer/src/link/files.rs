//! The files of a link, mapped into memory: most of their bytes are never looked at.

use super::{Arguments, Input, LinkError};
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The inputs of a link, and what else of its line decides what is linked.
pub(super) struct Files {
    pub(super) inputs: Vec<InputFile>,
    /// Symbols that are linked whether or not something refers to them.
    pub(super) wanted: Vec<String>,
    /// Functions that the system calls besides the usual ones.
    pub(super) entries: Vec<String>,
}

/// An object or an archive.
pub(super) struct InputFile {
    pub(super) path: PathBuf,
    content: Box<dyn AsRef<[u8]> + Send + Sync>,
    /// All members are linked, needed or not.
    pub(super) whole: bool,
}

impl InputFile {
    pub(super) fn new(
        path: PathBuf,
        content: impl AsRef<[u8]> + Send + Sync + 'static,
        whole: bool,
    ) -> InputFile {
        InputFile {
            path,
            content: Box::new(content),
            whole,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        (*self.content).as_ref()
    }
}

impl Files {
    pub(super) fn read(arguments: &Arguments, directory: &Path) -> Result<Files, LinkError> {
        let mut paths = Vec::new();
        for input in &arguments.inputs {
            match input {
                Input::File(path) => paths.push((directory.join(path), false)),
                Input::Whole(path) => paths.push((directory.join(path), true)),
                Input::Library { name, fixed, whole } => {
                    if let Some(path) = library(name, *fixed, arguments, directory) {
                        paths.push((path, *whole));
                    }
                }
            }
        }
        let mut inputs = Vec::with_capacity(paths.len());
        for (path, whole) in paths {
            // A shared library is not analysed: it can call into the program only through
            // addresses that the program gave it, or through exported symbols.
            if is_shared(&path) {
                continue;
            }
            match File::open(&path).and_then(|file| map(&file)) {
                Ok(content) => inputs.push(InputFile::new(path, content, whole)),
                Err(error) => return Err(LinkError::Unreadable { path, error }),
            }
        }
        Ok(Files {
            inputs,
            wanted: arguments.wanted.clone(),
            entries: arguments.entries.clone(),
        })
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: The file must not change while it is mapped. It is an input of a link that is going
    // on: cargo holds its lock on the directory, and the linker, which maps the same files, would
    // be betrayed as well.
    unsafe { Mmap::map(file) }
}

fn is_shared(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.")
}

/// The archive behind `-lname`, if it is one. A library that is found nowhere, or as a shared one
/// first, belongs to the system: the C library and the like.
fn library(name: &str, fixed: bool, arguments: &Arguments, directory: &Path) -> Option<PathBuf> {
    for search in &arguments.search {
        let folder = directory.join(search);
        if let Some(file) = name.strip_prefix(':') {
            let path = folder.join(file);
            if path.is_file() {
                return (!is_shared(&path)).then_some(path);
            }
            continue;
        }
        if !fixed && folder.join(format!("lib{name}.so")).is_file() {
            return None;
        }
        let archive = folder.join(format!("lib{name}.a"));
        if archive.is_file() {
            return Some(archive);
        }
    }
    None
}
