//! Records as typed values: what one declaration says, with its source span.

use crate::format::{DecodeError, RawRecord, Value, decode};
use crate::kind::edge::EdgeSpec;
use crate::kind::http_api::HttpApiSpec;
use crate::kind::queue::QueueSpec;
use crate::kind::schedule::ScheduleSpec;
use crate::kind::stream::StreamSpec;
use crate::kind::topic::TopicSpec;
use crate::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_CALL, UnitSpec};
use crate::kind::{Kind, SpecError};
use crate::provider::{ProviderId, Targets};
use crate::support::Demand;
use std::fmt;

/// Where a declaration stands in the user's source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceSpan {
    /// The file as the compiler names it: relative to the workspace for workspace members.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length in characters of what is pointed at.
    pub length: u32,
}

impl fmt::Display for SourceSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A resource's name together with the package that declares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The cargo package whose source holds the declaration.
    pub package: String,
    /// The declared name.
    pub name: String,
}

impl Address {
    /// An address from its parts.
    pub fn new(package: impl Into<String>, name: impl Into<String>) -> Self {
        Address {
            package: package.into(),
            name: name.into(),
        }
    }

    /// How the application sees it: its own resources by their name, those of a library as
    /// `package/name`.
    pub fn within(&self, application_package: &str) -> String {
        if self.package == application_package {
            self.name.clone()
        } else {
            format!("{}/{}", self.package, self.name)
        }
    }
}

/// `ifc::main!()`: which package is the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationDescriptor {
    /// The cargo package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The providers that it is meant to run on.
    pub targets: Targets,
    /// Where the macro stands.
    pub span: SourceSpan,
}

/// `#[resource]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceDescriptor {
    /// Package and name.
    pub address: Address,
    /// The kind.
    pub kind: Kind,
    /// Path of the static, for example `orders::store::ORDERS`.
    pub path: String,
    /// The knobs, as the kind's spec writes them.
    pub config: Value,
    /// Where the static's name stands.
    pub span: SourceSpan,
}

/// What makes a handler run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A request to a route.
    Http {
        /// The API, or `None` for the application's default one.
        api: Option<Address>,
        /// Upper-case method.
        method: String,
        /// Path template.
        path: String,
    },
    /// A direct invocation.
    Call,
    /// The clock. The value holds a [`ScheduleSpec`](crate::kind::schedule::ScheduleSpec).
    Schedule(Value),
    /// Events of a resource.
    Source {
        /// The resource.
        resource: Address,
        /// The edge's word: `consumer`.
        edge: String,
        /// The edge's knobs.
        config: Value,
    },
}

/// A handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerDescriptor {
    /// Package and unit name. Handlers of an API have the name of their function here; the unit is
    /// the API.
    pub address: Address,
    /// Path of the function, for example `orders::fulfil`.
    pub path: String,
    /// What makes it run.
    pub trigger: Trigger,
    /// The unit's knobs; `None` for routes, whose unit is the API.
    pub unit: Option<UnitSpec>,
    /// Where the function's name stands.
    pub span: SourceSpan,
}

/// One record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// `ifc::main!()`.
    Application(ApplicationDescriptor),
    /// `#[resource]`.
    Resource(ResourceDescriptor),
    /// A handler.
    Handler(HandlerDescriptor),
}

/// Why a record is not a descriptor this version understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// The body is not CBOR of our subset.
    Body(DecodeError),
    /// A key is missing or has an unexpected type.
    Key(SpecError),
    /// The record's sort is not known: written by a newer version.
    Sort(String),
    /// The kind is not known: written by a newer version.
    Kind {
        /// The unknown word.
        kind: String,
        /// The resource's name.
        name: String,
        /// Where it is declared.
        span: SourceSpan,
    },
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DescriptorError::Body(error) => write!(f, "record is damaged: {error}"),
            DescriptorError::Key(error) => error.fmt(f),
            DescriptorError::Sort(sort) => write!(f, "record of unknown sort `{sort}`"),
            DescriptorError::Kind { kind, name, span } => {
                write!(f, "resource `{name}` at {span} is of unknown kind `{kind}`")
            }
        }
    }
}

impl std::error::Error for DescriptorError {}

impl From<SpecError> for DescriptorError {
    fn from(error: SpecError) -> Self {
        DescriptorError::Key(error)
    }
}

impl Descriptor {
    /// Decodes a record.
    ///
    /// # Errors
    /// When it is damaged, incomplete, or of a sort or kind that only a newer version knows.
    pub fn decode(record: &RawRecord<'_>) -> Result<Descriptor, DescriptorError> {
        let value = decode(record.body).map_err(DescriptorError::Body)?;
        let span = SourceSpan {
            file: text(&value, "file")?,
            line: number(&value, "line")?,
            column: number(&value, "column")?,
            length: number(&value, "length")?,
        };
        let package = text(&value, "package")?;
        match text(&value, "record")?.as_str() {
            "application" => Ok(Descriptor::Application(ApplicationDescriptor {
                package,
                version: text(&value, "version")?,
                targets: targets(&value)?,
                span,
            })),
            "resource" => resource(&value, package, span).map(Descriptor::Resource),
            "handler" => handler(&value, package, span).map(Descriptor::Handler),
            sort => Err(DescriptorError::Sort(sort.to_owned())),
        }
    }

    /// Where the declaration stands.
    pub fn span(&self) -> &SourceSpan {
        match self {
            Descriptor::Application(application) => &application.span,
            Descriptor::Resource(resource) => &resource.span,
            Descriptor::Handler(handler) => &handler.span,
        }
    }

    /// The package that declares it.
    pub fn package(&self) -> &str {
        match self {
            Descriptor::Application(application) => &application.package,
            Descriptor::Resource(resource) => &resource.address.package,
            Descriptor::Handler(handler) => &handler.address.package,
        }
    }
}

impl ResourceDescriptor {
    /// What the resource asks of its provider.
    ///
    /// # Errors
    /// When the configuration is not what the kind writes.
    pub fn demands(&self) -> Result<Vec<Demand>, SpecError> {
        Ok(match self.kind {
            Kind::HttpApi => HttpApiSpec::decode(&self.config)?.demands(),
            Kind::Queue => QueueSpec::decode(&self.config)?.demands(),
            Kind::Topic => TopicSpec::decode(&self.config)?.demands(),
            Kind::Stream => StreamSpec::decode(&self.config)?.demands(),
            // Their limits are the same everywhere.
            Kind::EventBus | Kind::Table | Kind::Bucket | Kind::Secret | Kind::Config => Vec::new(),
            // They are declared by handlers.
            Kind::Function | Kind::Schedule => Vec::new(),
        })
    }
}

impl HandlerDescriptor {
    /// What the handler's unit and the edge that invokes it ask of their provider. For a route the
    /// API asks.
    ///
    /// # Errors
    /// When the configuration is not what the edge writes.
    pub fn demands(&self) -> Result<Vec<Demand>, SpecError> {
        let (mut demands, timeout) = match &self.trigger {
            Trigger::Http { .. } => return Ok(Vec::new()),
            Trigger::Call => (Vec::new(), &TIMEOUT_CALL),
            Trigger::Schedule(config) => (ScheduleSpec::decode(config)?.demands(), &TIMEOUT_ASYNC),
            Trigger::Source { edge, config, .. } => {
                (EdgeSpec::decode(edge, config)?.demands(), &TIMEOUT_ASYNC)
            }
        };
        if let Some(unit) = &self.unit {
            demands.extend(unit.demands(timeout));
        }
        Ok(demands)
    }
}

/// All providers when the record names none.
fn targets(value: &Value) -> Result<Targets, SpecError> {
    if value.get("targets").is_none() {
        return Ok(Targets::ALL);
    }
    let error = SpecError { key: "targets" };
    let provider = |target: &Value| match target {
        Value::Text(word) => ProviderId::parse(word),
        _ => None,
    };
    let targets: Option<Targets> = value.list("targets").iter().map(provider).collect();
    targets.filter(|targets| !targets.is_empty()).ok_or(error)
}

fn resource(
    value: &Value,
    package: String,
    span: SourceSpan,
) -> Result<ResourceDescriptor, DescriptorError> {
    let name = text(value, "name")?;
    let kind = text(value, "kind")?;
    let Some(kind) = Kind::parse(&kind) else {
        return Err(DescriptorError::Kind { kind, name, span });
    };
    Ok(ResourceDescriptor {
        address: Address { package, name },
        kind,
        path: text(value, "path")?,
        config: entry(value, "config")?.clone(),
        span,
    })
}

fn handler(
    value: &Value,
    package: String,
    span: SourceSpan,
) -> Result<HandlerDescriptor, DescriptorError> {
    let trigger = entry(value, "trigger")?;
    let trigger = match text(trigger, "type")?.as_str() {
        "http" => Trigger::Http {
            api: address(trigger, "api")?,
            method: text(trigger, "method")?,
            path: text(trigger, "path")?,
        },
        "call" => Trigger::Call,
        "schedule" => Trigger::Schedule(trigger.clone()),
        "source" => Trigger::Source {
            resource: address(trigger, "resource")?.ok_or(SpecError { key: "resource" })?,
            edge: text(trigger, "edge")?,
            config: trigger.clone(),
        },
        sort => return Err(DescriptorError::Sort(sort.to_owned())),
    };
    let unit = match value.get("unit") {
        Some(_) => Some(UnitSpec::decode(value)?),
        None => None,
    };
    Ok(HandlerDescriptor {
        address: Address {
            package,
            name: text(value, "name")?,
        },
        path: text(value, "path")?,
        trigger,
        unit,
        span,
    })
}

/// An address under `key`, as `{package, name}`.
fn address(value: &Value, key: &'static str) -> Result<Option<Address>, SpecError> {
    let Some(address) = value.get(key) else {
        return Ok(None);
    };
    Ok(Some(Address {
        package: text(address, "package")?,
        name: text(address, "name")?,
    }))
}

fn entry<'a>(value: &'a Value, key: &'static str) -> Result<&'a Value, SpecError> {
    value.get(key).ok_or(SpecError { key })
}

fn text(value: &Value, key: &'static str) -> Result<String, SpecError> {
    value.text(key).map(str::to_owned).ok_or(SpecError { key })
}

fn number(value: &Value, key: &'static str) -> Result<u32, SpecError> {
    value
        .uint(key)
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(SpecError { key })
}
