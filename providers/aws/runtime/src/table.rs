//! Tables: items of DynamoDB, as the contract has them.
//!
//! DynamoDB knows nothing of some promises: that an expired item is not there, that an update makes
//! no item, that an increment stays an integer, that an item keeps the contract's limit. The first
//! two are conditions of every write. The last two cannot be said in its expressions, so an update
//! reads the item first: one request more, of which a change in between makes a weaker check, never
//! a lost update.

mod cursor;
mod expression;
mod value;

use crate::aws::{Aws, named};
use crate::failure::Failure;
use crate::transport::{Repeat, Service, pause_before_rest};
use crate::wiring::{self, name_of};
use cursor::Shape;
use expression::{Asked, Placeholders, is_index_key};
use ifc_manifest::kind::table as kind;
use ifc_manifest::kind::table::{INTEGER_MAX, TableSpec};
use ifc_manifest::size::{ITEM_BYTES_MAX, TRANSACTION};
use ifc_manifest::{Kind, Verb};
use ifc_runtime::event::random_id;
use ifc_runtime::table::{
    Condition, Consistency, Item, ItemOperation, ItemWrite, Key, KeyValue, Page, Query, Scan,
    SortRange, TableOperations, Update,
};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use serde_json::{Value, json};
use std::time::SystemTime;
pub(crate) use value::decode_item;
use value::{encode_item, encode_key};

pub(crate) const DYNAMODB: Service = Service {
    name: "dynamodb",
    target: "DynamoDB_20120810",
    json: "1.0",
};

/// How often what DynamoDB left of a batch is tried again.
const ROUNDS_MAX: u32 = 8;

/// A table of the application and where it is.
struct Table<'a> {
    aws: &'a Aws,
    name: &'a str,
    spec: TableSpec,
}

impl Aws {
    fn table(&self, target: Target<'_>) -> Result<Table<'_>, Error> {
        let tables = &self.wiring.tables;
        let physical = wiring::find(tables, "table", &self.application, target)?;
        let name = name_of(&self.application, target);
        let mut declared = self.application.of_kind(Kind::Table);
        let declared = declared.find(|table| self.application.name_of(&table.address) == name);
        let spec = declared.and_then(|table| TableSpec::decode(&table.config).ok());
        let spec = spec.ok_or_else(|| {
            Error::new(
                ErrorKind::NotReady,
                format!("table `{name}` is not declared in this program"),
            )
        })?;
        Ok(Table {
            aws: self,
            name: physical,
            spec,
        })
    }
}

impl Table<'_> {
    fn asked(&self) -> Asked<'_> {
        let now = self.aws.clock.now();
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        Asked {
            spec: &self.spec,
            now: since.unwrap_or_default().as_secs(),
        }
    }

    async fn call(&self, operation: &str, input: &Value, repeat: Repeat) -> Result<Value, Failure> {
        self.aws
            .transport
            .json(&DYNAMODB, operation, input, repeat)
            .await
    }

    /// The item in an answer; `None` when there is none or it has expired.
    fn item(&self, item: Option<&Value>) -> Result<Option<Item>, Error> {
        let Some(item) = item else {
            return Ok(None);
        };
        let item = decode_item(item)?;
        let expiry = self
            .spec
            .ttl
            .as_ref()
            .and_then(|name| item.get(name)?.as_f64());
        let expired = expiry.is_some_and(|expiry| expiry <= self.asked().now as f64);
        Ok((!expired).then_some(item))
    }

    /// An item as it is stored. An index takes no null in its keys, and an item without them is not
    /// in it, which is what null means there.
    fn stored(&self, item: &Item) -> Result<Value, Error> {
        let kept = |(name, value): (&String, &Value)| {
            let dropped = value.is_null() && is_index_key(&self.spec, name);
            (!dropped).then(|| (name.clone(), value.clone()))
        };
        let mut stored = Item::new();
        stored.extend(item.iter().filter_map(kept));
        encode_item(&stored)
    }

    async fn read(&self, key: &Key, consistency: Consistency) -> Result<Option<Item>, Error> {
        let input = json!({
            "TableName": self.name,
            "Key": encode_key(&self.spec, key),
            "ConsistentRead": consistency == Consistency::Strong,
        });
        let answer = self.call("GetItem", &input, Repeat::Harmless).await;
        self.item(answer.map_err(meaning)?.get("Item"))
    }

    async fn read_several(
        &self,
        keys: &[Key],
        consistency: Consistency,
    ) -> Result<Vec<Option<Item>>, Error> {
        let mut wanted: Vec<&Key> = Vec::with_capacity(keys.len());
        for key in keys {
            if !wanted.contains(&key) {
                wanted.push(key);
            }
        }
        let encoded: Vec<Value> = wanted
            .iter()
            .map(|key| encode_key(&self.spec, key))
            .collect();
        let strong = consistency == Consistency::Strong;
        let mut rest = json!({ self.name: { "Keys": encoded, "ConsistentRead": strong } });
        let mut found: Vec<(Key, Option<Item>)> = Vec::new();
        for round in 1.. {
            let input = json!({ "RequestItems": rest });
            let mut answer = self
                .call("BatchGetItem", &input, Repeat::Harmless)
                .await
                .map_err(meaning)?;
            for item in answer["Responses"][self.name]
                .as_array()
                .into_iter()
                .flatten()
            {
                found.push((self.key_of(&decode_item(item)?)?, self.item(Some(item))?));
            }
            rest = answer["UnprocessedKeys"].take();
            if rest.as_object().is_none_or(|rest| rest.is_empty()) {
                break;
            }
            if round == ROUNDS_MAX {
                return Err(left_over());
            }
            pause_before_rest(round).await;
        }
        let of = |key: &Key| found.iter().find(|(known, _)| known == key)?.1.clone();
        Ok(keys.iter().map(of).collect())
    }

    fn key_of(&self, item: &Item) -> Result<Key, Error> {
        let value = |name: &str| match item.get(name) {
            Some(Value::String(text)) => Ok(KeyValue::String(text.clone())),
            Some(Value::Number(number)) => number.as_i64().map(KeyValue::Number).ok_or(()),
            _ => Err(()),
        };
        let read = || {
            let sort = self.spec.sort.as_ref();
            Ok(Key {
                partition: value(&self.spec.key.name)?,
                sort: sort.map(|sort| value(&sort.name)).transpose()?,
            })
        };
        read().map_err(|()| {
            Error::new(
                ErrorKind::Malformed,
                "a stored item has no key of its table",
            )
        })
    }

    /// The request for a write that happens if `condition` holds.
    fn conditional(&self, mut input: Value, p: Placeholders, condition: Option<String>) -> Value {
        input["TableName"] = self.name.into();
        if let Some(condition) = condition {
            input["ConditionExpression"] = condition.into();
            input["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
        }
        p.add_to(&mut input);
        input
    }

    fn put_input(&self, item: &Item, condition: &Condition) -> Result<Value, Error> {
        let mut p = Placeholders::default();
        let condition = self.asked().condition(&mut p, condition, false)?;
        let input = json!({ "Item": self.stored(item)? });
        Ok(self.conditional(input, p, condition))
    }

    /// The request for a delete or a check.
    fn key_input(&self, key: &Key, condition: &Condition) -> Result<Value, Error> {
        let mut p = Placeholders::default();
        let condition = self.asked().condition(&mut p, condition, false)?;
        let input = json!({ "Key": encode_key(&self.spec, key) });
        Ok(self.conditional(input, p, condition))
    }

    fn update_input(
        &self,
        key: &Key,
        update: &Update,
        condition: &Condition,
    ) -> Result<Value, Error> {
        let asked = self.asked();
        let mut p = Placeholders::default();
        let (expression, guards) = asked.update(&mut p, update)?;
        let mut parts: Vec<String> = asked
            .condition(&mut p, condition, true)?
            .into_iter()
            .collect();
        parts.extend(guards);
        let mut input = json!({ "Key": encode_key(&self.spec, key) });
        if !expression.is_empty() {
            input["UpdateExpression"] = expression.into();
        }
        Ok(self.conditional(input, p, Some(parts.join(" AND "))))
    }

    /// A page of what `operation` reads: as many items as were asked for, or all there are. One
    /// answer of DynamoDB may have fewer: it counts expired items, and it ends after 1 MiB.
    async fn page(
        &self,
        operation: &str,
        shape: &Shape,
        mut input: Value,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<Page, Error> {
        input["TableName"] = self.name.into();
        if let Some(cursor) = cursor {
            input["ExclusiveStartKey"] = shape.decode(&cursor)?;
        }
        let mut page = Page::default();
        loop {
            input["Limit"] = (limit as usize - page.items.len()).into();
            let mut answer = self
                .call(operation, &input, Repeat::Harmless)
                .await
                .map_err(meaning)?;
            for item in answer["Items"].as_array().into_iter().flatten() {
                page.items.extend(self.item(Some(item))?);
            }
            let last = answer["LastEvaluatedKey"].take();
            if last.is_null() {
                return Ok(page);
            }
            if page.items.len() >= limit as usize {
                page.cursor = Some(shape.encode(&last));
                return Ok(page);
            }
            input["ExclusiveStartKey"] = last;
        }
    }
}

/// What an item becomes by an update, which needs one that can be incremented and that is not too
/// large afterwards.
fn updated(item: Option<Item>, update: &Update) -> Result<Item, Error> {
    let mut item = item.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no item"))?;
    for (name, value) in &update.set {
        item.insert(name.clone(), value.clone());
    }
    for name in &update.remove {
        item.remove(name);
    }
    for (name, by) in &update.increment {
        let before = item.get(name).map_or(Some(0), Value::as_i64);
        let sum = before.and_then(|before| before.checked_add(*by));
        let sum = sum.filter(|sum| sum.unsigned_abs() <= INTEGER_MAX.unsigned_abs());
        let sum = sum.ok_or_else(|| {
            let message = format!("`{name}` is not an integer, or would leave ±(2^53 − 1)");
            Error::new(ErrorKind::Invalid, message)
        })?;
        item.insert(name.clone(), sum.into());
    }
    match bytes(&item) > ITEM_BYTES_MAX {
        true => Err(too_large()),
        false => Ok(item),
    }
}

fn bytes(item: &Item) -> usize {
    serde_json::to_string(item).unwrap_or_default().len()
}

fn too_large() -> Error {
    let message = format!("the item would have more than {ITEM_BYTES_MAX} bytes");
    Error::new(ErrorKind::TooLarge, message)
}

fn left_over() -> Error {
    let message = "aws left a part of the batch, time and again";
    Error::new(ErrorKind::Throttled, message)
}

/// A failure, where a service's word alone does not say what it means.
fn meaning(failure: Failure) -> Error {
    let says = |text| failure.message.contains(text);
    if failure.code == "ValidationException" {
        if says("exceeded the maximum allowed size") || says("Item size") {
            return Error::new(ErrorKind::TooLarge, failure.message);
        }
        if says("backfilling") || says("specified index") {
            return Error::new(ErrorKind::NotReady, failure.message);
        }
    }
    failure.into()
}

/// The failure of a single write. `verb` is update when an item must be there.
fn refusal(failure: Failure, table: &Table<'_>, verb: Verb) -> Error {
    if failure.code != "ConditionalCheckFailedException" {
        return meaning(failure);
    }
    let item = failure
        .detail
        .as_ref()
        .and_then(|detail| detail.get("Item"));
    unmet(table, item, verb)
}

/// What it means that the condition of a write did not hold of `item`.
fn unmet(table: &Table<'_>, item: Option<&Value>, verb: Verb) -> Error {
    let there = item.is_some_and(|item| matches!(table.item(Some(item)), Ok(Some(_))));
    match verb == kind::UPDATE && !there {
        true => Error::new(ErrorKind::NotFound, "there is no item"),
        false => Error::new(ErrorKind::Conflict, "the condition does not hold"),
    }
}

/// Which operation of a transaction could not be done, and why.
fn cancelled(failure: Failure, operations: &[(&Table<'_>, &ItemOperation)]) -> Error {
    let reasons = failure
        .detail
        .as_ref()
        .and_then(|detail| detail.get("CancellationReasons"));
    let reasons = reasons
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for (place, (reason, (table, operation))) in reasons.iter().zip(operations).enumerate() {
        let verb = operation.verb();
        let message = reason["Message"].as_str().unwrap_or_default();
        let error = match reason["Code"].as_str().unwrap_or("None") {
            "None" => continue,
            "ConditionalCheckFailed" => unmet(table, reason.get("Item"), verb),
            "TransactionConflict" => {
                return Error::new(ErrorKind::Conflict, "another transaction was faster")
                    .retry_safe(true);
            }
            "ThrottlingError" | "ProvisionedThroughputExceeded" => {
                return Error::new(ErrorKind::Throttled, message);
            }
            "ItemCollectionSizeLimitExceeded" => Error::new(ErrorKind::TooLarge, message),
            code => meaning(Failure {
                code: code.replace("ValidationError", "ValidationException"),
                ..Failure::local("", message)
            }),
        };
        return error.in_operation(place, verb);
    }
    meaning(failure)
}

/// A write may be repeated when it does the same the second time.
fn repeat(condition: &Condition) -> Repeat {
    match condition.is_empty() {
        true => Repeat::Harmless,
        false => Repeat::OnlyIfNotDone,
    }
}

impl TableOperations for Aws {
    fn get<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Option<Item>, Error>> {
        named(table, kind::GET, async move {
            self.table(table)?.read(&key, consistency).await
        })
    }

    fn batch_get<'a>(
        &'a self,
        table: Target<'a>,
        keys: Vec<Key>,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        named(table, kind::BATCH_GET, async move {
            let table = self.table(table)?;
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            let items = table.read_several(&keys, consistency).await?;
            Ok(items.into_iter().flatten().collect())
        })
    }

    fn put<'a>(
        &'a self,
        table: Target<'a>,
        item: Item,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::PUT, async move {
            let table = self.table(table)?;
            let input = table.put_input(&item, &condition)?;
            let answer = table.call("PutItem", &input, repeat(&condition)).await;
            answer
                .map(drop)
                .map_err(|failure| refusal(failure, &table, kind::PUT))
        })
    }

    fn delete<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::DELETE, async move {
            let table = self.table(table)?;
            let input = table.key_input(&key, &condition)?;
            let answer = table.call("DeleteItem", &input, repeat(&condition)).await;
            answer
                .map(drop)
                .map_err(|failure| refusal(failure, &table, kind::DELETE))
        })
    }

    fn update<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Item, Error>> {
        named(table, kind::UPDATE, async move {
            let table = self.table(table)?;
            updated(table.read(&key, Consistency::Strong).await?, &update)?;
            let mut input = table.update_input(&key, &update, &condition)?;
            input["ReturnValues"] = "ALL_NEW".into();
            let repeat = match update.increment.is_empty() {
                true => repeat(&condition),
                false => Repeat::OnlyIfNotDone,
            };
            let answer = table.call("UpdateItem", &input, repeat).await;
            let answer = answer.map_err(|failure| refusal(failure, &table, kind::UPDATE))?;
            decode_item(&answer["Attributes"])
        })
    }

    fn query<'a>(&'a self, table: Target<'a>, query: Query) -> BoxFuture<'a, Result<Page, Error>> {
        named(table, kind::QUERY, async move {
            let table = self.table(table)?;
            let asked = table.asked();
            let mut p = Placeholders::default();
            let mut input = json!({
                "KeyConditionExpression": asked.keys(&mut p, &query),
                "ScanIndexForward": !query.descending,
            });
            match &query.index {
                Some(index) => input["IndexName"] = index.as_str().into(),
                None => {
                    let strong = query.consistency == Consistency::Strong;
                    input["ConsistentRead"] = strong.into();
                }
            }
            if let Some(not_expired) = asked.not_expired(&mut p) {
                input["FilterExpression"] = not_expired.into();
            }
            p.add_to(&mut input);
            let shape = Shape::of_query(table.name, &query);
            if let Some(SortRange::Between(first, last)) = &query.sort
                && first > last
            {
                // DynamoDB takes it for a mistake.
                return Ok(Page::default());
            }
            table
                .page("Query", &shape, input, query.limit, query.cursor)
                .await
        })
    }

    fn scan<'a>(&'a self, table: Target<'a>, scan: Scan) -> BoxFuture<'a, Result<Page, Error>> {
        named(table, kind::SCAN, async move {
            let table = self.table(table)?;
            let mut p = Placeholders::default();
            let strong = scan.consistency == Consistency::Strong;
            let mut input = json!({ "ConsistentRead": strong });
            if let Some(not_expired) = table.asked().not_expired(&mut p) {
                input["FilterExpression"] = not_expired.into();
            }
            p.add_to(&mut input);
            let shape = Shape::of_scan(table.name);
            table
                .page("Scan", &shape, input, scan.limit, scan.cursor)
                .await
        })
    }

    fn batch_write<'a>(
        &'a self,
        table: Target<'a>,
        writes: Vec<ItemWrite>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), Error>>, Error>> {
        named(table, kind::BATCH_WRITE, async move {
            let table = self.table(table)?;
            let request = |write: &ItemWrite| {
                Ok(match write {
                    ItemWrite::Put(item) if bytes(item) > ITEM_BYTES_MAX => {
                        return Err(too_large());
                    }
                    ItemWrite::Put(item) => {
                        json!({ "PutRequest": { "Item": table.stored(item)? } })
                    }
                    ItemWrite::Delete(key) => {
                        json!({ "DeleteRequest": { "Key": encode_key(&table.spec, key) } })
                    }
                })
            };
            // One that cannot be written does not keep the others from it.
            let requests: Vec<Result<Value, Error>> = writes.iter().map(request).collect();
            let mut rest: Vec<Value> = requests
                .iter()
                .filter_map(|r| r.as_ref().ok().cloned())
                .collect();
            for round in 1..=ROUNDS_MAX {
                if rest.is_empty() {
                    break;
                }
                if round > 1 {
                    pause_before_rest(round - 1).await;
                }
                let input = json!({ "RequestItems": { table.name: rest } });
                match table.call("BatchWriteItem", &input, Repeat::Harmless).await {
                    Ok(mut answer) => {
                        let left = answer["UnprocessedItems"][table.name].take();
                        rest = left.as_array().cloned().unwrap_or_default();
                    }
                    Err(failure) if round == 1 => return Err(meaning(failure)),
                    Err(_) => break,
                }
            }
            let result = |request: Result<Value, Error>| match rest.contains(&request?) {
                true => Err(left_over()),
                false => Ok(()),
            };
            Ok(requests.into_iter().map(result).collect())
        })
    }

    fn transact<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<ItemOperation>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::TRANSACT, async move {
            let table = self.table(table)?;
            let updated = updated_keys(&operations);
            let found = match updated.is_empty() {
                true => Vec::new(),
                false => table.read_several(&updated, Consistency::Strong).await?,
            };
            let operations: Vec<_> = (operations.iter())
                .map(|operation| (&table, operation))
                .collect();
            commit(self, &operations, found).await
        })
    }

    fn transact_across<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<(Target<'a>, ItemOperation)>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::TRANSACT_ACROSS, async move {
            let tables: Vec<Table<'_>> = (operations.iter())
                .map(|(table, _)| self.table(*table))
                .collect::<Result<_, Error>>()?;
            let operations: Vec<_> = (tables.iter())
                .zip(operations.iter().map(|(_, operation)| operation))
                .collect();
            // One by one: a unit that may update an item may read it, and need not be allowed to
            // read several.
            let mut found = Vec::new();
            for (table, operation) in &operations {
                if let ItemOperation::Update { key, .. } = operation {
                    found.push(table.read(key, Consistency::Strong).await?);
                }
            }
            commit(self, &operations, found).await
        })
    }
}

/// The keys of the items that are updated.
fn updated_keys(operations: &[ItemOperation]) -> Vec<Key> {
    let updated = |operation: &ItemOperation| match operation {
        ItemOperation::Update { key, .. } => Some(key.clone()),
        _ => None,
    };
    operations.iter().filter_map(updated).collect()
}

/// Performs all operations, each on its table, or none. DynamoDB does not mind how far apart their
/// items are. `found` are the items to be updated, as they are.
async fn commit(
    aws: &Aws,
    operations: &[(&Table<'_>, &ItemOperation)],
    found: Vec<Option<Item>>,
) -> Result<(), Error> {
    check(aws, operations, found)?;
    let input = |(place, (table, operation)): (usize, &(&Table<'_>, &ItemOperation))| {
        let (word, input) = match operation {
            ItemOperation::Put { item, condition } => ("Put", table.put_input(item, condition)),
            ItemOperation::Update {
                key,
                update,
                condition,
            } => ("Update", table.update_input(key, update, condition)),
            ItemOperation::Delete { key, condition } => ("Delete", table.key_input(key, condition)),
            ItemOperation::Check { key, condition } => {
                ("ConditionCheck", table.key_input(key, condition))
            }
        };
        let input = input.map_err(|error| error.in_operation(place, operation.verb()))?;
        Ok(json!({ word: input }))
    };
    let items: Vec<Value> = operations
        .iter()
        .enumerate()
        .map(input)
        .collect::<Result<_, Error>>()?;
    // By the token DynamoDB knows a call that comes again.
    let input = json!({ "TransactItems": items, "ClientRequestToken": random_id() });
    let answer = aws
        .transport
        .json(&DYNAMODB, "TransactWriteItems", &input, Repeat::Harmless)
        .await;
    answer
        .map(drop)
        .map_err(|failure| cancelled(failure, operations))
}

/// What the conditions of a transaction cannot say.
fn check(
    aws: &Aws,
    operations: &[(&Table<'_>, &ItemOperation)],
    found: Vec<Option<Item>>,
) -> Result<(), Error> {
    let mut found = found.into_iter();
    let mut total = 0;
    for (place, (_, operation)) in operations.iter().enumerate() {
        total += match operation {
            ItemOperation::Put { item, .. } => bytes(item),
            ItemOperation::Update { update, .. } => {
                let item = updated(found.next().flatten(), update);
                bytes(&item.map_err(|error| error.in_operation(place, kind::UPDATE))?)
            }
            ItemOperation::Delete { .. } | ItemOperation::Check { .. } => 0,
        };
    }
    let checked = TRANSACTION.check(total as u64, aws.application.targets);
    checked.map_err(|refused| Error::new(ErrorKind::TooLarge, refused.to_string()))
}
