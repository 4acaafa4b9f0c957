//! Conditions, updates and queries in DynamoDB's expression language. Names and values of the
//! application appear as placeholders only, so that none is taken for a word of the language.

use super::value::{encode, encode_key_value};
use ifc_manifest::kind::table::{INTEGER_MAX, Key, TableSpec};
use ifc_runtime::Error;
use ifc_runtime::table::{Clause, Comparison, Query, SortRange, Update};
use serde_json::{Map, Value, json};

/// An expression's names and values.
#[derive(Default)]
pub(super) struct Placeholders {
    names: Vec<String>,
    values: Vec<Value>,
}

impl Placeholders {
    fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{place}")
    }

    fn value(&mut self, value: Value) -> String {
        let known = self.values.iter().position(|known| *known == value);
        let place = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        format!(":v{place}")
    }

    /// Adds them to a request. Empty maps are refused by DynamoDB.
    pub(super) fn add_to(self, request: &mut Value) {
        let keyed = |sign, list: Vec<Value>| -> Map<String, Value> {
            let entry = |(place, value)| (format!("{sign}{place}"), value);
            let mut keyed = Map::new();
            keyed.extend(list.into_iter().enumerate().map(entry));
            keyed
        };
        if !self.names.is_empty() {
            let names = self.names.into_iter().map(Value::String).collect();
            request["ExpressionAttributeNames"] = keyed("#n", names).into();
        }
        if !self.values.is_empty() {
            request["ExpressionAttributeValues"] = keyed(":v", self.values).into();
        }
    }
}

/// What is asked about the items of one table, at one time.
pub(super) struct Asked<'a> {
    pub(super) spec: &'a TableSpec,
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl Asked<'_> {
    /// The attributes of an item say that it has not expired; nothing is said about whether there
    /// is an item.
    pub(super) fn not_expired(&self, p: &mut Placeholders) -> Option<String> {
        let ttl = p.name(self.spec.ttl.as_deref()?);
        let (number, now) = (
            p.value(json!({ "S": "N" })),
            p.value(json!({ "N": self.now.to_string() })),
        );
        Some(format!(
            "(NOT attribute_type({ttl}, {number}) OR {ttl} > {now})"
        ))
    }

    /// There is an item, as far as the application is concerned.
    fn there(&self, p: &mut Placeholders) -> String {
        let exists = format!("attribute_exists({})", p.name(&self.spec.key.name));
        match self.not_expired(p) {
            Some(not_expired) => format!("({exists} AND {not_expired})"),
            None => exists,
        }
    }

    /// All clauses hold. `exists` says that an item must be there in any case.
    ///
    /// # Errors
    /// `Invalid` for a value that DynamoDB cannot hold.
    pub(super) fn condition(
        &self,
        p: &mut Placeholders,
        clauses: &[Clause],
        exists: bool,
    ) -> Result<Option<String>, Error> {
        let mut parts = Vec::new();
        if exists {
            parts.push(self.there(p));
        }
        for clause in clauses {
            parts.push(self.clause(p, clause)?);
        }
        Ok((!parts.is_empty()).then(|| parts.join(" AND ")))
    }

    fn clause(&self, p: &mut Placeholders, clause: &Clause) -> Result<String, Error> {
        Ok(match clause {
            Clause::ItemExists => self.there(p),
            Clause::ItemMissing => format!("NOT {}", self.there(p)),
            Clause::AttributeExists(name) => self.has(p, name),
            Clause::AttributeMissing(name) => format!("NOT {}", self.has(p, name)),
            Clause::Compare {
                attribute,
                comparison,
                value,
            } => {
                let ordered = value.is_string() || value.is_number();
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "<>",
                    // Others are unordered, and DynamoDB would refuse the whole expression.
                    _ if !ordered => return Ok(self.never(p)),
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                let has = self.has(p, attribute);
                let (name, value) = (p.name(attribute), p.value(encode(value)?));
                format!("({has} AND {name} {sign} {value})")
            }
        })
    }

    /// There is an item, with this attribute, which is not null.
    fn has(&self, p: &mut Placeholders, name: &str) -> String {
        let there = self.there(p);
        let (name, null) = (p.name(name), p.value(json!({ "S": "NULL" })));
        format!("({there} AND attribute_exists({name}) AND NOT attribute_type({name}, {null}))")
    }

    /// Holds of no item.
    fn never(&self, p: &mut Placeholders) -> String {
        let key = p.name(&self.spec.key.name);
        format!("(attribute_exists({key}) AND attribute_not_exists({key}))")
    }

    /// What `update` does, and what must hold for it besides the caller's condition.
    ///
    /// # Errors
    /// `Invalid` for a value that DynamoDB cannot hold.
    pub(super) fn update(
        &self,
        p: &mut Placeholders,
        update: &Update,
    ) -> Result<(String, Vec<String>), Error> {
        let (mut sets, mut removes, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in &update.set {
            match value.is_null() && is_index_key(self.spec, name) {
                // An index takes no null; an item without the attribute is not in it.
                true => removes.push(p.name(name)),
                false => {
                    let (name, value) = (p.name(name), p.value(encode(value)?));
                    sets.push(format!("{name} = {value}"));
                }
            }
        }
        removes.extend(update.remove.iter().map(|name| p.name(name)));
        for (name, by) in &update.increment {
            let name = p.name(name);
            let (zero, step) = (number(p, 0), number(p, *by));
            sets.push(format!("{name} = if_not_exists({name}, {zero}) + {step}"));
            let least = number(p, (-INTEGER_MAX).saturating_sub((*by).min(0)));
            let most = number(p, INTEGER_MAX.saturating_sub((*by).max(0)));
            guards.push(format!(
                "(attribute_not_exists({name}) OR {name} BETWEEN {least} AND {most})"
            ));
        }
        let mut parts = Vec::new();
        if !sets.is_empty() {
            parts.push(format!("SET {}", sets.join(", ")));
        }
        if !removes.is_empty() {
            parts.push(format!("REMOVE {}", removes.join(", ")));
        }
        Ok((parts.join(" "), guards))
    }

    /// Which keys `query` wants.
    pub(super) fn keys(&self, p: &mut Placeholders, query: &Query) -> String {
        let index = query.index.as_ref().and_then(|name| {
            let mut indexes = self.spec.indexes.iter();
            indexes.find(|index| index.name == *name)
        });
        let (key, sort): (&Key, Option<&Key>) = match index {
            Some(index) => (&index.key, index.sort.as_ref()),
            None => (&self.spec.key, self.spec.sort.as_ref()),
        };
        let (name, value) = (
            p.name(&key.name),
            p.value(encode_key_value(&query.partition)),
        );
        let partition = format!("{name} = {value}");
        let (Some(sort), Some(range)) = (sort, &query.sort) else {
            return partition;
        };
        let name = p.name(&sort.name);
        let mut value = |value: &_| p.value(encode_key_value(value));
        let range = match range {
            SortRange::Equal(bound) => format!("{name} = {}", value(bound)),
            SortRange::Less(bound) => format!("{name} < {}", value(bound)),
            SortRange::LessOrEqual(bound) => format!("{name} <= {}", value(bound)),
            SortRange::Greater(bound) => format!("{name} > {}", value(bound)),
            SortRange::GreaterOrEqual(bound) => format!("{name} >= {}", value(bound)),
            SortRange::Between(first, last) => {
                format!("{name} BETWEEN {} AND {}", value(first), value(last))
            }
            // Every string begins so, and DynamoDB refuses to be asked.
            SortRange::BeginsWith(prefix) if prefix.is_empty() => return partition,
            SortRange::BeginsWith(prefix) => {
                format!("begins_with({name}, {})", p.value(json!({ "S": prefix })))
            }
        };
        format!("{partition} AND {range}")
    }
}

fn number(p: &mut Placeholders, number: i64) -> String {
    p.value(json!({ "N": number.to_string() }))
}

/// Whether the attribute decides the place of an item in one of the table's indexes.
pub(super) fn is_index_key(spec: &TableSpec, name: &str) -> bool {
    let is = |key: &Key| key.name == name;
    let mut indexes = spec.indexes.iter();
    indexes.any(|index| is(&index.key) || index.sort.as_ref().is_some_and(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::format::Value as Config;
    use ifc_manifest::kind::table::{ItemSchema, KeySchema, Scalar, TableKnobs};

    fn spec(ttl: Option<&'static str>) -> TableSpec {
        let schema = ItemSchema {
            key: KeySchema {
                name: "id",
                scalar: Scalar::String,
            },
            sort: None,
            indexes: &[],
            ttl,
            version: None,
        };
        let config = Config::written(|encoder| TableKnobs::DEFAULT.encode(&schema, encoder));
        TableSpec::decode(&config).unwrap()
    }

    fn condition(ttl: Option<&'static str>, clause: Clause) -> (String, Value) {
        let spec = spec(ttl);
        let asked = Asked {
            spec: &spec,
            now: 7,
        };
        let mut p = Placeholders::default();
        let text = asked.condition(&mut p, &[clause], false).unwrap().unwrap();
        let mut request = json!({});
        p.add_to(&mut request);
        (text, request)
    }

    #[test]
    fn names_and_values_are_placeholders_whatever_they_are() {
        let clause = Clause::Compare {
            attribute: "size = :v1 OR #n0".to_owned(),
            comparison: Comparison::Less,
            value: json!("select"),
        };
        let (text, request) = condition(None, clause);
        assert_eq!(
            text,
            "((attribute_exists(#n0) AND attribute_exists(#n1) AND NOT attribute_type(#n1, :v0)) \
             AND #n1 < :v1)"
        );
        let names = json!({ "#n0": "id", "#n1": "size = :v1 OR #n0" });
        let values = json!({ ":v0": { "S": "NULL" }, ":v1": { "S": "select" } });
        assert_eq!(request["ExpressionAttributeNames"], names);
        assert_eq!(request["ExpressionAttributeValues"], values);
    }

    #[test]
    fn an_expired_item_is_not_there() {
        let (text, request) = condition(Some("ttl"), Clause::ItemMissing);
        assert_eq!(
            text,
            "NOT (attribute_exists(#n0) AND (NOT attribute_type(#n1, :v0) OR #n1 > :v1))"
        );
        assert_eq!(
            request["ExpressionAttributeValues"][":v1"],
            json!({ "N": "7" })
        );
    }

    #[test]
    fn what_has_no_order_compares_with_nothing() {
        let clause = Clause::Compare {
            attribute: "a".to_owned(),
            comparison: Comparison::GreaterOrEqual,
            value: json!(true),
        };
        let (text, _) = condition(None, clause);
        assert_eq!(
            text,
            "(attribute_exists(#n0) AND attribute_not_exists(#n0))"
        );
    }

    #[test]
    fn an_increment_stays_within_its_range() {
        let spec = spec(None);
        let asked = Asked {
            spec: &spec,
            now: 7,
        };
        let mut p = Placeholders::default();
        let update = Update {
            set: vec![("name".to_owned(), json!(1))],
            remove: vec!["old".to_owned()],
            increment: vec![("n".to_owned(), -3)],
        };
        let (text, guards) = asked.update(&mut p, &update).unwrap();
        assert_eq!(
            text,
            "SET #n0 = :v0, #n2 = if_not_exists(#n2, :v1) + :v2 REMOVE #n1"
        );
        assert_eq!(
            guards,
            ["(attribute_not_exists(#n2) OR #n2 BETWEEN :v3 AND :v4)"]
        );
        let mut request = json!({});
        p.add_to(&mut request);
        let values = &request["ExpressionAttributeValues"];
        assert_eq!(values[":v3"], json!({ "N": "-9007199254740988" }));
        assert_eq!(values[":v4"], json!({ "N": "9007199254740991" }));
    }
}
