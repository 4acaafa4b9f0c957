//! Operations under construction: what is awaited does it.

use super::check;
use super::expression::{Attribute, Condition, IntoAttribute};
use super::item::{self, Item, KeyAttribute, KeyOf, SortAttribute};
use crate::awaitable::awaitable;
use crate::cursor::Cursor;
use ifc_manifest::Verb;
use ifc_manifest::kind::table as kind;
use ifc_manifest::limit::Limit;
use ifc_runtime::table::{self as runtime, Clause, Consistency, Key, KeyValue, SortRange};
use ifc_runtime::{BoxFuture, Environment, Error, ErrorKind, Grant, Target};
use serde_json::Value;
use std::marker::PhantomData;
use std::sync::Arc;

/// Where an operation runs.
pub(super) fn environment(target: Target<'_>, verb: Verb) -> Result<Arc<Environment>, Error> {
    Environment::current().map_err(|error| error.on(target, verb))
}

/// Refuses a number that not every target allows.
pub(super) fn within(limit: &'static Limit, value: u64, kind: ErrorKind) -> Result<(), Error> {
    limit
        .check(value, Environment::targets())
        .map_err(|refused| Error::new(kind, refused.to_string()))
}

pub(super) fn decode<T: Item>(
    item: runtime::Item,
    target: Target<'_>,
    verb: Verb,
) -> Result<T, Error> {
    serde_json::from_value(Value::Object(item))
        .map_err(|error| malformed(std::any::type_name::<T>(), error).on(target, verb))
}

fn malformed(type_name: &str, error: serde_json::Error) -> Error {
    let message = format!("a stored item is not a `{type_name}`");
    Error::new(ErrorKind::Malformed, message).caused_by(error)
}

fn no_json(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Invalid, "a value has no JSON form").caused_by(error)
}

/// A read of one item. See [`Table::get`](super::Table::get).
#[must_use = "the item is read when this is awaited"]
pub struct Get<T> {
    grant: &'static Grant,
    key: Result<Key, Error>,
    consistency: Consistency,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> Get<T> {
    pub(super) fn new(grant: &'static Grant, key: KeyOf<'_, T>) -> Self {
        Get {
            grant,
            key: T::Sort::key::<T::Partition>(key),
            consistency: Consistency::Strong,
            marker: PhantomData,
        }
    }

    /// Allows an answer that is some time behind.
    pub fn eventual(mut self) -> Self {
        self.consistency = Consistency::Eventual;
        self
    }

    async fn run(self, target: Target<'static>) -> Result<Option<T>, Error> {
        let environment = environment(target, kind::GET)?;
        let item = environment
            .provider
            .get(target, self.key?, self.consistency)
            .await?;
        item.map(|item| decode(item, target, kind::GET)).transpose()
    }
}

awaitable!([T: Item] Get<T> => Option<T>, kind::GET);

/// A read of several items. See [`Table::batch_get`](super::Table::batch_get).
#[must_use = "the items are read when this is awaited"]
pub struct BatchGet<T> {
    grant: &'static Grant,
    keys: Result<Vec<Key>, Error>,
    consistency: Consistency,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> BatchGet<T> {
    pub(super) fn new<'a>(
        grant: &'static Grant,
        keys: impl IntoIterator<Item = KeyOf<'a, T>>,
    ) -> Self {
        BatchGet {
            grant,
            keys: keys.into_iter().map(T::Sort::key::<T::Partition>).collect(),
            consistency: Consistency::Strong,
            marker: PhantomData,
        }
    }

    /// Allows answers that are some time behind.
    pub fn eventual(mut self) -> Self {
        self.consistency = Consistency::Eventual;
        self
    }

    async fn run(self, target: Target<'static>) -> Result<Vec<T>, Error> {
        let keys = self.keys?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        within(
            &kind::BATCH_GET_KEYS,
            keys.len() as u64,
            ErrorKind::TooLarge,
        )?;
        let environment = environment(target, kind::BATCH_GET)?;
        let items = environment
            .provider
            .batch_get(target, keys, self.consistency)
            .await?;
        items
            .into_iter()
            .map(|item| decode(item, target, kind::BATCH_GET))
            .collect()
    }
}

awaitable!([T: Item] BatchGet<T> => Vec<T>, kind::BATCH_GET);

/// Clauses under construction; the first one without a JSON form is kept as the error.
#[derive(Default)]
pub(super) struct Clauses(Vec<Clause>, Option<serde_json::Error>);

impl Clauses {
    pub(super) fn add(&mut self, clause: serde_json::Result<Clause>) {
        match clause {
            Ok(clause) => self.0.push(clause),
            Err(error) => self.1 = self.1.take().or(Some(error)),
        }
    }

    pub(super) fn finish(self) -> Result<Vec<Clause>, Error> {
        match self.1 {
            Some(error) => Err(no_json(error)),
            None => Ok(self.0),
        }
    }
}

pub(super) fn version_is(attribute: &str, version: u64) -> Clause {
    match version {
        0 => Clause::ItemMissing,
        version => Clause::Compare {
            attribute: attribute.to_owned(),
            comparison: runtime::Comparison::Equal,
            value: version.into(),
        },
    }
}

/// A write of one item. See [`Table::put`](super::Table::put).
#[must_use = "the item is written when this is awaited"]
pub struct Put {
    pub(super) grant: &'static Grant,
    item: Result<(Key, runtime::Item), Error>,
    clauses: Clauses,
    /// Attribute and value of the version that the stored item must have.
    version: Option<(&'static str, u64)>,
    overwrite: bool,
}

impl Put {
    pub(super) fn new<T: Item>(grant: &'static Grant, item: &T) -> Self {
        Put {
            grant,
            item: item::key_of(item).and_then(|key| Ok((key, check::stored(item)?))),
            clauses: Clauses::default(),
            version: T::SCHEMA.version.zip(item.version()),
            overwrite: false,
        }
    }

    /// Writes only if nothing is stored under the key.
    pub fn if_not_exists(mut self) -> Self {
        self.clauses.add(Ok(Clause::ItemMissing));
        self
    }

    /// Writes only if something is stored under the key.
    pub fn if_exists(mut self) -> Self {
        self.clauses.add(Ok(Clause::ItemExists));
        self
    }

    /// Writes only if the condition holds of the stored item; several must all hold.
    pub fn when<T>(mut self, condition: Condition<T>) -> Self {
        self.clauses.add(condition.clause);
        self
    }

    /// Writes whatever version is stored. The version is written as it is in the item.
    pub fn overwrite(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// The item with its key and condition, or why the contract does not allow it.
    pub(super) fn checked(self) -> Result<(Key, runtime::Item, Vec<Clause>), Error> {
        let (key, mut item) = self.item?;
        let mut clauses = self.clauses.finish()?;
        if let Some((attribute, version)) = self.version.filter(|_| !self.overwrite) {
            clauses.push(version_is(attribute, version));
            item.insert(attribute.to_owned(), (version + 1).into());
        }
        Ok((key, item, clauses))
    }

    async fn run(self, target: Target<'static>) -> Result<(), Error> {
        let (_, item, clauses) = self.checked()?;
        environment(target, kind::PUT)?
            .provider
            .put(target, item, clauses)
            .await
    }
}

awaitable!([] Put => (), kind::PUT);

/// A removal of one item. See [`Table::delete`](super::Table::delete).
#[must_use = "the item is removed when this is awaited"]
pub struct Delete<T> {
    pub(super) grant: &'static Grant,
    key: Result<Key, Error>,
    clauses: Clauses,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> Delete<T> {
    pub(super) fn new(grant: &'static Grant, key: KeyOf<'_, T>) -> Self {
        Delete::by(grant, T::Sort::key::<T::Partition>(key))
    }

    pub(super) fn of(grant: &'static Grant, item: &T) -> Self {
        Delete::by(grant, item::key_of(item))
    }

    fn by(grant: &'static Grant, key: Result<Key, Error>) -> Self {
        Delete {
            grant,
            key,
            clauses: Clauses::default(),
            marker: PhantomData,
        }
    }

    /// Fails with `is_conflict` if nothing is stored under the key.
    pub fn if_exists(mut self) -> Self {
        self.clauses.add(Ok(Clause::ItemExists));
        self
    }

    /// Removes only if the condition holds of the stored item; several must all hold.
    pub fn when(mut self, condition: Condition<T>) -> Self {
        self.clauses.add(condition.clause);
        self
    }

    /// The key and the condition, or why the contract does not allow them.
    pub(super) fn checked(self) -> Result<(Key, Vec<Clause>), Error> {
        Ok((self.key?, self.clauses.finish()?))
    }

    async fn run(self, target: Target<'static>) -> Result<(), Error> {
        let (key, clauses) = self.checked()?;
        environment(target, kind::DELETE)?
            .provider
            .delete(target, key, clauses)
            .await
    }
}

awaitable!([T: Item] Delete<T> => (), kind::DELETE);

/// Changes of one item. See [`Table::update`](super::Table::update).
#[must_use = "the item is changed when this is awaited"]
pub struct Update<T> {
    pub(super) grant: &'static Grant,
    key: Result<Key, Error>,
    update: runtime::Update,
    clauses: Clauses,
    failed: Option<serde_json::Error>,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> Update<T> {
    pub(super) fn new(grant: &'static Grant, key: KeyOf<'_, T>) -> Self {
        Update {
            grant,
            key: T::Sort::key::<T::Partition>(key),
            update: runtime::Update::default(),
            clauses: Clauses::default(),
            failed: None,
            marker: PhantomData,
        }
    }

    /// Sets an attribute: `.set(Order::STATUS, "paid")`.
    pub fn set<V>(mut self, attribute: Attribute<T, V>, value: impl IntoAttribute<V>) -> Self {
        match value.into_attribute() {
            Ok(value) => self.update.set.push((attribute.name().to_owned(), value)),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
        self
    }

    /// Removes an optional attribute.
    pub fn remove<V>(mut self, attribute: Attribute<T, Option<V>>) -> Self {
        self.update.remove.push(attribute.name().to_owned());
        self
    }

    /// Adds to an integer attribute, also below zero. A missing one counts as 0.
    pub fn increment<V: Integer>(mut self, attribute: Attribute<T, V>, by: i64) -> Self {
        self.update
            .increment
            .push((attribute.name().to_owned(), by));
        self
    }

    /// Changes only if the condition holds of the stored item; several must all hold.
    pub fn when(mut self, condition: Condition<T>) -> Self {
        self.clauses.add(condition.clause);
        self
    }

    /// Changes only if the stored item has this version.
    pub fn if_version(mut self, version: u64) -> Self {
        if let Some(attribute) = T::SCHEMA.version {
            self.clauses.add(Ok(version_is(attribute, version)));
        }
        self
    }

    /// The changes, or why the contract does not allow them.
    pub(super) fn checked(mut self) -> Result<(Key, runtime::Update, Vec<Clause>), Error> {
        if let Some(error) = self.failed {
            return Err(no_json(error));
        }
        let update = &mut self.update;
        let names = || {
            let set = update.set.iter().map(|(name, _)| name);
            let increment = update.increment.iter().map(|(name, _)| name);
            set.chain(&update.remove).chain(increment)
        };
        let mut seen: Vec<&str> = Vec::new();
        for name in names() {
            if check::is_key(&T::SCHEMA, name) {
                let message = format!(
                    "`{name}` is part of the key and cannot change: delete the item and put another"
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            if T::SCHEMA.version == Some(name) {
                let message = format!("`{name}` is the version: every update raises it by one");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            if seen.contains(&name.as_str()) {
                let message = format!("the attribute `{name}` is changed twice by one update");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            seen.push(name);
        }
        let mut changes = seen.len();
        for (name, value) in &update.set {
            check::portable(name, value)?;
        }
        if changes > 0
            && let Some(version) = T::SCHEMA.version
        {
            update.increment.push((version.to_owned(), 1));
            changes += 1;
        }
        if let Err(refused) = kind::UPDATE_PATHS.check(changes as u64, Environment::targets()) {
            let counted = match T::SCHEMA.version {
                Some(_) => " (the version is one of them)",
                None => "",
            };
            let message = format!("{refused}{counted}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok((self.key?, self.update, self.clauses.finish()?))
    }

    async fn run(self, target: Target<'static>) -> Result<T, Error> {
        let (key, update, clauses) = self.checked()?;
        let item = environment(target, kind::UPDATE)?
            .provider
            .update(target, key, update, clauses)
            .await?;
        decode(item, target, kind::UPDATE)
    }
}

awaitable!([T: Item] Update<T> => T, kind::UPDATE);

/// An integer type, for [`Update::increment`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer",
    label = "only integer attributes can be incremented"
)]
pub trait Integer {}

macro_rules! integers {
    ($($ty:ty),*) => {
        $(
            impl Integer for $ty {}
            impl Integer for Option<$ty> {}
        )*
    };
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

/// Some items of a query or a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items: of a query in order of their sort keys, of a scan in no order.
    pub items: Vec<T>,
    /// Where to go on; `None` on the last page.
    pub cursor: Option<Cursor>,
}

/// A read of items of one partition. See [`Table::query`](super::Table::query).
#[must_use = "the items are read when this is awaited"]
pub struct Query<T, S> {
    grant: &'static Grant,
    query: Result<runtime::Query, Error>,
    marker: PhantomData<fn() -> (T, S)>,
}

/// Items on a page when nobody says.
pub(super) const LIMIT_DEFAULT: u32 = 100;

impl<T, S> Query<T, S> {
    pub(super) fn new<P: KeyAttribute>(
        grant: &'static Grant,
        index: Option<&str>,
        partition: P::Ref<'_>,
    ) -> Self {
        let index = index.map(str::to_owned);
        Query {
            grant,
            query: P::key_value(partition, false).map(|partition| runtime::Query {
                consistency: match index {
                    Some(_) => Consistency::Eventual,
                    None => Consistency::Strong,
                },
                index,
                partition,
                sort: None,
                descending: false,
                limit: LIMIT_DEFAULT,
                cursor: None,
            }),
            marker: PhantomData,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut runtime::Query)) -> Self {
        if let Ok(query) = &mut self.query {
            change(query);
        }
        self
    }

    /// Largest sort key first.
    pub fn descending(self) -> Self {
        self.with(|query| query.descending = true)
    }

    /// Most items on the page, 1 to 1,000. Default 100.
    pub fn limit(self, items: u32) -> Self {
        self.with(|query| query.limit = items)
    }

    /// Goes on where a page ended.
    pub fn after(self, cursor: &Cursor) -> Self {
        self.with(|query| query.cursor = Some(cursor.0.clone()))
    }

    /// Allows an answer that is some time behind. Queries of an index always do.
    pub fn eventual(self) -> Self {
        self.with(|query| query.consistency = Consistency::Eventual)
    }
}

impl<T, S: KeyAttribute> Query<T, S> {
    fn range(mut self, value: S::Ref<'_>, range: impl FnOnce(KeyValue) -> SortRange) -> Self {
        match (&mut self.query, S::key_value(value, true)) {
            (Ok(query), Ok(value)) => query.sort = Some(range(value)),
            (Ok(_), Err(error)) => self.query = Err(error),
            (Err(_), _) => {}
        }
        self
    }

    /// Only this sort key.
    pub fn sort_eq(self, value: S::Ref<'_>) -> Self {
        self.range(value, SortRange::Equal)
    }

    /// Only smaller sort keys.
    pub fn sort_lt(self, value: S::Ref<'_>) -> Self {
        self.range(value, SortRange::Less)
    }

    /// Only sort keys up to this one.
    pub fn sort_le(self, value: S::Ref<'_>) -> Self {
        self.range(value, SortRange::LessOrEqual)
    }

    /// Only larger sort keys.
    pub fn sort_gt(self, value: S::Ref<'_>) -> Self {
        self.range(value, SortRange::Greater)
    }

    /// Only sort keys from this one on.
    pub fn sort_ge(self, value: S::Ref<'_>) -> Self {
        self.range(value, SortRange::GreaterOrEqual)
    }

    /// Only sort keys from `first` to `last`, both included.
    pub fn sort_between(mut self, first: S::Ref<'_>, last: S::Ref<'_>) -> Self {
        match S::key_value(last, true) {
            Ok(last) => self.range(first, |first| SortRange::Between(first, last)),
            Err(error) => {
                self.query = self.query.and(Err(error));
                self
            }
        }
    }
}

impl<T> Query<T, String> {
    /// Only sort keys that begin with `prefix`.
    pub fn sort_begins_with(self, prefix: &str) -> Self {
        let prefix = prefix.to_owned();
        self.with(|query| query.sort = Some(SortRange::BeginsWith(prefix)))
    }
}

impl<T: Item, S> Query<T, S> {
    async fn run(self, target: Target<'static>) -> Result<Page<T>, Error> {
        let query = self.query?;
        within(&kind::QUERY_LIMIT, query.limit.into(), ErrorKind::Invalid)?;
        let environment = environment(target, kind::QUERY)?;
        let page = environment.provider.query(target, query).await?;
        let items = page
            .items
            .into_iter()
            .map(|item| decode(item, target, kind::QUERY))
            .collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            cursor: page.cursor.map(Cursor),
        })
    }

    /// All pages together. For partitions that are known to be small.
    ///
    /// # Errors
    /// As [`Table::query`](super::Table::query).
    pub async fn all(self) -> Result<Vec<T>, Error>
    where
        S: SortAttribute,
    {
        let grant = self.grant;
        let mut query = self
            .query
            .map_err(|error| error.on(grant.target(), kind::QUERY))?;
        let mut items = Vec::new();
        loop {
            let page = Query::<T, S> {
                grant,
                query: Ok(query.clone()),
                marker: PhantomData,
            }
            .await?;
            items.extend(page.items);
            match page.cursor {
                Some(cursor) => query.cursor = Some(cursor.0),
                None => return Ok(items),
            }
        }
    }
}

impl<T: Item, S: 'static> IntoFuture for Query<T, S> {
    type Output = Result<Page<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let target = self.grant.target();
            self.run(target)
                .await
                .map_err(|error| match error.resource() {
                    Some(_) => error,
                    None => error.on(target, kind::QUERY),
                })
        })
    }
}
