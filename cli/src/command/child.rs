//! A running application: starting, showing what it prints, stopping. `ifc dev` and `ifc serve`
//! decide when.

use crate::failure::{Context as _, Failure};
use crate::render::log::{ErrorLines, LogStyle};
use crate::terminal;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long an application may take to finish what it is doing.
const GRACE: Duration = Duration::from_secs(10);

/// How often to look whether it has ended. Nothing else can tell without a thread for it.
const LOOK: Duration = Duration::from_millis(20);

/// A running application. It is killed when this is dropped.
pub(super) struct Application {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Application {
    /// Starts `command` and shows what it prints.
    pub(super) fn start(mut command: Command, style: &LogStyle) -> Result<Application, Failure> {
        // A process group of its own: Ctrl-C reaches us alone, and we stop it once, in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context(|| "cannot start the application".to_owned())?;
        let style = style.clone();
        let mut errors = ErrorLines::default();
        let output = child.stdout.take().expect("standard output is piped");
        let error = child.stderr.take().expect("standard error is piped");
        let readers = vec![
            std::thread::spawn(move || {
                each_line(output, |line| {
                    let _ = terminal::print(&format!("{}\n", style.output(line)));
                });
            }),
            std::thread::spawn(move || {
                each_line(error, |line| {
                    if let Some(line) = errors.line(line) {
                        anstream::eprintln!("{line}");
                    }
                });
            }),
        ];
        Ok(Application { child, readers })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        self.finish_output();
        Some(status)
    }

    /// Lets it finish what it is doing, at most for a while.
    pub(super) fn stop(mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself in the meantime.
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        let deadline = Instant::now() + GRACE;
        while asked && Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                self.finish_output();
                return;
            }
            std::thread::sleep(LOOK);
        }
        if asked {
            terminal::warn(&format!(
                "the application did not stop within {} s and is killed; messages that it was \
                 handling come again",
                GRACE.as_secs()
            ));
        }
    }

    /// Shows the rest of what it printed.
    fn finish_output(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls `stop` whenever the user wants to stop, until it says that nobody listens.
pub(super) fn forward_signals(stop: impl Fn() -> bool + Send + 'static) -> Result<(), Failure> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context(|| "cannot wait for Ctrl-C".to_owned())?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if !stop() {
                return;
            }
        }
    });
    Ok(())
}

/// Calls `show` with each line. Bytes that are not UTF-8 are replaced, not lost with their line.
fn each_line(source: impl Read, mut show: impl FnMut(&str)) {
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    while matches!(source.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&line);
        show(text.trim_end_matches(['\n', '\r']));
        line.clear();
    }
}
