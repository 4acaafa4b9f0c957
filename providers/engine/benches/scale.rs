//! How the engine grows with the stage: planning, applying what is already so, and making it all,
//! for 100 to 40,000 parts; and how much longer an apply takes than its longest chain.
//!
//! Reads are answered at once, so the time measured is the engine's own. The chain is measured in
//! virtual time, with latencies drawn from a seed.

use ifc_engine::plan::Observations;
use ifc_engine::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 40_000];
const ROUNDS: usize = 5;
const ROUND_MS: f64 = 100.0;

/// Things that are what they were asked to be, after a latency of their own.
struct Things {
    clock: VirtualClock,
    things: Mutex<BTreeMap<PhysicalName, Actual>>,
    latency: fn(&str) -> Duration,
}

impl Things {
    fn new(clock: &VirtualClock, latency: fn(&str) -> Duration) -> Things {
        Things {
            clock: clock.clone(),
            things: Mutex::default(),
            latency,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PhysicalName, Actual>> {
        self.things.lock().expect("nothing panics under the lock")
    }
}

#[async_trait]
impl Provider for Things {
    fn name(&self) -> &str {
        "things"
    }

    async fn read(&self, target: &Target) -> Result<Reading, ProviderError> {
        Ok(match self.lock().get(&target.physical_name) {
            Some(actual) => Reading::Present {
                actual: actual.clone(),
                owner: Owner::Ours,
            },
            None => Reading::Absent,
        })
    }

    async fn create(&self, part: &Desired, _: &str) -> Result<Progress<Actual>, ProviderError> {
        let name = &part.target.physical_name;
        let latency = (self.latency)(name.as_str());
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        let actual = Actual {
            properties: part.properties.clone(),
            outputs: BTreeMap::from([("id".to_owned(), Value::text(name.as_str()))]),
        };
        self.lock().insert(name.clone(), actual.clone());
        Ok(Progress::Done(actual))
    }

    async fn update(&self, _: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError> {
        self.create(to, "").await
    }

    async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError> {
        self.lock().remove(&target.physical_name);
        Ok(Progress::Done(()))
    }
}

/// Parts in layers of a hundred, each referring to up to two of the layer before.
fn parts(count: usize, size: i64) -> Vec<Part> {
    let address = |number: usize| -> PartAddress {
        let text = format!("table.r{number:05}/table");
        text.parse().expect("an address")
    };
    (0..count)
        .map(|number| {
            let scope = format!("account/region/shop/dev/table/r{number:05}");
            let naming = Naming::generated(format!("shop-dev-r{number:05}"), scope, 63);
            let mut part = Part::new(address(number), "table", naming)
                .with("size", size, ChangeClass::InPlace)
                .with("engine", "ordered", ChangeClass::Replace)
                .with(
                    "throughput",
                    Value::map([("read", Value::Integer(100)), ("write", Value::Integer(50))]),
                    ChangeClass::InPlace,
                )
                .with_output("id")
                .tagged("ifc-app", "shop")
                .tagged("ifc-stage", "dev");
            if number >= 100 {
                for (name, distance) in [("first", 100), ("second", 100 + number % 7)] {
                    let target = address(number.saturating_sub(distance));
                    part = part.with(name, Value::output(&target, "id"), ChangeClass::InPlace);
                }
            }
            part
        })
        .collect()
}

fn blueprint(parts: Vec<Part>) -> Blueprint {
    let (application, stage) = ("shop".parse(), "dev".parse());
    let artifact = Fingerprint::of(b"bench");
    Blueprint::new(
        application.expect("a name"),
        stage.expect("a name"),
        "things",
        artifact,
        parts,
    )
    .expect("a sound blueprint")
}

/// A stage in memory.
struct Stage {
    clock: VirtualClock,
    things: Things,
    session: Session,
}

impl Stage {
    fn new(latency: fn(&str) -> Duration) -> Stage {
        let clock = VirtualClock::new(1);
        let setup = Setup::new(
            "shop".parse().expect("a name"),
            "dev".parse().expect("a name"),
            1,
        );
        Stage {
            things: Things::new(&clock, latency),
            session: Session::new(Arc::new(MemoryStore::new()), Arc::new(clock.clone()), setup),
            clock,
        }
    }

    fn plan(&self, blueprint: &Blueprint) -> Plan {
        let options = PlanOptions::default();
        let plan = self.session.plan(&self.things, blueprint, &options);
        self.clock.run(plan).expect("a plan")
    }

    fn apply(&self, blueprint: &Blueprint, plan: &Plan) -> Summary {
        let options = ApplyOptions {
            patience: &Patience {
                steps_at_once: usize::MAX,
                ..Patience::default()
            },
            stop: &StopSignal::new(),
            observer: &|_| {},
            on_wait: &|_| {},
            presume_dead: &|_| false,
        };
        let apply = self.session.apply(&self.things, blueprint, plan, &options);
        self.clock.run(apply).expect("an apply")
    }

    fn inspect(&self) -> State {
        self.clock
            .run(self.session.inspect())
            .expect("a state")
            .state
    }
}

fn at_once(_: &str) -> Duration {
    Duration::ZERO
}

/// Half a second to ten, by the name.
fn as_it_goes(name: &str) -> Duration {
    let digest = name.bytes().fold(7u64, |sum, byte| {
        sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    });
    Duration::from_millis(500 + digest % 9_500)
}

/// A stopwatch of this thread's time on a processor, where the system tells it: other programs'
/// work is none of the engine's. Elsewhere of the time that passes.
struct Stopwatch {
    on_processor_ms: Option<f64>,
    begun: Instant,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        Stopwatch {
            on_processor_ms: on_processor_ms(),
            begun: Instant::now(),
        }
    }

    fn ms(&self) -> f64 {
        match (self.on_processor_ms, on_processor_ms()) {
            (Some(begun), Some(ended)) => ended - begun,
            _ => self.begun.elapsed().as_secs_f64() * 1_000.0,
        }
    }
}

fn on_processor_ms() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e6)
}

/// The shortest of some rounds. The system tells time on a processor in ticks, so each round takes
/// many of them.
fn shortest<T>(mut work: impl FnMut() -> T) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let stopwatch = Stopwatch::start();
        let mut repeats = 0;
        loop {
            std::hint::black_box(work());
            repeats += 1;
            let ms = stopwatch.ms();
            if ms >= ROUND_MS {
                return ms / f64::from(repeats);
            }
        }
    });
    times.fold(f64::INFINITY, f64::min)
}

/// The most memory this process ever had, in MiB. Only Linux tells.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Growth is judged from 10,000 parts on: smaller stages fit into the processor's caches, so growth
/// below that is as much of the caches as of the work.
fn growth(what: &str, times: &[(usize, f64)]) {
    let [.., (least, small), (most, large)] = *times else {
        return;
    };
    let exponent = (large / small).ln() / (most as f64 / least as f64).ln();
    let met = verdict(exponent <= 1.2);
    println!("{what:<44} exponent {exponent:>5.2}  target ≤ 1.2  {met}");
}

fn measure(what: &str, times: &mut Vec<(usize, f64)>, parts: usize, ms: f64) {
    times.push((parts, ms));
    println!("{what:<44} {parts:>6} parts  {ms:>9.2} ms");
}

fn scale() {
    let [mut pure, mut planning, mut keeping, mut making] = [(); 4].map(|()| Vec::new());
    for size in SIZES {
        let blueprint = blueprint(parts(size, 1));
        let making_it = Stage::new(at_once);
        let plan = making_it.plan(&blueprint);
        let stopwatch = Stopwatch::start();
        assert!(making_it.apply(&blueprint, &plan).is_complete());
        let ms = stopwatch.ms();
        measure("apply that creates everything", &mut making, size, ms);
        let state = making_it.inspect();
        let nothing = PlanOptions::default();
        let ms =
            shortest(|| ifc_engine::plan(&blueprint, &state, &Observations::default(), &nothing));
        measure("the decision alone", &mut pure, size, ms);
        let ms = shortest(|| making_it.plan(&blueprint));
        measure(
            "plan: load, read every part, decide",
            &mut planning,
            size,
            ms,
        );
        let plan = making_it.plan(&blueprint);
        assert!(plan.is_empty());
        let ms = shortest(|| making_it.apply(&blueprint, &plan));
        measure("apply of what is already so", &mut keeping, size, ms);
    }
    let (_, largest) = planning[2];
    println!(
        "{:<44} {largest:>9.1} ms  target ≤ 1000 ms  {}",
        "plan of 10,000 parts",
        verdict(largest <= 1_000.0)
    );
    growth("growth of planning, 10,000 to 40,000", &planning);
    growth("growth of the decision, 10,000 to 40,000", &pure);
    growth("growth of an empty apply, 10,000 to 40,000", &keeping);
    growth("growth of creating, 10,000 to 40,000", &making);
    if let Some(mib) = peak_mib() {
        println!(
            "{:<44} {mib:>9.0} MiB",
            "most memory, all sizes in one process"
        );
    }
}

/// How long the longest chain takes by itself.
fn longest_chain(blueprint: &Blueprint) -> Duration {
    let mut ends: BTreeMap<&PartAddress, Duration> = BTreeMap::new();
    for part in blueprint.in_order() {
        let dependencies = part.dependencies();
        let begins = dependencies.iter().map(|address| ends[address]).max();
        let own = as_it_goes(part.naming.name(0).as_str());
        ends.insert(&part.address, begins.unwrap_or_default() + own);
    }
    ends.into_values().max().unwrap_or_default()
}

fn critical_path() {
    for size in [100, 1_000, 3_000] {
        let blueprint = blueprint(parts(size, 1));
        let stage = Stage::new(as_it_goes);
        let plan = stage.plan(&blueprint);
        let taken = stage.apply(&blueprint, &plan).elapsed.as_secs_f64();
        let chain = longest_chain(&blueprint).as_secs_f64();
        println!(
            "{:<44} {size:>6} parts  {taken:>7.1} s, chain {chain:>7.1} s, ratio {:.3}  \
             target ≤ 1.1  {}",
            "apply against its longest chain",
            taken / chain,
            verdict(taken <= 1.1 * chain)
        );
    }
}

fn main() {
    scale();
    critical_path();
}
