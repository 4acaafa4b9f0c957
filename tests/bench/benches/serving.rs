//! Serving requests, taking orders, starting: ours against bare axum and against the same work by
//! hand, in turns.

use ifc_bench::{MakeRequest, Server, Target, load, median, report};
use std::net::SocketAddr;
use std::time::Duration;

const ROUNDS: u64 = 7;
const ROUND: Duration = Duration::from_millis(1_500);
const STARTS: usize = 15;

fn hello(address: SocketAddr, _: u64, _: u64) -> String {
    format!("GET /hello HTTP/1.1\r\nhost: {address}\r\n\r\n")
}

fn order(address: SocketAddr, run: u64, number: u64) -> String {
    let body = format!(
        r#"{{"id":"o-{run}-{number}","customer":"c-{}","total_cents":1250}}"#,
        number % 100
    );
    format!(
        "POST /orders HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn compare(
    what: &str,
    ours: &str,
    theirs: &str,
    connections: u64,
    make: MakeRequest,
    target: Target,
) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ours = Server::start(ours, &directory.path().join("ours"), "/hello");
    let theirs = Server::start(theirs, &directory.path().join("theirs"), "/hello");
    let run = |server: &Server, round| load(server.address(), connections, ROUND, round, make);
    // The first round warms up both and is not counted.
    let (mut our_rates, mut their_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // Whoever goes first changes from round to round.
        let (our_rate, their_rate) = if round % 2 == 0 {
            let our_rate = run(&ours, round);
            (our_rate, run(&theirs, round))
        } else {
            let their_rate = run(&theirs, round);
            (run(&ours, round), their_rate)
        };
        if round > 0 {
            our_rates.push(our_rate);
            their_rates.push(their_rate);
            ratios.push(our_rate / their_rate);
        }
    }
    let rate = |rates| format!("{:.0}/s", median(rates));
    report(
        what,
        &rate(our_rates),
        &rate(their_rates),
        median(ratios),
        target,
    );
}

fn starts(ours: &str, theirs: &str) {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let start = |program, name: &str| {
            let server = Server::start(program, &directory.path().join(name), "/hello");
            server.first_reply.as_secs_f64() * 1_000.0
        };
        our_times.push(start(ours, "ours"));
        their_times.push(start(theirs, "theirs"));
    }
    let (our_time, their_time) = (median(our_times), median(their_times));
    let met = if our_time - their_time <= 30.0 {
        "met"
    } else {
        "MISSED"
    };
    println!(
        "{:<44} {our_time:>11.1} ms vs {their_time:>11.1} ms  difference {:.1} ms  target ≤ 30 ms  {met}",
        "start-up to first reply, new directory",
        our_time - their_time,
    );
}

fn main() {
    let hello_ifc = env!("CARGO_BIN_EXE_hello-ifc");
    let hello_axum = env!("CARGO_BIN_EXE_hello-axum");
    let orders_ifc = env!("CARGO_BIN_EXE_orders-ifc");
    let orders_by_hand = env!("CARGO_BIN_EXE_orders-by-hand");
    compare(
        "hello, 32 connections",
        hello_ifc,
        hello_axum,
        32,
        hello,
        Target::AtLeast(0.95),
    );
    compare(
        "put + send, 32 connections",
        orders_ifc,
        orders_by_hand,
        32,
        order,
        Target::AtLeast(0.8),
    );
    compare(
        "put + send, 1 connection",
        orders_ifc,
        orders_by_hand,
        1,
        order,
        Target::AtLeast(0.8),
    );
    starts(orders_ifc, hello_axum);
}
