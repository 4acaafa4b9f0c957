//! The portable contract, as far as the data half needs no trigger for it, on an emulator that
//! verifies signatures.

mod make;

use crate::aws::Aws;
use crate::connection::{Exchange as _, Network};
use crate::emulated::{aws, endpoint};
use crate::wiring::Wiring;
use ifc_conformance::{DeadLetter, Failure, Harness, Stage, Time, clauses, run_only};
use ifc_manifest::ProviderId;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::{Application, BoxFuture, Clock, Provider, SystemClock};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Stages on the emulator.
struct Emulated {
    endpoint: String,
    time: Time,
    stages: AtomicUsize,
}

impl Harness for Emulated {
    fn id(&self) -> ProviderId {
        ProviderId::Aws
    }

    fn provider(&self) -> String {
        "aws, on MiniStack".to_owned()
    }

    fn time(&self) -> Time {
        self.time
    }

    fn open<'a>(
        &'a self,
        application: Arc<Application>,
        start: SystemTime,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>> {
        Box::pin(async move {
            if !application.handlers.is_empty() {
                return Err("there is no entry point here that would run handlers".into());
            }
            let number = self.stages.fetch_add(1, Ordering::Relaxed);
            let prefix = format!("conformance{number}-");
            let wiring = make::resources(&self.endpoint, &application, &prefix).await?;
            let clock: StageClock = match self.time {
                Time::Virtual => StageClock::Virtual(Arc::new(ManualClock(Mutex::new(start)))),
                Time::Real { .. } => StageClock::Real,
            };
            let stage = OnEmulator {
                endpoint: self.endpoint.clone(),
                provider: provider(&self.endpoint, &application, &wiring, &clock),
                clock,
                application,
                wiring,
            };
            let stage: Box<dyn Stage> = Box::new(stage);
            Ok(stage)
        })
    }
}

/// A clock that moves when it is told to.
struct ManualClock(Mutex<SystemTime>);

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// What the provider of a stage lives by. Requests are dated by the machine's clock in any case, or
/// the emulator would refuse them.
enum StageClock {
    Virtual(Arc<ManualClock>),
    Real,
}

impl StageClock {
    async fn advance(&self, by: Duration) {
        match self {
            StageClock::Virtual(clock) => *clock.0.lock().unwrap() += by,
            StageClock::Real => tokio::time::sleep(by).await,
        }
    }
}

fn provider(
    endpoint: &str,
    application: &Application,
    wiring: &Wiring,
    clock: &StageClock,
) -> Arc<Aws> {
    let mut aws = aws(endpoint, Vec::new(), wiring);
    aws.clock = match clock {
        StageClock::Virtual(clock) => clock.clone(),
        StageClock::Real => Arc::new(SystemClock),
    };
    aws.application = Arc::new(application.clone());
    Arc::new(aws)
}

struct OnEmulator {
    endpoint: String,
    clock: StageClock,
    application: Arc<Application>,
    wiring: Wiring,
    provider: Arc<Aws>,
}

fn not_driven<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, Failure>> {
    Box::pin(async { Err("no clause that is tried here needs it".into()) })
}

impl Stage for OnEmulator {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>> {
        // There are no handlers.
        Box::pin(async { Ok(()) })
    }

    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.clock.advance(by).await;
            Ok(())
        })
    }

    /// A unit that starts anew: the data are not in it.
    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.clock.advance(down).await;
            let (application, wiring) = (&self.application, &self.wiring);
            self.provider = provider(&self.endpoint, application, wiring, &self.clock);
            Ok(())
        })
    }

    fn take_and_die<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        not_driven()
    }

    fn dead_letters<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<DeadLetter>, Failure>> {
        not_driven()
    }

    fn redrive<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        not_driven()
    }

    fn replay<'a>(&'a mut self, _: &'a str, _: SystemTime) -> BoxFuture<'a, Result<(), Failure>> {
        not_driven()
    }

    fn set_secret<'a>(
        &'a mut self,
        secret: &'a str,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let id = self
                .wiring
                .secrets
                .get(secret)
                .ok_or("it is not declared")?;
            make::secret_value(&self.provider, id, value).await
        })
    }

    fn set_config<'a>(
        &'a mut self,
        config: &'a str,
        json: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let name = self
                .wiring
                .configs
                .get(config)
                .ok_or("it is not declared")?;
            make::parameter(&self.provider, name, json).await
        })
    }

    fn request<'a>(&'a self, _: &'a str, _: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        not_driven()
    }

    fn fetch<'a>(&'a self, request: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let network = Network::new(None)?;
            let answer = network.exchange(request).await;
            answer.map_err(|failure| ifc_runtime::Error::from(failure).into())
        })
    }
}

/// Tries the clauses whose ids begin with one of `beginnings`, but those with one of `but`.
async fn keeps(what: &str, time: Time, beginnings: &[&str], but: &[&str]) {
    let Some(endpoint) = endpoint(&format!("the contract of {what}")) else {
        return;
    };
    let begins = |id: &str, with: &[&str]| with.iter().any(|beginning| id.starts_with(beginning));
    let all = clauses();
    let tried: Vec<&str> = all
        .iter()
        .map(|clause| clause.id)
        .filter(|id| begins(id, beginnings) && !begins(id, but))
        .collect();
    assert!(!tried.is_empty(), "{beginnings:?}");
    let harness = Emulated {
        endpoint,
        time,
        stages: AtomicUsize::new(0),
    };
    run_only(Arc::new(harness), &tried).await.check();
}

/// For services whose clock cannot be moved.
const REAL: Time = Time::Real {
    patience: Duration::from_secs(2),
};

#[tokio::test]
async fn tables_keep_the_contract() {
    // Their time (expiry) is decided by our clock, not by DynamoDB's.
    keeps("tables", Time::Virtual, &["table-"], &["table-change"]).await;
}

#[tokio::test]
async fn secrets_and_configuration_keep_the_contract() {
    // What is kept of them is kept by our clock.
    let beginnings = ["secret-", "config-"];
    keeps("secrets", Time::Virtual, &beginnings, &[]).await;
}

#[tokio::test]
async fn buckets_keep_the_contract() {
    let but = ["bucket-created", "bucket-deleted", "bucket-event"];
    keeps("buckets", REAL, &["bucket-"], &but).await;
}
