//! The test kit: an application in a cloud of its own, in virtual time.
//!
//! ```
//! # use ifc::prelude::*;
//! # #[resource] static LETTERS: Queue<u64> = Queue::new("letters");
//! # #[consumer(LETTERS)] async fn read(letter: u64) -> Result<()> { let _ = letter; Ok(()) }
//! # fn main() {}
//! #[ifc::test]
//! async fn letters_are_read(cloud: ifc::test_kit::TestCloud) {
//!     LETTERS.send(&7).delay(minutes(15)).await.unwrap();
//!     cloud.settle().await;
//!     assert!(cloud.queue(&LETTERS).is_empty());
//! }
//! ```
//!
//! Each test has an isolated in-memory cloud, so tests run side by side under plain `cargo test`.
//! Nothing happens behind the test's back: events are delivered only while the test awaits
//! [`TestCloud::run_due`], [`TestCloud::settle`] or [`TestCloud::advance`], as unkindly as a cloud
//! does it now and then: see [`Faults`] for what exactly happens, and [`TestCloud::benign`] for how
//! it does not. What happens is decided by a seed; the same seed gives the same run. Time is tokio's paused clock: it moves when everything waits, so
//! a day of retries takes milliseconds, and `tokio::time::sleep` in handlers takes none. (Waiting
//! for a real socket counts as waiting too: time-outs around real I/O fire at once.)

mod clock;
mod faults;
mod http;
mod inspect;
mod observation;
mod seed;
mod trace;

pub use faults::Faults;
pub use http::{TestApi, TestReply, TestRequest};
pub use inspect::{BucketProbe, DeadLetter, QueueProbe, StreamProbe, TableProbe};
#[doc(hidden)]
pub use seed::Plan;
pub use trace::{Trace, TraceEntry, TraceEvent};

use crate::{Bucket, Config, PresignedPut, Queue, Secret, Stream, Table};
use clock::VirtualClock;
use ifc_local::{Adversary, Disturbed, Local, Observer, Simulation, Storage, Unkindness};
use ifc_manifest::Address;
use ifc_runtime::axum::http::Method;
use ifc_runtime::event::repeat_ids;
use ifc_runtime::intercept::Intercepted;
use ifc_runtime::permissions::{Enforced, UnitGrants};
use ifc_runtime::{Application, Environment, Provider, Resource};
use observation::Observation;
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The application under test. Cheap to clone.
#[derive(Clone)]
pub struct TestCloud {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Arc<Environment>,
    clock: Arc<VirtualClock>,
    adversary: Arc<Adversary>,
    simulation: Simulation,
    trace: Arc<Mutex<Vec<TraceEntry>>>,
}

/// What a test may return.
#[doc(hidden)]
pub trait Ended {
    /// Whether it says that the test failed.
    fn failed(&self) -> bool;
}

impl Ended for () {
    fn failed(&self) -> bool {
        false
    }
}

impl<T, E> Ended for Result<T, E> {
    fn failed(&self) -> bool {
        self.is_err()
    }
}

impl Ended for ExitCode {
    fn failed(&self) -> bool {
        *self != ExitCode::SUCCESS
    }
}

/// What `#[ifc::test]` expands to. Runs the test with each of its seeds until it fails; returns what
/// it returned last.
#[doc(hidden)]
pub fn run<F, Fut>(package: &str, name: &str, plan: Plan, test: F) -> Fut::Output
where
    F: Fn(TestCloud) -> Fut,
    Fut: Future<Output: Ended>,
{
    let mut seeds = plan.seeds();
    let count = seeds.end - seeds.start;
    loop {
        let seed = seeds
            .next()
            .expect("there is a seed, and the last one returns");
        let unkindness = match plan.benign {
            true => Unkindness::NONE,
            false => Unkindness::DEFAULT,
        };
        let adversary = Adversary::new(seed, unkindness);
        let result = catch_unwind(AssertUnwindSafe(|| run_once(package, &adversary, &test)));
        let failed = result.as_ref().map_or(true, Ended::failed);
        if failed && (!plan.benign || adversary.unkindness() != Unkindness::NONE) {
            let tried = match count {
                1 => String::new(),
                _ => format!(", number {} of {count}", seed - (seeds.end - count) + 1),
            };
            // Test programs know their tests without the name of the crate.
            let path = name.split_once("::").map_or(name, |(_, path)| path);
            eprintln!(
                "the test failed with the seed {0}{tried}; to replay it:\n    IFC_SEED={0} cargo \
                 test --package {package} -- --exact {path}",
                adversary.seed()
            );
        }
        match result {
            Ok(output) if failed || seeds.is_empty() => return output,
            Ok(_) => {}
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Runs a test once, in a cloud of its own.
fn run_once<Fut: Future>(
    package: &str,
    adversary: &Arc<Adversary>,
    test: impl FnOnce(TestCloud) -> Fut,
) -> Fut::Output {
    let seed = adversary.seed();
    // Ids are drawn anew in every run of the application; in a test they come from the seed.
    repeat_ids(Some(seed));
    let _left = Left;
    let application = match Application::load(package) {
        Ok(application) => Arc::new(application),
        Err(error) => panic!("{error}"),
    };
    let clock = Arc::new(VirtualClock::default());
    let local = match Local::open(application.clone(), Storage::Memory, clock.clone()) {
        Ok(local) => local,
        Err(error) => panic!("{error}"),
    };
    let trace = Arc::new(Mutex::new(Vec::new()));
    let observer: Arc<dyn Observer> = Arc::new(Observation {
        local: local.clone(),
        trace: trace.clone(),
    });
    let mut provider: Arc<dyn Provider> = Arc::new(Intercepted {
        inner: local.clone(),
        interceptor: Disturbed {
            adversary: adversary.clone(),
            observer: observer.clone(),
        },
    });
    // A test is a program too: `ifc test` embeds the permissions into it, and then they hold here
    // as they would on a cloud. Plain `cargo test` embeds none.
    match UnitGrants::of_this_program(&application) {
        Ok(grants) => provider = Arc::new(Enforced::new(provider, grants)),
        Err(none) => none.report(),
    }
    let environment = Environment::new(provider, application);
    let on_thread = environment.clone();
    let threads = AtomicU64::new(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_start(move || {
            repeat_ids(Some(!threads.fetch_add(1, Ordering::Relaxed)));
            on_thread.clone().enter_thread();
        })
        .build()
        .expect("the operating system grants a runtime");
    environment.clone().enter_thread();
    let simulation = Simulation::new(local, adversary.clone(), clock.clone(), observer);
    let cloud = TestCloud {
        inner: Arc::new(Inner {
            environment,
            clock: clock.clone(),
            adversary: adversary.clone(),
            simulation,
            trace,
        }),
    };
    runtime.block_on(async {
        clock.start();
        test(cloud).await
    })
}

/// Leaves the thread as it was, also when the test panics.
struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        Environment::leave_thread();
        repeat_ids(None);
    }
}

/// Panics where the cloud cannot come to rest.
#[track_caller]
fn rest(result: Result<(), crate::Error>) {
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A lock whose holder panicked still guards plain data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestCloud {
    /// The application's default HTTP API.
    pub fn http(&self) -> TestApi {
        self.api(ifc_manifest::kind::http_api::DEFAULT_NAME)
    }

    /// The HTTP API called `name`.
    ///
    /// # Panics
    /// When the application has none of this name.
    pub fn api(&self, name: &str) -> TestApi {
        TestApi::new(self, name)
    }

    /// Delivers everything that is due now and whatever follows from it, without moving time.
    ///
    /// # Panics
    /// When it does not come to an end within 100,000 deliveries.
    pub async fn run_due(&self) {
        rest(self.inner.simulation.run_due().await);
    }

    /// Runs until nothing is left to do: delivers, and moves time over delays and retries, until
    /// every queue is empty and no index is behind. Schedules do not fire: they never end. See
    /// [`advance`](Self::advance).
    ///
    /// # Panics
    /// When it does not come to an end within 100,000 deliveries.
    pub async fn settle(&self) {
        rest(self.inner.simulation.settle().await);
    }

    /// Lets time pass, with everything that is due meanwhile: deliveries, retries, expiries,
    /// schedules.
    ///
    /// # Panics
    /// When it does not come to an end within 100,000 deliveries.
    pub async fn advance(&self, duration: Duration) {
        self.advance_to(self.now() + duration).await;
    }

    /// Lets time pass until `time`. Does nothing when that is past.
    ///
    /// # Panics
    /// As [`advance`](Self::advance).
    pub async fn advance_to(&self, time: SystemTime) {
        rest(self.inner.simulation.advance_to(time).await);
    }

    /// Virtual now. A test begins at 2026-01-01 00:00:00 UTC.
    pub fn now(&self) -> SystemTime {
        use ifc_runtime::Clock as _;
        self.inner.clock.now()
    }

    /// Makes the cloud more or less unkind from here on:
    /// `cloud.faults().duplicate(0.2).crash(0.05).seed(7)`.
    pub fn faults(&self) -> Faults {
        Faults::new(self.inner.adversary.clone())
    }

    /// Makes the cloud kind from here on: one delivery after the other, in order, each once; no
    /// read is behind. `#[ifc::test(benign)]` is that from the start.
    pub fn benign(&self) {
        self.faults().none();
    }

    /// What has happened so far, and what caused it.
    pub fn trace(&self) -> Trace {
        Trace::new(lock(&self.inner.trace).clone())
    }

    /// Looks into a queue.
    pub fn queue<T, R: Resource>(&self, _: &'static Queue<T, R>) -> QueueProbe<T> {
        QueueProbe::new(Arc::clone(self.local()), self.name_of::<R>())
    }

    /// Looks into the queue of an edge that has no declared one: of the subscriber, schedule or
    /// function with this unit's name.
    ///
    /// # Panics
    /// The probe does, when the application has no such unit.
    pub fn edge<T>(&self, unit: &str) -> QueueProbe<T> {
        QueueProbe::new(Arc::clone(self.local()), unit.to_owned())
    }

    /// The dead letters of a queue, oldest first.
    ///
    /// # Panics
    /// When a dead letter's body is not a `T`: look at [`QueueProbe::raw_dead_letters`].
    pub fn dead_letters<T: serde::de::DeserializeOwned, R: Resource>(
        &self,
        queue: &'static Queue<T, R>,
    ) -> Vec<DeadLetter<T>> {
        self.queue(queue).dead_letters()
    }

    /// Looks into a table.
    pub fn table<T: crate::Item, R: Resource>(&self, _: &'static Table<T, R>) -> TableProbe<T> {
        TableProbe::new(Arc::clone(self.local()), self.name_of::<R>())
    }

    /// Looks into a bucket.
    pub fn bucket<R: Resource>(&self, _: &'static Bucket<R>) -> BucketProbe {
        BucketProbe::new(Arc::clone(self.local()), self.name_of::<R>())
    }

    /// A GET request to a presigned URL, as anyone could send it who was given it; sent when
    /// awaited.
    pub fn fetch(&self, url: &str) -> TestRequest {
        TestRequest::to_presigned(self, Method::GET, url)
    }

    /// An upload as it was presigned, once it has a [`body`](TestRequest::body); sent when awaited.
    pub fn upload(&self, presigned: &PresignedPut) -> TestRequest {
        let request = TestRequest::to_presigned(self, Method::PUT, &presigned.url);
        let headers = presigned.headers.iter();
        headers.fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    }

    /// Looks into a stream, and sends its consumers back.
    pub fn stream<T, R: Resource>(&self, _: &'static Stream<T, R>) -> StreamProbe<T> {
        StreamProbe::new(Arc::clone(self.local()), self.name_of::<R>())
    }

    /// Sets a secret.
    ///
    /// # Panics
    /// When the value is larger than 24 KiB.
    pub async fn set_secret<R: Resource>(&self, _: &'static Secret<R>, value: &str) {
        let name = self.name_of::<R>();
        inspect::expect(
            self.local().set_secret(&name, value.as_bytes()).await,
            &name,
        );
    }

    /// Sets a configuration value. One that is not dynamic is fixed by the application's first read.
    ///
    /// # Panics
    /// When the value has no JSON form.
    pub async fn set_config<T: Serialize, R: Resource>(&self, _: &'static Config<T, R>, value: &T) {
        let name = self.name_of::<R>();
        let json = serde_json::to_string(value).expect("the value has a JSON form");
        inspect::expect(self.local().set_config(&name, &json).await, &name);
    }

    /// Runs a unit once with an event of its own, as `ifc invoke` does: a schedule's handler with
    /// any input, a consumer with a message that is in no queue.
    ///
    /// # Errors
    /// When there is no such unit, or a function fails.
    pub async fn invoke(
        &self,
        unit: &str,
        event: serde_json::Value,
    ) -> Result<serde_json::Value, crate::Error> {
        self.local().invoke_unit(unit, event).await
    }

    fn local(&self) -> &Arc<Local> {
        self.inner.simulation.local()
    }

    fn name_of<R: Resource>(&self) -> String {
        let address = Address::new(R::PACKAGE, R::NAME);
        self.inner.environment.application.name_of(&address)
    }
}
