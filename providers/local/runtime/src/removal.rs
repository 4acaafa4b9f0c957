//! Removing everything that is stored for something that is no longer wanted.

use crate::catalog::{Catalog, Sort};
use crate::local::Local;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Transaction};
use ifc_manifest::Kind;
use ifc_runtime::{Error, ErrorKind};
use serde_json::{Value, json};
use std::fmt;

/// What is to be removed: the data of a resource, or the hidden queue of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    sort: Sort,
    name: String,
}

impl Removal {
    fn new(sort: Sort, name: &str) -> Removal {
        Removal {
            sort,
            name: name.to_owned(),
        }
    }

    /// The data of a resource, by the name that the application sees; `None` for kinds that store
    /// nothing of their own.
    pub fn of_resource(kind: Kind, name: &str) -> Option<Removal> {
        let sort = match kind {
            Kind::Queue => Sort::Queue,
            Kind::Table => Sort::Table,
            Kind::Bucket => Sort::Bucket,
            Kind::Stream => Sort::Stream,
            Kind::Secret => Sort::Secret,
            Kind::Config => Sort::Config,
            Kind::HttpApi | Kind::Function | Kind::Schedule | Kind::Topic | Kind::EventBus => {
                return None;
            }
        };
        Some(Removal::new(sort, name))
    }

    /// The hidden queue of the edge that makes this unit run.
    pub fn of_edge(unit: &str) -> Removal {
        Removal::new(Sort::Edge, unit)
    }

    /// The hidden queue of a schedule, and when it fired last.
    pub fn of_schedule(unit: &str) -> Removal {
        Removal::new(Sort::Schedule, unit)
    }

    /// The hidden queue of a function's asynchronous calls.
    pub fn of_calls(function: &str) -> Removal {
        Removal::new(Sort::Call, function)
    }

    /// For the control endpoints of a running application.
    pub fn to_json(&self) -> Value {
        json!({ "sort": self.sort.word(), "name": self.name })
    }

    /// Reads what [`to_json`](Removal::to_json) made.
    pub(crate) fn from_json(value: &Value) -> Option<Removal> {
        let sort = Sort::parse(value.get("sort")?.as_str()?)?;
        Some(Removal::new(sort, value.get("name")?.as_str()?))
    }

    /// Removes it. What was never stored is removed too.
    pub(crate) fn carry_out(&self, transaction: &mut Transaction<'_, '_>) -> Result<(), Fault> {
        let before = Catalog::load(transaction.table())?;
        let mut after = before.clone();
        let mut numbers: Vec<u32> = after.forget(self.sort, &self.name).into_iter().collect();
        if self.sort == Sort::Table {
            numbers.extend(after.forget_indexes_of(&self.name));
        }
        for number in numbers {
            for space in keys::NUMBERED {
                transaction.remove_range(&KeyBytes::of(space, number).range())?;
            }
        }
        let named = match self.sort {
            Sort::Secret => Some(keys::SECRET),
            Sort::Config => Some(keys::CONFIG),
            Sort::Schedule => Some(keys::SCHEDULE),
            _ => None,
        };
        if let Some(space) = named {
            transaction.remove(KeyBytes::named(space, &self.name).as_bytes())?;
        }
        after.save(transaction, &before)
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}`", self.sort.word(), self.name)
    }
}

impl Local {
    /// Removes what is stored for something that this application does not declare.
    ///
    /// # Errors
    /// `NotReady` while it is declared; `Unavailable` when the storage fails.
    pub async fn remove(&self, removal: Removal) -> Result<(), Error> {
        if self.declares(&removal) {
            let message = format!(
                "the running application declares {removal}: let one that does not take its place, \
                 or stop it"
            );
            return Err(Error::new(ErrorKind::NotReady, message));
        }
        let command = move |transaction: &mut Transaction<'_, '_>| removal.carry_out(transaction);
        self.store.write(command).await?;
        self.sweep_bodies()
    }

    fn declares(&self, removal: &Removal) -> bool {
        let Removal { sort, name } = removal;
        match sort {
            Sort::Queue | Sort::Call | Sort::Schedule | Sort::Edge => {
                let mut queues = self.queues.iter();
                queues.any(|queue| queue.sort == *sort && queue.name == *name)
            }
            Sort::Table | Sort::Index => self.tables_by_name.get(name).is_some(),
            Sort::Bucket => self.buckets_by_name.get(name).is_some(),
            Sort::Stream => self.streams.values().any(|(known, _)| known == name),
            Sort::Secret => self.secret_names.contains(name),
            Sort::Config => self.config_defaults.get(name).is_some(),
        }
    }
}
