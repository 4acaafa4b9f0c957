//! A stage in a directory: what the engine creates, reads, changes and deletes.
//!
//! ```text
//! parts/TYPE/NAME.json     one file per part: tags, properties
//! artifacts/FINGERPRINT    programs
//! data/                    what the running application stores
//! ```

use crate::lowering::address;
use crate::parts::{Parts, Record, from_json, replace, to_json};
use crate::{Artifact, PROVIDER, data};
use ifc_engine::{
    Actual, ApplicationName, Desired, Owner, PartType, Progress, Provider, ProviderError,
    ProviderErrorKind, Reading, StageName, Target, Value, async_trait,
};
use ifc_local::Removal;
use ifc_local::settings::{Settings, UnitSettings};
use ifc_manifest::Kind;
use ifc_manifest::kind::edge::Edge;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

type Json = serde_json::Value;

/// The part type of the program.
const PROGRAM: &str = "program";

/// The property and output of the program by which it is named.
const FINGERPRINT: &str = "fingerprint";

/// The part type of a unit.
pub(crate) const UNIT: &str = "unit";

/// A stage of the local provider.
#[derive(Debug)]
pub struct Stage {
    directory: PathBuf,
    parts: Parts,
    /// Where the program to deploy is. It is needed only when the program changes.
    program: Option<PathBuf>,
}

impl Stage {
    /// The stage in this directory, which need not be there yet. `program` is the built program
    /// that an apply deploys.
    pub fn new(directory: impl Into<PathBuf>, program: Option<PathBuf>) -> Stage {
        let directory = directory.into();
        Stage {
            parts: Parts::of(&directory),
            directory,
            program,
        }
    }

    /// The deployed program; `None` when there is none.
    ///
    /// # Errors
    /// When the stage's directory cannot be read.
    pub fn program(&self) -> io::Result<Option<PathBuf>> {
        let name = ifc_engine::PhysicalName::new("application.program");
        let record = self.parts.read(&PartType::new(PROGRAM), &name)?;
        let fingerprint = record.as_ref().and_then(fingerprint_of);
        Ok(fingerprint.map(|fingerprint| Artifact::place(&self.directory, fingerprint)))
    }

    /// What is deployed of units and configuration values, for the program to run with.
    ///
    /// # Errors
    /// When the stage's directory cannot be read, or a part's file in it is damaged.
    pub fn settings(&self) -> io::Result<Settings> {
        let mut settings = Settings::default();
        for (part_type, name) in self.parts.names()? {
            let is_config = part_type.as_str() == Kind::Config.as_str();
            if !is_config && part_type.as_str() != UNIT {
                continue;
            }
            let Some(Record { tags, properties }) = self.parts.read(&part_type, &name)? else {
                continue;
            };
            let Some(owner) = tags.get("ifc-resource") else {
                continue;
            };
            if is_config {
                if let Some(default) = properties.get("default").and_then(Json::as_str) {
                    settings.config.insert(owner.clone(), default.to_owned());
                }
            } else {
                settings
                    .units
                    .insert(owner.clone(), unit_settings(&properties));
            }
        }
        Ok(settings)
    }

    /// Where the deployed application stores its data.
    pub fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Puts the program with this fingerprint into the stage.
    fn place_program(&self, fingerprint: &str) -> Result<(), ProviderError> {
        let place = Artifact::place(&self.directory, fingerprint);
        if place.exists() {
            return Ok(());
        }
        let Some(program) = &self.program else {
            return Err(rejected(
                "the program to deploy is not known to this command",
            ));
        };
        let artifact = Artifact::read(program).map_err(|error| {
            rejected("the program to deploy is not where it was built").caused_by(error)
        })?;
        if artifact.fingerprint.as_str() != fingerprint {
            return Err(rejected(&format!(
                "`{}` was built anew since the plan was made",
                program.display()
            )));
        }
        std::fs::read(program)
            .and_then(|bytes| replace(&place, &bytes))
            .and_then(|()| make_executable(&place))
            .map_err(|error| failed(&place, error))
    }

    /// Removes programs that no part names.
    fn remove_programs_but(&self, kept: Option<&str>) {
        let Ok(entries) = std::fs::read_dir(self.directory.join("artifacts")) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_str() != kept {
                // A program that still runs is removed by name only; what is left over is removed
                // by the next change.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn write(&self, desired: &Desired) -> Result<Progress<Actual>, ProviderError> {
        let Desired {
            target, properties, ..
        } = desired;
        let record = Record {
            tags: target.tags.clone(),
            properties: properties
                .iter()
                .map(|(name, value)| (name.clone(), to_json(value)))
                .collect(),
        };
        let fingerprint = fingerprint_of(&record).filter(|_| is_program(target));
        if let Some(fingerprint) = fingerprint {
            self.place_program(fingerprint)?;
        }
        self.parts
            .write(&target.part_type, &target.physical_name, &record)
            .map_err(|error| self.failed(target, error))?;
        if let Some(fingerprint) = fingerprint {
            self.remove_programs_but(Some(fingerprint));
        }
        Ok(Progress::Done(actual(target, &record)))
    }

    fn record(&self, target: &Target) -> Result<Option<Record>, ProviderError> {
        self.parts
            .read(&target.part_type, &target.physical_name)
            .map_err(|error| self.failed(target, error))
    }

    fn failed(&self, target: &Target, error: io::Error) -> ProviderError {
        failed(
            &self.parts.file(&target.part_type, &target.physical_name),
            error,
        )
    }
}

/// What a unit's part says that a running program heeds.
fn unit_settings(properties: &BTreeMap<String, Json>) -> UnitSettings {
    let seconds = match properties.get("timeout_seconds") {
        // What is not whole is kept as a text.
        Some(Json::String(text)) => text.parse().ok(),
        other => other.and_then(Json::as_f64),
    };
    let instances = properties.get("max_instances").and_then(Json::as_u64);
    UnitSettings {
        timeout: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        max_instances: instances.and_then(|number| u32::try_from(number).ok()),
    }
}

#[async_trait]
impl Provider for Stage {
    fn name(&self) -> &str {
        PROVIDER
    }

    async fn read(&self, target: &Target) -> Result<Reading, ProviderError> {
        Ok(match self.record(target)? {
            None => Reading::Absent,
            Some(record) => Reading::Present {
                actual: actual(target, &record),
                owner: owner(target, &record),
            },
        })
    }

    async fn create(&self, part: &Desired, _: &str) -> Result<Progress<Actual>, ProviderError> {
        refuse_foreign(&part.target, self.record(&part.target)?.as_ref())?;
        self.write(part)
    }

    async fn update(&self, _: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError> {
        self.write(to)
    }

    async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError> {
        let Some(record) = self.record(target)? else {
            return Ok(Progress::Done(()));
        };
        refuse_foreign(target, Some(&record))?;
        if is_program(target) {
            self.remove_programs_but(None);
        } else if let Some(removal) = removal(target, &record) {
            data::remove(&self.data_directory(), &removal)?;
        }
        // The file goes last: while it is there, whoever is interrupted comes again.
        self.parts
            .remove(&target.part_type, &target.physical_name)
            .map_err(|error| self.failed(target, error))?;
        Ok(Progress::Done(()))
    }

    async fn discover(
        &self,
        application: &ApplicationName,
        stage: &StageName,
    ) -> Result<Vec<Target>, ProviderError> {
        let names = self.parts.names();
        let names = names.map_err(|error| failed(&self.directory.join("parts"), error))?;
        let mut found = Vec::new();
        for (part_type, name) in names {
            let record = self.parts.read(&part_type, &name);
            let record =
                record.map_err(|error| failed(&self.parts.file(&part_type, &name), error))?;
            let Some(Record { tags, .. }) = record else {
                continue;
            };
            let is = |tag: &str, value: &str| tags.get(tag).is_some_and(|tag| tag == value);
            let owner = tags.get("ifc-resource").map(String::as_str);
            let address = address(owner.unwrap_or_default(), part_type.as_str());
            if let (true, Ok(address)) = (
                is("ifc-app", application.as_str()) && is("ifc-stage", stage.as_str()),
                address,
            ) {
                found.push(Target {
                    address,
                    part_type,
                    physical_name: name,
                    outputs: BTreeMap::new(),
                    tags,
                });
            }
        }
        Ok(found)
    }
}

/// What is stored for a part, if parts of its type store anything.
fn removal(target: &Target, record: &Record) -> Option<Removal> {
    let owner = record.tags.get("ifc-resource")?;
    match target.part_type.as_str() {
        "schedule" => Some(Removal::of_schedule(owner)),
        "calls" => Some(Removal::of_calls(owner)),
        word => match (Kind::parse(word), Edge::parse(word)) {
            (Some(kind), _) => Removal::of_resource(kind, owner),
            // A consumer takes from a declared queue, whose messages go with the queue.
            (None, Some(edge)) => (edge != Edge::Consumer).then(|| Removal::of_edge(owner)),
            (None, None) => None,
        },
    }
}

fn is_program(target: &Target) -> bool {
    target.part_type.as_str() == PROGRAM
}

fn fingerprint_of(record: &Record) -> Option<&str> {
    record.properties.get(FINGERPRINT)?.as_str()
}

fn actual(target: &Target, record: &Record) -> Actual {
    let properties: BTreeMap<String, Value> = record
        .properties
        .iter()
        .map(|(name, value)| (name.clone(), from_json(value)))
        .collect();
    let mut outputs = BTreeMap::new();
    if is_program(target)
        && let Some(fingerprint) = properties.get(FINGERPRINT)
    {
        outputs.insert(FINGERPRINT.to_owned(), fingerprint.clone());
    }
    Actual {
        properties,
        outputs,
    }
}

/// Ours are the parts that carry the tags of this application and stage.
fn owner(target: &Target, record: &Record) -> Owner {
    let foreign = ["ifc-app", "ifc-stage"]
        .into_iter()
        .find(|tag| record.tags.get(*tag) != target.tags.get(*tag));
    match foreign {
        None => Owner::Ours,
        Some(tag) => Owner::Foreign {
            description: match record.tags.get(tag) {
                Some(value) => format!("something with the tag {tag}={value}"),
                None => format!("something without the tag {tag}"),
            },
        },
    }
}

fn refuse_foreign(target: &Target, record: Option<&Record>) -> Result<(), ProviderError> {
    match record.map(|record| owner(target, record)) {
        Some(Owner::Foreign { description }) => Err(ProviderError::new(
            ProviderErrorKind::NameTaken { owner: description },
            format!("`{}` is not of this stage", target.physical_name),
        )),
        _ => Ok(()),
    }
}

fn rejected(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, message)
}

fn failed(file: &Path, error: io::Error) -> ProviderError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ProviderErrorKind::Denied {
            action: "write".to_owned(),
            on: file.display().to_string(),
        },
        _ => ProviderErrorKind::Rejected,
    };
    ProviderError::new(kind, format!("`{}`", file.display())).caused_by(error)
}

#[cfg(unix)]
fn make_executable(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
