//! DynamoDB.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use aws_sdk_dynamodb::types::AttributeValue;
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::table::{ItemSchema, KeySchema, Scalar, TableKnobs};
use ifc_manifest::{Address, Kind, ResourceDescriptor, SourceSpan};
use ifc_runtime::table::{Consistency, Key, KeyValue, Query, SortRange, TableOperations};
use serde_json::Value;
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
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    match (text("S"), text("N")) {
        (Some(text), _) => AttributeValue::S(text),
        (_, Some(number)) => AttributeValue::N(number),
        _ => panic!("{value} is neither text nor number"),
    }
}

fn attributes(map: &Value) -> HashMap<String, AttributeValue> {
    let entries = map.as_object().expect("an object").iter();
    entries
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
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
