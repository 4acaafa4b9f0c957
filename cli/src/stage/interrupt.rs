//! Ctrl-C while the engine writes: once to begin nothing new, twice to leave at once.

use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::terminal;
use ifc_engine::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::time::Duration;

/// How long the engine may take to leave at once. A provider may be in the middle of a call that
/// blocks; the next command finds out what became of it, as it does after a kill.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Passes signals on until it is dropped. Before and after, they end the command as usual.
pub(crate) struct Interrupt {
    handle: Handle,
}

impl Interrupt {
    pub(crate) fn forward(stop: &StopSignal) -> Result<Interrupt, Failure> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .context(|| "cannot wait for Ctrl-C".to_owned())?;
        let handle = signals.handle();
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut first = true;
            for _ in signals.forever() {
                stop.request();
                if first {
                    terminal::status(
                        "Stopping",
                        "what has begun is finished, nothing else is begun; once more leaves at once",
                    );
                    first = false;
                } else {
                    std::thread::sleep(AT_ONCE);
                    terminal::show_failure(&left());
                    std::process::exit(Exit::Failure.code().into());
                }
            }
        });
        Ok(Interrupt { handle })
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// What is said when the command was left at once.
pub(crate) fn left() -> Failure {
    Failure::new("left at once, with steps under way")
        .help("run the command again: it finds out what became of them and goes on from there")
}
