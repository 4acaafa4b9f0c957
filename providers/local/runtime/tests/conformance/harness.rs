//! How the suite drives the local provider: by a clock of its own, one event after the other.

use ifc_conformance::{DeadLetter, Failure, Harness, Stage, Time};
use ifc_local::{Local, Storage};
use ifc_manifest::ProviderId;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::{Application, BoxFuture, Clock, Provider};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// Deliveries without time moving after which the provider is taken to go round in circles.
const ROUNDS_MAX: usize = 10_000;

/// Makes stages of the local provider.
pub(crate) struct LocalHarness {
    pub(crate) on_disk: bool,
}

impl Harness for LocalHarness {
    fn id(&self) -> ProviderId {
        ProviderId::Local
    }

    fn provider(&self) -> String {
        match self.on_disk {
            true => "local, on a directory".to_owned(),
            false => "local, in memory".to_owned(),
        }
    }

    fn time(&self) -> Time {
        Time::Virtual
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
            let local = open(&application, folder.as_ref(), &clock)?;
            let stage = LocalStage {
                application,
                clock,
                folder,
                local: Some(local),
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
) -> Result<Arc<Local>, Failure> {
    let storage = match folder {
        None => Storage::Memory,
        Some(folder) => Storage::Directory {
            path: folder.path().join("data"),
            fsync: ifc_local::Fsync::Always,
            key_file: Some(folder.path().join("local.key")),
        },
    };
    let clock: Arc<dyn Clock> = clock.clone();
    Ok(Local::open(Arc::clone(application), storage, clock)?)
}

/// A clock that moves when it is told to.
struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
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
    /// `None` during an outage.
    local: Option<Arc<Local>>,
}

impl LocalStage {
    fn local(&self) -> &Arc<Local> {
        self.local.as_ref().expect("there is no outage")
    }

    async fn deliver_due(&self) -> Result<(), Failure> {
        let local = self.local();
        for _ in 0..ROUNDS_MAX {
            let mut any = false;
            for edge in local.edges() {
                let leases = local.receive(edge.id, edge.batch).await?;
                if leases.is_empty() {
                    continue;
                }
                any = true;
                let outcomes = local.run(edge.id, &leases).await;
                for (lease, outcome) in leases.into_iter().zip(outcomes) {
                    local.finish(edge.id, lease.receipt, outcome).await?;
                }
            }
            if !any {
                return Ok(());
            }
        }
        Err("the deliveries do not come to an end".into())
    }

    /// When something is due next.
    fn next(&self) -> Result<Option<SystemTime>, Failure> {
        let local = self.local();
        let mut next = local.next_schedule().map(|(_, time)| time);
        for edge in local.edges() {
            if let Some(due) = local.next_due(edge.id)? {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        Ok(next)
    }
}

impl Stage for LocalStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.local().clone()
    }

    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.local().fire_due_schedules().await?;
            self.deliver_due().await
        })
    }

    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let target = self.clock.now() + by;
            loop {
                self.settle().await?;
                match self.next()?.filter(|time| *time <= target) {
                    Some(time) if time <= self.clock.now() => {
                        return Err("something is due and is not delivered".into());
                    }
                    Some(time) => self.clock.set(time),
                    None if self.clock.now() < target => self.clock.set(target),
                    None => return Ok(()),
                }
            }
        })
    }

    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if self.folder.is_none() {
                return Err("memory does not outlive its process".into());
            }
            let local = self.local.take().expect("there is no outage yet");
            if Arc::into_inner(local).is_none() {
                return Err("something still holds the provider".into());
            }
            self.clock.set(self.clock.now() + down);
            self.local = Some(open(&self.application, self.folder.as_ref(), &self.clock)?);
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
