//! The portable contract on an emulator that verifies signatures and whose clock is moved.
//!
//! The resources are the emulator's. Lambda is not there: events are taken from where they wait as
//! its event source mappings take them, requests become events as API Gateway has them, and both are
//! handed to the entry point's own code, in this process.

mod edges;
mod feed;
mod gateway;
mod make;
mod watch;

use crate::aws::Aws;
use crate::connection::{Exchange as _, Network};
use crate::emulated::{make_user, with_keys};
use crate::entry::Unit;
use crate::envelope::{self, DEAD_LETTER_ATTEMPTS, DEAD_LETTER_ID, DEAD_LETTER_REASON};
use crate::percent;
use crate::wiring::Wiring;
use edges::{Fed, edges};
use feed::Feed;
use ifc_conformance::{DeadLetter, Failure, Harness, Stage, Time, run};
use ifc_emulators::{EmulatedClock, Emulator, MiniStack};
use ifc_manifest::ProviderId;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::bucket::encode_object_event;
use ifc_runtime::{Application, BoxFuture, Provider};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use watch::{StageClock, Watched, context};

/// The emulator, and who asks it.
struct World {
    emulator: Emulator,
    clock: EmulatedClock,
    keys: [String; 2],
    stages: AtomicUsize,
}

impl World {
    /// The provider of an application, as one that has just started.
    fn provider(
        &self,
        application: &Arc<Application>,
        wiring: &Wiring,
        watched: &Arc<Watched>,
    ) -> Arc<Aws> {
        let keys = self.keys.each_ref().map(String::as_str);
        let mut aws = with_keys(&self.emulator.endpoint(), Vec::new(), wiring, keys);
        aws.transport.exchange = Box::new(Arc::clone(watched));
        aws.transport.clock = Arc::new(StageClock(self.clock.clone()));
        aws.clock = Arc::clone(&aws.transport.clock);
        aws.application = Arc::clone(application);
        Arc::new(aws)
    }
}

struct Emulated(Arc<World>);

impl Harness for Emulated {
    fn id(&self) -> ProviderId {
        ProviderId::Aws
    }

    fn provider(&self) -> String {
        "aws, on MiniStack".to_owned()
    }

    fn time(&self) -> Time {
        Time::Virtual
    }

    fn cannot_try(&self, clause: &str) -> Option<String> {
        let found = CANNOT_TRY.iter().find(|(id, _)| clause.starts_with(id));
        found.map(|(_, reason)| (*reason).to_owned())
    }

    fn parallel(&self) -> usize {
        // There is one clock.
        1
    }

    fn open<'a>(
        &'a self,
        application: Arc<Application>,
        start: SystemTime,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>> {
        Box::pin(async move {
            let world = &self.0;
            world.clock.set(start);
            let watched = Watched::new(&world.clock);
            let number = world.stages.fetch_add(1, Ordering::Relaxed);
            let prefix = format!("conformance{number}-");
            let nothing = crate::emulated::wiring();
            let maker = world.provider(&application, &nothing, &watched);
            let mut wiring = make::resources(&maker, &application, &prefix).await?;
            let fed = edges(&maker, &application, &mut wiring, &prefix).await?;
            let mut stage = OnEmulator {
                world: Arc::clone(world),
                provider: world.provider(&application, &wiring, &watched),
                maker,
                watched,
                application,
                wiring,
                fed,
                units: BTreeMap::new(),
            };
            stage.start()?;
            let stage: Box<dyn Stage> = Box::new(stage);
            Ok(stage)
        })
    }
}

struct OnEmulator {
    world: Arc<World>,
    application: Arc<Application>,
    wiring: Wiring,
    watched: Arc<Watched>,
    /// The application's own.
    provider: Arc<Aws>,
    /// Ours.
    maker: Arc<Aws>,
    fed: Vec<Fed>,
    units: BTreeMap<String, Arc<Unit>>,
}

impl OnEmulator {
    /// Starts every unit anew.
    fn start(&mut self) -> Result<(), Failure> {
        self.stop();
        self.provider = self.provider_of(&self.wiring);
        let apis = self.application.apis().into_keys();
        let units = self.fed.iter().map(|fed| fed.unit.clone()).chain(apis);
        for name in units.collect::<Vec<_>>() {
            let mut wiring = self.wiring.clone();
            let fed = self.fed.iter().find(|fed| fed.unit == name);
            wiring.dead_letters = fed.map(|fed| fed.queue.dead_letters.clone());
            let unit = Arc::new(Unit::new(self.provider_of(&wiring), &name)?);
            if let Some(function) = self.wiring.functions.get(&name) {
                let mut functions = self.watched.functions.lock().unwrap();
                functions.insert(function.clone(), Arc::clone(&unit));
            }
            self.units.insert(name, unit);
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.units.clear();
        self.watched.functions.lock().unwrap().clear();
    }

    fn provider_of(&self, wiring: &Wiring) -> Arc<Aws> {
        self.world
            .provider(&self.application, wiring, &self.watched)
    }

    fn queue_of(&self, source: &str) -> Result<&Fed, Failure> {
        let found = self.fed.iter().find(|fed| fed.source == source);
        found.ok_or_else(|| format!("nothing is fed by `{source}`").into())
    }

    async fn deliver_all(&mut self) {
        // What goes from service to service takes a moment of its own.
        let mut quiet = 0;
        while quiet < 3 {
            let mut some = false;
            for fed in &mut self.fed {
                let unit = &self.units[&fed.unit];
                some |= fed.feed.poll(&self.maker, &self.watched, unit).await;
            }
            quiet = if some { 0 } else { quiet + 1 };
            if !some {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

impl Drop for OnEmulator {
    fn drop(&mut self) {
        // They hold the network that holds them.
        self.stop();
    }
}

impl Stage for OnEmulator {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.deliver_all().await;
            Ok(())
        })
    }

    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let end = self.world.clock.now() + by;
            self.deliver_all().await;
            while let Some(due) = self.watched.next_due(end) {
                self.world.clock.set(due);
                self.deliver_all().await;
            }
            if self.world.clock.now() < end {
                self.world.clock.set(end);
            }
            self.deliver_all().await;
            Ok(())
        })
    }

    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.stop();
            self.world.clock.set(self.world.clock.now() + down);
            self.start()
        })
    }

    fn take_and_die<'a>(&'a mut self, unit: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        Box::pin(async move {
            let fed = self.fed.iter().find(|fed| fed.unit == unit);
            match fed.map(|fed| &fed.feed) {
                Some(Feed::Queue(queue)) => {
                    Ok(queue.receive(&self.maker, &self.watched).await.len())
                }
                _ => Err("its source has no leases".into()),
            }
        })
    }

    fn dead_letters<'a>(
        &'a self,
        source: &'a str,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, Failure>> {
        Box::pin(async move {
            let fed = self.queue_of(source)?;
            let letters = fed.queue.dead_letters(&self.maker, &self.watched).await;
            let letters = letters.iter().map(|letter| dead_letter(fed, letter));
            Ok(letters.collect())
        })
    }

    fn redrive<'a>(&'a mut self, source: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        Box::pin(async move {
            let queue = self.queue_of(source)?.queue.clone();
            Ok(queue.redrive(&self.maker, &self.watched).await)
        })
    }

    fn replay<'a>(&'a mut self, _: &'a str, _: SystemTime) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Err("nothing here moves an event source mapping back".into()) })
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
            make::secret_value(&self.maker, id, value).await
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
            make::parameter(&self.maker, name, json).await
        })
    }

    fn request<'a>(
        &'a self,
        api: &'a str,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let unit = self.units.get(api).ok_or("there is no such API")?;
            let event = gateway::event(request).await.to_string();
            let reply = unit.deliver(event.as_bytes(), &context()).await?;
            Ok(gateway::response(&serde_json::from_slice(&reply)?))
        })
    }

    fn fetch<'a>(&'a self, request: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let network = Network::new(None)?;
            let answer = network.exchange(request).await;
            answer.map_err(|failure| ifc_runtime::Error::from(failure).into())
        })
    }
}

/// A message among the dead letters, put there by the unit, or by SQS when workers died with it too
/// often.
fn dead_letter(fed: &Fed, letter: &Value) -> DeadLetter {
    let attached = |name: &str| letter["MessageAttributes"][name]["StringValue"].as_str();
    let text = letter["Body"].as_str().unwrap();
    let id = attached(DEAD_LETTER_ID).map(str::to_owned);
    let own_id = || Some(envelope::open(text)?.id);
    let attempts = attached(DEAD_LETTER_ATTEMPTS).and_then(|text| text.parse().ok());
    DeadLetter {
        id: id.or_else(own_id).unwrap_or_default(),
        source: fed.resource.clone(),
        attempts: attempts.unwrap_or(fed.queue.attempts_max),
        reason: attached(DEAD_LETTER_REASON)
            .unwrap_or("its attempts are used up")
            .to_owned(),
        body: body_of(text),
    }
}

/// The body of an event, out of the text by which it came to its unit.
fn body_of(text: &str) -> Vec<u8> {
    let outer: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(object) = outer["Records"][0]["s3"].get("object") {
        let key = percent::decode(object["key"].as_str().unwrap()).unwrap();
        return encode_object_event(&key, object["size"].as_u64(), object["eTag"].as_str());
    }
    match envelope::open(text).or_else(|| envelope::open(&outer["detail"].to_string())) {
        Some(ours) => ours.body,
        None => text.as_bytes().to_vec(),
    }
}

/// Clauses that cannot be tried here, by the beginnings of their ids, and why.
const CANNOT_TRY: &[(&str, &str)] = &[
    (
        "bucket-expiry",
        "MiniStack 1.5.33 keeps the lifecycle rules of a bucket, and does nothing by them",
    ),
    (
        "schedule-",
        "MiniStack 1.5.33 runs no cron expressions of EventBridge Scheduler",
    ),
    (
        "stream-replay",
        "a replay makes the event source mapping anew, which is deploying",
    ),
];

#[tokio::test]
async fn keeps_the_contract() {
    let started = MiniStack { enforce: true }.start_with_clock();
    let (emulator, clock) = match started {
        Ok(started) => started,
        Err(skipped) => return skipped.report("the contract on AWS"),
    };
    let world = World {
        keys: make_user(&emulator.endpoint()).await,
        emulator,
        clock,
        stages: AtomicUsize::new(0),
    };
    run(Arc::new(Emulated(Arc::new(world)))).await.check();
}
