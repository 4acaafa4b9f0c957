//! Joining the declarations of an application with what the store holds of earlier runs.
//!
//! First everything is decided on a snapshot, so that a contradiction is reported before anything
//! is written; then one transaction makes it so.

use crate::bucket::Bucket;
use crate::catalog::{self, Catalog, Sort};
use crate::moment::{Moment, nanoseconds, to_system};
use crate::queue::{self, Rules, Sequence};
use crate::schedule::{Schedule, last_used};
use crate::secret;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, OpenError, Read, Store, Transaction, first};
use crate::stream::{self, Log};
use crate::table::{self, Feed, Table, Writing};
use ifc_manifest::kind::SpecError;
use ifc_manifest::kind::bucket::BucketSpec;
use ifc_manifest::kind::config::ConfigSpec;
use ifc_manifest::kind::edge::RetrySpec;
use ifc_manifest::kind::edge::{Edge, EdgeSpec};
use ifc_manifest::kind::event_bus::EventBusSpec;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::schedule::ScheduleSpec;
use ifc_manifest::kind::secret::{Charset, SecretSpec};
use ifc_manifest::kind::stream::StreamSpec;
use ifc_manifest::kind::table::TableSpec;
use ifc_manifest::kind::topic::TopicSpec;
use ifc_manifest::{Address, Kind, Targets, Trigger};
use ifc_runtime::Application;
use ifc_runtime::log::timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Expired items removed in one transaction, at the start and later.
pub(crate) const SWEEP_LIMIT: usize = 1_000;

/// A schedule that fired this far in the future, in nanoseconds, did so on a clock that was wrong.
const CLOCK_ODD: i64 = 3_600_000_000_000;

/// A queue, declared or hidden.
#[derive(Clone, Debug)]
pub(crate) struct PreparedQueue {
    pub(crate) sort: Sort,
    pub(crate) address: Address,
    pub(crate) name: String,
    /// None for hidden queues, which have the default.
    pub(crate) spec: QueueSpec,
    pub(crate) rules: Rules,
    /// The stream that a hidden one takes its records from.
    pub(crate) log: Option<Log>,
}

/// Length and characters of a secret that makes its own value.
type Generated = Option<(u32, Charset)>;

/// The application's resources with their places in the store.
pub(crate) struct Prepared {
    pub(crate) queues: Vec<PreparedQueue>,
    pub(crate) tables: Vec<(Address, Arc<Table>)>,
    pub(crate) buckets: Vec<(Address, Arc<Bucket>)>,
    pub(crate) streams: Vec<(Address, String, Log)>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) secrets: Vec<(Address, String, Generated)>,
    pub(crate) configs: Vec<(Address, String, ConfigSpec)>,
    targets: Targets,
    catalog: Catalog,
    before: Catalog,
    /// Table, and which of its indexes; none: its expiry.
    rebuild: Vec<(Arc<Table>, Option<usize>)>,
    /// Numbers of indexes that are no longer declared.
    forgotten: Vec<u32>,
}

/// Decides, then does. Messages whose retention ended while nothing ran are dropped and logged.
///
/// # Errors
/// When a declaration cannot be read or contradicts the stored data, or the storage fails.
pub(crate) fn prepare(
    application: &Application,
    store: &Store,
    sequence: &Arc<Sequence>,
    now: Moment,
) -> Result<Prepared, OpenError> {
    let decided = store
        .read(|snapshot| {
            sequence.resume(snapshot)?;
            Ok(decide(application, snapshot, now))
        })
        .map_err(OpenError::Failed)?;
    let prepared = match decided {
        Ok(prepared) => Arc::new(prepared),
        Err(Undecided::Finding(error)) => return Err(error),
        Err(Undecided::Fault(Fault::Refused(error))) => return Err(OpenError::Failed(error)),
        Err(Undecided::Fault(Fault::Storage(error))) => {
            let error = ifc_runtime::Error::new(
                ifc_runtime::ErrorKind::Unavailable,
                format!("cannot read the store: {error}"),
            );
            return Err(OpenError::Failed(error));
        }
    };
    let dropped = store
        .write_now({
            let (prepared, sequence) = (Arc::clone(&prepared), Arc::clone(sequence));
            move |transaction| apply(transaction, &prepared, &sequence, now)
        })
        .map_err(OpenError::Failed)?;
    for (queue, event) in dropped {
        tracing::warn!(
            event,
            "dropped: it was not consumed within the retention of `{queue}`"
        );
    }
    Arc::into_inner(prepared).ok_or_else(|| {
        let message = "the store still holds the declarations";
        OpenError::Failed(ifc_runtime::Error::new(
            ifc_runtime::ErrorKind::Unavailable,
            message,
        ))
    })
}

enum Undecided {
    Finding(OpenError),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Undecided {
    fn from(error: E) -> Undecided {
        Undecided::Fault(error.into())
    }
}

fn unreadable(what: &str, name: &str) -> impl Fn(SpecError) -> Undecided {
    let what = format!("{what} `{name}`");
    move |error| {
        let finding = format!("the declaration of {what} cannot be read: {error}");
        Undecided::Finding(OpenError::Declaration { finding })
    }
}

fn changed(finding: String) -> Undecided {
    Undecided::Finding(OpenError::Changed { finding })
}

fn decide(
    application: &Application,
    snapshot: &impl Read,
    now: Moment,
) -> Result<Prepared, Undecided> {
    let before = Catalog::load(snapshot)?;
    let mut prepared = Prepared {
        queues: Vec::new(),
        tables: Vec::new(),
        buckets: Vec::new(),
        streams: Vec::new(),
        schedules: Vec::new(),
        secrets: Vec::new(),
        configs: Vec::new(),
        targets: application.targets,
        catalog: before.clone(),
        before,
        rebuild: Vec::new(),
        forgotten: Vec::new(),
    };
    for resource in &application.resources {
        let (address, name) = (&resource.address, application.name_of(&resource.address));
        match resource.kind {
            Kind::Queue => {
                let spec =
                    QueueSpec::decode(&resource.config).map_err(unreadable("queue", &name))?;
                queue(&mut prepared, snapshot, Sort::Queue, address, name, spec)?;
            }
            Kind::Table => {
                let spec =
                    TableSpec::decode(&resource.config).map_err(unreadable("table", &name))?;
                table(&mut prepared, snapshot, address, name, spec)?;
            }
            Kind::Bucket => {
                let spec =
                    BucketSpec::decode(&resource.config).map_err(unreadable("bucket", &name))?;
                let number = prepared.catalog.declare(Sort::Bucket, &name, json!({}));
                let bucket = Bucket {
                    address: address.clone(),
                    name,
                    number,
                    spec,
                };
                prepared.buckets.push((address.clone(), Arc::new(bucket)));
            }
            Kind::Secret => {
                let spec =
                    SecretSpec::decode(&resource.config).map_err(unreadable("secret", &name))?;
                let facts = json!({ "generated": spec.generated.is_some() });
                prepared.catalog.declare(Sort::Secret, &name, facts);
                prepared
                    .secrets
                    .push((address.clone(), name, spec.generated));
            }
            Kind::Config => {
                let mut spec =
                    ConfigSpec::decode(&resource.config).map_err(unreadable("config", &name))?;
                if let Some(json) = application.settings.config.get(&name) {
                    spec.default = Some(json.clone());
                }
                let facts = json!({ "default": spec.default, "dynamic": spec.dynamic });
                prepared.catalog.declare(Sort::Config, &name, facts);
                prepared.configs.push((address.clone(), name, spec));
            }
            Kind::Stream => {
                let spec =
                    StreamSpec::decode(&resource.config).map_err(unreadable("stream", &name))?;
                let mut log = Log {
                    stream: 0,
                    retention: nanoseconds(spec.retention),
                };
                let facts = catalog::stream_facts(&log);
                log.stream = prepared.catalog.declare(Sort::Stream, &name, facts);
                prepared.streams.push((address.clone(), name, log));
            }
            Kind::EventBus => {
                let spec = EventBusSpec::decode(&resource.config)
                    .map_err(unreadable("event bus", &name))?;
                if let Some(owner) = spec.foreign_to(&application.package) {
                    tracing::info!(
                        "event bus `{name}` belongs to application `{owner}`: what is put on it \
                         here reaches this application's own rules only"
                    );
                }
            }
            // They have no data of their own.
            Kind::HttpApi | Kind::Function | Kind::Schedule | Kind::Topic => {}
        }
    }
    for handler in &application.handlers {
        let address = &handler.descriptor.address;
        let name = application.name_of(address);
        match &handler.descriptor.trigger {
            Trigger::Call => {
                queue(
                    &mut prepared,
                    snapshot,
                    Sort::Call,
                    address,
                    name,
                    QueueSpec::DEFAULT,
                )?;
            }
            Trigger::Schedule(config) => {
                let spec = ScheduleSpec::decode(config).map_err(unreadable("schedule", &name))?;
                let hidden = QueueSpec {
                    retry: RetrySpec {
                        max_attempts: spec.retries + 1,
                        ..RetrySpec::DEFAULT
                    },
                    ..QueueSpec::DEFAULT
                };
                let rules = queue(
                    &mut prepared,
                    snapshot,
                    Sort::Schedule,
                    address,
                    name.clone(),
                    hidden,
                )?;
                let last = last_used(snapshot, &name)?;
                if let Some(last) = last.filter(|last| last.saturating_sub(now) > CLOCK_ODD) {
                    tracing::warn!(
                        unit = name,
                        "it fired last at {}, which is in the future: it does not fire before \
                         that is past, unless `ifc local reset` empties the data directory",
                        timestamp(to_system(last))
                    );
                }
                let schedule = Schedule::new(&name, rules, &spec, now, last)
                    .map_err(|finding| Undecided::Finding(OpenError::Declaration { finding }))?;
                prepared.schedules.push(schedule);
            }
            Trigger::Source {
                resource,
                edge,
                config,
            } => {
                let spec = EdgeSpec::decode(edge, config).map_err(unreadable(edge, &name))?;
                // A queue's consumer takes from the declared queue.
                if let Some(retry) = spec.retry {
                    let mut streams = prepared.streams.iter();
                    let log = streams
                        .find(|(stream, _, _)| {
                            spec.edge == Edge::StreamConsumer && stream == resource
                        })
                        .map(|(_, _, log)| *log);
                    let fifo = keeps_order(application, spec.edge.source(), resource)
                        .map_err(unreadable(edge, &name))?;
                    let mut hidden = QueueSpec {
                        fifo: fifo || log.is_some(),
                        retry,
                        ..QueueSpec::DEFAULT
                    };
                    if let Some(log) = log {
                        hidden.retention = Duration::from_nanos(log.retention.unsigned_abs());
                    }
                    let sort = Sort::Edge;
                    queue_of(&mut prepared, snapshot, sort, address, name, hidden, log)?;
                }
            }
            Trigger::Http { .. } => {}
        }
    }
    Ok(prepared)
}

/// Whether the events of this resource have an order that its edges keep.
fn keeps_order(application: &Application, kind: Kind, source: &Address) -> Result<bool, SpecError> {
    let mut resources = application.resources.iter();
    let declared = resources.find(|known| known.kind == kind && known.address == *source);
    match declared {
        Some(topic) if kind == Kind::Topic => Ok(TopicSpec::decode(&topic.config)?.fifo),
        _ => Ok(false),
    }
}

fn queue(
    prepared: &mut Prepared,
    snapshot: &impl Read,
    sort: Sort,
    address: &Address,
    name: String,
    spec: QueueSpec,
) -> Result<Rules, Undecided> {
    queue_of(prepared, snapshot, sort, address, name, spec, None)
}

/// A queue that takes from a stream's log, if there is one.
fn queue_of(
    prepared: &mut Prepared,
    snapshot: &impl Read,
    sort: Sort,
    address: &Address,
    name: String,
    spec: QueueSpec,
    log: Option<Log>,
) -> Result<Rules, Undecided> {
    let mut rules = Rules {
        queue: 0,
        fifo: spec.fifo,
        runs: log.is_some(),
        retention: nanoseconds(spec.retention),
        retry: spec.retry,
    };
    let facts = catalog::queue_facts(&rules, log.as_ref());
    if let Some(entry) = prepared.before.get(sort, &name) {
        let held = KeyBytes::of(keys::MESSAGE, entry.number).range();
        if entry.facts.get("fifo") != facts.get("fifo") && first(snapshot, &held)?.is_some() {
            let (was, is) = match spec.fifo {
                true => ("standard", "fifo"),
                false => ("fifo", "standard"),
            };
            return Err(changed(format!(
                "queue `{name}` still holds messages as a {was} queue, and its declaration now \
                 says {is}: let the earlier version consume them first, or empty the data \
                 directory with `ifc local reset`"
            )));
        }
    }
    rules.queue = prepared.catalog.declare(sort, &name, facts);
    prepared.queues.push(PreparedQueue {
        sort,
        address: address.clone(),
        name,
        spec,
        rules,
        log,
    });
    Ok(rules)
}

fn table(
    prepared: &mut Prepared,
    snapshot: &impl Read,
    address: &Address,
    name: String,
    spec: TableSpec,
) -> Result<(), Undecided> {
    let facts = catalog::table_facts(&spec);
    let mut rebuild_expiry = false;
    if let Some(entry) = prepared.before.get(Sort::Table, &name) {
        let same = |fact: &str| entry.facts.get(fact) == facts.get(fact);
        let items = KeyBytes::of(keys::ITEM, entry.number).range();
        let is_empty = first(snapshot, &items)?.is_none();
        let same_key = same("key") && same("sort");
        if !same_key && !is_empty {
            return Err(changed(format!(
                "table `{name}` holds items with the key {}, and its declaration now says {}: \
                 declare a new table and move the items, or empty the data directory with \
                 `ifc local reset`",
                catalog::describe_key(&entry.facts),
                catalog::describe_key(&facts)
            )));
        }
        rebuild_expiry = !same("ttl") && !is_empty;
    }
    let number = prepared.catalog.declare(Sort::Table, &name, facts);
    let mut indexes = Vec::new();
    let mut rebuild = Vec::new();
    for (at, index) in spec.indexes.iter().enumerate() {
        let full_name = format!("{name}/{}", index.name);
        let facts = catalog::index_facts(index);
        let known = prepared.before.get(Sort::Index, &full_name);
        if known.is_none_or(|entry| entry.facts != facts) {
            prepared
                .forgotten
                .extend(prepared.catalog.forget(Sort::Index, &full_name));
            rebuild.push(Some(at));
        }
        indexes.push(prepared.catalog.declare(Sort::Index, &full_name, facts));
    }
    let prefix = format!("{name}/");
    let gone: Vec<String> = prepared
        .before
        .of(Sort::Index)
        .filter_map(|(index, _)| {
            let own = index.strip_prefix(&prefix)?;
            let declared = spec.indexes.iter().any(|index| index.name == own);
            (!declared && !own.contains('/')).then(|| index.to_owned())
        })
        .collect();
    for index in gone {
        prepared
            .forgotten
            .extend(prepared.catalog.forget(Sort::Index, &index));
    }
    if rebuild_expiry {
        rebuild.push(None);
    }
    let table = Arc::new(Table {
        number,
        spec,
        indexes,
        targets: prepared.targets,
    });
    let rebuild = rebuild.into_iter().map(|index| (Arc::clone(&table), index));
    prepared.rebuild.extend(rebuild);
    prepared.tables.push((address.clone(), table));
    Ok(())
}

/// Returns queue and id of every message that was dropped.
fn apply(
    transaction: &mut Transaction<'_, '_>,
    prepared: &Prepared,
    sequence: &Sequence,
    now: Moment,
) -> Result<Vec<(String, String)>, Fault> {
    prepared.catalog.save(transaction, &prepared.before)?;
    for number in &prepared.forgotten {
        transaction.remove_range(&KeyBytes::of(keys::INDEX, *number).range())?;
    }
    for (table, index) in &prepared.rebuild {
        if index.is_none() {
            transaction.remove_range(&KeyBytes::of(keys::EXPIRY, table.number).range())?;
        }
        table::rebuild(transaction, table, *index)?;
    }
    for (_, table) in &prepared.tables {
        let writing = Writing {
            table: Arc::clone(table),
            now,
            feed: Feed::default(),
        };
        table::sweep(transaction, &writing, SWEEP_LIMIT)?;
    }
    let queues = prepared.queues.iter();
    let consumers: Vec<(Log, Rules)> = queues
        .filter_map(|queue| Some((queue.log?, queue.rules)))
        .collect();
    stream::begin(transaction, &consumers, sequence)?;
    let mut dropped = Vec::new();
    for PreparedQueue { name, rules, .. } in &prepared.queues {
        if queue::has_leases(transaction.table(), rules)? {
            queue::release(transaction, rules, now)?;
        }
        if let Some(last) = queue::last_sent(transaction.table(), rules)? {
            if last > now {
                queue::follow_clock_back(transaction, rules, now, last - now)?;
            }
            let ids = queue::sweep(transaction, rules, now)?;
            dropped.extend(ids.into_iter().map(|id| (name.clone(), id)));
        }
    }
    Ok(dropped)
}

/// Makes the values of generated secrets that have none.
///
/// # Errors
/// When the key cannot be had, or the storage fails.
pub(crate) fn generate_secrets(
    store: &Store,
    ring: &secret::KeyRing,
    prepared: &Prepared,
) -> Result<(), ifc_runtime::Error> {
    for (_, name, generated) in &prepared.secrets {
        let Some((length, charset)) = generated else {
            continue;
        };
        if store
            .read(|snapshot| secret::get(snapshot, name))?
            .is_none()
        {
            let sealed = ring.seal(name, &secret::generate(*length, *charset)?)?;
            let name = name.clone();
            store.write_now(move |transaction| secret::put(transaction, &name, &sealed))?;
        }
    }
    Ok(())
}
