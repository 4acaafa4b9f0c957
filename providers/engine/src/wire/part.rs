//! Parts and their records.

use super::value::{WireValues, from_wire, to_wire, values_from_wire, values_to_wire};
use super::{Detail, parsed};
use crate::model::{
    ChangeClass, Identity, Lifecycle, Naming, Part, PartAddress, PartType, PhysicalName, Property,
};
use crate::state::{Leftover, LeftoverReason, PartRecord, Unsettled};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePart {
    address: String,
    r#type: String,
    naming: WireNaming,
    properties: BTreeMap<String, WireProperty>,
    outputs: BTreeSet<String>,
    volatile_outputs: BTreeSet<String>,
    retain: bool,
    protected: bool,
    tags: BTreeMap<String, String>,
    after: BTreeSet<String>,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireProperty {
    value: Json,
    on_change: WireClass,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireClass {
    InPlace,
    Replace,
    Refuse,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum WireNaming {
    Fixed(String),
    Generated {
        stem: String,
        scope: String,
        length_max: usize,
        digest_length: usize,
        separator: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        ending: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireRecord {
    r#type: String,
    physical_name: String,
    generation: u32,
    properties: WireValues,
    outputs: WireValues,
    tags: BTreeMap<String, String>,
    retain: bool,
    protected: bool,
    dependencies: BTreeSet<String>,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsettled: Option<WireUnsettled>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireUnsettled {
    Creating,
    Updating,
    Deleting,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireLeftover {
    address: String,
    record: WireRecord,
    why: WireWhy,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireWhy {
    Superseded,
    Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireIdentity {
    r#type: String,
    physical_name: String,
}

pub(super) fn addresses_to_wire(addresses: &BTreeSet<PartAddress>) -> BTreeSet<String> {
    addresses.iter().map(ToString::to_string).collect()
}

pub(super) fn addresses_from_wire(
    addresses: &BTreeSet<String>,
) -> Result<BTreeSet<PartAddress>, Detail> {
    addresses.iter().map(|address| parsed(address)).collect()
}

impl From<ChangeClass> for WireClass {
    fn from(class: ChangeClass) -> WireClass {
        match class {
            ChangeClass::InPlace => WireClass::InPlace,
            ChangeClass::Replace => WireClass::Replace,
            ChangeClass::Refuse => WireClass::Refuse,
        }
    }
}

impl From<WireClass> for ChangeClass {
    fn from(class: WireClass) -> ChangeClass {
        match class {
            WireClass::InPlace => ChangeClass::InPlace,
            WireClass::Replace => ChangeClass::Replace,
            WireClass::Refuse => ChangeClass::Refuse,
        }
    }
}

impl From<&Naming> for WireNaming {
    fn from(naming: &Naming) -> WireNaming {
        match naming.clone() {
            Naming::Fixed(name) => WireNaming::Fixed(name.as_str().to_owned()),
            Naming::Generated {
                stem,
                scope,
                length_max,
                digest_length,
                separator,
                ending,
            } => WireNaming::Generated {
                stem,
                scope,
                length_max,
                digest_length,
                separator,
                ending,
            },
        }
    }
}

impl From<WireNaming> for Naming {
    fn from(naming: WireNaming) -> Naming {
        match naming {
            WireNaming::Fixed(name) => Naming::fixed(name),
            WireNaming::Generated {
                stem,
                scope,
                length_max,
                digest_length,
                separator,
                ending,
            } => Naming::Generated {
                stem,
                scope,
                length_max,
                digest_length,
                separator,
                ending,
            },
        }
    }
}

impl From<&Part> for WirePart {
    fn from(part: &Part) -> WirePart {
        let properties = part.properties.iter().map(|(name, property)| {
            let property = WireProperty {
                value: to_wire(&property.value),
                on_change: property.on_change.into(),
            };
            (name.clone(), property)
        });
        WirePart {
            address: part.address.to_string(),
            r#type: part.part_type.to_string(),
            naming: (&part.naming).into(),
            properties: properties.collect(),
            outputs: part.outputs.clone(),
            volatile_outputs: part.volatile_outputs.clone(),
            retain: part.lifecycle.retain,
            protected: part.lifecycle.protected,
            tags: part.tags.clone(),
            after: addresses_to_wire(&part.after),
            label: part.label.clone(),
            source: part.source.clone(),
            reason: part.reason.clone(),
        }
    }
}

impl TryFrom<WirePart> for Part {
    type Error = Detail;

    fn try_from(wire: WirePart) -> Result<Part, Detail> {
        let properties = wire.properties.into_iter().map(|(name, property)| {
            let property = Property {
                value: from_wire(&property.value)?,
                on_change: property.on_change.into(),
            };
            Ok((name, property))
        });
        Ok(Part {
            address: parsed(&wire.address)?,
            part_type: PartType::new(wire.r#type),
            naming: wire.naming.into(),
            properties: properties.collect::<Result<_, Detail>>()?,
            outputs: wire.outputs,
            volatile_outputs: wire.volatile_outputs,
            lifecycle: Lifecycle {
                retain: wire.retain,
                protected: wire.protected,
            },
            tags: wire.tags,
            after: addresses_from_wire(&wire.after)?,
            label: wire.label,
            source: wire.source,
            reason: wire.reason,
        })
    }
}

impl From<&PartRecord> for WireRecord {
    fn from(record: &PartRecord) -> WireRecord {
        WireRecord {
            r#type: record.part_type.to_string(),
            physical_name: record.physical_name.to_string(),
            generation: record.generation,
            properties: values_to_wire(&record.properties),
            outputs: values_to_wire(&record.outputs),
            tags: record.tags.clone(),
            retain: record.lifecycle.retain,
            protected: record.lifecycle.protected,
            dependencies: addresses_to_wire(&record.dependencies),
            label: record.label.clone(),
            unsettled: record.unsettled.map(|unsettled| match unsettled {
                Unsettled::Creating => WireUnsettled::Creating,
                Unsettled::Updating => WireUnsettled::Updating,
                Unsettled::Deleting => WireUnsettled::Deleting,
            }),
        }
    }
}

impl TryFrom<WireRecord> for PartRecord {
    type Error = Detail;

    fn try_from(wire: WireRecord) -> Result<PartRecord, Detail> {
        Ok(PartRecord {
            part_type: PartType::new(wire.r#type),
            physical_name: PhysicalName::new(wire.physical_name),
            generation: wire.generation,
            properties: values_from_wire(&wire.properties)?,
            outputs: values_from_wire(&wire.outputs)?,
            tags: wire.tags,
            lifecycle: Lifecycle {
                retain: wire.retain,
                protected: wire.protected,
            },
            dependencies: addresses_from_wire(&wire.dependencies)?,
            label: wire.label,
            unsettled: wire.unsettled.map(|unsettled| match unsettled {
                WireUnsettled::Creating => Unsettled::Creating,
                WireUnsettled::Updating => Unsettled::Updating,
                WireUnsettled::Deleting => Unsettled::Deleting,
            }),
        })
    }
}

impl From<&Leftover> for WireLeftover {
    fn from(leftover: &Leftover) -> WireLeftover {
        WireLeftover {
            address: leftover.address.to_string(),
            record: (&leftover.record).into(),
            why: match leftover.why {
                LeftoverReason::Superseded => WireWhy::Superseded,
                LeftoverReason::Kept => WireWhy::Kept,
            },
        }
    }
}

impl TryFrom<WireLeftover> for Leftover {
    type Error = Detail;

    fn try_from(wire: WireLeftover) -> Result<Leftover, Detail> {
        Ok(Leftover {
            address: parsed(&wire.address)?,
            record: wire.record.try_into()?,
            why: match wire.why {
                WireWhy::Superseded => LeftoverReason::Superseded,
                WireWhy::Kept => LeftoverReason::Kept,
            },
        })
    }
}

impl From<&Identity> for WireIdentity {
    fn from(identity: &Identity) -> WireIdentity {
        WireIdentity {
            r#type: identity.part_type.to_string(),
            physical_name: identity.physical_name.to_string(),
        }
    }
}

impl From<WireIdentity> for Identity {
    fn from(wire: WireIdentity) -> Identity {
        Identity {
            part_type: PartType::new(wire.r#type),
            physical_name: PhysicalName::new(wire.physical_name),
        }
    }
}
