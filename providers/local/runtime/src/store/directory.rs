//! The data directory: who holds it, which format it has, where things are in it.
//!
//! Nothing in a directory is touched before its lock is held and its format is known.

use super::OpenError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// The format this version reads and writes.
const FORMAT: u32 = 1;

/// A data directory that this process holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// The operating system releases the lock with the file, also when the process is killed.
    _lock: File,
}

impl Directory {
    /// Takes the directory, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, when another process holds it, when its format is newer.
    pub(crate) fn open(path: &Path) -> Result<Directory, OpenError> {
        let failed = |error| OpenError::Unusable {
            path: path.to_owned(),
            error,
        };
        if !path.exists() {
            fs::create_dir_all(path).map_err(failed)?;
            // What a laptop gathers belongs into no repository.
            fs::write(path.join(".gitignore"), "*\n").map_err(failed)?;
        }
        let lock = lock(path)?;
        let directory = Directory {
            path: path.to_owned(),
            _lock: lock,
        };
        directory.check_format()?;
        Ok(directory)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file with the store.
    pub(crate) fn store_file(&self) -> PathBuf {
        self.path.join("store.redb")
    }

    /// Whether a store was completely made here before.
    pub(crate) fn is_initialised(&self) -> bool {
        self.format_file().exists()
    }

    /// Says that the store is complete. From now on a missing store is damage.
    pub(crate) fn set_initialised(&self) -> io::Result<()> {
        let mut file = File::create(self.format_file())?;
        file.write_all(format!("{FORMAT}\n").as_bytes())?;
        file.sync_all()?;
        // The names of the new files must survive a power failure too.
        File::open(&self.path)?.sync_all()
    }

    fn format_file(&self) -> PathBuf {
        self.path.join("VERSION")
    }

    fn check_format(&self) -> Result<(), OpenError> {
        let text = match fs::read_to_string(self.format_file()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(OpenError::Unusable {
                    path: self.format_file(),
                    error,
                });
            }
        };
        match text.trim().parse::<u32>() {
            Ok(FORMAT) => Ok(()),
            Ok(found) if found > FORMAT => Err(OpenError::Newer {
                path: self.path.clone(),
                found,
                known: FORMAT,
            }),
            _ => Err(OpenError::Damaged {
                path: self.format_file(),
                finding: format!("`{}` is not a format version", text.trim()),
            }),
        }
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let failed = |error| OpenError::Unusable {
        path: path.to_owned(),
        error,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            // The number is for people only, so nothing depends on it getting to the disk.
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| write!(file, "{}", std::process::id()))
                .map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Err(OpenError::InUse {
                path: path.to_owned(),
                process: holder.trim().parse().ok(),
            })
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
