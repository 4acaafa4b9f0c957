//! `cargo xtask simulate`: as many runs as asked for, each of a seed of its own.

use ifc_simulation::{Defect, Scenario, Tally, Violation, shrink, simulate};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const USAGE: &str = "\
cargo xtask simulate [--runs N] [--seed S] [--threads T] [--failures F]

  --runs N     how many runs, of the seeds S, S + 1, … (default: 10000)
  --seed S     the first seed (default: 0)
  --threads T  how many at once (default: one per processor)
  --failures F how many seeds may violate an invariant before it ends; the lowest is made smaller
               (default: 1)";

struct Arguments {
    runs: u64,
    seed: u64,
    threads: usize,
    failures: u64,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    // What panics is a violation like others, and told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let search = Search {
        next: AtomicU64::new(0),
        enough: AtomicBool::new(false),
        found: Mutex::new(Found::default()),
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.threads)
            .map(|_| scope.spawn(|| search.work(&arguments)))
            .collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            search.tell(&arguments, begun, false);
        }
    });
    search.tell(&arguments, begun, true);
    let found = search.found.into_inner().expect("no worker panics");
    for (seed, violation) in found.violations.iter().skip(1) {
        println!("seed {seed}: {violation}");
    }
    match found.violations.first_key_value() {
        None => ExitCode::SUCCESS,
        Some((seed, violation)) => {
            report(*seed, violation);
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut given = std::env::args().skip(1);
    let threads = std::thread::available_parallelism();
    let mut arguments = Arguments {
        runs: 10_000,
        seed: 0,
        threads: threads.map_or(1, usize::from),
        failures: 1,
    };
    while let Some(name) = given.next() {
        let value = given.next();
        let value = value.and_then(|value| value.parse::<u64>().ok());
        let value = value.ok_or_else(|| format!("`{name}` takes a whole number"))?;
        match name.as_str() {
            "--runs" => arguments.runs = value,
            "--seed" => arguments.seed = value,
            "--failures" => arguments.failures = value,
            "--threads" => arguments.threads = usize::try_from(value.clamp(1, 512)).unwrap_or(1),
            _ => return Err(format!("`{name}` is no option")),
        }
    }
    Ok(arguments)
}

#[derive(Default)]
struct Found {
    runs: u64,
    tally: Tally,
    violations: BTreeMap<u64, Violation>,
    told: Option<Instant>,
}

struct Search {
    next: AtomicU64,
    enough: AtomicBool,
    found: Mutex<Found>,
}

impl Search {
    fn work(&self, arguments: &Arguments) {
        while !self.enough.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= arguments.runs {
                return;
            }
            let seed = arguments.seed.wrapping_add(number);
            let result = simulate(&Scenario::draw(seed), Defect::None);
            let mut found = self.found.lock().expect("no worker panics");
            found.runs += 1;
            match result {
                Ok(tally) => found.tally = found.tally.with(tally),
                Err(violation) => {
                    found.violations.insert(seed, violation);
                    if found.violations.len() as u64 >= arguments.failures {
                        self.enough.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    fn tell(&self, arguments: &Arguments, begun: Instant, last: bool) {
        let mut found = self.found.lock().expect("no worker panics");
        let due = found
            .told
            .is_none_or(|told| told.elapsed() > Duration::from_secs(5));
        if !last && !due {
            return;
        }
        found.told = Some(Instant::now());
        let seconds = begun.elapsed().as_secs_f64();
        let rate = found.runs as f64 / seconds.max(0.001);
        let Tally {
            commands,
            killed,
            raced,
            requests,
            store_faults,
            repeated,
        } = found.tally;
        println!(
            "{} of {} runs in {seconds:.0} s, {rate:.0} per second: {commands} commands, {killed} \
             killed, {raced} raced, {requests} requests, {store_faults} faults of stores, \
             {repeated} with more than one last apply",
            found.runs, arguments.runs
        );
    }
}

fn report(seed: u64, violation: &Violation) {
    println!("\nseed {seed} violates an invariant: {violation}");
    println!("to run it again: cargo xtask simulate --runs 1 --seed {seed}");
    println!("\nmaking it smaller …");
    let scenario = Scenario::draw(seed);
    let (smallest, violation) = shrink(&scenario, violation, Defect::None);
    println!("{violation}\n");
    println!("as a test, for providers/simulation/tests/scenarios.rs:\n");
    println!("{}", smallest.to_source(&format!("seed_{seed}")));
}
