//! An emulator that runs: started on a free port, waited for, ended.

use crate::process::Supervised;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a start may take on a machine that is busy with compiling.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often a start is tried: the port that was free may be taken before it is bound.
const STARTS: usize = 3;

/// What there is to say about starting an emulator.
pub(crate) struct Start {
    /// In messages and in the name of the log.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// It is ready when this path is answered over HTTP, with any status below 500.
    pub(crate) ready: &'static str,
}

/// A running emulator. Dropping it ends it, with everything that it started.
#[derive(Debug)]
pub struct Emulator {
    process: Supervised,
    port: u16,
    /// Holds the log and what the emulator writes where it runs.
    folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts what `start` describes for a port, and waits until it answers.
    pub(crate) fn start(start: impl Fn(u16, &std::path::Path) -> Start) -> Emulator {
        let mut last = String::new();
        for _ in 0..STARTS {
            let port = free_port();
            let folder = tempfile::Builder::new()
                .prefix("ifc-emulator-")
                .tempdir()
                .expect("a temporary folder can be created");
            let start = start(port, folder.path());
            let process = Supervised::start(
                &start.program,
                &start.arguments,
                &start.environment,
                folder.path(),
            )
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", start.name));
            let mut emulator = Emulator {
                process,
                port,
                folder,
            };
            match emulator.wait(start.ready) {
                Ok(()) => return emulator,
                Err(reason) => {
                    last = format!("{} {reason}; it wrote:\n{}", start.name, emulator.log());
                }
            }
        }
        panic!("{last}");
    }

    fn wait(&mut self, path: &str) -> Result<(), String> {
        let limit = Instant::now() + READY_WITHIN;
        while Instant::now() < limit {
            if let Ok(Some(status)) = self.process.ended() {
                return Err(format!("ended with {status} instead of starting"));
            }
            if answers(self.port, path).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("was not ready after {READY_WITHIN:?}"))
    }

    /// Where it runs.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it answers: `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has written to standard output and standard error so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("the loopback interface has a free port")
        .port()
}

fn answers(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = ask(port, path)?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status.starts_with(b"HTTP/1.1 ") && matches!(status[9], b'2'..=b'4'))
}

/// The body of the answer to a GET of `path`.
pub(crate) fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut answer = String::new();
    ask(port, path)?.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(body.unwrap_or_default().to_owned())
}

fn ask(port: u16, path: &str) -> std::io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let wait = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, wait)?;
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(wait))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn what_does_not_start_is_a_failure_with_its_last_words() {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            Emulator::start(|_, _| Start {
                name: "the test's emulator",
                program: "sh".into(),
                arguments: vec!["-c".into(), "echo the port is mined >&2; exit 1".into()],
                environment: Vec::new(),
                ready: "/",
            })
        }));
        let message = *attempt.unwrap_err().downcast::<String>().unwrap();
        assert!(
            message.starts_with("the test's emulator ended with"),
            "{message}"
        );
        assert!(message.contains("the port is mined"), "{message}");
    }
}
