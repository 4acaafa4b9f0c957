//! A spike of letters: 10,000 requests as fast as they are taken, and how deep the queue behind
//! them gets until it is worked off. Draws the picture in the book's page about `santa-letters`
//! when called with `-- --write`.

use ifc_bench::package::build_release;
use ifc_bench::{Server, control};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const LETTERS: u64 = 10_000;
const SAMPLE: Duration = Duration::from_millis(20);

/// What waits at a moment: in the queue of letters, and in the hidden queue of the change stream.
struct Sample {
    seconds: f64,
    post: u64,
    pack: u64,
}

fn depth(status: &serde_json::Value, queue: &str) -> u64 {
    let queue = &status["queues"][queue];
    ["ready", "delayed", "in_flight"]
        .iter()
        .filter_map(|state| queue[state].as_u64())
        .sum()
}

/// Samples until everything is worked off.
fn sample(
    server: &Server,
    data: &Path,
    started: Instant,
    load: &mut std::process::Child,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    loop {
        let loading = load
            .try_wait()
            .expect("the load generator is ours")
            .is_none();
        let status = control(server.address(), data, "status");
        let sample = Sample {
            seconds: started.elapsed().as_secs_f64(),
            post: depth(&status, "post"),
            pack: depth(&status, "pack"),
        };
        let empty = sample.post + sample.pack == 0;
        samples.push(sample);
        if !loading && empty {
            return samples;
        }
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "the letters are not worked off"
        );
        std::thread::sleep(SAMPLE);
    }
}

/// A nice number of at least `value`: 1, 2 or 5 times a power of ten.
fn ceiling(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0];
    let fitting = factor.iter().find(|factor| *factor * power >= value);
    fitting.map_or(value, |factor| factor * power)
}

fn picture(samples: &[Sample], accepted: f64) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 300.0;
    const LEFT: f64 = 64.0;
    const TOP: f64 = 24.0;
    const BOTTOM: f64 = 44.0;
    let end = samples.last().map_or(1.0, |sample| sample.seconds);
    let most = samples.iter().map(|sample| sample.post.max(sample.pack));
    let top = ceiling(most.max().unwrap_or(1) as f64);
    let x = |seconds: f64| LEFT + seconds / end * (WIDTH - LEFT - 16.0);
    let y = |depth: f64| HEIGHT - BOTTOM - depth / top * (HEIGHT - BOTTOM - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\" \
         aria-label=\"Depth of the queue over time\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    for part in 0..=4 {
        let depth = top * f64::from(part) / 4.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {0:.1} H{1:.1}\" stroke=\"#d0d7de\"/>\
             <text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\" fill=\"#57606a\">{depth:.0}</text>",
            y(depth),
            WIDTH - 16.0,
            LEFT - 8.0,
            y(depth) + 4.0,
        );
    }
    for part in 0..=5 {
        let seconds = end * f64::from(part) / 5.0;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\" fill=\"#57606a\">{seconds:.1} s</text>",
            x(seconds),
            HEIGHT - BOTTOM + 18.0,
            if part == 5 { "end" } else { "middle" },
        );
    }
    let mut line = |of: fn(&Sample) -> u64, colour: &str| {
        let points = samples
            .iter()
            .map(|sample| format!("{:.1},{:.1}", x(sample.seconds), y(of(sample) as f64)));
        let points: Vec<String> = points.collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    };
    line(|sample| sample.post, "#0d9488");
    line(|sample| sample.pack, "#9333ea");
    let _ = writeln!(
        svg,
        "<path d=\"M{0:.1} {TOP} V{1:.1}\" stroke=\"#d97706\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{2:.1}\" y=\"{3:.1}\" fill=\"#92400e\">all {LETTERS} accepted</text>",
        x(accepted),
        HEIGHT - BOTTOM,
        x(accepted) + 6.0,
        TOP + 10.0,
    );
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{0:.1}\" fill=\"#0d9488\">letters waiting to be read</text>\
         <text x=\"{1:.1}\" y=\"{0:.1}\" fill=\"#9333ea\">changes waiting to be packed</text>\n</svg>",
        HEIGHT - 8.0,
        LEFT + 220.0,
    );
    svg
}

fn main() {
    let write = std::env::args().any(|argument| argument == "--write");
    let application = build_release(
        "santa-letters",
        &["--bin", "santa-letters"],
        "santa-letters",
    );
    let spike = build_release("santa-letters", &["--example", "spike"], "examples/spike");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = application.to_str().expect("a path of ours is text");
    let server = Server::start(program, directory.path(), "/toys/kite");
    let started = Instant::now();
    let mut load = Command::new(spike)
        .arg(server.address().to_string())
        .spawn()
        .expect("the load generator starts");
    let watcher = std::thread::scope(|scope| {
        let samples = scope.spawn(|| sample(&server, directory.path(), started, &mut load));
        samples.join().expect("the sampling thread does not panic")
    });
    let status = load.wait().expect("the load generator is ours");
    assert!(status.success(), "the load generator failed: {status}");
    let deepest = watcher.iter().map(|sample| sample.post).max().unwrap_or(0);
    // The load generator ends between two samples: when the queue stops being filled.
    let peak = watcher.iter().max_by_key(|sample| sample.post);
    let accepted = peak.map_or(0.0, |sample| sample.seconds);
    let end = watcher.last().map_or(0.0, |sample| sample.seconds);
    println!(
        "spike of {LETTERS} letters: {deepest} waiting at most, after {accepted:.1} s; all packed after {end:.1} s"
    );
    if write {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/src/examples");
        let file = page.join("santa-letters.svg");
        std::fs::write(&file, picture(&watcher, accepted)).expect("the book is writable");
        println!("wrote {}", file.display());
    }
}
