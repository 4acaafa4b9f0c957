//! The files that stand for parts: one for each, written as a whole or not at all.

use ifc_engine::{PartType, PhysicalName, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What a part's file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Whose it is.
    pub(crate) tags: BTreeMap<String, String>,
    /// What it is like.
    pub(crate) properties: BTreeMap<String, serde_json::Value>,
}

/// All parts of a stage.
#[derive(Debug)]
pub(crate) struct Parts {
    directory: PathBuf,
}

impl Parts {
    pub(crate) fn of(stage: &Path) -> Parts {
        Parts {
            directory: stage.join("parts"),
        }
    }

    /// The file of a part.
    pub(crate) fn file(&self, part_type: &PartType, name: &PhysicalName) -> PathBuf {
        let sort = self.directory.join(part_type.as_str());
        sort.join(format!("{name}.json"))
    }

    /// Reads a part; `None` when there is none.
    pub(crate) fn read(
        &self,
        part_type: &PartType,
        name: &PhysicalName,
    ) -> io::Result<Option<Record>> {
        let file = self.file(part_type, name);
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                let message = format!("`{}` is damaged: {error}", file.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of all parts, by type.
    pub(crate) fn names(&self) -> io::Result<Vec<(PartType, PhysicalName)>> {
        let mut names = Vec::new();
        for sort in entries(&self.directory)? {
            let Some(part_type) = sort.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            for file in entries(&sort)? {
                let name = file.file_name().and_then(|name| name.to_str());
                if let Some(name) = name.and_then(|name| name.strip_suffix(".json")) {
                    names.push((PartType::new(part_type), PhysicalName::new(name)));
                }
            }
        }
        Ok(names)
    }

    /// Writes a part: a reader sees the old or the new one, also after a power failure.
    pub(crate) fn write(
        &self,
        part_type: &PartType,
        name: &PhysicalName,
        record: &Record,
    ) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(record)?;
        bytes.push(b'\n');
        replace(&self.file(part_type, name), &bytes)
    }

    /// Removes a part; it is no error when there is none.
    pub(crate) fn remove(&self, part_type: &PartType, name: &PhysicalName) -> io::Result<()> {
        match fs::remove_file(self.file(part_type, name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What is in a directory, which need not be there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Puts a file with this content in the place of whatever is there.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = directory.join(name);
    let mut handle = File::create(&temporary)?;
    let written = handle.write_all(content).and_then(|()| handle.sync_all());
    drop(handle);
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, file)) {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // The name must survive a power failure too.
    File::open(directory)?.sync_all()
}

/// The form of a property in a file. References were replaced before; a secret's name stays a name.
pub(crate) fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) | Value::Join(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), to_json(item)))
            .collect(),
        Value::Output(reference) => Json::String(format!("{reference:?}")),
        Value::Secret(secret) => Json::String(secret.0.clone()),
    }
}

/// The value that [`to_json`] wrote, or that somebody put into the file since. Numbers that are not
/// whole become texts: values have none.
pub(crate) fn from_json(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::Integer(float as i64)
            }
            _ => Value::text(number.to_string()),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(map) => Value::map(map.iter().map(|(key, item)| (key, from_json(item)))),
    }
}
