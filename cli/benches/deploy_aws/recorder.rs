//! A relay before the emulator that notes every request: what it asks for, when it was sent, and when
//! its answer was there. It looks at bytes as they pass, changes none, and keeps connections as they
//! are, so that whoever is recorded does not behave differently.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// As much of a request as tells what it asks for.
const HEAD: usize = 16 << 10;

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The service and its operation, as far as the request's head tells.
    pub(crate) name: String,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

/// What passed since the last time it was taken.
type Log = Arc<Mutex<Vec<Exchange>>>;

/// The relay. It ends with the process.
pub(crate) struct Recorder {
    port: u16,
    log: Log,
}

impl Recorder {
    /// A relay before `server` on the loopback interface, in a thread of its own, which lets every
    /// request wait for `delay` first, as a network would.
    pub(crate) fn start(server: u16, delay: Duration) -> Recorder {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let log = Log::default();
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(relay(client, server, delay, Arc::clone(&shared)));
                }
            });
        });
        Recorder { port, log }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What passed since this was asked the last time, in the order of the answers.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Carries one connection. Clients of HTTP/1.1 send the next request when they have the answer.
async fn relay(mut client: TcpStream, port: u16, delay: Duration, log: Log) {
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut from_server) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    // When the request under way was sent, how it begins, and when it was last answered.
    let mut under_way: Option<(Instant, Vec<u8>, Option<Instant>)> = None;
    loop {
        tokio::select! {
            count = client.read(&mut from_client) => {
                let Ok(count @ 1..) = count else { break };
                let now = Instant::now();
                if let Some((_, _, Some(_))) = under_way {
                    note(&log, under_way.take());
                }
                if under_way.is_none() && delay > Duration::ZERO {
                    tokio::time::sleep(delay).await;
                }
                let (_, head, _) = under_way.get_or_insert_with(|| (now, Vec::new(), None));
                let wanted = count.min(HEAD.saturating_sub(head.len()));
                head.extend_from_slice(&from_client[..wanted]);
                if server.write_all(&from_client[..count]).await.is_err() {
                    break;
                }
            }
            count = server.read(&mut from_server) => {
                let Ok(count @ 1..) = count else { break };
                if client.write_all(&from_server[..count]).await.is_err() {
                    break;
                }
                if let Some((_, head, answered)) = &mut under_way {
                    // That the body may come now is no answer yet.
                    if !from_server[..count].starts_with(b"HTTP/1.1 100") || head.is_empty() {
                        *answered = Some(Instant::now());
                    }
                }
            }
            // The connection rests: what it carried is complete.
            () = tokio::time::sleep(Duration::from_millis(5)),
                if matches!(under_way, Some((_, _, Some(_)))) =>
            {
                note(&log, under_way.take());
            }
        }
    }
    note(&log, under_way);
}

fn note(log: &Log, under_way: Option<(Instant, Vec<u8>, Option<Instant>)>) {
    if let Some((sent, head, Some(answered))) = under_way {
        let name = name(&String::from_utf8_lossy(&head));
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(Exchange {
            name,
            sent,
            answered,
        });
    }
}

/// What a request asks for: of the protocols that name the operation its name, of the others method
/// and path.
fn name(head: &str) -> String {
    let line = head.lines().next().unwrap_or_default();
    let line = line.trim_end_matches(" HTTP/1.1");
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let scope = header("authorization").and_then(|text| text.split('/').nth(3));
    let service = scope.unwrap_or("?");
    if let Some(target) = header("x-amz-target") {
        let operation = target.rsplit('.').next().unwrap_or_default();
        return format!("{service} {operation}");
    }
    if let Some((_, rest)) = head.split_once("Action=") {
        let operation = rest.split('&').next().unwrap_or_default();
        return format!("{service} {operation}");
    }
    format!("{service} {line}")
}

/// How many exchanges at most came one after the other, each sent when the one before was answered.
pub(crate) fn in_a_row(exchanges: &[Exchange]) -> usize {
    let mut sorted: Vec<&Exchange> = exchanges.iter().collect();
    sorted.sort_by_key(|exchange| exchange.answered);
    let mut row = 0;
    let mut free = None;
    for exchange in sorted {
        if free.is_none_or(|free| exchange.sent >= free) {
            row += 1;
            free = Some(exchange.answered);
        }
    }
    row
}
