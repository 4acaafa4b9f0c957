//! The provider of the world.

use super::world::{Fault, Inner, Lie, Op, SECRET, Thing, World};
use ifc_engine::provider::Finding;
use ifc_engine::{
    Actual, ApplicationName, Blueprint, Clock, Desired, Identity, Owner, Progress, Provider,
    ProviderError, ProviderErrorKind, Reading, StageName, Target, Value, VirtualClock, async_trait,
};
use std::collections::BTreeMap;
use std::future::pending;

#[derive(Clone)]
pub(crate) struct TestProvider {
    world: World,
    clock: VirtualClock,
}

fn identity(target: &Target) -> Identity {
    target.identity()
}

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(kind, "the world says no").with_request_id("r-1")
}

fn is_ours(thing: &Thing, target: &Target) -> bool {
    thing.tags.get("ifc-app") == target.tags.get("ifc-app")
}

fn actual(thing: &Thing) -> Actual {
    let mut properties = thing.properties.clone();
    // A secret can be set, and not be read.
    properties.retain(|_, value| !matches!(value, Value::Secret(_)));
    Actual {
        properties,
        outputs: BTreeMap::from([("id".to_owned(), Value::text(&thing.id))]),
    }
}

impl TestProvider {
    pub(crate) fn new(world: World, clock: VirtualClock) -> TestProvider {
        TestProvider { world, clock }
    }

    /// Whatever happens around a call: delay, faults, and the plug.
    async fn call<T>(
        &self,
        op: Op,
        target: &Target,
        effect: impl FnOnce(&mut Inner) -> Result<T, ProviderError>,
    ) -> (Result<T, ProviderError>, Option<Fault>) {
        let latency = self.world.lock().latency;
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        let (fault, killed) = {
            let mut inner = self.world.lock();
            let key = (op, target.address.to_string());
            let fault = inner
                .faults
                .get_mut(&key)
                .and_then(|queue| queue.pop_front());
            let number = inner.calls.len();
            if op != Op::Read {
                let line = format!("{op:?} {}", target.address).to_lowercase();
                inner.calls.push(line);
            }
            let kill = inner
                .kill_at
                .filter(|(at, _)| op != Op::Read && *at == number);
            if let Some((_, false)) = kill {
                inner.killed = true;
            }
            (fault, kill)
        };
        if let Some((_, false)) = killed {
            pending::<()>().await;
        }
        match &fault {
            Some(Fault::Before(kind)) => return (Err(error(kind.clone())), fault),
            Some(Fault::Hang) => pending().await,
            Some(Fault::Panic) => panic!("index out of bounds"),
            _ => {}
        }
        let result = effect(&mut self.world.lock());
        if killed.is_some() {
            self.world.lock().killed = true;
            pending::<()>().await;
        }
        match &fault {
            Some(Fault::After(kind)) => (Err(error(kind.clone())), fault),
            Some(Fault::HangAfter) => pending().await,
            _ => (result, fault),
        }
    }

    fn answer(&self, target: &Target, thing: &Thing, fault: Option<Fault>) -> Progress<Actual> {
        let mut actual = actual(thing);
        match fault {
            Some(Fault::Slow(looks)) => {
                let mut inner = self.world.lock();
                if let Some(thing) = inner.things.get_mut(&identity(target)) {
                    thing.settling = looks;
                }
                return Progress::Pending {
                    note: "working on it".to_owned(),
                    poll_after: None,
                };
            }
            Some(Fault::Answer(lie)) => tell(lie, &mut actual),
            _ => {}
        }
        Progress::Done(actual)
    }
}

fn tell(lie: Lie, actual: &mut Actual) {
    let (properties, outputs) = (&mut actual.properties, &mut actual.outputs);
    match lie {
        Lie::WrongProperty => properties.insert("size".to_owned(), Value::Integer(-1)),
        Lie::UnaskedProperty => properties.insert("colour".to_owned(), Value::text("red")),
        Lie::MissingOutput => outputs.remove("id"),
        Lie::UnknownOutput => outputs.insert("extra".to_owned(), Value::text("x")),
        Lie::ChangedOutput => outputs.insert("id".to_owned(), Value::text("another")),
        Lie::PlainSecret => properties.insert("password".to_owned(), Value::text(SECRET)),
    };
}

#[async_trait]
impl Provider for TestProvider {
    fn name(&self) -> &str {
        "test"
    }

    async fn read(&self, target: &Target) -> Result<Reading, ProviderError> {
        let (result, fault) = self
            .call(Op::Read, target, |inner| {
                let Some(thing) = inner.things.get_mut(&identity(target)) else {
                    return Ok(Reading::Absent);
                };
                if thing.settling > 0 {
                    thing.settling -= 1;
                    return Ok(Reading::Settling {
                        note: "nearly there".to_owned(),
                    });
                }
                let owner = match is_ours(thing, target) {
                    true => Owner::Ours,
                    false => Owner::Foreign {
                        description: "somebody else".to_owned(),
                    },
                };
                Ok(Reading::Present {
                    actual: actual(thing),
                    owner,
                })
            })
            .await;
        let mut reading = result?;
        if let (Some(Fault::Answer(lie)), Reading::Present { actual, .. }) = (fault, &mut reading) {
            tell(lie, actual);
        }
        Ok(reading)
    }

    async fn create(&self, part: &Desired, _: &str) -> Result<Progress<Actual>, ProviderError> {
        let target = &part.target;
        let (result, fault) = self
            .call(Op::Create, target, |inner| {
                let identity = identity(target);
                if inner.quarantined.contains(&identity) {
                    return Err(error(ProviderErrorKind::NameQuarantined));
                }
                match inner.things.get_mut(&identity) {
                    Some(thing) if !is_ours(thing, target) => {
                        Err(error(ProviderErrorKind::NameTaken {
                            owner: "somebody else".to_owned(),
                        }))
                    }
                    Some(thing) => {
                        thing.properties.clone_from(&part.properties);
                        Ok(thing.clone())
                    }
                    None => {
                        inner.ids += 1;
                        let thing = Thing {
                            properties: part.properties.clone(),
                            tags: target.tags.clone(),
                            id: format!("id-{}", inner.ids),
                            settling: 0,
                        };
                        inner.things.insert(identity.clone(), thing.clone());
                        *inner.made.entry(identity).or_default() += 1;
                        Ok(thing)
                    }
                }
            })
            .await;
        Ok(self.answer(target, &result?, fault))
    }

    async fn update(&self, _: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError> {
        let target = &to.target;
        let (result, fault) = self
            .call(Op::Update, target, |inner| {
                let Some(thing) = inner.things.get_mut(&identity(target)) else {
                    return Err(error(ProviderErrorKind::Rejected));
                };
                thing.properties.clone_from(&to.properties);
                thing.tags.clone_from(&target.tags);
                Ok(thing.clone())
            })
            .await;
        Ok(self.answer(target, &result?, fault))
    }

    async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError> {
        let (result, fault) = self
            .call(Op::Delete, target, |inner| {
                let identity = identity(target);
                match inner.things.get(&identity) {
                    Some(thing) if !is_ours(thing, target) => {
                        Err(error(ProviderErrorKind::NameTaken {
                            owner: "somebody else".to_owned(),
                        }))
                    }
                    _ => {
                        inner.things.remove(&identity);
                        Ok(())
                    }
                }
            })
            .await;
        result?;
        match fault {
            Some(Fault::Slow(_)) => Ok(Progress::Pending {
                note: "working on it".to_owned(),
                poll_after: None,
            }),
            _ => Ok(Progress::Done(())),
        }
    }

    async fn discover(
        &self,
        application: &ApplicationName,
        _: &StageName,
    ) -> Result<Vec<Target>, ProviderError> {
        let inner = self.world.lock();
        let shown = inner.things.iter().chain(&inner.still_listed);
        let ours = shown.filter(|(_, thing)| {
            let tag = thing.tags.get("ifc-app");
            tag.is_some_and(|tag| tag == application.as_str())
        });
        // As the names of the tests' parts are made.
        Ok(ours
            .map(|(identity, thing)| {
                let name = identity.physical_name.as_str();
                let resource = name.strip_prefix("shop-dev-").unwrap_or(name);
                let resource = resource.split('-').next().unwrap_or(resource);
                Target {
                    address: super::address(&format!("{resource}/thing")),
                    part_type: identity.part_type.clone(),
                    physical_name: identity.physical_name.clone(),
                    outputs: BTreeMap::new(),
                    tags: thing.tags.clone(),
                }
            })
            .collect())
    }

    async fn preflight(&self, _: &Blueprint) -> Result<Vec<Finding>, ProviderError> {
        Ok(self.world.lock().findings.clone())
    }
}
