//! What the engine asks of a provider: four verbs, a check beforehand, and a search for what was
//! lost.

mod answer;
mod error;

pub use answer::ContractBreach;
pub(crate) use answer::{check_actual, check_reading, holds_secret};
pub use error::{ProviderError, ProviderErrorKind};

use crate::model::{
    ApplicationName, Blueprint, Identity, PartAddress, PartType, PhysicalName, StageName, Value,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Creates, reads, changes and deletes parts.
///
/// # Contract for implementors
///
/// - Every method may be called again with the same arguments at any time, because its caller may
///   have been killed before it saw the answer. Nothing happens twice.
/// - `create` of a part that is there and carries our tags is an adoption: it brings the part to
///   what was asked for, and succeeds. `delete` of nothing succeeds.
/// - What does not carry our tags is never changed or deleted, but for an `update` of a thing that
///   the user consented to take over. Say `NameTaken`.
/// - Physical names are used as given, never made up.
/// - Values come back as they were sent: what the provider normalises is normalised in the
///   lowering, or put back by the provider's half.
/// - Readings may be behind, for as long as `read_lag` says and in the order of the changes.
/// - No method retries or waits for long. It says `Throttled`, `NotReady` or [`Progress::Pending`],
///   and the engine comes back.
/// - Calls for different parts run concurrently.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The provider's name, as in the blueprint.
    fn name(&self) -> &str;

    /// The API that calls for this type of part count against. Calls to one API share a rate.
    fn api(&self, part_type: &PartType) -> Api {
        let _ = part_type;
        Api {
            name: self.name().to_owned(),
            per_second: None,
        }
    }

    /// How long after it was sent a change of this type of part may go unseen by `read`: the time
    /// in which a request takes effect, and after that the time until everybody sees it. What should
    /// be there and is not, or is somebody else's, is looked at again for so long before it counts
    /// as gone.
    fn read_lag(&self, part_type: &PartType) -> Duration {
        let _ = part_type;
        Duration::ZERO
    }

    /// What there is under the part's physical name.
    ///
    /// # Errors
    /// Only when it is not known; absence is an answer.
    async fn read(&self, target: &Target) -> Result<Reading, ProviderError>;

    /// Makes the part. `token` is the same for every attempt at this step of one apply, for APIs that
    /// tell repeated requests by one. After a crash it is another: what was made before is found by
    /// its name or its tags.
    ///
    /// # Errors
    /// See [`ProviderErrorKind`].
    async fn create(&self, part: &Desired, token: &str) -> Result<Progress<Actual>, ProviderError>;

    /// Brings the part from `from` to `to`. `from` has every property that the part may have, and its
    /// value as far as that is known; tags become exactly those of `to`.
    ///
    /// # Errors
    /// See [`ProviderErrorKind`].
    async fn update(&self, from: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError>;

    /// Removes the part.
    ///
    /// # Errors
    /// See [`ProviderErrorKind`].
    async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError>;

    /// Everything that carries the tags of this stage, each with the address that its tags say. Asked
    /// only while no apply of the stage is known to have come to its end, because the stage is new or
    /// its state was lost: what is found is taken into the state again, as a part or as an orphan,
    /// and never deleted for it. What is left out is not found unless it has the first name of a
    /// part, so a half that cannot list returns nothing.
    ///
    /// # Errors
    /// When it is not known what there is.
    async fn discover(
        &self,
        application: &ApplicationName,
        stage: &StageName,
    ) -> Result<Vec<Target>, ProviderError> {
        let _ = (application, stage);
        Ok(Vec::new())
    }

    /// What would stop an apply of the whole: credentials, quotas, switched-off services. Changes
    /// nothing.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn preflight(&self, blueprint: &Blueprint) -> Result<Vec<Finding>, ProviderError> {
        let _ = blueprint;
        Ok(Vec::new())
    }
}

/// One rate-limited API of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its name.
    pub name: String,
    /// Calls per second to begin with; without a number there is no limit until the first
    /// throttling.
    pub per_second: Option<u32>,
}

/// A part to look at or to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address in the stage.
    pub address: PartAddress,
    /// Its sort.
    pub part_type: PartType,
    /// Its name at the provider.
    pub physical_name: PhysicalName,
    /// The outputs recorded when it was made, such as an id the server gave. Empty when it is not
    /// known to exist.
    pub outputs: BTreeMap<String, Value>,
    /// The tags by which it is ours.
    pub tags: BTreeMap<String, String>,
}

impl Target {
    /// What makes it that thing at the provider.
    pub fn identity(&self) -> Identity {
        Identity {
            part_type: self.part_type.clone(),
            physical_name: self.physical_name.clone(),
        }
    }
}

/// A part to make or to change, with every reference replaced by what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Which part; its tags are those it should have.
    pub target: Target,
    /// What it should be like. Secrets are still names.
    pub properties: BTreeMap<String, Value>,
    /// The outputs that the answer must have, no more and no less.
    pub outputs: BTreeSet<String>,
}

/// What a part is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// The properties that can be told. `Null` for one that can be told and is not set; absent for
    /// one that cannot, such as a password.
    pub properties: BTreeMap<String, Value>,
    /// Its outputs.
    pub outputs: BTreeMap<String, Value>,
}

/// An answer to `read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// There is nothing under that name.
    Absent,
    /// It is being made, changed or deleted.
    Settling {
        /// What it is doing, for people.
        note: String,
    },
    /// It is there and at rest.
    Present {
        /// What it is like.
        actual: Actual,
        /// Whose it is.
        owner: Owner,
    },
}

/// Whose thing was found under a part's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It carries our tags, or its sort carries none and the name is in a place of ours.
    Ours,
    /// Somebody else's.
    Foreign {
        /// Whose, as far as it can be told.
        description: String,
    },
}

/// How far an operation got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// It is done.
    Done(T),
    /// It was accepted and goes on by itself. The engine reads the part until it is at rest. While
    /// something else goes on, begun by another command, say `NotReady`.
    Pending {
        /// What it is doing, for people.
        note: String,
        /// When to look next, if the provider says.
        poll_after: Option<Duration>,
    },
}

/// Something that preflight found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whether it stops an apply.
    pub severity: Severity,
    /// The part it is about, if one.
    pub part: Option<PartAddress>,
    /// What is wrong.
    pub message: String,
    /// One thing to do, if there is one.
    pub help: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// An apply would fail.
    Error,
    /// An apply would work, and the user should know.
    Warning,
}
