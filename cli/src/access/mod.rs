//! Operating an application's data. Local data: through the application while it runs, because only one
//! process holds the data directory, and directly otherwise. What is deployed to a cloud: through its
//! provider. All answer with the same JSON.

#[cfg(feature = "aws")]
mod aws;
mod cloud;
mod offline;
mod running;

#[cfg(feature = "aws")]
pub(crate) use aws::AwsCloud;
pub(crate) use cloud::{Cloud, LogLine};
pub(crate) use running::Running;

use crate::application::{self, DATA_DIRECTORY_VARIABLE};
use crate::arguments::{DataChoice, Global, StageChoice};
use crate::failure::{Context as _, Failure};
use crate::stage::Stage;
use ifc_analyzer::Project;
use ifc_graph::{Graph, Spec};
use ifc_local_deploy::settings::{SETTINGS_VARIABLE, Settings};
use ifc_manifest::Kind;
use offline::Offline;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The way to an application's data. It is looked for anew for every operation: the application may
/// start or stop at any time, and must not find its directory in use longer than needed.
pub(crate) struct Access {
    project: Rc<Project>,
    directory: PathBuf,
    /// What is deployed, and how it is set, when the data is that of a stage of the local provider.
    program: Option<(PathBuf, Settings)>,
    /// The stage, when it is in a cloud: then there is no data directory.
    cloud: Option<Box<dyn Cloud>>,
}

enum Way {
    Running(Running),
    Offline(Offline),
    /// There is no data yet. To look at it must not make any.
    Nothing,
}

/// Messages of one sort in a queue.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Depth {
    pub(crate) ready: u64,
    pub(crate) delayed: u64,
    pub(crate) in_flight: u64,
    pub(crate) dead: u64,
}

/// Which secrets there are.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) secrets: Vec<SecretStatus>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SecretStatus {
    pub(crate) name: String,
    pub(crate) set: bool,
    pub(crate) version: Option<u64>,
}

/// Which configuration values there are.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Configs {
    pub(crate) config: Vec<ConfigStatus>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ConfigStatus {
    pub(crate) name: String,
    pub(crate) value: Option<Value>,
    pub(crate) set: bool,
}

/// What runs, or what was left.
#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    /// The process of the running application.
    pub(crate) pid: Option<u32>,
    pub(crate) queues: BTreeMap<String, Depth>,
    pub(crate) next_schedule: Option<NextSchedule>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NextSchedule {
    pub(crate) unit: String,
    pub(crate) due: String,
}

/// Reads an answer. Its form is pinned by the tests of this command, so a wrong one is our bug or
/// another version's application.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(answer: &Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| {
        Failure::new("the answer of the application cannot be read")
            .because(error)
            .help("use an `ifc` command of the same version as the application's `ifc` crate")
    })
}

impl Access {
    /// The way to the data that the flags choose: that of a stage, or what the application works on
    /// that is being developed.
    pub(crate) fn of(
        global: &Global,
        choice: &DataChoice,
        command: &str,
    ) -> Result<Access, Failure> {
        match &choice.stage {
            Some(_) => {
                let choice = StageChoice {
                    stage: choice.stage.clone(),
                    provider: choice.provider.clone(),
                };
                Access::of_stage(&Stage::find(global, &choice)?, command)
            }
            None => Access::of_development(global),
        }
    }

    /// The way to what the application works on that is being developed.
    pub(crate) fn of_development(global: &Global) -> Result<Access, Failure> {
        let project = application::find(global)?;
        Ok(Access {
            directory: application::data_directory(&project),
            project: Rc::new(project),
            program: None,
            cloud: None,
        })
    }

    fn of_stage(stage: &Stage, command: &str) -> Result<Access, Failure> {
        let project = Rc::clone(&stage.project);
        if let Some(cloud) = stage.operate(command)? {
            return Ok(Access {
                project,
                directory: PathBuf::new(),
                program: None,
                cloud: Some(cloud),
            });
        }
        let directory = stage.directory()?;
        let settings = directory.settings();
        let settings = settings.context(|| "it cannot be read what is deployed".to_owned())?;
        Ok(Access {
            project,
            directory: directory.data_directory(),
            program: Some((stage.program()?, settings)),
            cloud: None,
        })
    }

    /// The stage, when it is in a cloud.
    pub(crate) fn cloud(&self) -> Option<&dyn Cloud> {
        self.cloud.as_deref()
    }

    /// The application that runs on the data, if one does.
    pub(crate) fn running(&self) -> Result<Option<Running>, Failure> {
        Running::find(&self.directory)
    }

    /// The program that works on the data, to be started when it does not run: what is deployed, or
    /// what is built now. It knows this unit.
    pub(crate) fn program(&self, unit: &str) -> Result<Command, Failure> {
        let (program, settings) = match &self.program {
            Some((program, settings)) => (program.clone(), Some(settings)),
            None => {
                let built = self.project.build()?;
                let graph = ifc_analyzer::analyze(&built)?.graph;
                let units = graph.units.iter().map(|unit| unit.name.as_str());
                let units: Vec<&str> = units.collect();
                if !units.contains(&unit) {
                    return Err(Failure::unknown("unit", unit, &units));
                }
                (built.executable, None)
            }
        };
        let mut command = Command::new(program);
        command
            .current_dir(&self.project.package_root)
            .env(DATA_DIRECTORY_VARIABLE, &self.directory);
        if let Some(settings) = settings {
            command.env(SETTINGS_VARIABLE, settings.to_json().to_string());
        }
        Ok(command)
    }

    /// The way for an operation that changes nothing.
    fn way(&self) -> Result<Way, Failure> {
        match Running::find(&self.directory)? {
            Some(running) => Ok(Way::Running(running)),
            None if self.directory.exists() => Offline::open(&self.directory).map(Way::Offline),
            None => Ok(Way::Nothing),
        }
    }

    /// The way for an operation that changes something; the data directory is made when it is not
    /// there.
    fn way_to_change(&self) -> Result<Result<Running, Offline>, Failure> {
        match Running::find(&self.directory)? {
            Some(running) => Ok(Ok(running)),
            None => Offline::open(&self.directory).map(Err),
        }
    }

    /// What runs, or what was left.
    pub(crate) fn status(&self) -> Result<Value, Failure> {
        match self.way()? {
            Way::Running(running) => running.get("status"),
            Way::Offline(offline) => offline.status(),
            Way::Nothing => Ok(offline::no_status()),
        }
    }

    /// The first messages of a queue.
    pub(crate) fn messages(&self, queue: &str, limit: usize) -> Result<Value, Failure> {
        if let Some(cloud) = self.cloud() {
            return cloud.messages(queue, limit);
        }
        let found = match self.way()? {
            Way::Running(running) => {
                return running.get(&format!("queues/{}?limit={limit}", escape(queue)));
            }
            Way::Offline(offline) => offline.messages(queue, limit)?,
            Way::Nothing => None,
        };
        found.map_or_else(|| self.never_used(queue, offline::no_messages(queue)), Ok)
    }

    /// The first dead letters of a queue.
    pub(crate) fn dead_letters(&self, queue: &str, limit: usize) -> Result<Value, Failure> {
        if let Some(cloud) = self.cloud() {
            return cloud.dead_letters(queue, limit);
        }
        let found = match self.way()? {
            Way::Running(running) => {
                let path = format!("queues/{}?dead=true&limit={limit}", escape(queue));
                return running.get(&path);
            }
            Way::Offline(offline) => offline.dead_letters(queue, limit)?,
            Way::Nothing => None,
        };
        found.map_or_else(|| self.never_used(queue, offline::no_dead_letters()), Ok)
    }

    /// Puts dead letters back: those with these ids, or all. `{"redriven": n}`.
    pub(crate) fn redrive(&self, queue: &str, ids: Option<Vec<String>>) -> Result<Value, Failure> {
        if let Some(cloud) = self.cloud() {
            let ids: Option<BTreeSet<String>> = ids.map(BTreeSet::from_iter);
            return cloud.redrive(queue, ids.as_ref());
        }
        let found = match self.way()? {
            Way::Running(running) => {
                let body = json!({ "ids": ids }).to_string();
                let path = format!("queues/{}/redrive", escape(queue));
                return running.post(&path, body.as_bytes());
            }
            Way::Offline(offline) => offline.redrive(queue, ids)?,
            Way::Nothing => None,
        };
        found.map_or_else(|| self.never_used(queue, offline::redriven(0)), Ok)
    }

    /// Sends a consumer of a stream back, or on. `{"records": n}`.
    pub(crate) fn replay(&self, unit: &str, from: SystemTime) -> Result<Value, Failure> {
        if self.cloud.is_some() {
            return Err(
                Failure::usage("consumers of a stage in a cloud cannot be sent back")
                    .help("it works on the local provider"),
            );
        }
        let found = match self.way()? {
            Way::Running(running) => {
                let from = from.duration_since(UNIX_EPOCH).unwrap_or_default();
                let body = json!({ "from": from.as_secs() }).to_string();
                let path = format!("streams/{}/replay", escape(unit));
                return running.post(&path, body.as_bytes());
            }
            Way::Offline(offline) => offline.replay(unit, from)?,
            Way::Nothing => None,
        };
        found.ok_or_else(|| {
            let message = format!("no run has left a consumer `{unit}`");
            Failure::new(message).help("run the application once, so that its consumers begin")
        })
    }

    /// The answer for a queue that no run has left anything of: it is new, or mistyped.
    fn never_used(&self, queue: &str, empty: Value) -> Result<Value, Failure> {
        self.check_declared(Kind::Queue, queue)?;
        Ok(empty)
    }

    /// The secrets that the running application knows, or else those that the last run left.
    fn known_secrets(&self) -> Result<(Secrets, bool), Failure> {
        Ok(match self.way()? {
            Way::Running(running) => (read(&running.get("secrets")?)?, true),
            Way::Offline(offline) => (read(&offline.secrets()?)?, false),
            Way::Nothing => (Secrets::default(), false),
        })
    }

    /// Which secrets there are.
    pub(crate) fn secrets(&self) -> Result<Value, Failure> {
        if let Some(cloud) = self.cloud() {
            return cloud.secrets();
        }
        let (known, running) = self.known_secrets()?;
        let mut versions = BTreeMap::new();
        if !running {
            // What the application declares counts, whatever the last run knew.
            let graph = self.graph()?;
            let declared = graph.of_kind(Kind::Secret);
            versions.extend(declared.map(|resource| (resource.id.name.clone(), None)));
        }
        versions.extend(
            known
                .secrets
                .into_iter()
                .map(|secret| (secret.name, secret.version)),
        );
        let secrets: Vec<Value> = versions
            .into_iter()
            .map(|(name, version)| json!({ "name": name, "set": version.is_some(), "version": version }))
            .collect();
        Ok(json!({ "secrets": secrets }))
    }

    /// Sets the value of a declared secret. `{"version": n}`.
    pub(crate) fn set_secret(&self, name: &str, value: &[u8]) -> Result<Value, Failure> {
        if let Some(cloud) = self.cloud() {
            return cloud.set_secret(name, value);
        }
        let (known, _) = self.known_secrets()?;
        if !known.secrets.iter().any(|secret| secret.name == name) {
            self.check_declared(Kind::Secret, name)?;
        }
        match self.way_to_change()? {
            Ok(running) => running.put(&format!("secrets/{}", escape(name)), value),
            Err(offline) => offline.set_secret(name, value),
        }
    }

    /// The configuration values that the running application knows, or else those that the last
    /// run left.
    fn known_configs(&self) -> Result<(Configs, bool), Failure> {
        Ok(match self.way()? {
            Way::Running(running) => (read(&running.get("config")?)?, true),
            Way::Offline(offline) => (read(&offline.configs()?)?, false),
            Way::Nothing => (Configs::default(), false),
        })
    }

    /// Which configuration values there are.
    pub(crate) fn configs(&self) -> Result<Value, Failure> {
        if let Some(cloud) = self.cloud() {
            return cloud.configs();
        }
        let (known, running) = self.known_configs()?;
        let mut values = BTreeMap::new();
        if !running {
            for resource in self.graph()?.of_kind(Kind::Config) {
                if let Spec::Config(spec) = &resource.spec {
                    let default = spec.default.as_deref();
                    // A default that is not JSON is a finding of `ifc check`.
                    let default: Option<Value> =
                        default.and_then(|text| serde_json::from_str(text).ok());
                    values.insert(resource.id.name.clone(), (default, false));
                }
            }
        }
        for config in known.config {
            // A default of the last run gives way to the one that is declared now.
            if config.set || !values.contains_key(&config.name) {
                values.insert(config.name, (config.value, config.set));
            }
        }
        let config: Vec<Value> = values
            .into_iter()
            .map(|(name, (value, set))| json!({ "name": name, "value": value, "set": set }))
            .collect();
        Ok(json!({ "config": config }))
    }

    /// Sets a declared configuration value, which is JSON.
    pub(crate) fn set_config(&self, name: &str, value: &str) -> Result<(), Failure> {
        if let Some(cloud) = self.cloud() {
            return cloud.set_config(name, value);
        }
        let (known, _) = self.known_configs()?;
        if !known.config.iter().any(|config| config.name == name) {
            self.check_declared(Kind::Config, name)?;
        }
        match self.way_to_change()? {
            Ok(running) => {
                running.put(&format!("config/{}", escape(name)), value.as_bytes())?;
                Ok(())
            }
            Err(offline) => offline.set_config(name, value),
        }
    }

    /// What the application declares now, built when it is not.
    fn graph(&self) -> Result<Graph, Failure> {
        Ok(application::analyze(&self.project)?.graph)
    }

    /// Refuses a name that the application does not declare.
    fn check_declared(&self, kind: Kind, name: &str) -> Result<(), Failure> {
        let graph = self.graph()?;
        let names: Vec<&str> = graph
            .of_kind(kind)
            .map(|resource| resource.id.name.as_str())
            .collect();
        match names.contains(&name) {
            true => Ok(()),
            false => Err(Failure::unknown(kind.as_str(), name, &names)),
        }
    }
}

/// A name as one segment of a path. Names hold nothing that needs more than this.
pub(crate) fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_segment() {
        assert_eq!(escape("payment-key"), "payment-key");
        assert_eq!(escape("audit/trail"), "audit%2Ftrail");
        assert_eq!(escape("a?b#c é"), "a%3Fb%23c%20%C3%A9");
    }
}
