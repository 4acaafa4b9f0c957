//! A proxy that loses requests and answers, or refuses requests, on demand or by a rule.
//!
//! It speaks as much HTTP/1.1 as clients of the emulators do: bodies with a length, one request per
//! connection to the server behind it.

use crate::call::{Call, Refusal, header};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not reach the server, and the connection breaks.
    LoseRequest,
    /// The server carries it out, and the connection breaks before the answer.
    LoseAnswer,
    /// It does not reach the server, and this is answered: a status, a header, a body.
    Answer(u16, &'static str, &'static str),
    /// It does not reach the server, and is refused because there are too many, as the service of
    /// AWS that it is for refuses.
    Throttle,
    /// It does not reach the server, and the service of AWS that it is for says that it has failed.
    Fail,
    /// It does not reach the server, and is refused because the credentials have expired.
    Expire,
    /// It does not reach the server, and is refused because the account has too many such things.
    Exceed,
    /// It reaches the server late.
    Delay(Duration),
}

type Rule = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// A proxy on the loopback interface in front of one port of it. Ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: u16,
    next: Mutex<Option<(String, Fault)>>,
    rule: Mutex<Option<Rule>>,
    ends: AtomicBool,
}

impl Proxy {
    /// A proxy in front of `port` on 127.0.0.1, without faults.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub fn start(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port has an address");
        let shared = Arc::new(Shared {
            server: port,
            next: Mutex::default(),
            rule: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Proxy {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request with this method meets `fault`; those after it pass.
    pub fn fail_next(&self, method: &str, fault: Fault) {
        *self.shared.next() = Some((method.to_owned(), fault));
    }

    /// From now on each call meets what `rule` says, instead of what an earlier rule said.
    pub fn obey(&self, rule: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        *self.shared.rule() = Some(Box::new(rule));
    }

    /// From now on no rule holds.
    pub fn calm(&self) {
        *self.shared.rule() = None;
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether the fault that was asked for has been met.
    pub fn met(&self) -> bool {
        self.shared.next().is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn next(&self) -> std::sync::MutexGuard<'_, Option<(String, Fault)>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rule(&self) -> std::sync::MutexGuard<'_, Option<Rule>> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, method: &str, call: &Call) -> Option<Fault> {
        let asked = self
            .next()
            .take_if(|(wanted, _)| wanted == method)
            .map(|(_, fault)| fault);
        asked.or_else(|| self.rule().as_mut().and_then(|rule| rule(call)))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.ends.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that goes away in the middle is none of our business.
            let _ = serve(&client, &shared);
            let _ = client.shutdown(Shutdown::Both);
        });
    }
}

fn serve(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let request = read_request(&mut reader)?;
    let call = Call::read(&request.head, &request.body);
    let mut client = client;
    match shared.fault(&request.method(), &call) {
        Some(Fault::LoseRequest) => Ok(()),
        Some(Fault::LoseAnswer) => request.pass_on(shared.server).map(drop),
        Some(Fault::Answer(status, header, body)) => {
            let headers = (!header.is_empty()).then(|| header.to_owned());
            let refusal = Refusal {
                status,
                headers: headers.into_iter().collect(),
                body: body.to_owned(),
            };
            refuse(client, &refusal)
        }
        Some(Fault::Throttle) => refuse(client, &call.throttled()),
        Some(Fault::Fail) => refuse(client, &call.failed()),
        Some(Fault::Expire) => refuse(client, &call.expired()),
        Some(Fault::Exceed) => refuse(client, &call.exceeded()),
        Some(Fault::Delay(by)) => {
            std::thread::sleep(by);
            client.write_all(&request.pass_on(shared.server)?)
        }
        None => client.write_all(&request.pass_on(shared.server)?),
    }
}

fn refuse(mut client: &TcpStream, refusal: &Refusal) -> io::Result<()> {
    let Refusal {
        status,
        headers,
        body,
    } = refusal;
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status} Fault\r\n{headers}content-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

struct Request {
    head: Vec<String>,
    body: Vec<u8>,
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Request> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let length = header(&head, "content-length").and_then(|value| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Request { head, body })
}

impl Request {
    fn method(&self) -> String {
        let first = self.head.first().map(String::as_str).unwrap_or_default();
        first.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Sends it to the server, and returns everything that it answers.
    fn pass_on(&self, server: u16) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
        let is_connection = |line: &&String| !line.to_ascii_lowercase().starts_with("connection:");
        let mut head: String = self
            .head
            .iter()
            .filter(is_connection)
            .map(|line| format!("{line}\r\n"))
            .collect();
        // So that the end of the answer is the end of the connection.
        head.push_str("connection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// A server that counts requests and echoes their bodies.
    fn echo() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let request = read_request(&mut BufReader::new(&client)).unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                    request.body.len()
                );
                client.write_all(head.as_bytes()).unwrap();
                client.write_all(&request.body).unwrap();
            }
        });
        (port, count)
    }

    fn ask(proxy: &Proxy, method: &str) -> String {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        write!(
            stream,
            "{method} / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
        )
        .unwrap();
        let mut answer = String::new();
        // A broken connection is an answer too: none.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn each_fault_is_what_it_says() {
        let (port, count) = echo();
        let proxy = Proxy::start(port);
        assert!(ask(&proxy, "PUT").ends_with("hello"));
        assert_eq!(count.load(Ordering::SeqCst), 1);

        proxy.fail_next("PUT", Fault::LoseRequest);
        assert!(
            ask(&proxy, "GET").ends_with("hello"),
            "another method passes"
        );
        assert!(!proxy.met());
        assert_eq!(ask(&proxy, "PUT"), "");
        assert!(proxy.met());
        assert_eq!(count.load(Ordering::SeqCst), 2);

        proxy.fail_next("PUT", Fault::LoseAnswer);
        assert_eq!(ask(&proxy, "PUT"), "");
        assert_eq!(count.load(Ordering::SeqCst), 3);

        proxy.fail_next("PUT", Fault::Answer(503, "retry-after: 7", "SlowDown"));
        let answer = ask(&proxy, "PUT");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.contains("retry-after: 7") && answer.ends_with("SlowDown"),
            "{answer}"
        );
        assert_eq!(count.load(Ordering::SeqCst), 3);
        assert!(ask(&proxy, "PUT").ends_with("hello"));
    }

    #[test]
    fn a_rule_holds_until_there_is_another_or_none() {
        let (port, count) = echo();
        let proxy = Proxy::start(port);
        proxy.obey(|call| (call.operation == "GET /").then_some(Fault::Throttle));
        assert!(ask(&proxy, "GET").starts_with("HTTP/1.1 429 "));
        assert!(ask(&proxy, "PUT").ends_with("hello"));
        proxy.obey(|_| Some(Fault::Fail));
        assert!(ask(&proxy, "PUT").starts_with("HTTP/1.1 500 "));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        proxy.obey(|_| Some(Fault::Delay(Duration::from_millis(1))));
        assert!(ask(&proxy, "GET").ends_with("hello"));
        proxy.calm();
        assert!(ask(&proxy, "GET").ends_with("hello"));
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}
