//! Commands on their way into a transaction, and the thread that commits them together.

use super::database::Database;
use super::{Fault, Transaction};
use ifc_runtime::Error;
use std::any::Any;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// What a command makes, whatever its type. One type for all of them, because everything that is
/// generic over the command is compiled once for each, in every application.
pub(super) type Value = Box<dyn Any + Send>;

/// A command of any kind.
pub(super) type Command = Box<dyn FnOnce(&mut Transaction<'_, '_>) -> Result<Value, Fault> + Send>;

/// A command with the place of its answer.
pub(super) struct Job {
    command: Option<Command>,
    result: Option<Result<Value, Error>>,
    reply: oneshot::Sender<Result<Value, Error>>,
}

impl Job {
    /// A command as a job, and where its answer will be.
    pub(super) fn new(command: Command) -> (Job, oneshot::Receiver<Result<Value, Error>>) {
        let (reply, receiver) = oneshot::channel();
        let job = Job {
            command: Some(command),
            result: None,
            reply,
        };
        (job, receiver)
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Only when the storage fails.
    pub(super) fn run(&mut self, transaction: &mut Transaction<'_, '_>) -> Result<(), redb::Error> {
        let Some(command) = self.command.take() else {
            return Ok(());
        };
        match command(transaction) {
            Ok(value) => self.result = Some(Ok(value)),
            Err(Fault::Refused(error)) => self.result = Some(Err(error)),
            Err(Fault::Storage(error)) => return Err(error),
        }
        Ok(())
    }

    /// Hands out the command's own result, or the failure that became of the commit.
    pub(super) fn answer(self, failure: Option<Error>) {
        let answer = match (failure, self.result) {
            // A refusal stands whatever becomes of the commit: it wrote nothing.
            (_, Some(Err(refusal))) => Err(refusal),
            (Some(failure), _) => Err(failure),
            (None, Some(answer)) => answer,
            // Dropping the sender tells the caller.
            (None, None) => return,
        };
        // The caller may be gone; the command was carried out all the same.
        let _ = self.reply.send(answer);
    }
}

/// With so many commands a commit takes no more along: the first ones have waited long enough.
const JOBS_MAX: usize = 1_000;

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    closed: bool,
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

/// The thread that runs and commits commands.
pub(super) struct Writer {
    inbox: Arc<Inbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(database: Arc<Database>) -> io::Result<Writer> {
        let inbox = Arc::new(Inbox::default());
        let thread = std::thread::Builder::new()
            .name("ifc-local-store".to_owned())
            .spawn({
                let inbox = Arc::clone(&inbox);
                move || {
                    let mut company = false;
                    while let Some(jobs) = inbox.wait() {
                        let mut count = jobs.len();
                        database.run(jobs, &mut |jobs| {
                            inbox.gather(jobs, company);
                            count = jobs.len();
                        });
                        company = count > 1;
                    }
                }
            })?;
        Ok(Writer {
            inbox,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Leaves a command for the next commit.
    pub(super) fn submit(&self, command: Command) -> oneshot::Receiver<Result<Value, Error>> {
        let (job, receiver) = Job::new(command);
        let mut waiting = self.inbox.lock();
        if waiting.closed {
            // Dropping the job tells the caller.
            return receiver;
        }
        waiting.jobs.push(job);
        // Whoever found the inbox empty may be asleep; later arrivals share its wake-up.
        if waiting.jobs.len() == 1 {
            self.inbox.arrived.notify_one();
        }
        receiver
    }

    /// Takes no more commands, commits what is waiting and ends the thread.
    pub(super) fn close(&self) {
        self.inbox.lock().closed = true;
        self.inbox.arrived.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Inbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that has arrived; nothing once the writer is gone and all is done.
    fn wait(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut waiting.jobs))
    }

    /// Adds what has arrived since. With `company`, when several shared the commit before: its
    /// callers may be on their way again, so that they get the processor once before the disk is
    /// waited for. A caller who is alone never waits for others.
    fn gather(&self, jobs: &mut Vec<Job>, company: bool) {
        if jobs.len() >= JOBS_MAX {
            return;
        }
        let before = jobs.len();
        jobs.append(&mut self.lock().jobs);
        if jobs.len() == before && company {
            std::thread::yield_now();
            jobs.append(&mut self.lock().jobs);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
