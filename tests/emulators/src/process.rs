//! A program with everything that it started, which ends with its owner.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Runs "$@" in the foreground, and beside it something that waits for the end of our input and
/// then kills the whole group. Our input ends when the process that started us ends in whatever
/// way, also when it is killed or aborts, in which case nothing is dropped.
const SUPERVISOR: &str = r#"exec 3<&0; (cat <&3 >/dev/null; kill -9 0) & "$@" 3<&- </dev/null"#;

/// A program in a process group of its own, killed as a group when this is dropped.
#[derive(Debug)]
pub(crate) struct Supervised {
    child: Child,
    log: PathBuf,
}

impl Supervised {
    /// Starts `program` in `folder`, with its output in the file `log` there.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        environment: &[(&str, String)],
        folder: &Path,
    ) -> io::Result<Supervised> {
        let log = folder.join("log");
        let output = File::create(&log)?;
        let child = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        Ok(Supervised { child, log })
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends the program, which is in the foreground of its supervisor, the signal to end, and waits
    /// for that. Returns its exit code; `None` when the signal ended it.
    pub(crate) fn terminate(&mut self) -> io::Result<Option<i32>> {
        let supervisor = self.child.id();
        let children = format!("/proc/{supervisor}/task/{supervisor}/children");
        let children = std::fs::read_to_string(children)?;
        // The first is the one that waits for our end.
        let program = children.split_whitespace().nth(1);
        let program = program.and_then(|id| Pid::from_raw(id.parse().ok()?));
        let program = program.ok_or(io::ErrorKind::NotFound)?;
        kill_process(program, Signal::TERM)?;
        // To wait would close its input, upon which everything is killed.
        let ended = loop {
            match self.child.try_wait()? {
                Some(ended) => break ended,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        // A shell says 128 and the signal for what a signal ended.
        let code = ended.code();
        Ok(code.filter(|code| *code != 128 + Signal::TERM.as_raw()))
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_else(|error| format!("cannot read {}: {error}", self.log.display()))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = id {
            // The group outlives its first process, because the one that waits for our end is in it.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::test_kill_process;
    use std::time::Instant;

    /// Polls until `condition`; the limit only bounds a failing test.
    fn eventually(mut condition: impl FnMut() -> bool) -> bool {
        let limit = Instant::now() + Duration::from_secs(30);
        while Instant::now() < limit {
            if condition() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn shell(script: &str, folder: &Path) -> Supervised {
        Supervised::start(
            Path::new("sh"),
            &["-c".to_owned(), script.to_owned()],
            &[("GREETING", "hello".to_owned())],
            folder,
        )
        .unwrap()
    }

    fn number_in(log: &str) -> Option<Pid> {
        Pid::from_raw(log.lines().next()?.parse().ok()?)
    }

    fn gone(id: Pid) -> bool {
        test_kill_process(id).is_err()
    }

    #[test]
    fn what_the_program_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let program = shell("sleep 1000 & echo $!; wait", folder.path());
        assert!(eventually(|| number_in(&program.log()).is_some()));
        let grandchild = number_in(&program.log()).unwrap();
        assert!(!gone(grandchild));
        drop(program);
        assert!(eventually(|| gone(grandchild)), "{grandchild:?} still runs");
    }

    #[test]
    fn it_ends_when_its_owner_ends_without_dropping_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell("echo $$; exec sleep 1000", folder.path());
        assert!(eventually(|| number_in(&program.log()).is_some()));
        let id = number_in(&program.log()).unwrap();
        // What the kernel does for a process that is killed.
        drop(program.child.stdin.take());
        assert!(eventually(|| gone(id) || program.ended().unwrap().is_some()));
    }

    #[test]
    fn a_program_that_is_told_to_stop_says_how_it_ended() {
        for (script, code) in [
            (
                "trap 'exit 3' TERM; echo; while :; do sleep 0.01; done",
                Some(3),
            ),
            ("echo; exec sleep 1000", None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut program = shell(script, folder.path());
            assert!(eventually(|| !program.log().is_empty()));
            assert_eq!(program.terminate().unwrap(), code);
        }
    }

    #[test]
    fn an_early_end_is_noticed_with_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell("echo $GREETING; exit 7", folder.path());
        assert!(eventually(|| program.ended().unwrap().is_some()));
        assert_eq!(program.ended().unwrap().unwrap().code(), Some(7));
        assert_eq!(program.log(), "hello\n");
    }
}
