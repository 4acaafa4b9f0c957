//! A table: one of DynamoDB, paid by request.

use super::{About, Lowering, LoweringError, list};
use crate::catalog::TABLE;
use ifc_engine::Value;
use ifc_graph::Resource;
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::table::{ChangeStream, Key, Scalar, TableSpec};
use std::collections::BTreeMap;

/// The stage that has point-in-time recovery unless the table says otherwise.
const PRODUCTION: &str = "prod";

impl Lowering<'_> {
    pub(super) fn table(
        &mut self,
        resource: &Resource,
        spec: &TableSpec,
    ) -> Result<(), LoweringError> {
        let about = About::resource(resource);
        let recovery = spec
            .knobs
            .point_in_time_recovery
            .unwrap_or(self.context.stage.as_str() == PRODUCTION);
        let indexes = spec.indexes.iter().map(|index| {
            Value::map([
                ("IndexName", index.name.as_str().into()),
                ("KeySchema", key_schema(&index.key, index.sort.as_ref())),
                ("Projection", Value::map([("ProjectionType", "ALL".into())])),
            ])
        });
        let mut indexes: Vec<Value> = indexes.collect();
        indexes.sort();
        let mut making = self
            .named(&resource.id.name, "table", TABLE, &about)?
            .retained(spec.knobs.retention == Retention::Retain)
            .set("AttributeDefinitions", attribute_definitions(spec))
            .set("BillingMode", "PAY_PER_REQUEST")
            .set("KeySchema", key_schema(&spec.key, spec.sort.as_ref()))
            .set(
                "PointInTimeRecoverySpecification",
                Value::map([("PointInTimeRecoveryEnabled", recovery.into())]),
            );
        if !indexes.is_empty() {
            making = making.set("GlobalSecondaryIndexes", Value::List(indexes));
        }
        if let Some(attribute) = &spec.ttl {
            let ttl = Value::map([
                ("AttributeName", attribute.as_str().into()),
                ("Enabled", true.into()),
            ]);
            making = making.set("TimeToLiveSpecification", ttl);
        }
        if spec.knobs.stream == ChangeStream::NewImage {
            making = making
                .set(
                    "StreamSpecification",
                    Value::map([("StreamViewType", "NEW_IMAGE".into())]),
                )
                .telling("StreamArn");
        }
        self.add(making);
        Ok(())
    }
}

fn key_schema(key: &Key, sort: Option<&Key>) -> Value {
    let attribute = |key: &Key, sort: &str| {
        Value::map([
            ("AttributeName", key.name.as_str().into()),
            ("KeyType", sort.into()),
        ])
    };
    let keys = [
        Some(attribute(key, "HASH")),
        sort.map(|key| attribute(key, "RANGE")),
    ];
    list(keys.into_iter().flatten())
}

/// The attributes that are keys of the table or of an index, each once, by name.
fn attribute_definitions(spec: &TableSpec) -> Value {
    let of_indexes = spec
        .indexes
        .iter()
        .flat_map(|index| [Some(&index.key), index.sort.as_ref()]);
    let keys = [Some(&spec.key), spec.sort.as_ref()];
    let keys = keys.into_iter().chain(of_indexes).flatten();
    let types: BTreeMap<&str, &str> = keys
        .map(|key| {
            let scalar = match key.scalar {
                Scalar::String => "S",
                Scalar::Number => "N",
            };
            (key.name.as_str(), scalar)
        })
        .collect();
    list(types.into_iter().map(|(name, scalar)| {
        Value::map([
            ("AttributeName", name.into()),
            ("AttributeType", scalar.into()),
        ])
    }))
}
