//! One call of the provider: its arguments, its time limit, and its answer held against the plan.

use crate::clock::Clock;
use crate::model::{OutputRef, Value};
use crate::plan::{Change, Planned, same_value};
use crate::provider::{
    Actual, ContractBreach, Desired, Owner, Progress, Provider, ProviderError, ProviderErrorKind,
    Reading, Target, check_actual, check_reading,
};
use crate::state::{PartRecord, State};
use crate::step::Call;
use futures_util::future::{Either, FutureExt, select};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

/// Ends with the future, or with `None` after the time.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(future), clock.sleep(limit)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// The answer of a provider that may panic: a bug of its own, which ends the one step and not the
/// apply. What it did is not known.
pub(crate) async fn guarded<T>(
    call: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let answer = AssertUnwindSafe(call).catch_unwind().await;
    answer.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or(panic.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("without a message");
        let message = format!("bug in the provider: it panicked, {message}; please report it");
        Err(ProviderError::new(ProviderErrorKind::Rejected, message))
    })
}

/// What a call came to.
pub(super) enum Answer {
    Done(Actual),
    Going {
        note: String,
        poll_after: Option<Duration>,
    },
    Failed(ProviderError),
    Breach(ContractBreach),
    /// There was none in time.
    None,
}

/// What a look at an operation came to.
pub(super) enum Look {
    Settled(Actual),
    Going {
        note: String,
    },
    /// At rest, and not as it should be.
    Otherwise,
    Foreign {
        owner: String,
    },
    Failed(ProviderError),
    Breach(ContractBreach),
}

/// What a step asks for.
pub(super) struct Asked<'a> {
    pub(super) change: &'a Change,
    pub(super) call: Call,
    pub(super) desired: Option<Desired>,
    pub(super) target: Target,
}

impl<'a> Asked<'a> {
    /// The arguments, with the outputs that the state has by now.
    ///
    /// # Errors
    /// The reference that cannot be resolved.
    pub(super) fn new(
        change: &'a Change,
        call: Call,
        planned: Option<&Planned>,
        state: &State,
    ) -> Result<Asked<'a>, OutputRef> {
        let from = change.from.as_ref();
        let desired = match (call, planned) {
            (Call::Create | Call::Update, Some(planned)) => {
                let outputs = from.filter(|_| call == Call::Update);
                let outputs = outputs.map(|from| from.outputs.clone()).unwrap_or_default();
                Some(desired(planned, outputs, state)?)
            }
            _ => None,
        };
        let target = match (&desired, from) {
            (Some(desired), _) => desired.target.clone(),
            (None, Some(from)) => from.target(&change.address),
            (None, None) => unreachable!("what is deleted was recorded"),
        };
        Ok(Asked {
            change,
            call,
            desired,
            target,
        })
    }

    /// What is there already, for an update.
    fn from(&self) -> Option<Actual> {
        let from = self.change.from.as_ref()?;
        Some(Actual {
            properties: from.properties.clone(),
            outputs: from.outputs.clone(),
        })
    }

    pub(super) async fn call(&self, provider: &dyn Provider, token: &str) -> Answer {
        match (self.call, &self.desired) {
            (Call::Create, Some(desired)) => {
                self.judge(guarded(provider.create(desired, token)).await, desired)
            }
            (Call::Update, Some(desired)) => {
                let from = self.from().unwrap_or_default();
                self.judge(guarded(provider.update(&from, desired)).await, desired)
            }
            _ => match guarded(provider.delete(&self.target)).await {
                Ok(Progress::Done(())) => Answer::Done(Actual::default()),
                Ok(Progress::Pending { note, poll_after }) => Answer::Going { note, poll_after },
                Err(error) => Answer::Failed(error),
            },
        }
    }

    fn judge(&self, answer: Result<Progress<Actual>, ProviderError>, desired: &Desired) -> Answer {
        match answer {
            Ok(Progress::Done(actual)) => match self.check(desired, &actual) {
                Ok(()) => Answer::Done(actual),
                Err(breach) => Answer::Breach(breach),
            },
            Ok(Progress::Pending { note, poll_after }) => Answer::Going { note, poll_after },
            Err(error) => Answer::Failed(error),
        }
    }

    fn check(&self, desired: &Desired, actual: &Actual) -> Result<(), ContractBreach> {
        let planned = self.change.to.as_ref().map(|planned| &planned.part);
        let volatile = planned
            .map(|part| part.volatile_outputs.clone())
            .unwrap_or_default();
        let before = match self.call {
            Call::Update => self.change.from.as_ref().map(|from| &from.outputs),
            _ => None,
        };
        check_actual(desired, before, &volatile, actual)
    }

    /// Looks whether an accepted operation has come to rest.
    pub(super) async fn look(&self, provider: &dyn Provider) -> Look {
        let reading = match guarded(provider.read(&self.target)).await {
            Ok(reading) => reading,
            Err(error) => return Look::Failed(error),
        };
        let outputs = self.desired.as_ref().map(|desired| &desired.outputs);
        if let Err(breach) = check_reading(&self.target, outputs, &reading) {
            return Look::Breach(breach);
        }
        match (reading, &self.desired) {
            (Reading::Settling { note }, _) => Look::Going { note },
            (Reading::Absent, None) => Look::Settled(Actual::default()),
            (Reading::Present { .. }, None) | (Reading::Absent, Some(_)) => Look::Otherwise,
            (
                Reading::Present {
                    owner: Owner::Foreign { description },
                    ..
                },
                Some(_),
            ) => Look::Foreign { owner: description },
            (Reading::Present { actual, .. }, Some(desired)) => {
                let as_asked = actual
                    .properties
                    .iter()
                    .all(|(name, value)| same_value(desired.properties.get(name), Some(value)));
                match (as_asked, self.check(desired, &actual)) {
                    (false, _) => Look::Otherwise,
                    (true, Ok(())) => Look::Settled(actual),
                    (true, Err(breach)) => Look::Breach(breach),
                }
            }
        }
    }

    /// What the state will say of what was made.
    pub(super) fn record(&self, planned: &Planned, actual: Actual) -> Option<PartRecord> {
        let desired = self.desired.as_ref()?;
        Some(settled(planned, desired.properties.clone(), actual.outputs))
    }
}

/// A part at rest.
pub(super) fn settled(
    planned: &Planned,
    properties: BTreeMap<String, Value>,
    outputs: BTreeMap<String, Value>,
) -> PartRecord {
    PartRecord {
        part_type: planned.part.part_type.clone(),
        physical_name: planned.physical_name.clone(),
        generation: planned.generation,
        properties,
        outputs,
        tags: planned.part.tags.clone(),
        lifecycle: planned.part.lifecycle,
        dependencies: planned.part.dependencies(),
        label: planned.part.label.clone(),
        unsettled: None,
    }
}

/// A part as the provider is told, with every reference resolved.
pub(super) fn desired(
    planned: &Planned,
    outputs: BTreeMap<String, Value>,
    state: &State,
) -> Result<Desired, OutputRef> {
    let part = &planned.part;
    let lookup = |reference: &OutputRef| {
        let record = state.parts.get(&reference.part)?;
        record.outputs.get(&reference.output).cloned()
    };
    let mut properties = BTreeMap::new();
    for (name, property) in &part.properties {
        let value = property.value.resolve(&lookup);
        // Also what refers to nothing any more may be no value: texts joined with a list, say.
        if !value.is_resolved()
            && let Some(unknown) = property.value.references().first()
        {
            return Err((*unknown).clone());
        }
        properties.insert(name.clone(), value);
    }
    Ok(Desired {
        target: Target {
            address: part.address.clone(),
            part_type: part.part_type.clone(),
            physical_name: planned.physical_name.clone(),
            outputs,
            tags: part.tags.clone(),
        },
        properties,
        outputs: part.outputs.clone(),
    })
}
