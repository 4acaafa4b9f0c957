//! The declarations in the inputs of a link, to be compared with those in the program: a linker
//! that drops one would otherwise leave a resource that nobody misses.

use super::LinkError;
use super::load::Program;
use ifc_manifest::Descriptor;
use ifc_manifest::format::records;
use serde::{Deserialize, Serialize};

/// A declaration, by what it is called and a digest of what it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Declared {
    /// Its path in the source, for messages.
    pub path: String,
    /// Digest of its record.
    pub digest: u64,
}

impl Declared {
    /// The declaration with this record.
    pub fn of(body: &[u8], descriptor: Option<&Descriptor>) -> Declared {
        Declared {
            path: match descriptor {
                Some(Descriptor::Resource(resource)) => resource.path.clone(),
                Some(Descriptor::Handler(handler)) => handler.path.clone(),
                Some(Descriptor::Application(application)) => application.package.clone(),
                None => String::new(),
            },
            digest: digest(body),
        }
    }
}

/// FNV-1a: tells records apart that were not made to look alike.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Every declaration of the objects that take part in the link, each once.
pub(super) fn of(program: &Program<'_>) -> Result<Vec<Declared>, LinkError> {
    let mut declared = Vec::new();
    for (object, _) in program.objects() {
        for index in &object.records {
            let (_, data) = object.section(*index)?;
            for record in records(data) {
                let record = record.map_err(|error| object.fail(&error.to_string()))?;
                let descriptor = Descriptor::decode(&record).ok();
                declared.push(Declared::of(record.body, descriptor.as_ref()));
            }
        }
    }
    declared.sort();
    declared.dedup();
    Ok(declared)
}
