//! Deploying to AWS: the orders example from nothing, again without a change, with new code, and away,
//! by the engine and by the bare SDK, in turns, on one emulator.
//!
//! The engine's side has everything that a user waits for but the build and the packing: it plans,
//! which looks at what is there, keeps state and journal at the emulator, and does the work. Both
//! sides make their clients anew for every phase, as a command does.
//!
//! A first round, which does not count, goes through a relay that notes every request. Then rounds
//! at the emulator alternate with rounds through a relay that takes its time, as a network does.
//!
//! `IFC_BENCH_TIMELINE=<file>` writes down what it noted.

mod by_hand;
mod recorder;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_types::retry::RetryConfig;
use by_hand::Hand;
use ifc_analyzer::link::shim;
use ifc_analyzer::{Project, Selection};
use ifc_aws_deploy::{Account, Aws, Context, lower};
use ifc_emulators::ministack;
use ifc_engine::{
    ApplyOptions, Blueprint, BoxFuture, Clock, Consents, Fingerprint, Patience, PlanOptions,
    Session, Setup, StateStore, StopSignal, Timestamp, async_trait,
};
use ifc_graph::Graph;
use ifc_state::{AwsKeySource, AwsKeys, Credentials, Location};
use recorder::{Exchange, Recorder, in_a_row};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const ROUNDS: usize = 5;

/// How long a request is on its way to a region that is not far. The emulator itself answers in about
/// a millisecond, one request at a time: there the number of requests is what counts, and on AWS, how
/// many come one after the other.
const ONE_WAY: Duration = Duration::from_millis(20);

const STATE: &str = "ifc-bench-state";

/// Whose keys everybody has. The emulator takes the public half for the account.
const ACCOUNT: &str = "000000000000";
const SECRET: &str = "test";

/// The time of this machine.
struct RealClock(tokio::time::Instant);

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| since.as_secs() * 1_000))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A stage of the example.
struct Bench {
    account: Account,
    graph: Graph,
    folder: tempfile::TempDir,
}

impl Bench {
    fn blueprint(&self, stage: &str, archive: &[u8]) -> Blueprint {
        let context = Context {
            account: self.account.number().to_owned(),
            region: self.account.region().to_owned(),
            application: "orders".parse().expect("a name"),
            stage: stage.parse().expect("a name"),
        };
        let blueprint = lower(&self.graph, &Fingerprint::of(archive), &context);
        blueprint.expect("the example can be deployed")
    }

    fn archive(&self, content: &[u8]) -> PathBuf {
        let file = self.folder.path().join("program.zip");
        std::fs::write(&file, content).expect("a temporary file");
        file
    }

    async fn apply(&self, stage: &str, archive: &[u8]) {
        let provider = Aws::new(&self.account, Some(self.archive(archive)));
        let blueprint = self.blueprint(stage, archive);
        let session = self.session(stage);
        carry_out(&session, &provider, &blueprint, Consents::default()).await;
    }

    async fn destroy(&self, stage: &str) {
        let provider = Aws::new(&self.account, None);
        let whole = self.blueprint(stage, b"");
        let kept = whole.parts().values().filter(|part| part.lifecycle.retain);
        let consents = Consents {
            delete: kept.map(|part| part.address.to_string()).collect(),
            ..Consents::default()
        };
        let session = self.session(stage);
        let nothing = session.nothing(&provider);
        carry_out(&session, &provider, &nothing, consents).await;
    }

    fn session(&self, stage: &str) -> Session {
        let (application, stage_name) = ("orders".parse(), stage.parse());
        let setup = Setup::new(application.expect("a name"), stage_name.expect("a name"), 7);
        let clock = RealClock(tokio::time::Instant::now());
        Session::new(store(&self.account, stage), Arc::new(clock), setup)
    }
}

/// What `ifc apply` does with a blueprint.
async fn carry_out(session: &Session, provider: &Aws, blueprint: &Blueprint, consents: Consents) {
    let options = PlanOptions { consents };
    let plan = session.plan(provider, blueprint, &options).await;
    let plan = plan.expect("a plan");
    let (patience, stop) = (Patience::default(), StopSignal::new());
    let options = ApplyOptions {
        patience: &patience,
        stop: &stop,
        observer: &|_| {},
        on_wait: &|_| {},
        presume_dead: &|_| false,
    };
    let summary = session.apply(provider, blueprint, &plan, &options).await;
    let summary = summary.expect("an apply");
    assert!(summary.is_complete(), "{summary:?}");
}

/// The graph of the example, by the analyzer.
fn graph() -> Graph {
    // The command is the linker when it is called so.
    let linker = Path::new(env!("CARGO_TARGET_TMPDIR")).join(shim::FILE_NAME);
    let _ = std::fs::remove_file(&linker);
    std::fs::hard_link(env!("CARGO_BIN_EXE_ifc"), &linker).expect("a name for the linker");
    let selection = Selection {
        directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/orders"),
        shim: Some(linker),
        ..Selection::default()
    };
    let project = Project::find(&selection).expect("the example");
    let built = project.build().expect("the example builds");
    let analysis = ifc_analyzer::analyze(&built).expect("the example can be read");
    assert!(analysis.is_valid(), "{:?}", analysis.diagnostics);
    analysis.graph
}

/// An archive as large as a real one, different for each number: 4 MiB of padding, then an empty
/// `bootstrap`, which nobody runs.
fn archive(number: usize) -> Vec<u8> {
    const PADDING: u32 = 4 << 20;
    const NAME: &[u8] = b"bootstrap";
    let mut content = vec![0x5a; PADDING as usize];
    content[..8].copy_from_slice(&number.to_le_bytes());
    // What a file header and its copy in the directory have in common: version 1.0, stored as it is,
    // the first day of 1980, and the checksum and sizes of nothing.
    let name_length = u16::try_from(NAME.len()).expect("a short name");
    let mut common = vec![10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    common.extend([0; 12]);
    common.extend(name_length.to_le_bytes());
    common.extend([0; 2]);
    content.extend(b"PK\x03\x04");
    content.extend(&common);
    content.extend(NAME);
    let directory = u32::try_from(content.len()).expect("a few megabytes");
    content.extend(b"PK\x01\x02\x0a\x00");
    content.extend(&common);
    content.extend([0; 10]);
    content.extend(PADDING.to_le_bytes());
    content.extend(NAME);
    let end = u32::try_from(content.len()).expect("a few megabytes");
    content.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    content.extend((end - directory).to_le_bytes());
    content.extend(directory.to_le_bytes());
    content.extend([0; 2]);
    content
}

/// The account at this endpoint, as the command reaches it.
async fn account(endpoint: &str) -> Account {
    let keys = aws_credential_types::Credentials::new(ACCOUNT, SECRET, None, None, "benchmark");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .empty_test_environment()
        .http_client(Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .region(Region::new("eu-south-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .endpoint_url(endpoint)
        .load()
        .await;
    let account = Account::identify(config).await;
    account.expect("the emulator's account")
}

/// The same keys for the store of state.
#[derive(Debug)]
struct Keys;

#[async_trait]
impl AwsKeySource for Keys {
    async fn keys(&self) -> Result<AwsKeys, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AwsKeys {
            id: ACCOUNT.to_owned(),
            secret: SECRET.to_owned(),
            token: None,
        })
    }
}

/// The bucket for state.
async fn make_bucket(account: &Account) {
    let config = aws_sdk_s3::config::Builder::from(account.sdk_config()).force_path_style(true);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(account.region().into())
        .build();
    let call = client.create_bucket().bucket(STATE);
    let made = call.create_bucket_configuration(place).send().await;
    made.expect("a bucket for state");
}

/// Where the state of a stage is.
fn store(account: &Account, stage: &str) -> Arc<dyn StateStore> {
    let location = Location::S3 {
        bucket: STATE.to_owned(),
        prefix: format!("orders/{stage}"),
        region: Some(account.region().to_owned()),
        endpoint: account.endpoint().map(str::to_owned),
    };
    location.open(&Credentials::of_aws(Keys)).expect("a store")
}

/// What one side did in one phase.
struct Side {
    elapsed: Duration,
    exchanges: Vec<Exchange>,
    began: Instant,
}

impl Side {
    fn since(began: Instant, recorder: Option<&Recorder>) -> Side {
        let elapsed = began.elapsed();
        // The relay notes an answer when the next request comes, or a moment later.
        let exchanges = recorder.map(|recorder| {
            std::thread::sleep(Duration::from_millis(50));
            recorder.take()
        });
        Side {
            elapsed,
            exchanges: exchanges.unwrap_or_default(),
            began,
        }
    }
}

/// The times of one phase, ours and by hand.
struct Phase {
    what: &'static str,
    target: f64,
    ours: Vec<f64>,
    by_hand: Vec<f64>,
    /// Of both sides: how many requests there were, and how many one after the other.
    requests: String,
}

impl Phase {
    fn new(what: &'static str, target: f64) -> Phase {
        Phase {
            what,
            target,
            ours: Vec::new(),
            by_hand: Vec::new(),
            requests: String::new(),
        }
    }

    fn add(&mut self, ours: &Side, by_hand: &Side) {
        self.ours.push(ours.elapsed.as_secs_f64());
        self.by_hand.push(by_hand.elapsed.as_secs_f64());
    }

    fn count(&mut self, ours: &Side, by_hand: &Side, timeline: &mut String) {
        let counted = |side: &Side| {
            let exchanges = &side.exchanges;
            format!("{} ({} in a row)", exchanges.len(), in_a_row(exchanges))
        };
        self.requests = format!("{} vs {}", counted(ours), counted(by_hand));
        for (who, side) in [("ours", ours), ("by hand", by_hand)] {
            let _ = writeln!(timeline, "{}, {who}: {:?}", self.what, side.elapsed);
            let mut exchanges: Vec<&Exchange> = side.exchanges.iter().collect();
            exchanges.sort_by_key(|exchange| exchange.sent);
            for exchange in exchanges {
                let at = |time: Instant| (time - side.began).as_secs_f64() * 1_000.0;
                let (sent, answered) = (at(exchange.sent), at(exchange.answered));
                let _ = writeln!(timeline, "{sent:8.1} {answered:8.1}  {}", exchange.name);
            }
        }
    }

    fn report(&self) {
        let ratios = self.ours.iter().zip(&self.by_hand);
        let ratio = median(ratios.map(|(ours, by_hand)| ours / by_hand).collect());
        let shown = |times: &[f64]| format!("{:.0} ms", median(times.to_vec()) * 1_000.0);
        let verdict = match ratio <= self.target {
            true => "met",
            false => "MISSED",
        };
        println!(
            "{:<44} {:>14} vs {:>14}  ratio {ratio:>6.3}  target ≤ {}  {verdict}",
            self.what,
            shown(&self.ours),
            shown(&self.by_hand),
            self.target,
        );
        if !self.requests.is_empty() {
            println!("{:<44} requests {}", "", self.requests);
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Both sides, each on a stage of its own, through all phases.
async fn round(
    bench: &Bench,
    name: &str,
    number: usize,
    recorder: Option<&Recorder>,
) -> Vec<(Side, Side)> {
    let (first, second) = (archive(2 * number), archive(2 * number + 1));
    let (ours, theirs) = (format!("{name}{number}o"), format!("{name}{number}h"));
    let before = bench.blueprint(&theirs, &first);
    let after = bench.blueprint(&theirs, &second);
    let hand = || Hand::new(&bench.account);
    let mut sides = Vec::new();
    let _ = recorder.map(Recorder::take);

    let began = Instant::now();
    bench.apply(&ours, &first).await;
    let made = Side::since(began, recorder);
    let began = Instant::now();
    let mut outputs = hand().create(&before, &first).await;
    sides.push((made, Side::since(began, recorder)));

    let began = Instant::now();
    bench.apply(&ours, &first).await;
    let unchanged = Side::since(began, recorder);
    let began = Instant::now();
    hand().look(&before, &outputs).await;
    sides.push((unchanged, Side::since(began, recorder)));

    let began = Instant::now();
    bench.apply(&ours, &second).await;
    let changed = Side::since(began, recorder);
    let began = Instant::now();
    hand().change_code(&after, &mut outputs, &second).await;
    sides.push((changed, Side::since(began, recorder)));

    let began = Instant::now();
    bench.destroy(&ours).await;
    let destroyed = Side::since(began, recorder);
    let began = Instant::now();
    hand().destroy(&after, &outputs).await;
    sides.push((destroyed, Side::since(began, recorder)));
    sides
}

async fn run(port: u16) {
    let account = account(&format!("http://127.0.0.1:{port}")).await;
    make_bucket(&account).await;
    let relay = Recorder::start(port, Duration::ZERO);
    let network = Recorder::start(port, ONE_WAY);
    let graph = graph();
    let bench = |account| Bench {
        account,
        graph: graph.clone(),
        folder: tempfile::tempdir().expect("a temporary folder"),
    };
    let relayed = bench(self::account(&relay.endpoint()).await);
    let far = bench(self::account(&network.endpoint()).await);
    let near = bench(account);
    let mut nearby = phases();
    let mut remote = phases();
    let mut timeline = String::new();
    let noted = round(&relayed, "noted", 0, Some(&relay)).await;
    for (phase, (ours, by_hand)) in nearby.iter_mut().zip(&noted) {
        phase.count(ours, by_hand, &mut timeline);
    }
    for number in 1..=ROUNDS {
        for (bench, name, phases) in [(&near, "near", &mut nearby), (&far, "far", &mut remote)] {
            let sides = round(bench, name, number, None).await;
            for (phase, (ours, by_hand)) in phases.iter_mut().zip(&sides) {
                phase.add(ours, by_hand);
            }
        }
    }
    if let Some(file) = std::env::var_os("IFC_BENCH_TIMELINE") {
        std::fs::write(file, timeline).expect("a file for the timeline");
    }
    for phase in &nearby {
        phase.report();
    }
    println!("the same, when every request is {ONE_WAY:?} on its way");
    for phase in &remote {
        phase.report();
    }
}

fn phases() -> [Phase; 4] {
    [
        Phase::new("apply of orders to AWS from nothing", 1.25),
        Phase::new("apply of orders without a change", 1.5),
        Phase::new("apply of orders with new code", 1.5),
        Phase::new("destroy of orders", 1.5),
    ]
}

fn main() {
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report("the time that deploying to AWS takes"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(run(emulator.port()));
}
