//! From a graph to the parts of a stage at AWS. Pure: equal graphs, programs and contexts give equal
//! blueprints, byte for byte.
//!
//! One file per kind says what a resource of it becomes; `unit.rs` what a unit becomes, with what makes
//! it run. Every asynchronous edge has a queue: a declared queue is that of its consumer, every other
//! edge owns one, the inbox of its unit. What a property is called, and what it takes to change it, is
//! the catalog's to know.

mod bucket;
mod config;
mod event_bus;
mod http_api;
mod inbox;
mod mapping;
mod queue;
mod schedule;
mod secret;
mod stream;
mod table;
mod topic;
mod uses;

mod unit;

pub(crate) use mapping::mapping_name;
pub(crate) use queue::subscription_part;

use crate::catalog::{self, Entry, Name};
use crate::naming::{Context, tag};
use ifc_engine::{
    Blueprint, BlueprintError, ChangeClass, Fingerprint, Naming, Part, PartAddress, Value,
};
use ifc_graph::{Graph, Resource, ResourceId, Spec};
use ifc_manifest::{Kind, SourceSpan};
use std::collections::BTreeMap;
use std::fmt;

/// The provider's word.
pub const PROVIDER: &str = "aws";

/// Most bytes of a function's environment, names and values together.
const ENVIRONMENT_BYTES_MAX: usize = 4_096;

/// Most characters of what a role's own policies say, white space apart.
const POLICY_CHARACTERS_MAX: usize = 10_240;

/// Why a graph has no blueprint at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoweringError {
    /// It is not known what the units may do, so that no policy can say it.
    NoPermissions,
    /// A name that is longer than a part's may be.
    Name(String),
    /// The environment of a unit has no room for where its resources are.
    Environment {
        /// The unit.
        unit: String,
        /// What it would have, in bytes.
        bytes: usize,
    },
    /// A unit may do more than the policies of its role have room for.
    Policy {
        /// The unit.
        unit: String,
        /// What it would have, in characters.
        characters: usize,
    },
    /// A unit that is fed by a queue is to have fewer instances than Lambda takes from one with.
    Instances {
        /// The unit.
        unit: String,
    },
    /// Two units hear of the same objects of a bucket.
    Overlap {
        /// The bucket.
        bucket: String,
        /// The units.
        units: [String; 2],
    },
    /// Parts that contradict each other.
    Blueprint(Vec<BlueprintError>),
}

impl fmt::Display for LoweringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoweringError::NoPermissions => f.write_str(
                "it could not be derived what the units may do, and on aws each has a role of its \
                 own that says so; see what `ifc check` says of permissions",
            ),
            LoweringError::Name(message) => f.write_str(message),
            LoweringError::Environment { unit, bytes } => write!(
                f,
                "unit `{unit}` uses so many resources that their names take {bytes} bytes of its \
                 environment, and aws allows {ENVIRONMENT_BYTES_MAX}; split the unit, or give the \
                 resources shorter names"
            ),
            LoweringError::Policy { unit, characters } => write!(
                f,
                "unit `{unit}` may do so much that its policy takes {characters} characters, and \
                 aws allows {POLICY_CHARACTERS_MAX} for a role; split the unit"
            ),
            LoweringError::Instances { unit } => write!(
                f,
                "unit `{unit}` is to have one instance, and aws takes from a queue with two at \
                 least; ask for two or more (a fifo queue with one group is worked off one by one \
                 all the same)"
            ),
            LoweringError::Overlap {
                bucket,
                units: [one, other],
            } => write!(
                f,
                "units `{one}` and `{other}` hear of the same objects of bucket `{bucket}`, and aws \
                 tells of an object once; give them prefixes or suffixes that exclude each other, \
                 or let one unit publish to a topic that both subscribe to"
            ),
            LoweringError::Blueprint(errors) => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join("; "))
            }
        }
    }
}

impl std::error::Error for LoweringError {}

/// The parts that make a stage of this application. `archive` is the fingerprint of the packed
/// program.
///
/// # Errors
/// Everything that AWS has no room for, as far as it can be told beforehand.
pub fn lower(
    graph: &Graph,
    archive: &Fingerprint,
    context: &Context,
) -> Result<Blueprint, LoweringError> {
    if graph.bindings.is_none() {
        return Err(LoweringError::NoPermissions);
    }
    let mut lowering = Lowering {
        graph,
        context,
        parts: BTreeMap::new(),
        duplicates: Vec::new(),
    };
    lowering.program(archive)?;
    for resource in &graph.resources {
        lowering.resource(resource)?;
    }
    // What a unit uses may be what another unit has, such as its inbox.
    let mut inboxes = BTreeMap::new();
    for unit in &graph.units {
        if let Some(inbox) = lowering.inbox(unit)? {
            inboxes.insert(unit.name.clone(), inbox);
        }
    }
    for unit in &graph.units {
        lowering.unit(unit, inboxes.get(&unit.name))?;
    }
    lowering.notifications()?;
    lowering.queue_policies()?;
    let parts = lowering.parts.into_values().chain(lowering.duplicates);
    Blueprint::new(
        context.application.clone(),
        context.stage.clone(),
        PROVIDER,
        archive.clone(),
        parts,
    )
    .map_err(LoweringError::Blueprint)
}

/// Whether a part is the one that holds the data of a resource.
pub fn holds(part: &Part, resource: &ResourceId) -> bool {
    let holder = match resource.kind {
        Kind::Queue => catalog::QUEUE,
        Kind::Topic => catalog::TOPIC,
        Kind::Stream => catalog::STREAM,
        Kind::EventBus => catalog::EVENT_BUS,
        Kind::Table => catalog::TABLE,
        Kind::Bucket => catalog::BUCKET,
        Kind::Secret => catalog::SECRET,
        Kind::Config => catalog::PARAMETER,
        Kind::HttpApi => catalog::API,
        Kind::Function | Kind::Schedule => return false,
    };
    // A queue has its dead letters beside it, a unit its inbox.
    let is_main = match resource.kind {
        Kind::Queue => part.address.part() == "queue",
        _ => true,
    };
    is_main && part.part_type.as_str() == holder && part.address.resource() == owner(&resource.name)
}

struct Lowering<'a> {
    graph: &'a Graph,
    context: &'a Context,
    parts: BTreeMap<PartAddress, Part>,
    /// Parts of addresses that are taken, for the blueprint to complain about.
    duplicates: Vec<Part>,
}

/// What is said of a part to people.
#[derive(Clone)]
struct About {
    label: String,
    source: Option<String>,
    reason: String,
    /// The unit that it belongs to, if one.
    unit: Option<String>,
}

impl About {
    fn resource(resource: &Resource) -> About {
        let (kind, name) = (resource.id.kind, &resource.id.name);
        About {
            label: format!("{kind} `{name}`"),
            source: Some(place(&resource.span)),
            reason: format!("{kind} `{name}` is declared"),
            unit: None,
        }
    }

    /// The same for a part beside the main one.
    fn beside(&self, what: &str, reason: impl Into<String>) -> About {
        About {
            label: format!("{what} of {}", self.label),
            reason: reason.into(),
            ..self.clone()
        }
    }
}

/// A part on its way.
struct Making {
    part: Part,
    entry: &'static Entry,
}

impl Making {
    /// With a property.
    ///
    /// # Panics
    /// When the catalog does not have it.
    fn set(mut self, property: &str, value: impl Into<Value>) -> Making {
        let entry = self.entry;
        let class = entry
            .on_change(property)
            .unwrap_or_else(|| panic!("the catalog has no {property} of {}", entry.part_type));
        self.part = self.part.with(property, value, class);
        self
    }

    /// With a property if there is a value for it.
    fn set_if(self, property: &str, value: Option<Value>) -> Making {
        match value {
            Some(value) => self.set(property, value),
            None => self,
        }
    }

    fn after(mut self, other: &PartAddress) -> Making {
        self.part = self.part.after(other);
        self
    }

    fn retained(mut self, retain: bool) -> Making {
        self.part.lifecycle.retain = retain;
        self
    }

    /// With an output that only some parts of the type have.
    fn telling(mut self, output: &str) -> Making {
        self.part = self.part.with_volatile_output(output);
        self
    }
}

impl Lowering<'_> {
    /// A part with a name of its own.
    fn named(
        &self,
        owner: &str,
        part: &str,
        part_type: &str,
        about: &About,
    ) -> Result<Making, LoweringError> {
        let naming = self.context.naming(entry(part_type), owner, part);
        self.make(owner, part, part_type, naming, about)
    }

    /// A part whose name will never be another one, because nothing replaces it.
    fn fixed(
        &self,
        owner: &str,
        part: &str,
        part_type: &str,
        about: &About,
    ) -> Result<Making, LoweringError> {
        let name = self.context.fixed(entry(part_type), owner, part);
        self.make(owner, part, part_type, Naming::fixed(name), about)
    }

    /// A part within another one.
    fn within(
        &self,
        address: (&str, &str),
        part_type: &str,
        physical_name: String,
        about: &About,
    ) -> Result<Making, LoweringError> {
        let (owner, part) = address;
        debug_assert!(matches!(entry(part_type).name, Name::Within { .. }));
        self.make(owner, part, part_type, Naming::fixed(physical_name), about)
    }

    fn make(
        &self,
        owner: &str,
        part: &str,
        part_type: &str,
        naming: Naming,
        about: &About,
    ) -> Result<Making, LoweringError> {
        let entry = entry(part_type);
        let mut made = Part::new(address(owner, part)?, part_type, naming)
            .tagged(tag::APPLICATION, self.context.application.as_str())
            .tagged(tag::STAGE, self.context.stage.as_str())
            .tagged(tag::RESOURCE, owner)
            .tagged(tag::PART, part);
        if let Some(unit) = &about.unit {
            made = made.tagged(tag::UNIT, unit);
        }
        for output in entry.outputs.iter().filter(|output| !output.optional) {
            made = match output.volatile {
                true => made.with_volatile_output(output.name),
                false => made.with_output(output.name),
            };
        }
        made.label.clone_from(&about.label);
        made.source.clone_from(&about.source);
        made.reason.clone_from(&about.reason);
        Ok(Making { part: made, entry })
    }

    /// Adds a part. What cannot be changed in place is said also when it is not set.
    fn add(&mut self, making: Making) -> PartAddress {
        let Making { mut part, entry } = making;
        for (property, class) in entry.properties {
            if *class != ChangeClass::InPlace && !part.properties.contains_key(*property) {
                part = part.with(*property, Value::Null, *class);
            }
        }
        let address = part.address.clone();
        match self.parts.contains_key(&address) {
            true => self.duplicates.push(part),
            false => {
                self.parts.insert(address.clone(), part);
            }
        }
        address
    }

    /// What a part is called as long as it is not replaced: enough to know its parent by, and how
    /// long names are.
    fn first_name(&self, address: &PartAddress) -> String {
        let part = self.parts.get(address);
        let name = part.map(|part| part.naming.name(0).as_str().to_owned());
        name.unwrap_or_default()
    }

    /// The value as it will about be once all outputs are known, for telling its size.
    fn sample(&self, value: &Value) -> Value {
        value.resolve(&|reference| {
            let part = self.parts.get(&reference.part)?;
            let name = part.naming.name(0);
            let Context {
                region, account, ..
            } = self.context;
            let entry = catalog::find(part.part_type.as_str())?;
            let arns = || entry.arns_of(self.context.partition(), region, account, name.as_str());
            // Names, and ARNs of everything that is known by one.
            let is_name = match (part.part_type.as_str(), reference.output.as_str()) {
                (catalog::TOPIC | catalog::SECRET, "Ref") => false,
                (_, output) => output == "Ref" || output.ends_with("Name"),
            };
            Some(match is_name {
                true => Value::text(name.as_str()),
                false => Value::Text(arns().into_iter().next().unwrap_or_default()),
            })
        })
    }

    fn program(&mut self, archive: &Fingerprint) -> Result<(), LoweringError> {
        let about = About {
            label: "the bucket of the program".to_owned(),
            source: None,
            reason: "functions are made of an archive in a bucket".to_owned(),
            unit: None,
        };
        let bucket = self.named("application", "artifacts", catalog::BUCKET, &about)?;
        let bucket = self.add(bucket::private(bucket).set(
            "LifecycleConfiguration",
            bucket::lifecycle(std::iter::empty()),
        ));
        let about = About {
            label: "the program".to_owned(),
            reason: "the program with all units of the application".to_owned(),
            ..about
        };
        let name = format!("{}/program", self.first_name(&bucket));
        let program = self.within(("application", "program"), catalog::OBJECT, name, &about)?;
        self.add(
            program
                .set("Bucket", Value::output(&bucket, "Ref"))
                .set("Key", Value::Text(format!("{}.zip", archive.as_str()))),
        );
        Ok(())
    }

    fn resource(&mut self, resource: &Resource) -> Result<(), LoweringError> {
        match &resource.spec {
            Spec::Queue(spec) => self.queue(resource, spec),
            Spec::Topic(spec) => self.topic(resource, spec),
            Spec::Stream(spec) => self.stream(resource, spec),
            Spec::EventBus(spec) => self.event_bus(resource, spec),
            Spec::Table(spec) => self.table(resource, spec),
            Spec::Bucket(spec) => self.bucket(resource, spec),
            Spec::Secret(spec) => self.secret(resource, spec),
            Spec::Config(spec) => self.config(resource, spec),
            // Its parts are those of its unit.
            Spec::HttpApi(_) => Ok(()),
        }
    }
}

fn entry(part_type: &str) -> &'static Entry {
    catalog::find(part_type).expect("the types of the catalog's constants are in it")
}

/// The first half of the addresses of a thing's parts. Names of libraries' things have a slash, which
/// addresses cannot.
fn owner(name: &str) -> String {
    name.replace('/', ":")
}

pub(crate) fn address(name: &str, part: &str) -> Result<PartAddress, LoweringError> {
    PartAddress::new(owner(name), part).map_err(|error| LoweringError::Name(error.to_string()))
}

/// `src/main.rs:12:5`.
fn place(span: &SourceSpan) -> String {
    format!("{}:{}:{}", span.file, span.line, span.column)
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    list(items.into_iter().map(Value::text))
}

/// Whole seconds, up.
fn seconds(duration: std::time::Duration) -> i64 {
    let up = u64::from(duration.subsec_nanos() > 0);
    i64::try_from(duration.as_secs() + up).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod everything;
#[cfg(test)]
mod tests;
