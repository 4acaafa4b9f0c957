//! One unit of the application, as Lambda invokes it.

use super::event::Event;
use super::memory::Memory;
use super::{http, message, record};
use crate::aws::Aws;
use crate::date;
use crate::envelope::{Enveloped, Firing};
use ifc_manifest::kind::edge::{Edge as EdgeSort, EdgeSpec, RetrySpec};
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::schedule::ScheduleSpec;
use ifc_manifest::kind::unit::{TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::size::SYNC_BODY;
use ifc_manifest::{Kind, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::axum::Router;
use ifc_runtime::axum::http::StatusCode;
use ifc_runtime::handler::{self, CallThunk, EventThunk, Thunk};
use ifc_runtime::http::problem;
use ifc_runtime::{Application, BoxFuture, Delivery, Invocation, Outcome, TraceContext, log};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt as _;

/// What an invocation keeps of its time for telling what became of its events.
const REPLY_WITHIN: Duration = Duration::from_millis(500);

/// What is known of an invocation besides its event.
#[derive(Clone, Debug)]
pub struct Context {
    /// Lambda's id of it.
    pub request_id: String,
    /// How long it may still take; `None`: as long as the unit's handlers may.
    pub time_left: Option<Duration>,
}

/// Why an invocation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What sort of failure, in one word: `UnknownEvent`, `HandlerFailed`.
    pub sort: &'static str,
    /// What was wrong.
    pub message: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

impl Failed {
    pub(super) fn handler(message: impl Into<String>) -> Failed {
        Failed {
            sort: "HandlerFailed",
            message: message.into(),
        }
    }
}

/// One unit of the application, ready to be invoked.
///
/// Its handlers work in the current [`Environment`](ifc_runtime::Environment), which whoever makes
/// the unit has entered.
pub struct Unit {
    pub(super) aws: Arc<Aws>,
    name: Arc<str>,
    work: Work,
    pub(super) memory: Memory,
}

/// What a unit runs. The time-outs are those of the code, for when nobody says how much time is left:
/// a stage may be deployed with others, and Lambda goes by these.
enum Work {
    Api(Api),
    Edge(Edge),
}

/// An API.
struct Api {
    router: Router,
    body_max: usize,
    timeout: Duration,
}

/// A handler, and the edge by which its events come.
pub(super) struct Edge {
    pub(super) unit: Arc<str>,
    pub(super) source: String,
    pub(super) sort: Sort,
    pub(super) retry: RetrySpec,
    pub(super) thunk: EdgeThunk,
    timeout: Duration,
    reply_max: u64,
}

/// What sort of events an edge carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Source(EdgeSort),
    Schedule,
    AsyncCall,
}

impl Sort {
    /// What its events call themselves.
    pub(super) fn event(self) -> &'static str {
        match self {
            Sort::Source(edge) => edge.event(),
            Sort::Schedule => "schedule",
            Sort::AsyncCall => "function.call",
        }
    }

    /// Whether its events come out of a queue.
    fn has_queue(self) -> bool {
        match self {
            Sort::Source(EdgeSort::StreamConsumer | EdgeSort::OnChange) => false,
            Sort::Source(_) | Sort::Schedule | Sort::AsyncCall => true,
        }
    }
}

/// How a handler is run.
#[derive(Clone, Copy)]
pub(super) enum EdgeThunk {
    Event(EventThunk),
    Call(CallThunk),
}

impl Unit {
    /// The unit of this name, of the application that `aws` is the provider of.
    ///
    /// # Errors
    /// When there is no such unit, with those that there are, or when its declaration cannot be
    /// read.
    pub fn new(aws: Arc<Aws>, name: &str) -> Result<Unit, String> {
        let application = Arc::clone(&aws.application);
        let body_max = SYNC_BODY.in_force(application.targets).max;
        let unit = |work| Unit {
            aws,
            name: name.into(),
            work,
            memory: Memory::default(),
        };
        if let Some(mut spec) = application.apis().remove(name) {
            let timeout = std::mem::replace(&mut spec.unit.timeout, Duration::MAX);
            return Ok(unit(Work::Api(Api {
                router: ifc_runtime::http::router(&application, name, &spec),
                body_max: body_max as usize,
                timeout,
            })));
        }
        let mut handlers = application.handlers.iter();
        let Some(handler) = handlers.find(|known| application.unit_of(&known.descriptor) == name)
        else {
            return Err(format!(
                "there is no unit `{name}` in this program: it has {}",
                known(&application)
            ));
        };
        let edge = Edge::of(&application, name, handler, body_max)?;
        Ok(unit(Work::Edge(edge)))
    }

    /// The unit's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Handles one event, in the form in which Lambda hands it over, and returns the reply in the
    /// form that Lambda takes.
    ///
    /// What becomes of each message or record of a batch is in the reply; the other ways of failing
    /// are errors, after which the source delivers the whole event again, if it does so at all.
    ///
    /// # Errors
    /// For events of a shape that the unit does not take, and where the handler of a function or of
    /// a schedule failed.
    pub async fn deliver(&self, event: &[u8], context: &Context) -> Result<Vec<u8>, Failed> {
        let reply = log::in_request(context.request_id.as_str().into(), async {
            let reply = self.handle(event, context).await;
            if let Err(failed) = &reply {
                tracing::error!(unit = &*self.name, sort = failed.sort, "{failed}");
            }
            reply
        });
        reply.await.map(|reply| reply.to_string().into_bytes())
    }

    // Boxed, as is what runs the unit: whatever polls a future directly has a copy of its code.
    fn handle<'a>(
        &'a self,
        event: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Value, Failed>> {
        Box::pin(self.handled(event, context))
    }

    async fn handled(&self, event: &[u8], context: &Context) -> Result<Value, Failed> {
        let event = match Event::read(event) {
            Ok(event) => event,
            Err(shape) => return Err(self.unexpected(&shape)),
        };
        let left = context
            .time_left
            .map(|left| left - REPLY_WITHIN.min(left / 10));
        match (&self.work, event) {
            (Work::Api(api), Event::Http(event)) => Ok(self.request(api, event, left).await),
            (Work::Edge(edge), Event::Messages(records)) if edge.sort.has_queue() => {
                Ok(message::deliver(self, edge, records, left).await)
            }
            (Work::Edge(edge), Event::Records(records))
                if edge.sort == Sort::Source(EdgeSort::StreamConsumer) =>
            {
                Ok(record::deliver(self, edge, records, left, record::of_kinesis).await)
            }
            (Work::Edge(edge), Event::Changes(records))
                if edge.sort == Sort::Source(EdgeSort::OnChange) =>
            {
                Ok(record::deliver(self, edge, records, left, record::of_dynamodb).await)
            }
            (Work::Edge(edge), Event::Firing(firing)) if edge.sort == Sort::Schedule => {
                self.fire(edge, firing, left).await
            }
            (Work::Edge(edge), Event::Direct(direct)) => self.direct(edge, direct, left).await,
            (_, event) => Err(self.unexpected(event.described())),
        }
    }

    fn unexpected(&self, shape: &str) -> Failed {
        let takes = match &self.work {
            Work::Api(_) => "HTTP requests in format 2.0".to_owned(),
            Work::Edge(edge) => match edge.sort {
                Sort::Source(EdgeSort::StreamConsumer) => "records of Kinesis".to_owned(),
                Sort::Source(EdgeSort::OnChange) => "changes of a DynamoDB table".to_owned(),
                Sort::Schedule => "firings of its schedule".to_owned(),
                Sort::AsyncCall => "invocations by `ifc`, and messages of SQS".to_owned(),
                Sort::Source(edge) => format!("events of its {} by SQS", edge.source()),
            },
        };
        Failed {
            sort: "UnknownEvent",
            message: format!("unit `{}` takes {takes}, and was handed {shape}", self.name),
        }
    }

    async fn request(&self, api: &Api, event: Value, left: Option<Duration>) -> Value {
        let answer = async {
            match http::request(event) {
                Ok(request) => match api.router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(problem_with) => {
                    let message = format!("the request cannot be read: {problem_with}");
                    problem(StatusCode::BAD_REQUEST, &message)
                }
            }
        };
        let reply = async { http::reply(answer.await, api.body_max).await };
        let reply = tokio::time::timeout(left.unwrap_or(api.timeout), reply).await;
        let (status, message) = match reply {
            Ok(Ok(reply)) => return reply,
            Ok(Err(cause)) => {
                tracing::error!(unit = &*self.name, "{cause}");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
            Err(_) => {
                tracing::error!(unit = &*self.name, "the time of the invocation is over");
                let message = "the request took longer than its timeout";
                (StatusCode::GATEWAY_TIMEOUT, message)
            }
        };
        json!({
            "statusCode": status.as_u16(),
            "headers": { "content-type": "application/json" },
            "body": json!({ "error": message }).to_string(),
            "isBase64Encoded": false,
        })
    }

    /// Runs a schedule's handler. What is to be tried again is a failure, after which Lambda invokes
    /// the unit again.
    async fn fire(
        &self,
        edge: &Edge,
        firing: Firing,
        left: Option<Duration>,
    ) -> Result<Value, Failed> {
        let mut delivery = firing_delivery(edge, firing).map_err(Failed::handler)?;
        delivery.attempt = self.memory.count(&delivery.id) + 1;
        let event = delivery.clone();
        let outcome = edge.run(vec![delivery], left).await.pop();
        let reason = match outcome.unwrap_or(Outcome::Ack) {
            Outcome::Ack => {
                self.memory.forget(&event.id);
                return Ok(Value::Null);
            }
            Outcome::Retry { reason, .. } if event.attempt < edge.retry.max_attempts => {
                self.memory.add(&event.id);
                return Err(Failed::handler(reason));
            }
            Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } => reason,
        };
        match self
            .give_up(edge, &event, &event_text(&event), &reason)
            .await
        {
            true => {
                self.memory.forget(&event.id);
                Ok(Value::Null)
            }
            false => Err(Failed::handler(reason)),
        }
    }

    /// Runs a handler by hand, or for another unit. No queue is involved, so nothing is delivered
    /// again.
    async fn direct(
        &self,
        edge: &Edge,
        direct: Enveloped,
        left: Option<Duration>,
    ) -> Result<Value, Failed> {
        let delivery = Delivery {
            time: self.aws.clock.now(),
            attempt: 1,
            ..edge.delivery(direct)
        };
        match edge.thunk {
            EdgeThunk::Call(thunk) => {
                let reply = edge.call(thunk, delivery, left).await;
                let reply = reply.map_err(Failed::handler)?;
                ifc_runtime::json::parse(&reply).map_err(|error| {
                    Failed::handler(format!(
                        "function `{}` replied something other than JSON: {error}",
                        self.name
                    ))
                })
            }
            EdgeThunk::Event(_) => {
                let outcome = edge.run(vec![delivery], left).await.pop();
                Ok(match outcome.unwrap_or(Outcome::Ack) {
                    Outcome::Ack => json!({ "outcome": "ack" }),
                    Outcome::Retry { reason, .. } => {
                        json!({ "outcome": "retry", "reason": reason })
                    }
                    Outcome::DeadLetter { reason } => {
                        json!({ "outcome": "dead-letter", "reason": reason })
                    }
                })
            }
        }
    }
}

impl Edge {
    fn of(
        application: &Application,
        name: &str,
        handler: &Handler,
        reply_max: u64,
    ) -> Result<Edge, String> {
        let descriptor = &handler.descriptor;
        let unreadable = |error: &dyn fmt::Display| {
            format!("the declaration of unit `{name}` cannot be read: {error}")
        };
        let default = UnitSpec::new(TIMEOUT_DEFAULT);
        let (sort, source, retry) = match &descriptor.trigger {
            Trigger::Source {
                resource,
                edge,
                config,
            } => {
                let spec = EdgeSpec::decode(edge, config).map_err(|error| unreadable(&error))?;
                let retry = match spec.retry {
                    Some(retry) => retry,
                    None => {
                        let mut queues = application.of_kind(Kind::Queue);
                        let queue = queues.find(|queue| queue.address == *resource);
                        let queue = queue.map(|queue| QueueSpec::decode(&queue.config));
                        queue
                            .transpose()
                            .map_err(|error| unreadable(&error))?
                            .unwrap_or(QueueSpec::DEFAULT)
                            .retry
                    }
                };
                let source = application.name_of(resource);
                (Sort::Source(spec.edge), source, retry)
            }
            Trigger::Schedule(config) => {
                let spec = ScheduleSpec::decode(config).map_err(|error| unreadable(&error))?;
                let retry = RetrySpec {
                    max_attempts: spec.retries + 1,
                    ..RetrySpec::DEFAULT
                };
                (Sort::Schedule, name.to_owned(), retry)
            }
            Trigger::Call => (Sort::AsyncCall, name.to_owned(), RetrySpec::DEFAULT),
            Trigger::Http { .. } => return Err(unreadable(&"a route is a part of an API")),
        };
        let thunk = match handler.thunk {
            Thunk::Event(thunk) => EdgeThunk::Event(thunk),
            Thunk::Call(thunk) => EdgeThunk::Call(thunk),
            Thunk::Http(_) => return Err(unreadable(&"its handler is one of a route")),
        };
        Ok(Edge {
            unit: name.into(),
            source,
            sort,
            retry,
            thunk,
            timeout: descriptor.unit.unwrap_or(default).timeout,
            reply_max,
        })
    }

    /// A message of ours as an event of this edge: the first delivery, of an unknown time.
    pub(super) fn delivery(&self, message: Enveloped) -> Delivery {
        Delivery {
            id: message.id,
            source: self.source.clone(),
            kind: self.sort.event(),
            attempt: 1,
            time: std::time::SystemTime::UNIX_EPOCH,
            attributes: message.attributes,
            body: message.body,
            group: None,
            trace: message.trace.unwrap_or_else(TraceContext::root),
        }
    }

    fn invocation(&self, delivery: &Delivery) -> Invocation {
        Invocation {
            unit: Arc::clone(&self.unit),
            event_id: delivery.id.clone(),
            attempt: delivery.attempt,
            trace: delivery.trace.child(),
        }
    }

    /// Runs the handler with a batch; one outcome for each, in order.
    pub(super) async fn run(
        &self,
        deliveries: Vec<Delivery>,
        left: Option<Duration>,
    ) -> Vec<Outcome> {
        let Some(first) = deliveries.first() else {
            return Vec::new();
        };
        match self.thunk {
            EdgeThunk::Event(thunk) => {
                let invocation = self.invocation(first);
                let timeout = left.unwrap_or(self.timeout);
                handler::run_events(invocation, thunk, timeout, deliveries).await
            }
            EdgeThunk::Call(thunk) => {
                let mut outcomes = Vec::with_capacity(deliveries.len());
                let started = tokio::time::Instant::now();
                for delivery in deliveries {
                    let left = left.map(|left| left.saturating_sub(started.elapsed()));
                    outcomes.push(match self.call(thunk, delivery, left).await {
                        Ok(_) => Outcome::Ack,
                        Err(reason) => Outcome::retry(reason),
                    });
                }
                outcomes
            }
        }
    }

    async fn call(
        &self,
        thunk: CallThunk,
        delivery: Delivery,
        left: Option<Duration>,
    ) -> Result<Vec<u8>, String> {
        let invocation = self.invocation(&delivery);
        let timeout = left.unwrap_or(self.timeout);
        handler::run_call(invocation, thunk, timeout, self.reply_max, delivery.body).await
    }
}

/// The firing of a schedule as an event.
pub(super) fn firing_delivery(edge: &Edge, firing: Firing) -> Result<Delivery, String> {
    let Some(due) = date::parse(&firing.due) else {
        return Err(format!(
            "the firing of schedule `{}` has no time when it was due: `{}`",
            edge.unit,
            firing.due.escape_debug()
        ));
    };
    Ok(Delivery {
        time: due,
        ..edge.delivery(Enveloped {
            id: format!("{}@{}", edge.unit, firing.due),
            trace: None,
            attributes: BTreeMap::new(),
            body: firing.body,
        })
    })
}

/// An event in the form that messages have.
pub(super) fn event_text(event: &Delivery) -> String {
    crate::envelope::seal(&event.id, event.trace, &event.attributes, &event.body)
        .unwrap_or_else(|| String::from_utf8_lossy(&event.body).into_owned())
}

/// The units of an application, for messages.
pub(super) fn known(application: &Application) -> String {
    let mut names: Vec<String> = application.apis().into_keys().collect();
    for handler in &application.handlers {
        if !matches!(handler.descriptor.trigger, Trigger::Http { .. }) {
            names.push(application.unit_of(&handler.descriptor));
        }
    }
    names.sort();
    match names.is_empty() {
        true => "none".to_owned(),
        false => format!("`{}`", names.join("`, `")),
    }
}
