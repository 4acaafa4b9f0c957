//! The provider: an application's resources in one store, and the edges that feed its handlers.
//!
//! It does nothing by itself: no task, no timer. The live server and the test kit drive it through
//! the operations in [`drive`](crate::drive), each in its own notion of time.

use crate::adversary::{Adversary, LAG_MAX};
use crate::bucket::{self, Bodies, Bucket};
use crate::catalog::Sort;
use crate::moment::{self, Moment};
use crate::names::{Named, Names};
use crate::prepare::{self, Prepared, PreparedQueue};
use crate::queue::{Rules, Sequence};
use crate::schedule::Schedule;
use crate::secret::KeyRing;
use crate::store::{OpenError, Storage, Store};
use crate::stream::Log;
use crate::table::Table;
use ifc_manifest::format::Value;
use ifc_manifest::kind::config::ConfigSpec;
use ifc_manifest::kind::edge::{ConsumerSpec, Edge as EdgeSort, EdgeSpec, Selection};
use ifc_manifest::kind::subscription::QueueSubscription;
use ifc_manifest::kind::table::ChangeStream;
use ifc_manifest::{Address, Kind, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::axum::Router;
use ifc_runtime::handler::{CallThunk, EventThunk, Thunk};
use ifc_runtime::{Application, Clock, Error, ErrorKind, Target};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// The word of this provider.
pub(crate) const PROVIDER: &str = "local";

/// Names an edge of one [`Local`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId(pub(crate) usize);

/// What sort of events an edge carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// Events of a resource.
    Source(ifc_manifest::kind::edge::Edge),
    /// Firings of a schedule.
    Schedule,
    /// Asynchronous calls of a function.
    AsyncCall,
}

impl EdgeKind {
    /// The `kind` of its deliveries.
    pub(crate) fn event(self) -> &'static str {
        match self {
            EdgeKind::Source(edge) => edge.event(),
            EdgeKind::Schedule => "schedule",
            EdgeKind::AsyncCall => "function.call",
        }
    }
}

/// An asynchronous edge: a queue, declared or hidden, and the handler it feeds.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Names it.
    pub id: EdgeId,
    /// The unit that runs, as the application names it.
    pub unit: String,
    /// The queue, schedule or function, as the application names it.
    pub source: String,
    /// What sort of events.
    pub kind: EdgeKind,
    /// Most events handed to one invocation.
    pub batch: usize,
    /// Invocations at a time.
    pub max_concurrency: usize,
    /// How long a delivered event stays hidden.
    pub lease: Duration,
    /// Longest run of one invocation.
    pub timeout: Duration,
    pub(crate) queue: usize,
    pub(crate) thunk: EdgeThunk,
}

impl Edge {
    /// Whether events of one group come together, so that they have to go to one invocation.
    pub(crate) fn has_runs(&self) -> bool {
        self.kind == EdgeKind::Source(EdgeSort::StreamConsumer)
    }
}

/// How the handler at the end of an edge is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EdgeThunk {
    Event(EventThunk),
    Call(CallThunk),
}

/// A queue, declared or hidden.
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) sort: Sort,
    pub(crate) rules: Rules,
    /// The stream that a hidden one takes its records from.
    pub(crate) log: Option<Log>,
    /// Rings when the queue may have something new.
    pub(crate) bell: Arc<Notify>,
    /// The latest moment at which it was looked at, to notice a clock that goes back.
    pub(crate) looked_at: AtomicI64,
}

/// An edge from a resource that is not a queue, as that resource sees it.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Which of the resource's events it carries.
    pub(crate) spec: EdgeSpec,
    /// Its hidden queue.
    pub(crate) queue: usize,
}

/// The edges from each declared resource that has events, by kind and resource.
#[derive(Default)]
pub(crate) struct Sources(BTreeMap<Kind, Names<Vec<Subscription>>>);

impl Sources {
    /// The edges from a resource; `None` when it is not declared.
    pub(crate) fn of(&self, kind: Kind, resource: Target<'_>) -> Option<&[Subscription]> {
        self.0.get(&kind)?.get(resource).map(Vec::as_slice)
    }
}

/// A function.
pub(crate) struct Function {
    pub(crate) unit: String,
    pub(crate) queue: usize,
    pub(crate) timeout: Duration,
    pub(crate) thunk: CallThunk,
}

/// A configuration value.
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) spec: ConfigSpec,
    /// What a fixed value was when it was first read.
    pub(crate) fixed: OnceLock<String>,
}

/// The embedded provider of one application.
pub struct Local {
    pub(crate) application: Arc<Application>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sequence: Arc<Sequence>,
    pub(crate) tables: Names<Arc<Table>>,
    pub(crate) tables_by_name: Named<Arc<Table>>,
    pub(crate) streams: Names<(String, Log)>,
    /// The queues of those that follow a table's changes, by the table's number.
    pub(crate) followers: HashMap<u32, Vec<Rules>>,
    pub(crate) buckets: Names<Arc<Bucket>>,
    pub(crate) buckets_by_name: Named<Arc<Bucket>>,
    pub(crate) bodies: Arc<Bodies>,
    /// Where the server answers, once it does.
    pub(crate) url: OnceLock<String>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) declared_queues: Names<usize>,
    pub(crate) sources: Sources,
    pub(crate) edges: Vec<Edge>,
    pub(crate) functions: Names<Function>,
    pub(crate) schedules: Mutex<Vec<Schedule>>,
    pub(crate) secrets: Names<String>,
    pub(crate) secret_names: Vec<String>,
    pub(crate) configs: Names<Config>,
    pub(crate) config_defaults: Named<Option<String>>,
    pub(crate) key_ring: KeyRing,
    pub(crate) routers: OnceLock<Named<Router>>,
    /// Who makes reads be behind; nobody when the application really runs.
    pub(crate) adversary: OnceLock<Arc<Adversary>>,
    pub(crate) store: Store,
}

impl Local {
    /// Opens the provider of an application.
    ///
    /// Tables whose indexes changed are indexed anew, leases of an earlier process end, and
    /// generated secrets without a value get one.
    ///
    /// # Errors
    /// See [`OpenError`]; the data is then as it was.
    pub fn open(
        application: Arc<Application>,
        storage: Storage,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Local>, OpenError> {
        let bells: Arc<OnceLock<HashMap<u32, Arc<Notify>>>> = Arc::default();
        let listener = {
            let bells = Arc::clone(&bells);
            Box::new(move |queue: u32| {
                if let Some(bell) = bells.get().and_then(|bells| bells.get(&queue)) {
                    bell.notify_one();
                }
            })
        };
        let store = Store::open(&storage, listener)?;
        let sequence = Arc::new(Sequence::default());
        let now = moment::from_system(clock.now());
        let prepared = prepare::prepare(&application, &store, &sequence, now)?;
        let (key_ring, bodies) = match storage {
            Storage::Memory => (
                KeyRing::in_memory().map_err(OpenError::Failed)?,
                Bodies::in_memory(),
            ),
            Storage::Directory {
                path,
                fsync,
                key_file,
            } => (
                KeyRing::in_file(key_file),
                Bodies::in_directory(path.join("objects"), fsync),
            ),
        };
        bucket::remove_orphans(&bodies, &store).map_err(OpenError::Failed)?;
        prepare::generate_secrets(&store, &key_ring, &prepared).map_err(OpenError::Failed)?;

        let queues: Vec<Queue> = prepared
            .queues
            .iter()
            .map(|queue| new_queue(queue, now))
            .collect();
        let by_number = queues
            .iter()
            .map(|q| (q.rules.queue, Arc::clone(&q.bell)))
            .collect();
        let _ = bells.set(by_number);
        let edges = edges(&application, &prepared)?;
        let sources = sources(&application, &prepared)?;
        let mut tables_by_name = Named::new();
        for (address, table) in &prepared.tables {
            tables_by_name.insert(application.name_of(address), Arc::clone(table));
        }
        let mut buckets_by_name = Named::new();
        for (_, bucket) in &prepared.buckets {
            buckets_by_name.insert(bucket.name.clone(), Arc::clone(bucket));
        }
        let mut config_defaults = Named::new();
        for (_, name, spec) in &prepared.configs {
            config_defaults.insert(name.clone(), spec.default.clone());
        }
        Ok(Arc::new(Local {
            clock,
            sequence,
            declared_queues: declared(&prepared),
            functions: functions(&application, &prepared),
            tables: named(
                prepared
                    .tables
                    .iter()
                    .map(|(a, table)| (a, Arc::clone(table))),
            ),
            tables_by_name,
            followers: followers(&prepared, &sources),
            streams: named(
                prepared
                    .streams
                    .iter()
                    .map(|(address, name, log)| (address, (name.clone(), *log))),
            ),
            sources,
            buckets: named(
                prepared
                    .buckets
                    .iter()
                    .map(|(a, bucket)| (a, Arc::clone(bucket))),
            ),
            buckets_by_name,
            bodies: Arc::new(bodies),
            url: OnceLock::new(),
            secrets: named(
                prepared
                    .secrets
                    .iter()
                    .map(|(a, name, _)| (a, name.clone())),
            ),
            secret_names: prepared
                .secrets
                .iter()
                .map(|(_, name, _)| name.clone())
                .collect(),
            config_defaults,
            configs: named(prepared.configs.into_iter().map(|(address, name, spec)| {
                let fixed = OnceLock::new();
                (address, Config { name, spec, fixed })
            })),
            schedules: Mutex::new(prepared.schedules),
            queues,
            edges,
            key_ring,
            routers: OnceLock::new(),
            adversary: OnceLock::new(),
            store,
            application,
        }))
    }

    /// Lets eventual reads be as far behind as `adversary` wants, from here on. The first one stays.
    pub fn oppose(&self, adversary: Arc<Adversary>) {
        let span = moment::nanoseconds(LAG_MAX);
        self.store.keep_history(Arc::clone(&self.clock), span);
        let _ = self.adversary.set(adversary);
    }

    /// When no read is behind what was written so far; `None` when none is now.
    pub fn caught_up(&self) -> Option<SystemTime> {
        let adversary = self.adversary.get()?;
        let caught_up = self.store.caught_up()?;
        let is_behind = adversary.lags() && caught_up > self.now_moment();
        is_behind.then(|| moment::to_system(caught_up))
    }

    /// The application.
    pub fn application(&self) -> &Arc<Application> {
        &self.application
    }

    /// The asynchronous edges of the application, in a fixed order.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Commits what is on its way and closes the store, so that the next start is quick. Every
    /// operation after is refused. Dropping does the same; this is for a provider that others
    /// still hold.
    pub fn close(&self) {
        self.store.close();
    }

    pub(crate) fn now_moment(&self) -> Moment {
        moment::from_system(self.clock.now())
    }

    /// Now, by the clock this provider was opened with.
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Says where the server answers: what presigned URLs begin with. The first time counts.
    pub(crate) fn set_url(&self, url: String) {
        let _ = self.url.set(url);
    }

    /// What presigned URLs begin with.
    pub(crate) fn public_url(&self) -> &str {
        self.url.get().map_or("http://localhost", String::as_str)
    }

    /// The routers of the application's APIs, by name.
    pub(crate) fn routers(&self) -> &Named<Router> {
        self.routers.get_or_init(|| {
            let mut routers = Named::new();
            for (name, spec) in self.application.apis() {
                let router = ifc_runtime::http::router(&self.application, &name, &spec);
                routers.insert(name, router);
            }
            routers
        })
    }
}

/// An operation on something the application does not declare.
pub(crate) fn undeclared(what: &str, target: Target<'_>) -> Error {
    let message = format!(
        "{what} `{}` of package `{}` is not declared in this application",
        target.name, target.package
    );
    Error::new(ErrorKind::NotReady, message).retry_safe(false)
}

fn new_queue(prepared: &PreparedQueue, now: Moment) -> Queue {
    Queue {
        name: prepared.name.clone(),
        sort: prepared.sort,
        rules: prepared.rules,
        log: prepared.log,
        bell: Arc::default(),
        looked_at: AtomicI64::new(now),
    }
}

fn named<T, A: std::borrow::Borrow<Address>>(values: impl Iterator<Item = (A, T)>) -> Names<T> {
    let mut names = Names::new();
    for (address, value) in values {
        names.insert(address.borrow(), value);
    }
    names
}

fn declared(prepared: &Prepared) -> Names<usize> {
    let queues = prepared.queues.iter().enumerate();
    let declared = queues.filter(|(_, queue)| queue.sort == Sort::Queue);
    named(declared.map(|(at, queue)| (&queue.address, at)))
}

fn position(prepared: &Prepared, sort: Sort, address: &Address) -> Option<usize> {
    let mut queues = prepared.queues.iter();
    queues.position(|queue| queue.sort == sort && queue.address == *address)
}

fn functions(application: &Application, prepared: &Prepared) -> Names<Function> {
    named(application.handlers.iter().filter_map(|handler| {
        let address = &handler.descriptor.address;
        let (Trigger::Call, Thunk::Call(thunk)) = (&handler.descriptor.trigger, handler.thunk)
        else {
            return None;
        };
        let function = Function {
            unit: application.name_of(address),
            queue: position(prepared, Sort::Call, address)?,
            timeout: application.unit_spec(&handler.descriptor).timeout,
            thunk,
        };
        Some((address, function))
    }))
}

fn edge_spec(unit: &str, edge: &str, config: &Value) -> Result<EdgeSpec, OpenError> {
    EdgeSpec::decode(edge, config).map_err(|error| {
        let finding = format!("the declaration of {edge} `{unit}` cannot be read: {error}");
        OpenError::Declaration { finding }
    })
}

fn undeclared_source(
    application: &Application,
    unit: &str,
    kind: Kind,
    source: &Address,
) -> OpenError {
    let finding = format!(
        "unit `{unit}` takes events of `{}`, which is not a {kind} of this application",
        application.name_of(source)
    );
    OpenError::Declaration { finding }
}

/// The edges from each resource, for the resource to find them.
fn sources(application: &Application, prepared: &Prepared) -> Result<Sources, OpenError> {
    let mut found: BTreeMap<Kind, Vec<(&Address, Vec<Subscription>)>> = BTreeMap::new();
    for resource in &application.resources {
        let of_kind = found.entry(resource.kind).or_default();
        of_kind.push((&resource.address, Vec::new()));
    }
    for Handler { descriptor, .. } in &application.handlers {
        let Trigger::Source {
            resource,
            edge,
            config,
        } = &descriptor.trigger
        else {
            continue;
        };
        let unit = application.name_of(&descriptor.address);
        let spec = edge_spec(&unit, edge, config)?;
        let Some(queue) = position(prepared, Sort::Edge, &descriptor.address) else {
            continue;
        };
        let kind = spec.edge.source();
        let mut of_kind = found.get_mut(&kind).into_iter().flatten();
        let Some((_, subscriptions)) = of_kind.find(|(address, _)| *address == resource) else {
            return Err(undeclared_source(application, &unit, kind, resource));
        };
        subscriptions.push(Subscription { spec, queue });
    }
    for resource in application.of_kind(Kind::Queue) {
        let name = application.name_of(&resource.address);
        let declared = QueueSubscription::decode(&resource.config).map_err(|error| {
            let finding = format!("the declaration of queue `{name}` cannot be read: {error}");
            OpenError::Declaration { finding }
        })?;
        let Some(queue) = position(prepared, Sort::Queue, &resource.address) else {
            continue;
        };
        for QueueSubscription { topic, filter } in declared {
            let mut topics = found.get_mut(&Kind::Topic).into_iter().flatten();
            let Some((_, subscriptions)) = topics.find(|(address, _)| **address == topic) else {
                let finding = format!(
                    "queue `{name}` subscribes to `{}`, which is not a topic of this application",
                    application.name_of(&topic)
                );
                return Err(OpenError::Declaration { finding });
            };
            let spec = EdgeSpec {
                edge: EdgeSort::Subscriber,
                consumer: ConsumerSpec::DEFAULT,
                // The queue says it.
                retry: None,
                selection: filter.map_or(Selection::Everything, Selection::Attributes),
            };
            subscriptions.push(Subscription { spec, queue });
        }
    }
    let by_kind = found
        .into_iter()
        .map(|(kind, found)| (kind, named(found.into_iter())));
    Ok(Sources(by_kind.collect()))
}

/// The queues of those that follow the changes of a table with a stream.
fn followers(prepared: &Prepared, sources: &Sources) -> HashMap<u32, Vec<Rules>> {
    let streams = |table: &Table| table.spec.knobs.stream == ChangeStream::NewImage;
    let with_stream = prepared.tables.iter().filter(|(_, table)| streams(table));
    with_stream
        .filter_map(|(address, table)| {
            let target = Target {
                package: &address.package,
                name: &address.name,
            };
            let followers = sources.of(Kind::Table, target)?.iter();
            let rules = followers.map(|follower| prepared.queues[follower.queue].rules);
            Some((table.number, rules.collect()))
        })
        .collect()
}

fn edges(application: &Application, prepared: &Prepared) -> Result<Vec<Edge>, OpenError> {
    let mut edges = Vec::new();
    for Handler { descriptor, thunk } in &application.handlers {
        let address = &descriptor.address;
        let unit_name = application.name_of(address);
        let unit = application.unit_spec(descriptor);
        let hidden = ConsumerSpec {
            max_concurrency: unit.max_instances,
            ..ConsumerSpec::DEFAULT
        };
        // The queue it takes from is known by its own address: a declared one by the resource's, a
        // hidden one by the unit's.
        let (kind, sort, source, taken_from, consumer) = match &descriptor.trigger {
            Trigger::Http { .. } => continue,
            Trigger::Call => (EdgeKind::AsyncCall, Sort::Call, address, address, hidden),
            Trigger::Schedule(_) => (EdgeKind::Schedule, Sort::Schedule, address, address, hidden),
            Trigger::Source {
                resource,
                edge,
                config,
            } => {
                let EdgeSpec { edge, consumer, .. } = edge_spec(&unit_name, edge, config)?;
                let kind = EdgeKind::Source(edge);
                match edge {
                    EdgeSort::Consumer => (kind, Sort::Queue, resource, resource, consumer),
                    _ => (kind, Sort::Edge, resource, address, consumer),
                }
            }
        };
        let thunk = match *thunk {
            Thunk::Event(thunk) => EdgeThunk::Event(thunk),
            Thunk::Call(thunk) => EdgeThunk::Call(thunk),
            Thunk::Http(_) => continue,
        };
        let Some(queue) = position(prepared, sort, taken_from) else {
            return Err(undeclared_source(
                application,
                &unit_name,
                Kind::Queue,
                source,
            ));
        };
        edges.push(Edge {
            id: EdgeId(edges.len()),
            unit: unit_name,
            source: application.name_of(source),
            kind,
            batch: consumer.batch.max(1) as usize,
            max_concurrency: consumer.max_concurrency.max(1) as usize,
            lease: prepared.queues[queue]
                .spec
                .lease_for(unit.timeout, application.targets),
            timeout: unit.timeout,
            queue,
            thunk,
        });
    }
    Ok(edges)
}
