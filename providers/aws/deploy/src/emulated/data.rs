//! What keeps data: buckets, tables, secrets, configuration.

use super::life::{Life, Scene, create, delete, desired, holds, live, update};
use crate::catalog;
use crate::parts::{Look as _, Values};
use ifc_engine::{Actual, Desired, Provider as _, Reading};
use serde_json::{Value as Json, json};

fn private_bucket() -> Json {
    json!({
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}},
        ]},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true,
            "BlockPublicPolicy": true,
            "IgnorePublicAcls": true,
            "RestrictPublicBuckets": true,
        },
    })
}

#[tokio::test]
async fn bucket() {
    let Some(scene) = Scene::set("the life of buckets", 301).await else {
        return;
    };
    let mut expiring = private_bucket();
    expiring["LifecycleConfiguration"] = json!({"Rules": [
        {
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            "Id": "uploads",
            "Prefix": "",
            "Status": "Enabled",
        },
        {"ExpirationInDays": 30, "Id": "old", "Prefix": "tmp/", "Status": "Enabled"},
    ]});
    let life = Life {
        part_type: catalog::BUCKET,
        name: "shop-dev-uploads-abcdefgh",
        forms: vec![private_bucket(), expiring],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn a_bucket_is_emptied_before_it_is_removed() {
    let Some(scene) = Scene::set("buckets with objects", 302).await else {
        return;
    };
    let name = "shop-dev-full-abcdefgh";
    scene.have(catalog::BUCKET, name, private_bucket()).await;
    for number in 0..3 {
        let call = scene.aws.clients().s3.put_object().bucket(name);
        call.key(format!("k{number}")).send().await.unwrap();
    }
    let part = desired(catalog::BUCKET, name, &private_bucket(), &Values::new());
    delete(&scene.aws, &part.target).await.unwrap();
    assert_eq!(scene.aws.read(&part.target).await.unwrap(), Reading::Absent);
    scene.end();
}

fn key(attribute: &str, range: Option<&str>) -> Json {
    let mut key = vec![json!({"AttributeName": attribute, "KeyType": "HASH"})];
    key.extend(range.map(|range| json!({"AttributeName": range, "KeyType": "RANGE"})));
    json!(key)
}

fn table(indexes: &[&str]) -> Json {
    let mut attributes: Vec<&str> = indexes.to_vec();
    attributes.extend(["pk", "sk"]);
    attributes.sort_unstable();
    let definition = |name: &&str| json!({"AttributeName": name, "AttributeType": "S"});
    let mut table = json!({
        "AttributeDefinitions": attributes.iter().map(definition).collect::<Vec<_>>(),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key("pk", Some("sk")),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": false},
    });
    let index = |name: &&str| {
        json!({
            "IndexName": format!("by-{name}"),
            "KeySchema": key(name, None),
            "Projection": {"ProjectionType": "ALL"},
        })
    };
    if !indexes.is_empty() {
        table["GlobalSecondaryIndexes"] = json!(indexes.iter().map(index).collect::<Vec<_>>());
    }
    table
}

#[tokio::test]
async fn table_life() {
    let Some(scene) = Scene::set("the life of tables", 303).await else {
        return;
    };
    let mut rich = table(&["customer", "day"]);
    rich["TimeToLiveSpecification"] = json!({"AttributeName": "expires", "Enabled": true});
    rich["PointInTimeRecoverySpecification"] = json!({"PointInTimeRecoveryEnabled": true});
    let mut other = table(&["day", "place"]);
    other["TimeToLiveSpecification"] = json!({"AttributeName": "gone", "Enabled": true});
    let life = Life {
        part_type: catalog::TABLE,
        name: "shop-dev-orders-abcdef",
        forms: vec![table(&[]), rich, other],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn streams_of_tables_come_and_go() {
    let Some(scene) = Scene::set("the change streams of tables", 304).await else {
        return;
    };
    let name = "shop-dev-stock-abcdef";
    let streaming = |view: &str| {
        let mut table = table(&[]);
        table["StreamSpecification"] = json!({"StreamViewType": view});
        table
    };
    let mut outputs = Values::new();
    let forms = [
        streaming("NEW_IMAGE"),
        table(&[]),
        streaming("NEW_IMAGE"),
        streaming("KEYS_ONLY"),
    ];
    for form in &forms {
        let part = desired(catalog::TABLE, name, form, &outputs);
        outputs = create(&scene.aws, &part).await.unwrap();
        let streams = form.get("StreamSpecification").is_some();
        assert_eq!(outputs.text("StreamArn").is_some(), streams);
        let part = desired(catalog::TABLE, name, form, &outputs);
        super::life::holds(&scene.aws, &part, &[]).await;
    }
    let part = desired(catalog::TABLE, name, &forms[3], &outputs);
    delete(&scene.aws, &part.target).await.unwrap();
    scene.end();
}

#[tokio::test]
async fn secret() {
    let Some(scene) = Scene::set("the life of secrets", 305).await else {
        return;
    };
    let generated =
        json!({"GenerateSecretString": {"PasswordLength": 40, "ExcludePunctuation": true}});
    let life = Life {
        part_type: catalog::SECRET,
        name: "shop/dev/token-abcdef",
        forms: vec![generated],
        untold: &["GenerateSecretString"],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn a_deleted_secret_comes_back_with_its_value() {
    let Some(scene) = Scene::set("secrets that come back", 306).await else {
        return;
    };
    let name = "shop/dev/token-abcdef";
    let form = json!({"GenerateSecretString": {"PasswordLength": 40}});
    let part = desired(catalog::SECRET, name, &form, &Values::new());
    let value = async || {
        let call = scene
            .aws
            .clients()
            .secrets
            .get_secret_value()
            .secret_id(name);
        call.send().await.unwrap().secret_string.unwrap()
    };
    create(&scene.aws, &part).await.unwrap();
    let before = value().await;
    assert_eq!(before.len(), 40);
    delete(&scene.aws, &part.target).await.unwrap();
    assert_eq!(scene.aws.read(&part.target).await.unwrap(), Reading::Absent);

    let mut stranger = part.clone();
    stranger.target.tags = super::life::tags("prod");
    let refusal = scene.aws.create(&stranger, "").await.unwrap_err();
    assert!(refusal.to_string().contains("ifc-stage=dev"), "{refusal}");

    create(&scene.aws, &part).await.unwrap();
    assert_eq!(value().await, before);
    // Without rules for a value there is none until somebody sets it.
    let empty = desired(
        catalog::SECRET,
        "shop/dev/key-abcdef",
        &json!({}),
        &Values::new(),
    );
    create(&scene.aws, &empty).await.unwrap();
    scene.end();
}

#[tokio::test]
async fn parameter() {
    let Some(scene) = Scene::set("the life of parameters", 307).await else {
        return;
    };
    let life = Life {
        part_type: catalog::PARAMETER,
        name: "/shop/dev/limit-abcdef",
        forms: vec![
            json!({"Type": "String", "Value": "10"}),
            json!({"Type": "String", "Value": "20"}),
        ],
        untold: &["Value"],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn operated_parameter() {
    let Some(scene) = Scene::set("what operators set", 308).await else {
        return;
    };
    let name = "/shop/dev/limit-abcdef";
    let ssm = &scene.aws.clients().ssm;
    let value = async || {
        let answer = ssm.get_parameter().name(name).send().await.unwrap();
        answer.parameter.unwrap().value.unwrap()
    };
    let form = |value: &str| {
        let properties = json!({"Type": "String", "Value": value});
        desired(catalog::PARAMETER, name, &properties, &Values::new())
    };
    // What the engine says that there is: what is told, and what was recorded of the rest.
    let recorded = |part: &Desired, outputs: &Values| Actual {
        properties: part.properties.clone(),
        outputs: outputs.clone(),
    };
    let ten = form("10");
    let outputs = create(&scene.aws, &ten).await.unwrap();
    assert_eq!(value().await, "10");
    let set = ssm.put_parameter().name(name).value("35").overwrite(true);
    set.send().await.unwrap();
    let seen = holds(&scene.aws, &ten, &["Value"]).await;
    assert_eq!(seen.properties.get("Value"), None);

    let mut tagged = ten.clone();
    let tag = ("feature".to_owned(), "checkout".to_owned());
    tagged.target.tags.extend([tag]);
    let from = recorded(&ten, &outputs);
    update(&scene.aws, &from, &tagged).await.unwrap();
    assert_eq!(value().await, "35");

    let mut twenty = form("20");
    twenty.target.tags.clone_from(&tagged.target.tags);
    let from = recorded(&tagged, &outputs);
    update(&scene.aws, &from, &twenty).await.unwrap();
    assert_eq!(value().await, "20");
    scene.end();
}
