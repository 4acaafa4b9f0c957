//! From a graph to the parts of a stage. Pure: equal graphs and artifacts give equal blueprints.
//!
//! Every resource becomes a part of its kind, with the properties that the graph's published form
//! gives it; so a new knob or a new kind needs nothing here but an answer to what it takes to change
//! it. Every unit becomes a part that names the program and what it may do, and its triggers become
//! parts of their own, because they have queues with messages in them.

use crate::parts::from_json;
use crate::stage::UNIT;
use crate::{Artifact, PROVIDER};
use ifc_engine::{
    ApplicationName, Blueprint, BlueprintError, ChangeClass, Naming, Part, PartAddress, StageName,
    Value,
};
use ifc_graph::{Graph, wire};
use ifc_manifest::Kind;
use std::collections::BTreeMap;
use std::fmt;

type Json = serde_json::Value;
type Fields = serde_json::Map<String, Json>;

/// Why a graph has no blueprint.
#[derive(Debug)]
pub enum LoweringError {
    /// Names that the engine does not take.
    Name(String),
    /// Parts that contradict each other.
    Blueprint(Vec<BlueprintError>),
}

impl fmt::Display for LoweringError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoweringError::Name(message) => formatter.write_str(message),
            LoweringError::Blueprint(errors) => {
                for (position, error) in errors.iter().enumerate() {
                    if position > 0 {
                        formatter.write_str("; ")?;
                    }
                    write!(formatter, "{error}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LoweringError {}

/// The parts that make a stage of this application.
///
/// # Errors
/// When names collide, or a name is longer than a part's may be.
pub fn lower(
    graph: &Graph,
    artifact: &Artifact,
    application: &ApplicationName,
    stage: &StageName,
) -> Result<Blueprint, LoweringError> {
    let json = serde_json::to_value(wire::graph(graph)).unwrap_or_default();
    let mut lowering = Lowering {
        application,
        stage,
        parts: Vec::new(),
    };
    let program = lowering.program(artifact)?;
    for resource in list(&json, "resources") {
        lowering.resource(resource)?;
    }
    for unit in list(&json, "units") {
        lowering.unit(unit, &program, &json)?;
    }
    for trigger in merged_routes(&json) {
        lowering.trigger(&trigger)?;
    }
    let parts = lowering.parts;
    Blueprint::new(
        application.clone(),
        stage.clone(),
        PROVIDER,
        artifact.fingerprint.clone(),
        parts,
    )
    .map_err(LoweringError::Blueprint)
}

struct Lowering<'a> {
    application: &'a ApplicationName,
    stage: &'a StageName,
    parts: Vec<Part>,
}

impl Lowering<'_> {
    fn part(&self, owner: &str, part: &str, reason: &str) -> Result<Part, LoweringError> {
        let address = address(owner, part)?;
        let naming = Naming::fixed(format!("{owner}.{part}").replace('/', "~"));
        let mut made = Part::new(address, part, naming)
            .tagged("ifc-app", self.application.as_str())
            .tagged("ifc-stage", self.stage.as_str())
            .tagged("ifc-resource", owner);
        made.reason = reason.to_owned();
        Ok(made)
    }

    fn program(&mut self, artifact: &Artifact) -> Result<PartAddress, LoweringError> {
        let reason = "the program with all units of the application";
        let mut part = self.part("application", "program", reason)?.with(
            "fingerprint",
            artifact.fingerprint.as_str(),
            ChangeClass::InPlace,
        );
        part.label = "the program".to_owned();
        let part = part.with_volatile_output("fingerprint");
        let address = part.address.clone();
        self.parts.push(part);
        Ok(address)
    }

    fn resource(&mut self, resource: &Json) -> Result<(), LoweringError> {
        let (kind, name) = (text(resource, "kind"), text(resource, "name"));
        let Some(known) = Kind::parse(kind) else {
            return Ok(());
        };
        let reason = format!("{kind} `{name}` is declared");
        let mut part = self.part(name, kind, &reason)?;
        part.label = format!("{kind} `{name}`");
        part.source = place(resource);
        for (property, value) in fields(resource, "spec") {
            if property == "retention" {
                part.lifecycle.retain = value == "retain";
            } else {
                let class = on_change(known, property);
                part = part.with(property, from_json(value), class);
            }
        }
        self.parts.push(part);
        Ok(())
    }

    fn unit(
        &mut self,
        unit: &Json,
        program: &PartAddress,
        graph: &Json,
    ) -> Result<(), LoweringError> {
        let name = text(unit, "name");
        let reason = format!("{} `{name}` is a unit", text(unit, "sort"));
        let mut part = self.part(name, UNIT, &reason)?;
        part.label = format!("unit `{name}`");
        part.source = place(unit);
        part = part.with(
            "program",
            Value::output(program, "fingerprint"),
            ChangeClass::InPlace,
        );
        for (property, value) in fields(unit, "spec") {
            part = part.with(property, from_json(value), ChangeClass::InPlace);
        }
        let mut permissions: BTreeMap<String, Value> = BTreeMap::new();
        for binding in list(graph, "bindings") {
            if text(binding, "unit") != name {
                continue;
            }
            let resource = binding.get("resource").unwrap_or(&Json::Null);
            let (kind, bound) = (text(resource, "kind"), text(resource, "name"));
            let verbs = binding.get("grants").map_or(Value::Null, from_json);
            permissions.insert(format!("{kind} {bound}"), verbs);
            // A function is bound as a unit, and units may call each other in circles.
            if kind != Kind::Function.as_str() {
                part = part.after(&address(bound, kind)?);
            }
        }
        let searched = graph.get("bindings").is_some();
        let may = match searched {
            true => Value::Map(permissions),
            false => Value::text("everything: its permissions could not be derived"),
        };
        self.parts.push(part.with("may", may, ChangeClass::InPlace));
        Ok(())
    }

    fn trigger(&mut self, trigger: &Trigger) -> Result<(), LoweringError> {
        let Trigger { unit, sort, source } = trigger;
        let reason = format!("it makes unit `{unit}` run");
        let mut part = self
            .part(unit, sort, &reason)?
            .after(&address(unit, "unit")?);
        part.label = format!("{sort} of unit `{unit}`");
        for (property, value) in source {
            match property.as_str() {
                "type" => {}
                "resource" => {
                    let (kind, name) = (text(value, "kind"), text(value, "name"));
                    part = part.after(&address(name, kind)?).with(
                        "source",
                        format!("{kind} {name}").as_str(),
                        // Messages of another source are another thing.
                        ChangeClass::Replace,
                    );
                }
                _ => part = part.with(property, from_json(value), ChangeClass::InPlace),
            }
        }
        self.parts.push(part);
        Ok(())
    }
}

/// What makes a unit run, in the form of a part.
struct Trigger {
    unit: String,
    /// The part's name: `routes`, `schedule`, `calls`, or the word of an edge.
    sort: String,
    source: Fields,
}

/// The triggers, with the routes of a unit in one.
fn merged_routes(graph: &Json) -> Vec<Trigger> {
    let mut routes: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let mut triggers = Vec::new();
    for trigger in list(graph, "triggers") {
        let unit = text(trigger, "unit").to_owned();
        let source = fields(trigger, "source");
        let word = |key: &str| source.get(key).and_then(Json::as_str).unwrap_or_default();
        let sort = match word("type") {
            "route" => {
                let route = format!("{} {}", word("method"), word("path"));
                routes.entry(unit).or_default().push(Json::String(route));
                continue;
            }
            "events" => word("edge"),
            "call" => "calls",
            other => other,
        };
        triggers.push(Trigger {
            unit,
            sort: sort.to_owned(),
            source: source.clone(),
        });
    }
    for (unit, mut list) in routes {
        list.sort_by_key(|route| route.to_string());
        let mut source = Fields::new();
        source.insert("routes".to_owned(), Json::Array(list));
        let sort = "routes".to_owned();
        triggers.push(Trigger { unit, sort, source });
    }
    triggers
}

/// What it takes to change a knob of a resource that holds data. Whatever is not named here takes
/// effect when the application starts anew.
fn on_change(kind: Kind, property: &str) -> ChangeClass {
    match (kind, property) {
        // The items are stored under their key.
        (Kind::Table, "key" | "sort" | "isolated") => ChangeClass::Refuse,
        // The messages are stored in the order of their groups, or in none.
        (Kind::Queue | Kind::Topic, "fifo") => ChangeClass::Replace,
        _ => ChangeClass::InPlace,
    }
}

/// The address of the part of this sort of an owner.
pub(crate) fn address(owner: &str, part: &str) -> Result<PartAddress, LoweringError> {
    PartAddress::new(owner.replace('/', ":"), part)
        .map_err(|error| LoweringError::Name(error.to_string()))
}

fn list<'a>(of: &'a Json, key: &str) -> &'a [Json] {
    let found = of.get(key).and_then(Json::as_array);
    found.map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Json, key: &str) -> &'a str {
    of.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn fields<'a>(of: &'a Json, key: &str) -> &'a Fields {
    static NONE: std::sync::LazyLock<Fields> = std::sync::LazyLock::new(Fields::new);
    of.get(key).and_then(Json::as_object).unwrap_or(&NONE)
}

/// `src/main.rs:12:5`.
fn place(of: &Json) -> Option<String> {
    let place = of.get("place")?;
    let number = |key: &str| place.get(key).and_then(Json::as_u64);
    Some(format!(
        "{}:{}:{}",
        text(place, "file"),
        number("line")?,
        number("column")?
    ))
}
