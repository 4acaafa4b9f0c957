//! Whose a thing is, and which of its tags must change.

use crate::naming::tag;
use ifc_engine::Owner;
use std::collections::BTreeMap;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// Ours is what carries the tags of this application and stage.
pub(crate) fn owner(wanted: &Tags, found: &Tags) -> Owner {
    let foreign = [tag::APPLICATION, tag::STAGE]
        .into_iter()
        .find(|tag| found.get(*tag) != wanted.get(*tag));
    match foreign {
        None => Owner::Ours,
        Some(tag) => Owner::Foreign {
            description: match found.get(tag) {
                Some(value) => format!("something with the tag {tag}={value}"),
                None => format!("something without the tag {tag}"),
            },
        },
    }
}

/// What makes one set of tags another. Tags of AWS itself stay.
pub(crate) struct TagChange {
    pub(crate) set: Tags,
    pub(crate) remove: Vec<String>,
}

impl TagChange {
    pub(crate) fn between(found: &Tags, wanted: &Tags) -> TagChange {
        let set = wanted
            .iter()
            .filter(|(key, value)| found.get(*key) != Some(*value));
        let remove = found
            .keys()
            .filter(|key| !wanted.contains_key(*key) && !key.starts_with("aws:"));
        TagChange {
            set: set
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            remove: remove.cloned().collect(),
        }
    }
}

/// Builds a list of one SDK's tags, and reads it; each SDK has a type of its own for them.
macro_rules! sdk_tags {
    ($to:ident, $from:ident, $tag:ty, fallible) => {
        fn $to(tags: &$crate::parts::Tags) -> Vec<$tag> {
            let tag = |(key, value): (&String, &String)| {
                <$tag>::builder().key(key).value(value).build().ok()
            };
            tags.iter().filter_map(tag).collect()
        }

        fn $from(tags: &[$tag]) -> $crate::parts::Tags {
            let pair = |tag: &$tag| (tag.key().to_owned(), tag.value().to_owned());
            tags.iter().map(pair).collect()
        }
    };
    ($to:ident, $from:ident, $tag:ty, optional) => {
        fn $to(tags: &$crate::parts::Tags) -> Vec<$tag> {
            let tag =
                |(key, value): (&String, &String)| <$tag>::builder().key(key).value(value).build();
            tags.iter().map(tag).collect()
        }

        fn $from(tags: &[$tag]) -> $crate::parts::Tags {
            let pair = |tag: &$tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
            tags.iter().filter_map(pair).collect()
        }
    };
}
pub(crate) use sdk_tags;

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn ours_are_of_this_application_and_stage() {
        let wanted = tags(&[("ifc-app", "shop"), ("ifc-stage", "dev"), ("feature", "x")]);
        assert_eq!(owner(&wanted, &wanted), Owner::Ours);
        let without_feature = tags(&[("ifc-app", "shop"), ("ifc-stage", "dev")]);
        assert_eq!(owner(&wanted, &without_feature), Owner::Ours);
        let Owner::Foreign { description } = owner(&wanted, &tags(&[("ifc-app", "shop")])) else {
            panic!("taken for ours");
        };
        assert_eq!(description, "something without the tag ifc-stage");
    }

    #[test]
    fn only_what_differs_is_changed() {
        let found = tags(&[("a", "1"), ("b", "1"), ("c", "1"), ("aws:x", "1")]);
        let change = TagChange::between(&found, &tags(&[("a", "1"), ("b", "2"), ("d", "3")]));
        assert_eq!(change.set, tags(&[("b", "2"), ("d", "3")]));
        assert_eq!(change.remove, ["c"]);
    }
}
