//! The provider's half: how calls of one process get to the world and back.

use super::{Answer, LAG, LATEST, Request, SECRET, World};
use crate::application::{PROVIDER, type_of};
use crate::chance::Chance;
use crate::defect::Defect;
use crate::machine::Machine;
use crate::scenario::{ProviderFaults, Sort};
use ifc_engine::provider::{Finding, Severity};
use ifc_engine::{
    Actual, ApplicationName, Blueprint, Clock, Desired, Identity, Owner, PartType, Progress,
    Provider, ProviderError, ProviderErrorKind, Reading, StageName, Target, Value, async_trait,
};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How the calls of one command fail.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) seed: u64,
    pub(crate) faults: ProviderFaults,
}

/// The half in one process.
pub(crate) struct Half {
    pub(crate) world: World,
    pub(crate) machine: Machine,
    pub(crate) weather: Weather,
    pub(crate) consent: bool,
    /// Whether this release knows of more.
    pub(crate) wider: bool,
    pub(crate) defect: Defect,
    /// How often each call was made, so that no two have the same chances.
    pub(crate) calls: Arc<Mutex<BTreeMap<(&'static str, Identity), u32>>>,
}

impl Half {
    fn chance(&self, word: &'static str, identity: &Identity) -> Chance {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry((word, identity.clone())).or_default();
        *count += 1;
        let name = identity.physical_name.as_str();
        let subject = (word, identity.part_type.as_str(), name, *count);
        Chance::of(self.weather.seed, subject)
    }

    fn is_denied(&self, part_type: &PartType) -> bool {
        let chance = Chance::of(self.weather.seed, part_type.as_str());
        chance.percent("denied", self.weather.faults.denied)
    }

    fn error(&self, kind: ProviderErrorKind, message: &str) -> ProviderError {
        let message = match self.defect {
            Defect::ErrsWithSecret => format!("{message}: {SECRET}"),
            _ => message.to_owned(),
        };
        ProviderError::new(kind, message).with_request_id("r-1")
    }

    fn turned_away(&self, chance: Chance) -> Option<ProviderError> {
        let [turned_away, ..] = self.weather.faults.network;
        if !chance.percent("turned away", turned_away) {
            return None;
        }
        let kind = match chance.percent("throttled", 60) {
            true => ProviderErrorKind::Throttled { retry_after: None },
            false => ProviderErrorKind::Unavailable,
        };
        Some(self.error(kind, "not now"))
    }

    async fn sleep(&self, duration: Duration) {
        self.machine.clock.sleep(duration).await;
    }

    /// One request that changes something, with all that can happen on its way.
    async fn ask(&self, request: Request) -> Result<Progress<Actual>, ProviderError> {
        self.machine.pass().await;
        let identity = request.target().identity();
        let chance = self.chance(request.word(), &identity);
        let faults = self.weather.faults;
        let [_, lost_request, lost_answer, late] = faults.network;
        let takes = chance.time("arrives", Duration::from_millis(800));
        if self.is_denied(&identity.part_type) {
            self.sleep(takes).await;
            let (action, on) = (request.word().to_owned(), identity.to_string());
            let kind = ProviderErrorKind::Denied { action, on };
            return Err(self.error(kind, "by a policy"));
        }
        if let Some(error) = self.turned_away(chance) {
            self.sleep(takes).await;
            self.machine.pass().await;
            return Err(error);
        }
        let now = self.machine.clock.now();
        let is_late = chance.percent("late", late);
        let arrives = match is_late {
            true => chance.time("late", LATEST),
            false => takes,
        };
        let hangs = chance.percent("hangs", faults.hangs);
        let lost =
            chance.percent("lost request", lost_request) || (hangs && chance.percent("lost", 50));
        let ticket = (!lost).then(|| {
            let mut world = self.world.at(now);
            world.send(request, now + arrives, self.consent, self.wider)
        });
        if hangs {
            pending::<()>().await;
        }
        self.sleep(takes).await;
        let uncertain = match self.defect {
            Defect::UncertainIsRefusal => ProviderErrorKind::NameTaken {
                owner: "nobody".to_owned(),
            },
            _ => ProviderErrorKind::Uncertain,
        };
        let uncertain = self.error(uncertain, "the connection was lost");
        let answer = match ticket {
            Some(ticket) if !is_late => {
                let answer = self.world.at(self.machine.clock.now()).answer(ticket);
                // The way back.
                self.sleep(chance.time("returns", Duration::from_millis(200)))
                    .await;
                match chance.percent("lost answer", lost_answer) {
                    true => Err(uncertain),
                    false => self.told(answer),
                }
            }
            _ => Err(uncertain),
        };
        self.machine.pass().await;
        answer
    }

    fn told(&self, answer: Answer) -> Result<Progress<Actual>, ProviderError> {
        match answer {
            Ok(Progress::Done(actual)) => Ok(Progress::Done(self.spoilt(actual))),
            Ok(pending) => Ok(pending),
            Err((kind, message)) => Err(self.error(kind, &message)),
        }
    }

    /// What a broken half makes of an answer.
    fn spoilt(&self, mut actual: Actual) -> Actual {
        match self.defect {
            Defect::Respells => {
                if let Some(Value::Text(key)) = actual.properties.get_mut("key") {
                    *key = key.to_uppercase();
                }
            }
            Defect::TellsSecret => {
                let secret = Value::text(SECRET);
                actual.properties.insert("password".to_owned(), secret);
            }
            _ => {}
        }
        actual
    }

    fn reading(&self, target: &Target) -> Reading {
        let world = self.world.at(self.machine.clock.now());
        let identity = target.identity();
        let seen = world.seen(&identity);
        let id = target.outputs.get("id");
        let by_id = seen.iter().find(|thing| Some(&thing.id_value()) == id);
        let ours = seen.iter().find(|thing| thing.is_ours());
        // Several may have one name where the provider gives numbers: a foreign one is in nobody's way.
        let shared = identity.part_type == type_of(Sort::Numbered);
        let any = seen.first().filter(|_| !shared);
        let Some(thing) = by_id.or(ours).or(any) else {
            return Reading::Absent;
        };
        if thing.settling.is_some() {
            return Reading::Settling {
                note: "working on it".to_owned(),
            };
        }
        let owner = match thing.is_ours() || self.defect == Defect::EverythingIsOurs {
            true => Owner::Ours,
            false => Owner::Foreign {
                description: "somebody else".to_owned(),
            },
        };
        Reading::Present {
            actual: self.spoilt(thing.actual(self.wider)),
            owner,
        }
    }
}

#[async_trait]
impl Provider for Half {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn read_lag(&self, _: &PartType) -> Duration {
        match self.defect {
            Defect::HidesItsLag => Duration::ZERO,
            _ => LATEST + LAG,
        }
    }

    async fn read(&self, target: &Target) -> Result<Reading, ProviderError> {
        self.machine.pass().await;
        let identity = target.identity();
        let chance = self.chance("read", &identity);
        let takes = chance.time("takes", Duration::from_millis(300));
        self.sleep(takes).await;
        self.machine.pass().await;
        if let Some(error) = self.turned_away(chance) {
            return match self.defect {
                Defect::AbsentWhenThrottled => Ok(Reading::Absent),
                _ => Err(error),
            };
        }
        let [_, lost_request, lost_answer, _] = self.weather.faults.network;
        if chance.percent("lost", lost_request.max(lost_answer)) {
            return Err(self.error(ProviderErrorKind::Uncertain, "the connection was lost"));
        }
        if chance.percent("hangs", self.weather.faults.hangs) {
            pending::<()>().await;
        }
        if self.defect == Defect::NoRecoveryRead {
            return Ok(match target.outputs.is_empty() {
                true => Reading::Absent,
                false => Reading::Present {
                    actual: Actual {
                        properties: BTreeMap::new(),
                        outputs: target.outputs.clone(),
                    },
                    owner: Owner::Ours,
                },
            });
        }
        Ok(self.reading(target))
    }

    async fn create(&self, part: &Desired, token: &str) -> Result<Progress<Actual>, ProviderError> {
        self.ask(Request::Create(part.clone(), token.to_owned()))
            .await
    }

    async fn update(&self, from: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError> {
        self.ask(Request::Update(from.clone(), to.clone())).await
    }

    async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError> {
        let progress = self.ask(Request::Delete(target.clone())).await?;
        Ok(match progress {
            Progress::Done(_) => Progress::Done(()),
            Progress::Pending { note, poll_after } => Progress::Pending { note, poll_after },
        })
    }

    async fn discover(
        &self,
        _: &ApplicationName,
        _: &StageName,
    ) -> Result<Vec<Target>, ProviderError> {
        self.machine.pass().await;
        self.sleep(Duration::from_millis(100)).await;
        let world = self.world.at(self.machine.clock.now());
        let ours = world.things.values().filter(|thing| thing.is_ours());
        Ok(ours
            .map(|thing| Target {
                address: thing.made_for.clone(),
                part_type: thing.identity.part_type.clone(),
                physical_name: thing.identity.physical_name.clone(),
                outputs: [("id".to_owned(), thing.id_value())].into(),
                tags: thing.tags.clone(),
            })
            .collect())
    }

    async fn preflight(&self, blueprint: &Blueprint) -> Result<Vec<Finding>, ProviderError> {
        self.machine.pass().await;
        let guarded = type_of(Sort::Guarded);
        let mut parts = blueprint.parts().values();
        // Some denials are found out beforehand.
        let denied = self.is_denied(&guarded);
        let found = parts.find(|part| denied && part.part_type == guarded);
        Ok(found
            .map(|part| Finding {
                severity: Severity::Error,
                part: Some(part.address.clone()),
                message: "guarded things are switched off".to_owned(),
                help: None,
            })
            .into_iter()
            .collect())
    }
}
