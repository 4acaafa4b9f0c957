//! DynamoDB.

use crate::recorder::{Recorded, Recorder, answer};
use crate::{ours, sdk, target};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, DeleteRequest, KeysAndAttributes, Put, PutRequest,
    ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, WriteRequest,
};
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::table::{ItemSchema, KeySchema, Scalar, TableKnobs};
use ifc_manifest::{Address, Kind, ResourceDescriptor, SourceSpan};
use ifc_runtime::table::{
    Clause, Comparison, Condition, Consistency, Item, ItemOperation, ItemWrite, Key, KeyValue,
    Query, Scan, SortRange, TableOperations, Update,
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A table with a sort key, and an attribute that says when items expire.
pub(crate) fn declared() -> ResourceDescriptor {
    let schema = ItemSchema {
        key: KeySchema {
            name: "order",
            scalar: Scalar::String,
        },
        sort: Some(KeySchema {
            name: "line",
            scalar: Scalar::Number,
        }),
        indexes: &[],
        ttl: Some("expires_at"),
        version: None,
    };
    ResourceDescriptor {
        address: Address::new("shop", "table"),
        kind: Kind::Table,
        path: "shop::TABLE".to_owned(),
        config: Config::written(|encoder| TableKnobs::DEFAULT.encode(&schema, encoder)),
        span: SourceSpan {
            file: "src/main.rs".to_owned(),
            line: 1,
            column: 1,
            length: 1,
        },
    }
}

fn dynamodb(recorder: &Recorder) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(sdk!(aws_sdk_dynamodb, recorder).build())
}

/// An attribute of our request, for the SDK.
fn attribute(value: &Value) -> AttributeValue {
    let (sort, value) = value
        .as_object()
        .expect("an object")
        .iter()
        .next()
        .expect("a sort");
    let text = || value.as_str().expect("a text").to_owned();
    match sort.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("a truth")),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(
            value
                .as_array()
                .expect("a list")
                .iter()
                .map(attribute)
                .collect(),
        ),
        "M" => AttributeValue::M(attributes(value)),
        other => panic!("{other} is no sort of attribute that we send"),
    }
}

fn attributes(map: &Value) -> HashMap<String, AttributeValue> {
    let entries = map.as_object().expect("an object").iter();
    entries
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

/// The parts of a request that say what is to be there, and what the names in it stand for.
struct Asked<'a>(&'a Value);

impl Asked<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0[name].as_str().map(str::to_owned)
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        let names = self.0["ExpressionAttributeNames"].as_object()?.iter();
        let name = |(name, value): (&String, &Value)| {
            (name.clone(), value.as_str().expect("a text").to_owned())
        };
        Some(names.map(name).collect())
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        let values = self.0.get("ExpressionAttributeValues")?;
        Some(attributes(values))
    }

    /// What a refused write returns.
    fn on_failure(&self) -> Option<ReturnValuesOnConditionCheckFailure> {
        let what = self.text("ReturnValuesOnConditionCheckFailure")?;
        Some(what.as_str().into())
    }
}

/// The same conditional parts, for whatever takes them.
macro_rules! conditional {
    ($call:expr, $asked:expr) => {
        $call
            .set_condition_expression($asked.text("ConditionExpression"))
            .set_expression_attribute_names($asked.names())
            .set_expression_attribute_values($asked.values())
            .set_return_values_on_condition_check_failure($asked.on_failure())
    };
}

const TABLE: &str = "shop-dev-table";

#[track_caller]
fn assert_same(ours: &Recorded, theirs: &Recorded) {
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(theirs, &["content-type", "x-amz-target"]);
}

fn key() -> Key {
    Key {
        partition: KeyValue::String("o-1".to_owned()),
        sort: Some(KeyValue::Number(2)),
    }
}

fn item() -> Item {
    let item =
        json!({ "order": "o-1", "line": 2, "half": 0.5, "tags": ["a", null, true, { "b": 1 }] });
    item.as_object().expect("an object").clone()
}

fn condition() -> Condition {
    let below = Clause::Compare {
        attribute: "half".to_owned(),
        comparison: Comparison::Less,
        value: json!(7),
    };
    vec![Clause::ItemExists, below]
}

#[tokio::test]
async fn put_item_and_delete_item() {
    for condition in [Condition::new(), condition()] {
        let recorder = Recorder::json("{}");
        let put = ours(&recorder)
            .put(target("table"), item(), condition.clone())
            .await;
        put.expect("it succeeds");
        let our_put = recorder.taken();
        let input = our_put.json();
        let asked = Asked(&input);
        let call = dynamodb(&recorder).put_item().table_name(TABLE);
        let call = call.set_item(Some(attributes(&input["Item"])));
        conditional!(call, asked).send().await.expect("it succeeds");
        assert_same(&our_put, &recorder.taken());

        let deleted = ours(&recorder)
            .delete(target("table"), key(), condition)
            .await;
        deleted.expect("it succeeds");
        let our_delete = recorder.taken();
        let input = our_delete.json();
        let asked = Asked(&input);
        let call = dynamodb(&recorder).delete_item().table_name(TABLE);
        let call = call.set_key(Some(attributes(&input["Key"])));
        conditional!(call, asked).send().await.expect("it succeeds");
        assert_same(&our_delete, &recorder.taken());
    }
}

#[tokio::test]
async fn update_item() {
    // It reads first.
    let read = r#"{"Item":{"order":{"S":"o-1"},"line":{"N":"2"},"count":{"N":"6"}}}"#;
    let updated = r#"{"Attributes":{"order":{"S":"o-1"},"line":{"N":"2"},"count":{"N":"7"}}}"#;
    let answers = [read, updated, updated].map(|body| answer(200, &[], body));
    let recorder = Recorder::in_turn(answers.into());
    let update = Update {
        set: vec![("state".to_owned(), json!("paid"))],
        remove: vec!["half".to_owned()],
        increment: vec![("count".to_owned(), 1)],
    };
    let item = ours(&recorder)
        .update(target("table"), key(), update, condition())
        .await;
    let [_, ours] = recorder.all_taken().try_into().expect("two calls");
    let input = ours.json();
    let asked = Asked(&input);
    let call = dynamodb(&recorder)
        .update_item()
        .table_name(TABLE)
        .set_key(Some(attributes(&input["Key"])))
        .set_update_expression(asked.text("UpdateExpression"))
        .return_values(ReturnValue::AllNew);
    let output = conditional!(call, asked).send().await.expect("it succeeds");
    assert_same(&ours, &recorder.taken());
    let count = output.attributes().expect("they are asked for")["count"].as_n();
    assert_eq!(count.map(String::as_str), Ok("7"));
    assert_eq!(item.expect("it succeeds")["count"], 7);
}

#[tokio::test]
async fn batch_get_item_and_batch_write_item() {
    let recorder = Recorder::json(
        r#"{"Responses":{"shop-dev-table":[{"order":{"S":"o-1"},"line":{"N":"2"}}]}}"#,
    );
    let items = ours(&recorder)
        .batch_get(target("table"), vec![key()], Consistency::Strong)
        .await;
    let our_get = recorder.taken();
    let asked = &our_get.json()["RequestItems"][TABLE];
    let keys = asked["Keys"]
        .as_array()
        .expect("a list")
        .iter()
        .map(attributes);
    let keys = KeysAndAttributes::builder()
        .set_keys(Some(keys.collect()))
        .consistent_read(true);
    let call = dynamodb(&recorder).batch_get_item();
    let call = call.request_items(TABLE, keys.build().expect("it is complete"));
    let output = call.send().await.expect("it succeeds");
    assert_same(&our_get, &recorder.taken());
    let items = items.expect("it succeeds");
    assert_eq!(items[0]["order"], "o-1");
    assert_eq!(
        output.responses().expect("there are some")[TABLE].len(),
        items.len()
    );

    let recorder = Recorder::json("{}");
    let writes = vec![ItemWrite::Put(item()), ItemWrite::Delete(key())];
    let written = ours(&recorder).batch_write(target("table"), writes).await;
    assert!(written.expect("it succeeds").iter().all(Result::is_ok));
    let our_write = recorder.taken();
    let asked = &our_write.json()["RequestItems"][TABLE];
    let put = PutRequest::builder().set_item(Some(attributes(&asked[0]["PutRequest"]["Item"])));
    let delete = attributes(&asked[1]["DeleteRequest"]["Key"]);
    let delete = DeleteRequest::builder().set_key(Some(delete));
    let requests = vec![
        WriteRequest::builder()
            .put_request(put.build().expect("it is complete"))
            .build(),
        WriteRequest::builder()
            .delete_request(delete.build().expect("it is complete"))
            .build(),
    ];
    let call = dynamodb(&recorder)
        .batch_write_item()
        .request_items(TABLE, requests);
    call.send().await.expect("it succeeds");
    assert_same(&our_write, &recorder.taken());
}

#[tokio::test]
async fn transact_write_items() {
    let recorder = Recorder::json("{}");
    let operations = vec![
        ItemOperation::Put {
            item: item(),
            condition: condition(),
        },
        ItemOperation::Delete {
            key: key(),
            condition: Condition::new(),
        },
        ItemOperation::Check {
            key: key(),
            condition: vec![Clause::ItemMissing],
        },
    ];
    let done = ours(&recorder).transact(target("table"), operations).await;
    done.expect("it succeeds");
    let ours = recorder.taken();
    let input = ours.json();
    let [put, delete, check] = ["Put", "Delete", "ConditionCheck"];
    let part = |place: usize, word: &str| &input["TransactItems"][place][word];
    let asked = Asked(part(0, put));
    let call = Put::builder()
        .table_name(TABLE)
        .set_item(Some(attributes(&asked.0["Item"])));
    let put = conditional!(call, asked).build().expect("it is complete");
    let asked = Asked(part(1, delete));
    let call = Delete::builder()
        .table_name(TABLE)
        .set_key(Some(attributes(&asked.0["Key"])));
    let delete = conditional!(call, asked).build().expect("it is complete");
    let asked = Asked(part(2, check));
    let call = ConditionCheck::builder().table_name(TABLE);
    let call = call.set_key(Some(attributes(&asked.0["Key"])));
    let check = conditional!(call, asked).build().expect("it is complete");
    dynamodb(&recorder)
        .transact_write_items()
        .set_client_request_token(Asked(&input).text("ClientRequestToken"))
        .transact_items(TransactWriteItem::builder().put(put).build())
        .transact_items(TransactWriteItem::builder().delete(delete).build())
        .transact_items(TransactWriteItem::builder().condition_check(check).build())
        .send()
        .await
        .expect("it succeeds");
    assert_same(&ours, &recorder.taken());
}

#[tokio::test]
async fn scan() {
    let recorder =
        Recorder::json(r#"{"Items":[{"order":{"S":"o-1"},"line":{"N":"2"}}],"Count":1}"#);
    let scan = Scan {
        limit: 7,
        cursor: None,
        consistency: Consistency::Eventual,
    };
    let page = ours(&recorder)
        .scan(target("table"), scan)
        .await
        .expect("it succeeds");
    let ours = recorder.taken();
    let input = ours.json();
    let asked = Asked(&input);
    let call = dynamodb(&recorder)
        .scan()
        .table_name(TABLE)
        .consistent_read(false)
        .limit(7)
        .set_filter_expression(asked.text("FilterExpression"))
        .set_expression_attribute_names(asked.names())
        .set_expression_attribute_values(asked.values());
    let output = call.send().await.expect("it succeeds");
    assert_same(&ours, &recorder.taken());
    assert_eq!(output.items().len(), page.items.len());
}

#[tokio::test]
async fn get_item() {
    let answer = r#"{"Item":{"order":{"S":"o-1"},"line":{"N":"2"},"half":{"N":"0.5"},
                     "tags":{"L":[{"NULL":true},{"BOOL":true}]}}}"#;
    let recorder = Recorder::json(answer);
    let key = Key {
        partition: KeyValue::String("o-1".to_owned()),
        sort: Some(KeyValue::Number(2)),
    };
    let item = ours(&recorder)
        .get(target("table"), key, Consistency::Strong)
        .await;
    let ours = recorder.taken();
    let output = dynamodb(&recorder)
        .get_item()
        .table_name("shop-dev-table")
        .set_key(Some(attributes(&ours.json()["Key"])))
        .consistent_read(true)
        .send()
        .await
        .expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);
    let item = item.expect("the call succeeds").expect("there is an item");
    let expected =
        serde_json::json!({ "order": "o-1", "line": 2, "half": 0.5, "tags": [null, true] });
    assert_eq!(Value::Object(item), expected);
    let half = output.item().expect("there is an item")["half"].as_n();
    assert_eq!(half.map(String::as_str), Ok("0.5"));
}

#[tokio::test]
async fn query() {
    let recorder = Recorder::json(r#"{"Items":[],"Count":0}"#);
    let query = Query {
        index: None,
        partition: KeyValue::String("o-1".to_owned()),
        sort: Some(SortRange::Between(KeyValue::Number(1), KeyValue::Number(9))),
        descending: true,
        limit: 7,
        cursor: None,
        consistency: Consistency::Strong,
    };
    let page = ours(&recorder)
        .query(target("table"), query)
        .await
        .expect("the call succeeds");
    assert!(page.items.is_empty() && page.cursor.is_none());
    let ours = recorder.taken();
    let input = ours.json();
    let text = |name: &str| input[name].as_str().map(str::to_owned);
    let names = input["ExpressionAttributeNames"]
        .as_object()
        .expect("an object")
        .iter();
    let names =
        names.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    dynamodb(&recorder)
        .query()
        .table_name("shop-dev-table")
        .set_key_condition_expression(text("KeyConditionExpression"))
        .set_filter_expression(text("FilterExpression"))
        .set_expression_attribute_names(Some(names.collect()))
        .set_expression_attribute_values(Some(attributes(&input["ExpressionAttributeValues"])))
        .scan_index_forward(false)
        .consistent_read(true)
        .limit(7)
        .send()
        .await
        .expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(input, theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);
}
