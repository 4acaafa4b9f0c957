//! What a deployment would have made: the things behind an application's resources.

use crate::aws::Aws;
use crate::base64;
use crate::bucket::S3;
use crate::config::SYSTEMS_MANAGER;
use crate::emulated::{aws, call, wiring};
use crate::event_bus::EVENT_BRIDGE;
use crate::queue::SQS;
use crate::secret::SECRETS_MANAGER;
use crate::stream::KINESIS;
use crate::table::DYNAMODB;
use crate::transport::Call;
use crate::wiring::Wiring;
use axum::http::Method;
use ifc_conformance::Failure;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::secret::SecretSpec;
use ifc_manifest::kind::table::{Key, Scalar, TableSpec};
use ifc_manifest::kind::topic::TopicSpec;
use ifc_manifest::{Kind, ResourceDescriptor};
use ifc_runtime::event::random_id;
use ifc_runtime::{Application, Error};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Makes all of them, with names that begin with `prefix`, and says where they are.
pub(super) async fn resources(
    endpoint: &str,
    application: &Application,
    prefix: &str,
) -> Result<Wiring, Failure> {
    let maker = aws(endpoint, Vec::new(), &wiring());
    let mut wiring = wiring();
    for resource in &application.resources {
        let name = application.name_of(&resource.address);
        let mut physical = format!("{prefix}{name}");
        make(&maker, resource, &mut physical).await?;
        let section = match resource.kind {
            Kind::Queue => &mut wiring.queues,
            Kind::Topic => &mut wiring.topics,
            Kind::EventBus => &mut wiring.buses,
            Kind::Stream => &mut wiring.streams,
            Kind::Table => &mut wiring.tables,
            Kind::Bucket => &mut wiring.buckets,
            Kind::Secret => &mut wiring.secrets,
            Kind::Config => &mut wiring.configs,
            Kind::Function | Kind::HttpApi | Kind::Schedule => continue,
        };
        section.insert(name, physical);
    }
    Ok(wiring)
}

/// Makes one, and completes its name.
async fn make(
    maker: &Aws,
    resource: &ResourceDescriptor,
    physical: &mut String,
) -> Result<(), Failure> {
    match resource.kind {
        Kind::Queue => {
            let mut input = json!({});
            if QueueSpec::decode(&resource.config)?.fifo {
                *physical += ".fifo";
                input["Attributes"] = json!({ "FifoQueue": "true" });
            }
            input["QueueName"] = physical.as_str().into();
            call(maker, &SQS, "CreateQueue", input).await;
        }
        Kind::Topic => {
            let mut fields = vec![
                ("Action".to_owned(), "CreateTopic".to_owned()),
                ("Version".to_owned(), "2010-03-31".to_owned()),
            ];
            if TopicSpec::decode(&resource.config)?.fifo {
                *physical += ".fifo";
                fields.push(("Attributes.entry.1.key".to_owned(), "FifoTopic".to_owned()));
                fields.push(("Attributes.entry.1.value".to_owned(), "true".to_owned()));
            }
            fields.push(("Name".to_owned(), physical.clone()));
            maker
                .call_with_form("sns", &fields)
                .await
                .map_err(Error::from)?;
        }
        Kind::EventBus => {
            let input = json!({ "Name": physical });
            call(maker, &EVENT_BRIDGE, "CreateEventBus", input).await;
        }
        Kind::Stream => {
            let input = json!({ "StreamName": physical, "ShardCount": 2 });
            call(maker, &KINESIS, "CreateStream", input).await;
        }
        Kind::Table => {
            let spec = TableSpec::decode(&resource.config)?;
            let input = create_table(physical, &spec);
            call(maker, &DYNAMODB, "CreateTable", input).await;
        }
        Kind::Bucket => {
            let mut call = Call::new(S3, Method::PUT, format!("/{physical}"));
            call.body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1\
                         </LocationConstraint></CreateBucketConfiguration>"
                .into();
            maker.transport.call(&call).await.map_err(Error::from)?;
        }
        Kind::Secret => {
            let input = json!({ "Name": physical, "ClientRequestToken": random_id() });
            call(maker, &SECRETS_MANAGER, "CreateSecret", input).await;
            if let Some((length, charset)) = SecretSpec::decode(&resource.config)?.generated {
                let characters = charset.characters();
                let character = |_| characters[fastrand::usize(..characters.len())];
                let value: Vec<u8> = (0..length).map(character).collect();
                secret_value(maker, physical, &value).await?;
            }
        }
        Kind::Config | Kind::Function | Kind::HttpApi | Kind::Schedule => {}
    }
    Ok(())
}

/// Gives a secret its value.
pub(super) async fn secret_value(maker: &Aws, id: &str, value: &[u8]) -> Result<(), Failure> {
    let mut input = json!({ "SecretId": id, "ClientRequestToken": random_id() });
    match str::from_utf8(value) {
        Ok(text) => input["SecretString"] = text.into(),
        Err(_) => input["SecretBinary"] = base64::encode(value).into(),
    }
    call(maker, &SECRETS_MANAGER, "PutSecretValue", input).await;
    Ok(())
}

/// Gives a parameter its value.
pub(super) async fn parameter(maker: &Aws, name: &str, value: &str) -> Result<(), Failure> {
    let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    call(maker, &SYSTEMS_MANAGER, "PutParameter", input).await;
    Ok(())
}

fn create_table(name: &str, spec: &TableSpec) -> Value {
    let mut attributes = BTreeMap::new();
    let mut keys = |key: &Key, sort: Option<&Key>| {
        let mut schema = Vec::new();
        for (key, role) in [(Some(key), "HASH"), (sort, "RANGE")] {
            let Some(key) = key else { continue };
            let scalar = match key.scalar {
                Scalar::String => "S",
                Scalar::Number => "N",
            };
            attributes.insert(key.name.clone(), scalar);
            schema.push(json!({ "AttributeName": key.name, "KeyType": role }));
        }
        schema
    };
    let own = keys(&spec.key, spec.sort.as_ref());
    let indexes: Vec<Value> = spec
        .indexes
        .iter()
        .map(|index| {
            json!({
                "IndexName": index.name,
                "KeySchema": keys(&index.key, index.sort.as_ref()),
                "Projection": { "ProjectionType": "ALL" },
            })
        })
        .collect();
    let attribute = |(name, scalar)| json!({ "AttributeName": name, "AttributeType": scalar });
    let attributes: Vec<Value> = attributes.into_iter().map(attribute).collect();
    let mut input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": own,
    });
    if !indexes.is_empty() {
        input["GlobalSecondaryIndexes"] = indexes.into();
    }
    input
}
