//! What the store knows of declarations: a number for each resource, which its keys carry, and the
//! facts that the stored data depends on, so that a changed declaration is noticed.
//!
//! Resources are known by the name that the application sees.

use crate::names::Named;
use crate::queue::Rules;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use crate::stream::Log;
use ifc_manifest::kind::edge::RetrySpec;
use ifc_manifest::kind::table::{Index, Key, TableSpec};
use serde_json::{Value, json};
use std::time::Duration;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A declared queue.
    Queue,
    /// The hidden queue of asynchronous calls of a function.
    Call,
    /// The hidden queue of a schedule.
    Schedule,
    /// The hidden queue of an edge from a resource that is not a queue.
    Edge,
    /// A table.
    Table,
    /// A stream.
    Stream,
    /// An index of a table, named `table/index`.
    Index,
    /// A bucket.
    Bucket,
    /// A secret.
    Secret,
    /// A configuration value.
    Config,
}

impl Sort {
    const ALL: [(Sort, &'static str); 10] = [
        (Sort::Queue, "queue"),
        (Sort::Call, "call"),
        (Sort::Schedule, "schedule"),
        (Sort::Edge, "edge"),
        (Sort::Table, "table"),
        (Sort::Stream, "stream"),
        (Sort::Index, "index"),
        (Sort::Bucket, "bucket"),
        (Sort::Secret, "secret"),
        (Sort::Config, "config"),
    ];

    /// The sort with this word.
    pub(crate) fn parse(word: &str) -> Option<Sort> {
        let found = Sort::ALL.iter().find(|(_, known)| *known == word);
        found.map(|(sort, _)| *sort)
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        let found = Sort::ALL.iter().find(|(sort, _)| *sort == self);
        found.map_or("", |(_, word)| word)
    }
}

/// An entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The resource's number.
    pub(crate) number: u32,
    /// What the stored data depends on.
    pub(crate) facts: Value,
}

/// All entries, each under the word of its sort and its name, with a space between.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Catalog {
    entries: Named<Entry>,
    next: u32,
}

fn key(sort: Sort, name: &str) -> String {
    format!("{} {name}", sort.word())
}

impl Catalog {
    /// Reads the catalog.
    pub(crate) fn load(table: &impl Read) -> Result<Catalog, Fault> {
        let mut catalog = Catalog {
            entries: Named::new(),
            next: 0,
        };
        let range = keys::space(keys::CATALOG);
        for entry in table.range(slices(&range))? {
            let (key, value) = entry?;
            let read = || {
                let key = str::from_utf8(key.value().get(1..)?).ok()?;
                let (word, _) = key.split_once(' ')?;
                if !Sort::ALL.iter().any(|(_, known)| *known == word) {
                    return None;
                }
                let value: Value = serde_json::from_slice(value.value()).ok()?;
                let entry = Entry {
                    number: u32::try_from(value.get("number")?.as_u64()?).ok()?,
                    facts: value.get("facts")?.clone(),
                };
                Some((key.to_owned(), entry))
            };
            // An entry of an unknown sort was written by a later version of this format; it keeps
            // its number, which is all that matters here.
            if let Some((key, entry)) = read() {
                catalog.next = catalog.next.max(entry.number + 1);
                catalog.entries.insert(key, entry);
            }
        }
        Ok(catalog)
    }

    /// The entry of a resource.
    pub(crate) fn get(&self, sort: Sort, name: &str) -> Option<&Entry> {
        self.entries.get(&key(sort, name))
    }

    /// All entries of a sort, by name.
    pub(crate) fn of(&self, sort: Sort) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .entries()
            .iter()
            .filter_map(move |(key, entry)| {
                let (word, name) = key.split_once(' ')?;
                (word == sort.word()).then_some((name, entry))
            })
    }

    /// The number of a resource with these facts; a new one when it is not known yet.
    pub(crate) fn declare(&mut self, sort: Sort, name: &str, facts: Value) -> u32 {
        let number = match self.get(sort, name) {
            Some(entry) => entry.number,
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        let entry = Entry { number, facts };
        self.entries.insert(key(sort, name), entry);
        number
    }

    /// Forgets a resource; returns its number.
    pub(crate) fn forget(&mut self, sort: Sort, name: &str) -> Option<u32> {
        let entry = self.entries.remove(&key(sort, name))?;
        Some(entry.number)
    }

    /// Forgets the indexes of a table; returns their numbers.
    pub(crate) fn forget_indexes_of(&mut self, table: &str) -> Vec<u32> {
        let own = |index: &str| {
            let rest = index
                .strip_prefix(table)
                .and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|rest| !rest.contains('/'))
        };
        let indexes = self.of(Sort::Index).map(|(name, _)| name);
        let gone: Vec<String> = indexes
            .filter(|name| own(name))
            .map(str::to_owned)
            .collect();
        let numbers = gone
            .iter()
            .filter_map(|name| self.forget(Sort::Index, name));
        numbers.collect()
    }

    /// Writes what differs from `before`.
    pub(crate) fn save(
        &self,
        transaction: &mut Transaction<'_, '_>,
        before: &Catalog,
    ) -> Result<(), Fault> {
        let stored = |key: &str| KeyBytes::named(keys::CATALOG, key);
        for key in before.entries.names() {
            if self.entries.get(key).is_none() {
                transaction.remove(stored(key).as_bytes())?;
            }
        }
        for (key, entry) in self.entries.entries() {
            if before.entries.get(key) != Some(entry) {
                let value = json!({ "number": entry.number, "facts": entry.facts });
                transaction.put(stored(key).as_bytes(), value.to_string().as_bytes())?;
            }
        }
        Ok(())
    }

    /// The stream that the consumer of this name takes its records from.
    pub(crate) fn log_of(&self, consumer: &str) -> Option<Log> {
        let stream = self
            .get(Sort::Edge, consumer)?
            .facts
            .get("stream")?
            .as_u64()?;
        let mut streams = self.of(Sort::Stream);
        let (_, entry) = streams.find(|(_, entry)| u64::from(entry.number) == stream)?;
        let retention = entry.facts.get("retention_ms")?.as_i64()?;
        Some(Log {
            stream: entry.number,
            retention: retention.saturating_mul(1_000_000),
        })
    }

    /// The rules of every queue, declared and hidden, by the name it is known under.
    pub(crate) fn queues(&self) -> impl Iterator<Item = (&str, Rules)> {
        [Sort::Queue, Sort::Call, Sort::Schedule, Sort::Edge]
            .into_iter()
            .flat_map(move |sort| {
                self.of(sort)
                    .filter_map(|(name, entry)| Some((name, rules(entry)?)))
            })
    }
}

/// The facts of a queue; `log` is the stream that a hidden one takes its records from.
pub(crate) fn queue_facts(rules: &Rules, log: Option<&Log>) -> Value {
    json!({
        "stream": log.map(|log| log.stream),
        "fifo": rules.fifo,
        "runs": rules.runs,
        "retention_ms": rules.retention / 1_000_000,
        "max_attempts": rules.retry.max_attempts,
        "min_backoff_ms": rules.retry.min_backoff.as_millis() as u64,
        "max_backoff_ms": rules.retry.max_backoff.as_millis() as u64,
    })
}

fn rules(entry: &Entry) -> Option<Rules> {
    let number = |key: &str| entry.facts.get(key)?.as_u64();
    Some(Rules {
        queue: entry.number,
        fifo: entry.facts.get("fifo")?.as_bool()?,
        runs: matches!(entry.facts.get("runs"), Some(Value::Bool(true))),
        retention: i64::try_from(number("retention_ms")?)
            .ok()?
            .saturating_mul(1_000_000),
        retry: RetrySpec {
            max_attempts: u32::try_from(number("max_attempts")?).ok()?,
            min_backoff: Duration::from_millis(number("min_backoff_ms")?),
            max_backoff: Duration::from_millis(number("max_backoff_ms")?),
        },
    })
}

/// The facts of a stream.
pub(crate) fn stream_facts(log: &Log) -> Value {
    json!({ "retention_ms": log.retention / 1_000_000 })
}

/// The facts of a table.
pub(crate) fn table_facts(spec: &TableSpec) -> Value {
    json!({ "key": key_facts(&spec.key), "sort": spec.sort.as_ref().map(key_facts), "ttl": spec.ttl })
}

/// The facts of an index.
pub(crate) fn index_facts(index: &Index) -> Value {
    json!({ "key": key_facts(&index.key), "sort": index.sort.as_ref().map(key_facts) })
}

fn key_facts(key: &Key) -> Value {
    json!({ "name": key.name, "type": key.scalar.as_str() })
}

/// A table's key in words, from its facts.
pub(crate) fn describe_key(facts: &Value) -> String {
    let key = |of: &str| {
        let key = facts.get(of)?;
        let (name, scalar) = (key.get("name")?.as_str()?, key.get("type")?.as_str()?);
        Some(format!("`{name}` ({scalar})"))
    };
    match (key("key"), key("sort")) {
        (Some(partition), Some(sort)) => format!("{partition} and {sort}"),
        (Some(partition), None) => partition,
        _ => "nothing".to_owned(),
    }
}
