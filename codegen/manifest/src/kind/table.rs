//! Table: items by key (contract, 4.7).

use super::{Retention, SpecError, Verb, limits, required};
use crate::capability::Capability;
use crate::format::{Encoder, Value};

/// Read one item by its key.
pub const GET: Verb = Verb::new("get");
/// Read up to 100 items by their keys.
pub const BATCH_GET: Verb = Verb::new("batch_get");
/// Read items of one partition, of the table or of an index.
pub const QUERY: Verb = Verb::new("query");
/// Write a whole item.
pub const PUT: Verb = Verb::new("put");
/// Change attributes of an item.
pub const UPDATE: Verb = Verb::new("update");
/// Remove an item.
pub const DELETE: Verb = Verb::new("delete");
/// Make a transaction depend on an item that it does not change.
pub const CHECK: Verb = Verb::new("check");
/// Commit a transaction. What it does with each item is a verb of its own.
pub const TRANSACT: Verb = Verb::new("transact");
/// Commit a transaction over several partitions or tables, as far as it is committed through this
/// one. What it does with each item is a verb of its own, of the item's table.
pub const TRANSACT_ACROSS: Verb = Verb::new("transact_across");
/// Write and remove up to 25 items, each on its own.
pub const BATCH_WRITE: Verb = Verb::new("batch_write");
/// Read all items, whatever their keys.
pub const SCAN: Verb = Verb::new("scan");

/// Every verb.
pub const VERBS: &[Verb] = &[
    GET,
    BATCH_GET,
    QUERY,
    SCAN,
    PUT,
    UPDATE,
    DELETE,
    BATCH_WRITE,
    TRANSACT,
    TRANSACT_ACROSS,
    CHECK,
];

/// What a provider must be able to do for a verb.
pub(super) fn needs(verb: Verb) -> Option<Capability> {
    (verb == TRANSACT_ACROSS).then_some(Capability::CrossPartitionTx)
}

limits! {
    /// Indexes of one table.
    INDEXES = "the number of indexes of a table", 0..=5, "";
    /// Keys in one `batch_get`.
    BATCH_GET_KEYS = "the number of keys of batch_get", 1..=100, "";
    /// Paths changed by one update.
    UPDATE_PATHS = "the number of attributes changed by one update", 1..=10, "";
    /// Items on one page of a query.
    QUERY_LIMIT = "the limit of a query", 1..=1000, "";
    /// Items on one page of a scan.
    SCAN_LIMIT = "the limit of a scan", 1..=1000, "";
    /// Items written by one `batch_write`.
    BATCH_WRITE_ITEMS = "the number of items of batch_write", 1..=25, "";
    /// Operations of one transaction.
    TRANSACT_OPERATIONS = "the number of operations of a transaction", 1..=100, "";
}

/// Longest partition key, in bytes of UTF-8.
pub const KEY_BYTES_MAX: usize = 1_024;

/// Longest sort key, in bytes of UTF-8.
pub const SORT_KEY_BYTES_MAX: usize = 1_000;

/// Largest magnitude of an integer attribute: 2^53 − 1, what every provider keeps exactly.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// UTF-8, ordered by bytes.
    String,
    /// An integer.
    Number,
}

impl Scalar {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scalar::String => "string",
            Scalar::Number => "number",
        }
    }

    fn parse(word: &str) -> Option<Scalar> {
        [Scalar::String, Scalar::Number]
            .into_iter()
            .find(|scalar| scalar.as_str() == word)
    }
}

/// Name and type of a key attribute, as `derive(Item)` knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySchema {
    /// The attribute's name in the stored item.
    pub name: &'static str,
    /// Its type.
    pub scalar: Scalar,
}

/// A secondary index, as `derive(Item)` knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    /// The index's name within its table.
    pub name: &'static str,
    /// Partition key of the index.
    pub key: KeySchema,
    /// Sort key of the index.
    pub sort: Option<KeySchema>,
}

/// What `derive(Item)` knows of a table's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemSchema {
    /// Partition key.
    pub key: KeySchema,
    /// Sort key.
    pub sort: Option<KeySchema>,
    /// Secondary indexes.
    pub indexes: &'static [IndexSchema],
    /// The attribute with the expiry in epoch seconds.
    pub ttl: Option<&'static str>,
    /// The attribute with the optimistic version.
    pub version: Option<&'static str>,
}

/// Whether a table's changes are events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStream {
    /// They are not.
    Off,
    /// Each is one, with the item as it then is.
    NewImage,
}

impl ChangeStream {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChangeStream::Off => "off",
            ChangeStream::NewImage => "new-image",
        }
    }

    fn parse(word: &str) -> Option<ChangeStream> {
        [ChangeStream::Off, ChangeStream::NewImage]
            .into_iter()
            .find(|stream| stream.as_str() == word)
    }
}

/// The verbs that change items: what makes events of a table with a stream.
pub const CHANGING: &[Verb] = &[PUT, UPDATE, DELETE, BATCH_WRITE];

/// The knobs on the declaration of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableKnobs {
    /// Whether its changes are events.
    pub stream: ChangeStream,
    /// Point-in-time recovery; `None`: on for stage `prod`.
    pub point_in_time_recovery: Option<bool>,
    /// An own database where the provider shares one (GCP).
    pub isolated: bool,
    /// What becomes of the items when the declaration goes away.
    pub retention: Retention,
}

impl TableKnobs {
    /// The defaults of the contract.
    pub const DEFAULT: TableKnobs = TableKnobs {
        stream: ChangeStream::Off,
        point_in_time_recovery: None,
        isolated: false,
        retention: Retention::Retain,
    };

    /// Writes the keys of knobs and schema into the open map.
    pub const fn encode<const N: usize>(&self, schema: &ItemSchema, encoder: &mut Encoder<N>) {
        encoder
            .bool_entry("isolated", self.isolated)
            .text_entry("stream", self.stream.as_str())
            .text_entry("retention", self.retention.as_str());
        if let Some(on) = self.point_in_time_recovery {
            encoder.bool_entry("point_in_time_recovery", on);
        }
        encode_key("key", &schema.key, encoder);
        if let Some(sort) = &schema.sort {
            encode_key("sort", sort, encoder);
        }
        encoder.array_entry("indexes");
        let mut i = 0;
        while i < schema.indexes.len() {
            let index = &schema.indexes[i];
            encoder.map().text_entry("name", index.name);
            encode_key("key", &index.key, encoder);
            if let Some(sort) = &index.sort {
                encode_key("sort", sort, encoder);
            }
            encoder.end();
            i += 1;
        }
        encoder.end();
        if let Some(ttl) = schema.ttl {
            encoder.text_entry("ttl", ttl);
        }
        if let Some(version) = schema.version {
            encoder.text_entry("version", version);
        }
    }
}

const fn encode_key<const N: usize>(entry: &str, key: &KeySchema, encoder: &mut Encoder<N>) {
    encoder
        .map_entry(entry)
        .text_entry("name", key.name)
        .text_entry("type", key.scalar.as_str())
        .end();
}

/// A key attribute, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The attribute's name in the stored item.
    pub name: String,
    /// Its type.
    pub scalar: Scalar,
}

/// A secondary index, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The index's name within its table.
    pub name: String,
    /// Partition key of the index.
    pub key: Key,
    /// Sort key of the index.
    pub sort: Option<Key>,
}

/// A table's configuration, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Partition key.
    pub key: Key,
    /// Sort key.
    pub sort: Option<Key>,
    /// Secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute with the expiry in epoch seconds.
    pub ttl: Option<String>,
    /// The attribute with the optimistic version.
    pub version: Option<String>,
    /// The knobs.
    pub knobs: TableKnobs,
}

impl TableSpec {
    /// Reads what [`TableKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        let indexes = config
            .list("indexes")
            .iter()
            .map(|index| {
                Ok(Index {
                    name: required(index.text("name"), "indexes.name")?.to_owned(),
                    key: decode_key(index, "key")?,
                    sort: optional_key(index, "sort")?,
                })
            })
            .collect::<Result<_, SpecError>>()?;
        Ok(TableSpec {
            key: decode_key(config, "key")?,
            sort: optional_key(config, "sort")?,
            indexes,
            ttl: config.text("ttl").map(str::to_owned),
            version: config.text("version").map(str::to_owned),
            knobs: TableKnobs {
                // Records of earlier versions do not have it.
                stream: match config.text("stream") {
                    Some(word) => required(ChangeStream::parse(word), "stream")?,
                    None => ChangeStream::Off,
                },
                point_in_time_recovery: config.bool("point_in_time_recovery"),
                isolated: required(config.bool("isolated"), "isolated")?,
                retention: required(
                    config.text("retention").and_then(Retention::parse),
                    "retention",
                )?,
            },
        })
    }
}

fn decode_key(value: &Value, entry: &'static str) -> Result<Key, SpecError> {
    let key = required(value.get(entry), entry)?;
    Ok(Key {
        name: required(key.text("name"), entry)?.to_owned(),
        scalar: required(key.text("type").and_then(Scalar::parse), entry)?,
    })
}

fn optional_key(value: &Value, entry: &'static str) -> Result<Option<Key>, SpecError> {
    match value.get(entry) {
        Some(_) => decode_key(value, entry).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::decode;

    const SCHEMA: ItemSchema = ItemSchema {
        key: KeySchema {
            name: "id",
            scalar: Scalar::String,
        },
        sort: Some(KeySchema {
            name: "line",
            scalar: Scalar::Number,
        }),
        indexes: &[IndexSchema {
            name: "by-customer",
            key: KeySchema {
                name: "customer",
                scalar: Scalar::String,
            },
            sort: None,
        }],
        ttl: Some("expires_at"),
        version: None,
    };

    const fn encoded<const N: usize>() -> Encoder<N> {
        let mut encoder = Encoder::new();
        encoder.map();
        TableKnobs::DEFAULT.encode(&SCHEMA, &mut encoder);
        encoder.end();
        encoder
    }

    #[test]
    fn decoding_inverts_encoding() {
        const LENGTH: usize = encoded::<0>().length();
        let value = decode(&encoded::<LENGTH>().into_bytes()).expect("valid");
        let spec = TableSpec::decode(&value).expect("valid");
        assert_eq!(
            spec.key,
            Key {
                name: "id".into(),
                scalar: Scalar::String
            }
        );
        assert_eq!(
            spec.sort.as_ref().map(|key| key.scalar),
            Some(Scalar::Number)
        );
        assert_eq!(spec.indexes[0].name, "by-customer");
        assert_eq!(spec.ttl.as_deref(), Some("expires_at"));
        assert_eq!(spec.version, None);
        assert_eq!(spec.knobs, TableKnobs::DEFAULT);
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = TableSpec::decode(&Value::empty()).expect_err("incomplete");
        assert_eq!(error.key, "key");
    }
}
