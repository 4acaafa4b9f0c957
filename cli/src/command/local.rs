//! `ifc local`: what the local provider keeps on this machine.

use super::queue;
use crate::access::{Access, Running, Status, read};
use crate::application;
use crate::arguments::{Global, Local, LocalReset};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::terminal::{self, NAME, columns, paint};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

pub(crate) fn run(global: &Global, local: &Local) -> Result<Exit, Failure> {
    match local {
        Local::Status(output) => {
            let answer = Access::of_development(global)?.status()?;
            if output.json {
                terminal::print_json(&answer)?;
            } else {
                terminal::print(&status(&read(&answer)?))?;
            }
        }
        Local::Reset(reset) => {
            let project = application::find(global)?;
            self::reset(&application::data_directory(&project), reset)?;
        }
    }
    Ok(Exit::Success)
}

fn status(status: &Status) -> String {
    let mut text = match status.pid {
        Some(pid) => format!("running, process {pid}\n"),
        None => "not running\n".to_owned(),
    };
    if let Some(next) = &status.next_schedule {
        text.push_str(&format!(
            "next schedule {} at {}\n",
            paint(NAME, &next.unit),
            next.due
        ));
    }
    let rows: Vec<Vec<String>> = status
        .queues
        .iter()
        .map(|(name, depth)| vec![format!("queue {}", paint(NAME, name)), queue::depth(depth)])
        .collect();
    text + &columns(&rows)
}

/// The files that the local provider makes. Nothing else in the directory is ours to delete, and a
/// directory without the first of them is not a data directory at all.
const FILES: [&str; 6] = [
    "store.redb",
    "VERSION",
    "control.json",
    "control.json.new",
    ".gitignore",
    "lock",
];

fn reset(directory: &Path, reset: &LocalReset) -> Result<(), Failure> {
    let shown = application::shown(directory);
    if !directory.join(FILES[0]).exists() && !directory.join(FILES[1]).exists() {
        terminal::status(
            "Nothing",
            &format!("to delete: there is no data in `{shown}`"),
        );
        return Ok(());
    }
    if let Some(running) = Running::find(directory)? {
        return Err(in_use(&shown, &format!("process {}", running.pid())));
    }
    // Held until the end, so that no application starts on half of the files.
    let _lock = lock(directory, &shown)?;
    let files: Vec<PathBuf> = FILES
        .iter()
        .map(|name| directory.join(name))
        .filter(|file| file.exists())
        .collect();
    let size: u64 = files
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .map(|metadata| metadata.len())
        .sum();
    let what = format!(
        "all items, messages, secrets and configuration values in `{shown}` ({})",
        size_text(size)
    );
    if !reset.yes {
        if !terminal::is_interactive() {
            return Err(Failure::usage(format!("this deletes {what}"))
                .help("add `--yes` to do so without being asked"));
        }
        if !terminal::confirm(&format!("Delete {what}?"))? {
            terminal::status("Kept", "everything");
            return Ok(());
        }
    }
    for file in &files {
        fs::remove_file(file).context(|| format!("cannot delete `{}`", file.display()))?;
    }
    // Stays when something of the user's is in it.
    let _ = fs::remove_dir(directory);
    terminal::status("Deleted", &what);
    Ok(())
}

fn in_use(directory: &str, holder: &str) -> Failure {
    Failure::new(format!("the data in `{directory}` is in use by {holder}"))
        .help("stop the application first")
}

fn lock(directory: &Path, shown: &str) -> Result<File, Failure> {
    let path = directory.join("lock");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .context(|| format!("cannot open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(in_use(shown, "another process")),
        Err(TryLockError::Error(error)) => {
            Err(Failure::new(format!("cannot lock `{}`", path.display())).because(error))
        }
    }
}

fn size_text(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset_yes(directory: &Path) -> Result<(), Failure> {
        reset(directory, &LocalReset { yes: true })
    }

    #[test]
    fn only_what_is_ours_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let notes = directory.path().join("notes.txt");
        fs::write(&notes, "mine").unwrap();

        // Not a data directory: nothing is touched, not even files of our names.
        fs::write(directory.path().join(".gitignore"), "*").unwrap();
        reset_yes(directory.path()).unwrap();
        assert!(directory.path().join(".gitignore").exists());

        fs::write(directory.path().join("VERSION"), "1\n").unwrap();
        fs::write(directory.path().join("store.redb"), "data").unwrap();
        reset_yes(directory.path()).unwrap();
        let left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(left, [notes]);
    }

    #[test]
    fn not_while_it_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("VERSION"), "1\n").unwrap();
        let held = lock(directory.path(), "data").unwrap();
        let failure = reset_yes(directory.path()).unwrap_err();
        assert!(
            failure.message.contains("in use by another process"),
            "{failure:?}"
        );
        assert!(directory.path().join("VERSION").exists());
        drop(held);
        reset_yes(directory.path()).unwrap();
        assert!(!directory.path().exists());
    }

    #[test]
    fn without_an_answer_nothing_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("VERSION");
        fs::write(&file, "1\n").unwrap();
        // The tests have no terminal to answer on.
        if !terminal::is_interactive() {
            let failure = reset(directory.path(), &LocalReset { yes: false }).unwrap_err();
            assert_eq!(failure.code, Exit::Usage);
            assert!(file.exists());
        }
    }
}
