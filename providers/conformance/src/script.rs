//! Handlers whose behaviour a clause chooses, and what they saw.
//!
//! A handler is a plain function, so it finds its script by a number that the event carries in its
//! body: `{"script": 7, …}`. The suite writes every body itself, but for those of changes: there
//! the item's partition key begins with the number, `7/…`, and so does the key of an object.

use ifc_runtime::{BoxFuture, Delivery, HandlerError, Invocation, Outcome, Provider};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

/// What a handler does with one event.
pub(crate) enum Behaviour {
    /// It answers so.
    Answer(Outcome),
    /// It panics with this message.
    Panic(&'static str),
    /// It never answers.
    Hang,
}

/// What a function does with its argument.
pub(crate) enum Reply {
    /// It replies so.
    Value(Value),
    /// It fails with this message.
    Fail(&'static str),
    /// It panics with this message.
    Panic(&'static str),
    /// It never answers.
    Hang,
}

/// One event as a handler saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) delivery: Delivery,
    /// By the provider's clock.
    pub(crate) at: SystemTime,
    /// How many events the invocation was handed.
    pub(crate) batch: usize,
    /// Which unit the handler ran in.
    pub(crate) unit: String,
}

type OnEvent = Box<dyn Fn(&Delivery) -> Behaviour + Send + Sync>;
type OnCall = Box<dyn Fn(&Value) -> Reply + Send + Sync>;

/// The script of one trial.
pub(crate) struct Script {
    number: u64,
    state: Mutex<State>,
}

struct State {
    provider: Option<Weak<dyn Provider>>,
    on_event: OnEvent,
    on_call: OnCall,
    seen: Vec<Seen>,
    called: Vec<Value>,
}

static SCRIPTS: Mutex<BTreeMap<u64, Arc<Script>>> = Mutex::new(BTreeMap::new());

fn scripts() -> MutexGuard<'static, BTreeMap<u64, Arc<Script>>> {
    SCRIPTS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    /// A script that acknowledges every event and echoes every argument.
    pub(crate) fn new() -> Arc<Script> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let script = Arc::new(Script {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            state: Mutex::new(State {
                provider: None,
                on_event: Box::new(|_| Behaviour::Answer(Outcome::Ack)),
                on_call: Box::new(|argument| Reply::Value(argument.clone())),
                seen: Vec::new(),
                called: Vec::new(),
            }),
        });
        scripts().insert(script.number, Arc::clone(&script));
        script
    }

    /// Forgets the script: events that come later are dead-lettered.
    pub(crate) fn retire(&self) {
        scripts().remove(&self.number);
    }

    /// The number that the bodies of this trial carry.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whose clock tells when events are seen.
    pub(crate) fn clock(&self, provider: &Arc<dyn Provider>) {
        self.state().provider = Some(Arc::downgrade(provider));
    }

    /// Chooses what handlers of events do from now on.
    pub(crate) fn on_event(
        &self,
        behaviour: impl Fn(&Delivery) -> Behaviour + Send + Sync + 'static,
    ) {
        self.state().on_event = Box::new(behaviour);
    }

    /// Chooses what functions do from now on.
    pub(crate) fn on_call(&self, reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) {
        self.state().on_call = Box::new(reply);
    }

    /// Every event seen so far, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// Every argument a function was called with so far.
    pub(crate) fn called(&self) -> Vec<Value> {
        self.state().called.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, delivery: Delivery, batch: usize) -> Behaviour {
        let mut state = self.state();
        let behaviour = (state.on_event)(&delivery);
        let now = state
            .provider
            .as_ref()
            .and_then(Weak::upgrade)
            .map(|provider| provider.now());
        let at = now.unwrap_or(SystemTime::UNIX_EPOCH);
        let invocation = Invocation::current();
        state.seen.push(Seen {
            delivery,
            at,
            batch,
            unit: invocation.map_or_else(String::new, |running| running.unit.to_string()),
        });
        behaviour
    }

    fn call(&self, argument: &Value) -> Reply {
        let mut state = self.state();
        state.called.push(argument.clone());
        (state.on_call)(argument)
    }
}

/// The script that a body belongs to.
fn script_of(body: &Value) -> Option<Arc<Script>> {
    let number = match body.get("script") {
        Some(number) => number.as_u64()?,
        None => script_of_key(body.get("key")?)?,
    };
    scripts().get(&number).cloned()
}

/// The number at the beginning of a changed item's partition key, or of an object's key.
fn script_of_key(key: &Value) -> Option<u64> {
    let attributes = key.as_object().into_iter().flat_map(|key| key.values());
    let mut texts = attributes.chain([key]).filter_map(Value::as_str);
    texts.find_map(|text| text.split_once('/')?.0.parse().ok())
}

fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// The handler of every queue and schedule of the suite.
pub(crate) fn on_events(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move {
        let batch = deliveries.len();
        let mut outcomes = Vec::new();
        for delivery in deliveries {
            let Some(script) = script_of(&parse(&delivery.body)) else {
                outcomes.push(Outcome::dead_letter(
                    "the event belongs to no running trial",
                ));
                continue;
            };
            match script.event(delivery, batch) {
                Behaviour::Answer(outcome) => outcomes.push(outcome),
                Behaviour::Panic(message) => panic!("{message}"),
                Behaviour::Hang => std::future::pending().await,
            }
        }
        outcomes
    })
}

/// The handler of every function of the suite.
pub(crate) fn on_call(argument: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, HandlerError>> {
    Box::pin(async move {
        let argument = parse(&argument);
        let Some(script) = script_of(&argument) else {
            return Err(HandlerError::new("the call belongs to no running trial"));
        };
        match script.call(&argument) {
            Reply::Value(value) => Ok(value.to_string().into_bytes()),
            Reply::Fail(message) => Err(HandlerError::new(message)),
            Reply::Panic(message) => panic!("{message}"),
            Reply::Hang => std::future::pending().await,
        }
    })
}
