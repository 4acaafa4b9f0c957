//! What an apply is doing, while it does it: on a terminal a line for each part that is under way,
//! with the time it takes; elsewhere one plain line for each part that is done.

use crate::render::outcome::{duration, under_way, verb};
use crate::stage::host_shown;
use crate::terminal::{self, ERROR, HEADING, QUIET, paint};
use ifc_engine::{ApplyEvent, Holder, PartAddress, Phase};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the lines are drawn anew, for the time they show.
const REDRAW: Duration = Duration::from_millis(200);

/// More lines than this push what was said before off the screen.
const LINES_MAX: usize = 10;

/// The progress of one apply. What is under way disappears when this is dropped.
pub(crate) struct Progress {
    lines: Arc<Mutex<Lines>>,
    ended: Arc<AtomicBool>,
    ticker: Option<JoinHandle<()>>,
}

struct Lines {
    live: bool,
    running: BTreeMap<(PartAddress, &'static str), Running>,
    /// How many lines stand below what has been said for good.
    drawn: usize,
    /// Who holds the lock, once that has been said.
    waiting_for: Option<u32>,
}

struct Running {
    label: String,
    since: Instant,
    note: Option<String>,
}

impl Progress {
    pub(crate) fn start() -> Progress {
        let live = terminal::is_live();
        let lines = Arc::new(Mutex::new(Lines {
            live,
            running: BTreeMap::new(),
            drawn: 0,
            waiting_for: None,
        }));
        let ended = Arc::new(AtomicBool::new(false));
        let ticker = live.then(|| {
            let (lines, ended) = (lines.clone(), ended.clone());
            std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    lock(&lines).say(None);
                    std::thread::park_timeout(REDRAW);
                }
            })
        });
        Progress {
            lines,
            ended,
            ticker,
        }
    }

    /// Something happened to a step.
    pub(crate) fn event(&self, event: &ApplyEvent<'_>) {
        let mut lines = lock(&self.lines);
        let key = (event.address.clone(), event.call);
        match event.phase {
            Phase::Waiting | Phase::Queued => {}
            Phase::Done => {
                lines.running.remove(&key);
                lines.say(Some(&done(event)));
            }
            Phase::Failed => {
                lines.running.remove(&key);
                lines.say(Some(&format!(
                    "{} {}",
                    paint(ERROR, &format!("{:>12}", "Failed")),
                    event.label
                )));
            }
            // The summary says why.
            Phase::Blocked | Phase::Left => {
                lines.running.remove(&key);
            }
            _ => {
                let running = lines.running.entry(key).or_insert_with(|| Running {
                    label: event.label.to_owned(),
                    since: Instant::now(),
                    note: None,
                });
                running.note = event.note.map(str::to_owned);
            }
        }
    }

    /// Somebody else holds the lock. It is said once.
    pub(crate) fn waiting(&self, holder: &Holder) {
        let mut lines = lock(&self.lines);
        if lines.waiting_for != Some(holder.process) {
            lines.waiting_for = Some(holder.process);
            lines.say(Some(&format!(
                "{} for `{}` on `{}`, process {}, which runs `{}`",
                paint(HEADING, &format!("{:>12}", "Waiting")),
                holder.person,
                host_shown(&holder.host),
                holder.process,
                holder.command
            )));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            let _ = ticker.join();
        }
        let mut lines = lock(&self.lines);
        lines.running.clear();
        lines.say(None);
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

fn done(event: &ApplyEvent<'_>) -> String {
    let mut line = format!(
        "{} {}",
        paint(HEADING, &format!("{:>12}", verb(event.call))),
        event.label
    );
    // What takes no time to speak of is the same line every time.
    if event.elapsed >= Duration::from_secs(1) {
        line.push_str(&paint(QUIET, &format!("  {}", duration(event.elapsed))));
    }
    line
}

impl Lines {
    /// Says a line for good, if there is one, and draws what is under way below it.
    fn say(&mut self, line: Option<&str>) {
        let mut text = String::new();
        if self.drawn > 0 {
            // To the first of the lines, and nothing from there on.
            text.push_str(&format!("\u{1b}[{}A\u{1b}[J", self.drawn));
        }
        if let Some(line) = line {
            text.push_str(line);
            text.push('\n');
        }
        let live = match self.live {
            true => self.live_lines(terminal::width()),
            false => Vec::new(),
        };
        self.drawn = live.len();
        for line in live {
            text.push_str(&paint(QUIET, &line));
            text.push('\n');
        }
        if !text.is_empty() {
            let mut errors = anstream::stderr().lock();
            // Progress that nobody can see is no reason to stop.
            let _ = errors
                .write_all(text.as_bytes())
                .and_then(|()| errors.flush());
        }
    }

    fn live_lines(&self, width: usize) -> Vec<String> {
        let shown = match self.running.len() {
            count if count > LINES_MAX => LINES_MAX - 1,
            count => count,
        };
        let mut lines: Vec<String> = self
            .running
            .iter()
            .take(shown)
            .map(|((_, call), running)| {
                let note = running.note.as_ref();
                let note = note.map_or_else(String::new, |note| format!("  {note}"));
                format!(
                    "{:>12} {}  {}{note}",
                    under_way(call),
                    running.label,
                    duration(running.since.elapsed())
                )
            })
            .collect();
        if shown < self.running.len() {
            let more = self.running.len() - shown;
            lines.push(format!("{:>12} {more} more", "and"));
        }
        // A line that wraps would be counted as one and erased as one.
        lines
            .into_iter()
            .map(|line| {
                let line = line.chars().filter(|sign| !sign.is_control());
                line.take(width.saturating_sub(1)).collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_fits_the_screen() {
        let mut lines = Lines {
            live: true,
            running: BTreeMap::new(),
            drawn: 0,
            waiting_for: None,
        };
        for number in 0..12 {
            let address: PartAddress = format!("r{number:02}/queue").parse().unwrap();
            lines.running.insert(
                (address, "create"),
                Running {
                    label: format!("queue `r{number:02}`"),
                    since: Instant::now(),
                    note: Some("the provider is\nmaking it, which takes a while".to_owned()),
                },
            );
        }
        let drawn = lines.live_lines(40);
        assert_eq!(drawn.len(), LINES_MAX);
        assert_eq!(drawn[9], "         and 3 more");
        assert!(
            drawn[0].starts_with("    Creating queue `r00`  "),
            "{drawn:?}"
        );
        assert!(drawn.iter().all(|line| line.chars().count() < 40));
    }
}
