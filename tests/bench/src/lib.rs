//! What the benchmarks have in common: servers in processes of their own, a load generator, and
//! paired comparison. Every figure that is judged is a ratio of two things measured in turns in
//! one run, because absolute times say more about the machine than about us.

pub mod package;
pub mod raw;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A server in a process of its own; it ends with this value.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// From starting the process to its first complete reply.
    pub first_reply: Duration,
}

impl Server {
    /// Starts `program` with its port and data directory in the environment, and waits for its
    /// first reply to `GET path`.
    ///
    /// # Panics
    /// When it does not answer within 20 s.
    pub fn start(program: &str, data: &Path, path: &str) -> Server {
        let address = free_address();
        let started = Instant::now();
        let child = Command::new(program)
            .env("IFC_PORT", address.port().to_string())
            .env("IFC_DATA_DIR", data)
            .env("IFC_KEY_FILE", data.join("key"))
            .env("IFC_LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        while request(address, path).is_none() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{program} does not answer"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        Server {
            child,
            address,
            first_reply: started.elapsed(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port: {error}"))
}

/// One request on a connection of its own; `None` while nobody listens.
fn request(address: SocketAddr, path: &str) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    reply.starts_with(b"HTTP/1.1 ").then_some(())
}

/// What the control endpoint `path` of the application on this data directory answers.
///
/// # Panics
/// When it does not answer with JSON.
pub fn control(address: SocketAddr, data: &Path, path: &str) -> serde_json::Value {
    let file = std::fs::read(data.join("control.json")).expect("the application runs");
    let file: serde_json::Value = serde_json::from_slice(&file).expect("it is JSON");
    let token = file["token"].as_str().unwrap_or_default();
    let mut stream = TcpStream::connect(address).expect("the application listens");
    let head = format!(
        "GET /__ifc/{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    let mut reply = Vec::new();
    let exchange = stream.write_all(head.as_bytes());
    exchange
        .and_then(|()| stream.read_to_end(&mut reply))
        .expect("the application answers");
    let text = String::from_utf8_lossy(&reply);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A kind of request: the text of the `number`th one of a run.
pub type MakeRequest = fn(address: SocketAddr, run: u64, number: u64) -> String;

/// Requests per second that `connections` keep-alive connections get answered in `duration`.
///
/// # Panics
/// When a reply is not a success.
pub fn load(
    address: SocketAddr,
    connections: u64,
    duration: Duration,
    run: u64,
    make: MakeRequest,
) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async {
        let started = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|connection| {
                tokio::spawn(async move {
                    let mut stream = tokio::net::TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    let mut answered = 0_u64;
                    let mut buffer = vec![0; 16 * 1024];
                    while started.elapsed() < duration {
                        let number = answered * connections + connection;
                        let text = make(address, run, number);
                        stream.write_all(text.as_bytes()).await?;
                        read_reply(&mut stream, &mut buffer).await?;
                        answered += 1;
                    }
                    std::io::Result::Ok(answered)
                })
            })
            .collect();
        let mut answered = 0;
        for task in tasks {
            answered += match task.await {
                Ok(Ok(count)) => count,
                Ok(Err(error)) => panic!("the connection broke: {error}"),
                Err(error) => panic!("{error}"),
            };
        }
        answered as f64 / started.elapsed().as_secs_f64()
    })
}

async fn read_reply(stream: &mut tokio::net::TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        assert!(count > 0, "the server closed the connection");
        filled += count;
        let text = String::from_utf8_lossy(&buffer[..filled]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(head.starts_with("HTTP/1.1 2"), "{text}");
        let length: usize = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        if body.len() >= length {
            return Ok(());
        }
    }
}

/// The median.
///
/// # Panics
/// Without values.
pub fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty());
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Which side of a target is good.
#[derive(Clone, Copy)]
pub enum Target {
    /// The ratio should be at least this.
    AtLeast(f64),
    /// The ratio should be at most this.
    AtMost(f64),
}

/// Prints one comparison with its target.
pub fn report(what: &str, ours: &str, theirs: &str, ratio: f64, target: Target) {
    let (met, sign, bound) = match target {
        Target::AtLeast(bound) => (ratio >= bound, "≥", bound),
        Target::AtMost(bound) => (ratio <= bound, "≤", bound),
    };
    let verdict = if met { "met" } else { "MISSED" };
    println!(
        "{what:<44} {ours:>14} vs {theirs:>14}  ratio {ratio:>6.3}  target {sign} {bound}  {verdict}"
    );
}
