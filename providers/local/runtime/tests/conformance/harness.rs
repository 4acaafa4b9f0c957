//! How the suite drives the local provider: by a clock of its own, with a kind adversary or an
//! unkind one.

use ifc_conformance::{DeadLetter, Failure, Harness, Stage, Time};
use ifc_local::{Adversary, Local, Simulation, Storage, Unkindness, VirtualTime};
use ifc_manifest::ProviderId;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::{Application, BoxFuture, Clock, Provider};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// More than tests of applications meet: a clause has few events, and each should meet something.
const UNKIND: Unkindness = Unkindness {
    duplicate: 0.3,
    crash: 0.15,
    lose_lease: 0.1,
    ..Unkindness::DEFAULT
};

/// Makes stages of the local provider.
#[derive(Clone, Copy)]
pub(crate) struct LocalHarness {
    pub(crate) on_disk: bool,
    /// The seed of the adversary, when it is unkind.
    pub(crate) adversary: Option<u64>,
}

impl LocalHarness {
    /// Equal applications meet the same, in whatever order they are opened.
    fn adversary(&self, application: &Application) -> Arc<Adversary> {
        let Some(seed) = self.adversary else {
            return Adversary::new(0, Unkindness::NONE);
        };
        let resources = application.resources.iter().map(|r| r.path.as_str());
        let handlers = application
            .handlers
            .iter()
            .map(|h| h.descriptor.path.as_str());
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let named = resources.chain(handlers).flat_map(str::bytes);
        Adversary::new(named.fold(seed, mix), UNKIND)
    }
}

impl Harness for LocalHarness {
    fn id(&self) -> ProviderId {
        ProviderId::Local
    }

    fn provider(&self) -> String {
        let place = match self.on_disk {
            true => "on a directory",
            false => "in memory",
        };
        match self.adversary {
            None => format!("local, {place}, benign"),
            Some(seed) => format!("local, {place}, adversarial with the seed {seed}"),
        }
    }

    fn time(&self) -> Time {
        Time::Virtual
    }

    fn lost_attempts(&self) -> u32 {
        u32::from(self.adversary.is_some())
    }

    fn forgets(&self) -> Option<String> {
        let reason = "memory does not outlive its process; it is tried on a directory";
        (!self.on_disk).then(|| reason.to_owned())
    }

    fn open<'a>(
        &'a self,
        application: Arc<Application>,
        start: SystemTime,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>> {
        Box::pin(async move {
            let folder = match self.on_disk {
                true => Some(tempfile::tempdir()?),
                false => None,
            };
            let clock = Arc::new(ManualClock(Mutex::new(start)));
            let adversary = self.adversary(&application);
            let simulation = open(&application, folder.as_ref(), &clock, &adversary)?;
            let stage = LocalStage {
                application,
                clock,
                folder,
                adversary,
                simulation: Some(simulation),
            };
            let stage: Box<dyn Stage> = Box::new(stage);
            Ok(stage)
        })
    }
}

fn open(
    application: &Arc<Application>,
    folder: Option<&TempDir>,
    clock: &Arc<ManualClock>,
    adversary: &Arc<Adversary>,
) -> Result<Simulation, Failure> {
    let storage = match folder {
        None => Storage::Memory,
        Some(folder) => Storage::Directory {
            path: folder.path().join("data"),
            fsync: ifc_local::Fsync::Always,
            key_file: Some(folder.path().join("local.key")),
        },
    };
    let local = Local::open(Arc::clone(application), storage, clock.clone())?;
    let (adversary, time) = (Arc::clone(adversary), clock.clone());
    Ok(Simulation::new(local, adversary, time, Arc::new(())))
}

/// A clock that moves when it is told to.
struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl VirtualTime for ManualClock {
    fn wait_until(&self, time: SystemTime) -> BoxFuture<'_, ()> {
        self.set(time);
        Box::pin(std::future::ready(()))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct LocalStage {
    application: Arc<Application>,
    clock: Arc<ManualClock>,
    folder: Option<TempDir>,
    adversary: Arc<Adversary>,
    /// `None` during an outage.
    simulation: Option<Simulation>,
}

impl LocalStage {
    fn simulation(&self) -> &Simulation {
        self.simulation.as_ref().expect("there is no outage")
    }

    fn local(&self) -> &Arc<Local> {
        self.simulation().local()
    }
}

impl Stage for LocalStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.local().clone()
    }

    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.local().fire_due_schedules().await?;
            Ok(self.simulation().run_due().await?)
        })
    }

    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let target = self.clock.now() + by;
            Ok(self.simulation().advance_to(target).await?)
        })
    }

    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if self.folder.is_none() {
                return Err("memory does not outlive its process".into());
            }
            let simulation = self.simulation.take().expect("there is no outage yet");
            let local = Arc::clone(simulation.local());
            drop(simulation);
            if Arc::into_inner(local).is_none() {
                return Err("something still holds the provider".into());
            }
            self.clock.set(self.clock.now() + down);
            let folder = self.folder.as_ref();
            let again = open(&self.application, folder, &self.clock, &self.adversary)?;
            self.simulation = Some(again);
            Ok(())
        })
    }

    fn take_and_die<'a>(&'a mut self, unit: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        Box::pin(async move {
            let local = self.local();
            let edge = local.edges().iter().find(|edge| edge.unit == unit);
            let edge = edge.ok_or_else(|| format!("there is no unit `{unit}`"))?;
            Ok(local.receive(edge.id, edge.batch).await?.len())
        })
    }

    fn dead_letters<'a>(
        &'a self,
        source: &'a str,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, Failure>> {
        Box::pin(async move {
            let dead = self.local().dead_letters(source)?;
            let dead = dead.into_iter().map(|dead| DeadLetter {
                id: dead.id,
                source: dead.source,
                attempts: dead.attempts,
                reason: dead.reason,
                body: dead.body,
            });
            Ok(dead.collect())
        })
    }

    fn redrive<'a>(&'a mut self, source: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        Box::pin(async move { Ok(self.local().redrive(source, None).await? as usize) })
    }

    fn replay<'a>(
        &'a mut self,
        consumer: &'a str,
        from: SystemTime,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.local().replay(consumer, from).await?;
            Ok(())
        })
    }

    fn set_secret<'a>(
        &'a mut self,
        secret: &'a str,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.local().set_secret(secret, value).await?;
            Ok(())
        })
    }

    fn set_config<'a>(
        &'a mut self,
        config: &'a str,
        json: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { Ok(self.local().set_config(config, json).await?) })
    }

    fn request<'a>(
        &'a self,
        api: &'a str,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let apis = self.application.apis();
            let spec = apis
                .get(api)
                .ok_or_else(|| format!("there is no API `{api}`"))?;
            let router = ifc_runtime::http::router(&self.application, api, spec);
            let Ok(response) = router.oneshot(request).await;
            Ok(response)
        })
    }

    fn fetch<'a>(&'a self, request: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move { Ok(self.local().answer_presigned(request).await) })
    }
}
