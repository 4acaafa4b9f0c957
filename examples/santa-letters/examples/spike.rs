//! The night before: posts 10,000 letters as fast as the application takes them.
//!
//! `cargo run -p santa-letters --example spike -- 127.0.0.1:3000`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LETTERS: usize = 10_000;
const CONNECTIONS: usize = 32;

fn request(address: SocketAddr, number: usize) -> String {
    let toy = ["sledge", "kite", "drum", "book"][number % 4];
    let country = ["it", "de", "fi", "pt", "pl"][number % 5];
    let child = number % 5_000;
    let body =
        format!(r#"{{"id":"l-{number}","child":"c-{child}","country":"{country}","toy":"{toy}"}}"#);
    format!(
        "POST /letters HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Posts letters on one connection until there are none left.
async fn post(address: SocketAddr, next: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut reply = vec![0; 4_096];
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= LETTERS {
            return Ok(());
        }
        stream
            .write_all(request(address, number).as_bytes())
            .await?;
        // The reply has no body, so it ends with its head.
        let mut filled = 0;
        while !reply[..filled].ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut reply[filled..]).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
        }
        if !reply.starts_with(b"HTTP/1.1 202") {
            let text = String::from_utf8_lossy(&reply[..filled]).into_owned();
            return Err(std::io::Error::other(text));
        }
    }
}

async fn run(address: SocketAddr) -> std::io::Result<()> {
    let started = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(post(address, next.clone())))
        .collect();
    for connection in connections {
        connection.await.map_err(std::io::Error::other)??;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{LETTERS} letters accepted in {seconds:.2} s, {:.0} a second",
        LETTERS as f64 / seconds
    );
    Ok(())
}

fn main() -> ExitCode {
    let address = std::env::args().nth(1);
    let Some(address) = address.and_then(|text| text.parse().ok()) else {
        eprintln!("say where the application listens: `spike 127.0.0.1:3000`");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(run(address))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the letters could not be posted to {address}: {error}");
            ExitCode::FAILURE
        }
    }
}
