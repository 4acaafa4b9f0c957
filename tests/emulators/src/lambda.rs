//! Lambda's runtime interface, as a program that Lambda starts sees it: it asks for events, and hands
//! back replies. By hand, because no emulator lets a test say what is handed over.

use crate::process::Supervised;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Longest reply that Lambda takes, in bytes.
const REPLY_BYTES_MAX: usize = 6_291_556;

/// How long a program may take for anything: it only bounds a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program said about an invocation, or about its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LambdaReply {
    /// It replied this.
    Replied(Vec<u8>),
    /// It failed: the sort of failure, and what it said of it.
    Failed(Option<String>, Vec<u8>),
    /// It could not be started, and said this.
    NotStarted(Vec<u8>),
    /// It ended without a word to Lambda; what it wrote.
    Ended(String),
}

/// The interface, on a free port of the loopback interface. Ends when dropped.
pub struct RuntimeInterface {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(String, Vec<u8>, SystemTime)>,
    replies: BTreeMap<String, LambdaReply>,
    not_started: Option<Vec<u8>>,
    /// How often an event was asked for.
    asked: u64,
    invoked: u64,
    ends: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RuntimeInterface {
    /// An interface that nobody asks yet.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub fn start() -> RuntimeInterface {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port has an address");
        let shared = Arc::new(Shared::default());
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        RuntimeInterface {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Host and port: the value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Hands over an event, and waits for what becomes of it. The program has `time` for it, as far
    /// as it is told. `ended` is asked now and then whether the program has ended, with what it wrote.
    ///
    /// # Panics
    /// When nothing comes within a minute.
    pub fn invoke(
        &self,
        event: &[u8],
        time: Duration,
        mut ended: impl FnMut() -> Option<String>,
    ) -> LambdaReply {
        let id = {
            let mut state = self.shared.state();
            state.invoked += 1;
            let id = format!("8476a536-e9f4-11e8-9739-{:012x}", state.invoked);
            let end = SystemTime::now() + time;
            state.waiting.push_back((id.clone(), event.to_vec(), end));
            id
        };
        self.shared.changed.notify_all();
        self.wait(&mut ended, |state| {
            let not_started = state.not_started.clone().map(LambdaReply::NotStarted);
            state.replies.remove(&id).or(not_started)
        })
    }

    /// Waits until the program asks for an event for the `number`th time, or says that it cannot be
    /// started; whether it asked.
    ///
    /// # Panics
    /// When it does neither within a minute.
    pub fn wait_until_asked(&self, number: u64) -> bool {
        let mut asked = false;
        self.wait(&mut || None, |state| {
            asked = state.asked >= number;
            let not_started = state.not_started.clone().map(LambdaReply::NotStarted);
            asked
                .then(|| LambdaReply::Replied(Vec::new()))
                .or(not_started)
        });
        asked
    }

    fn wait(
        &self,
        ended: &mut dyn FnMut() -> Option<String>,
        mut found: impl FnMut(&mut State) -> Option<LambdaReply>,
    ) -> LambdaReply {
        let limit = Instant::now() + PATIENCE;
        let mut state = self.shared.state();
        loop {
            if let Some(reply) = found(&mut state) {
                return reply;
            }
            assert!(
                Instant::now() < limit,
                "the program did not answer within {PATIENCE:?}"
            );
            let (held, waited) = self
                .shared
                .changed
                .wait_timeout(state, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner);
            state = held;
            if waited.timed_out()
                && let Some(log) = ended()
            {
                // Its last words may have come meanwhile.
                return found(&mut state).unwrap_or(LambdaReply::Ended(log));
            }
        }
    }
}

impl Drop for RuntimeInterface {
    fn drop(&mut self) {
        self.shared.state().ends = true;
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// A program that runs as Lambda would run it, until this is dropped.
pub struct LambdaFunction {
    interface: RuntimeInterface,
    process: Supervised,
    _folder: TempDir,
}

impl LambdaFunction {
    /// Starts a program with these variables, and those that Lambda sets.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, variables: &[(&str, String)]) -> io::Result<LambdaFunction> {
        let interface = RuntimeInterface::start();
        let folder = tempfile::tempdir()?;
        let mut variables = variables.to_vec();
        variables.push(("AWS_LAMBDA_RUNTIME_API", interface.authority()));
        let process = Supervised::start(program, &[], &variables, folder.path())?;
        Ok(LambdaFunction {
            interface,
            process,
            _folder: folder,
        })
    }

    /// Hands over an event, with half a minute of time for it.
    ///
    /// # Panics
    /// When nothing comes within a minute.
    pub fn invoke(&mut self, event: &[u8]) -> LambdaReply {
        self.invoke_within(event, Duration::from_secs(30))
    }

    /// Hands over an event, with this time for it.
    ///
    /// # Panics
    /// When nothing comes within a minute.
    pub fn invoke_within(&mut self, event: &[u8], time: Duration) -> LambdaReply {
        let process = &mut self.process;
        let ended = || match process.ended() {
            Ok(Some(_)) => Some(process.log()),
            Ok(None) | Err(_) => None,
        };
        self.interface.invoke(event, time, ended)
    }

    /// Waits until it asks for its first event, or says that it cannot be started; whether it asked.
    ///
    /// # Panics
    /// When it does neither within a minute.
    pub fn wait_until_ready(&self) -> bool {
        self.interface.wait_until_asked(1)
    }

    /// Tells it to stop, as Lambda does before it ends a process, and waits for its end. Returns the
    /// code that it exits with; `None` when the signal ended it.
    ///
    /// # Errors
    /// When it is not there, or its end cannot be waited for.
    pub fn stop(&mut self) -> io::Result<Option<i32>> {
        self.process.terminate()
    }

    /// What it wrote to its standard output and error.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.state().ends {
            return;
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        // A client that goes away takes nothing with it.
        std::thread::spawn(move || serve(&client, &shared));
    }
}

/// A request: what is asked, which sort of failure it tells of, and the body.
struct Asked {
    path: String,
    error: Option<String>,
    body: Vec<u8>,
}

fn serve(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client);
    while let Some(asked) = read(&mut reader)? {
        let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["2018-06-01", "runtime", "invocation", "next"] => hand_over(client, shared)?,
            [
                "2018-06-01",
                "runtime",
                "invocation",
                id,
                what @ ("response" | "error"),
            ] => {
                let large = asked.body.len() > REPLY_BYTES_MAX;
                let reply = match *what {
                    _ if large => LambdaReply::Failed(
                        Some("Function.ResponseSizeTooLarge".to_owned()),
                        Vec::new(),
                    ),
                    "response" => LambdaReply::Replied(asked.body),
                    _ => LambdaReply::Failed(asked.error, asked.body),
                };
                shared.state().replies.insert((*id).to_owned(), reply);
                shared.changed.notify_all();
                match large {
                    true => answer(client, "413 Payload Too Large", "", b"{}")?,
                    false => answer(client, "202 Accepted", "", b"{\"status\":\"OK\"}")?,
                }
            }
            ["2018-06-01", "runtime", "init", "error"] => {
                shared.state().not_started = Some(asked.body);
                shared.changed.notify_all();
                answer(client, "202 Accepted", "", b"{\"status\":\"OK\"}")?;
            }
            _ => answer(client, "404 Not Found", "", b"{}")?,
        }
    }
    Ok(())
}

/// Waits for an event, and hands it over.
fn hand_over(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    let (id, event, end) = {
        let mut state = shared.state();
        state.asked += 1;
        shared.changed.notify_all();
        loop {
            if let Some(next) = state.waiting.pop_front() {
                break next;
            }
            if state.ends {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let held = shared.changed.wait(state);
            state = held.unwrap_or_else(PoisonError::into_inner);
        }
    };
    let end = end
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let headers = format!(
        "Lambda-Runtime-Aws-Request-Id: {id}\r\n\
         Lambda-Runtime-Deadline-Ms: {}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:f\r\n\
         Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n",
        end.as_millis()
    );
    answer(client, "200 OK", &headers, &event)
}

fn answer(mut client: &TcpStream, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         {headers}\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    client.write_all(&bytes)
}

/// The next request of a connection; `None` at its end.
fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut chunked, mut error) = (0, false, None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "lambda-runtime-function-error-type" => error = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = Vec::new();
    match chunked {
        true => read_chunks(reader, &mut body)?,
        false => {
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        }
    }
    Ok(Some(Asked { path, error, body }))
}

fn read_chunks(reader: &mut BufReader<&TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = line.trim().split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(length, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a request, and reads the answer as far as it has come.
    fn ask(client: &mut TcpStream, request: &str) -> String {
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let mut reader = BufReader::new(&*client);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            answer += &line;
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        answer + &String::from_utf8(body).unwrap()
    }

    #[test]
    fn events_are_handed_over_and_replies_are_taken() {
        let interface = RuntimeInterface::start();
        let mut client = TcpStream::connect(interface.authority()).unwrap();
        let replies = std::thread::scope(|scope| {
            let invoking = scope.spawn(|| {
                let minute = Duration::from_secs(60);
                [b"1", b"2", b"3"].map(|event| interface.invoke(event, minute, || None))
            });
            for tell in [
                "response HTTP/1.1\r\nContent-Length: 2\r\n\r\nok",
                "error HTTP/1.1\r\nLambda-Runtime-Function-Error-Type: Bad\r\n\
                 Content-Length: 3\r\n\r\nwhy",
                "response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            ] {
                let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n";
                let event = ask(&mut client, next);
                let id = event.split("Request-Id: ").nth(1).unwrap();
                let id = id.split("\r\n").next().unwrap();
                let told = format!("POST /2018-06-01/runtime/invocation/{id}/{tell}");
                assert!(ask(&mut client, &told).starts_with("HTTP/1.1 202"));
            }
            invoking.join().unwrap()
        });
        let expected = [
            LambdaReply::Replied(b"ok".to_vec()),
            LambdaReply::Failed(Some("Bad".to_owned()), b"why".to_vec()),
            LambdaReply::Replied(b"ab".to_vec()),
        ];
        assert_eq!(replies, expected);
    }

    #[test]
    fn a_program_that_does_not_come_so_far_is_noticed() {
        let interface = RuntimeInterface::start();
        let reply = interface.invoke(b"{}", Duration::ZERO, || Some("oh".to_owned()));
        assert_eq!(reply, LambdaReply::Ended("oh".to_owned()));
        let mut client = TcpStream::connect(interface.authority()).unwrap();
        let failed = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2\r\n\r\nno";
        ask(&mut client, failed);
        let reply = interface.invoke(b"{}", Duration::ZERO, || None);
        assert_eq!(reply, LambdaReply::NotStarted(b"no".to_vec()));
        assert!(!interface.wait_until_asked(1));
    }
}
