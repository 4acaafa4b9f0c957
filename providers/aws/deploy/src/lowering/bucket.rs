//! A bucket: one of S3, which nobody else can read. Its events go into the inboxes of units.

use super::{About, Lowering, LoweringError, Making, address, list, seconds};
use crate::catalog::{BUCKET, NOTIFICATIONS};
use ifc_engine::Value;
use ifc_graph::{Resource, Source};
use ifc_manifest::Kind;
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::bucket::{BucketSpec, ExpiryRule, KeyFilter};
use ifc_manifest::kind::edge::{Edge, Selection};

/// After which time the parts of an upload that was never completed go.
const UPLOAD_DAYS: i64 = 7;

impl Lowering<'_> {
    pub(super) fn bucket(
        &mut self,
        resource: &Resource,
        spec: &BucketSpec,
    ) -> Result<(), LoweringError> {
        let about = About::resource(resource);
        let making = self.named(&resource.id.name, "bucket", BUCKET, &about)?;
        self.add(
            private(making)
                .retained(spec.retention == Retention::Retain)
                .set("LifecycleConfiguration", lifecycle(spec.expiry.iter())),
        );
        Ok(())
    }

    /// Which inboxes hear of a bucket's objects, after the inboxes let the bucket send.
    pub(super) fn notifications(&mut self) -> Result<(), LoweringError> {
        let graph = self.graph;
        for resource in graph.of_kind(Kind::Bucket) {
            let name = &resource.id.name;
            let mut listeners: Vec<Listener<'_>> = Vec::new();
            for trigger in &graph.triggers {
                let Source::Events { resource: of, spec } = &trigger.source else {
                    continue;
                };
                if *of != resource.id {
                    continue;
                }
                let keys = match &spec.selection {
                    Selection::Keys(keys) => Some(keys),
                    _ => None,
                };
                let event = match spec.edge {
                    Edge::OnDeleted => "s3:ObjectRemoved:*",
                    _ => "s3:ObjectCreated:*",
                };
                let unit = &trigger.unit;
                let listener = Listener { unit, event, keys };
                if let Some(other) = listeners.iter().find(|other| other.overlaps(&listener)) {
                    return Err(LoweringError::Overlap {
                        bucket: name.clone(),
                        units: [other.unit.to_owned(), unit.clone()],
                    });
                }
                listeners.push(listener);
            }
            if listeners.is_empty() {
                continue;
            }
            let about = About::resource(resource).beside(
                "notifications",
                "units hear of its objects through their inboxes",
            );
            let bucket = address(name, "bucket")?;
            let physical_name = format!("{}/notifications", self.first_name(&bucket));
            let part = (name.as_str(), "notifications");
            let mut making = self
                .within(part, NOTIFICATIONS, physical_name, &about)?
                .set("Bucket", Value::output(&bucket, "Ref"));
            let mut configurations = Vec::new();
            for listener in &listeners {
                making = making.after(&address(listener.unit, "inbox-policy")?);
                configurations.push(listener.configuration(&address(listener.unit, "inbox")?));
            }
            // By event and keys, which no two have in common: the order in which they are read back.
            configurations.sort();
            let configuration = Value::map([("QueueConfigurations", Value::List(configurations))]);
            self.add(making.set("NotificationConfiguration", configuration));
        }
        Ok(())
    }
}

/// A unit that hears of a bucket's objects.
struct Listener<'a> {
    unit: &'a str,
    event: &'static str,
    keys: Option<&'a KeyFilter>,
}

impl Listener<'_> {
    fn prefix(&self) -> &str {
        self.keys.map_or("", |keys| &keys.prefix)
    }

    fn suffix(&self) -> &str {
        self.keys.map_or("", |keys| &keys.suffix)
    }

    /// Whether there are keys of which both would hear, which S3 refuses.
    fn overlaps(&self, other: &Listener<'_>) -> bool {
        let (a, b) = (self.prefix(), other.prefix());
        let (c, d) = (self.suffix(), other.suffix());
        self.event == other.event
            && (a.starts_with(b) || b.starts_with(a))
            && (c.ends_with(d) || d.ends_with(c))
    }

    fn configuration(&self, inbox: &ifc_engine::PartAddress) -> Value {
        let rules = [("prefix", self.prefix()), ("suffix", self.suffix())];
        let rules = rules.into_iter().filter(|(_, value)| !value.is_empty());
        let rules: Vec<Value> = rules
            .map(|(name, value)| Value::map([("Name", name.into()), ("Value", value.into())]))
            .collect();
        let mut fields = vec![
            ("Event", self.event.into()),
            ("Queue", Value::output(inbox, "Arn")),
        ];
        if !rules.is_empty() {
            let keys = Value::map([("Rules", Value::List(rules))]);
            fields.push(("Filter", Value::map([("S3Key", keys)])));
        }
        Value::map(fields)
    }
}

/// A bucket that is encrypted and closed to the public, whoever it belongs to.
pub(super) fn private(making: Making) -> Making {
    let block = [
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    ];
    let encryption = Value::map([("SSEAlgorithm", "AES256".into())]);
    let encryption = Value::map([("ServerSideEncryptionByDefault", encryption)]);
    let ownership = Value::map([("ObjectOwnership", "BucketOwnerEnforced".into())]);
    making
        .set(
            "BucketEncryption",
            Value::map([("ServerSideEncryptionConfiguration", list([encryption]))]),
        )
        .set(
            "OwnershipControls",
            Value::map([("Rules", list([ownership]))]),
        )
        .set(
            "PublicAccessBlockConfiguration",
            Value::map(block.map(|word| (word, true.into()))),
        )
}

/// What goes by itself: objects by the rules, and what is left of uploads that broke off.
pub(super) fn lifecycle<'a>(rules: impl Iterator<Item = &'a ExpiryRule>) -> Value {
    let rule = |(place, rule): (usize, &ExpiryRule)| {
        let days = (seconds(rule.after) + 86_399) / 86_400;
        Value::map([
            ("Id", Value::Text(format!("expiry-{}", place + 1))),
            ("Status", "Enabled".into()),
            ("Prefix", rule.prefix.as_str().into()),
            ("ExpirationInDays", days.into()),
        ])
    };
    let uploads = Value::map([
        ("Id", "broken-uploads".into()),
        ("Status", "Enabled".into()),
        ("Prefix", "".into()),
        (
            "AbortIncompleteMultipartUpload",
            Value::map([("DaysAfterInitiation", UPLOAD_DAYS.into())]),
        ),
    ]);
    let rules = rules.enumerate().map(rule).chain([uploads]);
    Value::map([("Rules", list(rules))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_overlap_when_one_key_is_of_both() {
        let keys = |prefix: &str, suffix: &str| KeyFilter {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        };
        for (one, other, expected) in [
            (keys("", ""), keys("", ""), true),
            (keys("a/", ""), keys("", ".png"), true),
            (keys("a/", ""), keys("b/", ""), false),
            (keys("a/", ".png"), keys("a/b", ".jpg"), false),
            (keys("a/", ".png"), keys("a/b", "x.png"), true),
        ] {
            let listener = |keys, event| Listener {
                unit: "unit",
                event,
                keys: Some(keys),
            };
            let created = "s3:ObjectCreated:*";
            let found = listener(&one, created).overlaps(&listener(&other, created));
            assert_eq!(found, expected, "{one:?} {other:?}");
            let removed = listener(&other, "s3:ObjectRemoved:*");
            assert!(!listener(&one, created).overlaps(&removed));
        }
    }
}
