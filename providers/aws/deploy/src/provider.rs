//! AWS as the engine sees it: whose a thing is, what to do about one that is there already, and
//! what the answers of a part's type mean to the engine. What is called is `parts/`.

use crate::account::Account;
use crate::catalog::{self, Entry};
use crate::discover;
use crate::looks::Seen;
use crate::parts::{self, Attempt, Clients, Failure, Found, PartType, Present, Told, Values};
use crate::preflight;
use ifc_engine::provider::{Api, Finding};
use ifc_engine::{
    Actual, ApplicationName, Blueprint, Desired, Owner, PartType as TypeName, Progress, Provider,
    ProviderError, ProviderErrorKind, Reading, StageName, Target, async_trait,
};
use std::path::PathBuf;
use std::time::Duration;

/// How long it may take until a reader sees what a writer was told.
const BEHIND: Duration = Duration::from_secs(60);

/// AWS, in one account and region.
#[derive(Debug)]
pub struct Aws {
    clients: Clients,
    seen: Seen,
    is_emulated: bool,
}

impl Aws {
    /// AWS by this account. `archive` is the zip file with the program that an apply deploys; it is
    /// needed only when the program changes.
    pub fn new(account: &Account, archive: Option<PathBuf>) -> Aws {
        Aws {
            clients: Clients::new(account, archive),
            seen: Seen::default(),
            is_emulated: account.is_emulated(),
        }
    }

    /// For tests that do by hand what others do.
    #[cfg(test)]
    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The tags of what is there.
    #[cfg(test)]
    pub(crate) async fn tags_of(&self, target: &Target) -> Option<parts::Tags> {
        match self.found(target).await {
            Ok(Found::Present(found)) => found.tags,
            _ => None,
        }
    }

    fn type_of(&self, target: &Target) -> Result<&'static dyn PartType, ProviderError> {
        parts::part_type(target.part_type.as_str()).ok_or_else(|| {
            let words = format!("`{}` is no type of part on AWS", target.part_type);
            ProviderError::new(ProviderErrorKind::Rejected, words)
        })
    }

    async fn found(&self, target: &Target) -> Result<Found, Failure> {
        match self.type_of(target)?.read(&self.clients, target).await {
            Err(failure) if failure.is_gone() => Ok(Found::Absent),
            found => found,
        }
    }

    /// What there is, by the last look if that was a moment ago and nothing was written since.
    async fn seen_or_found(&self, target: &Target) -> Result<Found, Failure> {
        match self.seen.take(target) {
            Some(found) => Ok(found),
            None => self.found(target).await,
        }
    }

    /// Brings what is there to what was asked for, if it is ours.
    async fn adopt(&self, part: &Desired, refusal: Failure) -> parts::Made {
        let name = &part.target.physical_name;
        match self.found(&part.target).await? {
            // It is being removed, or not yet to be seen.
            Found::Absent => Err(refusal.until(format!("`{name}` to be free or visible"), BEHIND)),
            Found::Settling(note) => Err(refusal.until(note, BEHIND)),
            Found::Present(found) => match owner(&part.target, &found) {
                Owner::Ours => {
                    let part_type = self.type_of(&part.target)?;
                    part_type.update(&self.clients, &found, part).await
                }
                Owner::Foreign { description } => Err(taken(&part.target, description)),
            },
        }
    }
}

#[async_trait]
impl Provider for Aws {
    fn name(&self) -> &str {
        "aws"
    }

    fn api(&self, part_type: &TypeName) -> Api {
        let entry = catalog::find(part_type.as_str());
        Api {
            name: entry.map_or("aws", |entry| entry.api).to_owned(),
            // What each API takes is found out by being throttled: quotas differ by account.
            per_second: None,
        }
    }

    fn read_lag(&self, part_type: &TypeName) -> Duration {
        let entry = catalog::find(part_type.as_str());
        let entry = entry.filter(|_| !self.is_emulated);
        entry.map_or(Duration::ZERO, |entry| entry.read_lag)
    }

    async fn read(&self, target: &Target) -> Result<Reading, ProviderError> {
        let entry = catalog::find(target.part_type.as_str());
        // What our lowering never says is nobody's business, and what it never asks for neither.
        let known = |mut values: Values, is_known: fn(&Entry, &str) -> bool| {
            values.retain(|name, _| entry.is_some_and(|entry| is_known(entry, name)));
            values
        };
        let found = self.found(target).await?;
        self.seen.note(target, &found);
        Ok(match found {
            Found::Absent => Reading::Absent,
            Found::Settling(note) => Reading::Settling { note },
            Found::Present(found) => Reading::Present {
                owner: owner(target, &found),
                actual: Actual {
                    properties: known(found.properties, |entry, name| {
                        entry.on_change(name).is_some()
                    }),
                    outputs: known(found.outputs, |entry, name| {
                        entry.outputs.iter().any(|output| output.name == name)
                    }),
                },
            },
        })
    }

    async fn create(&self, part: &Desired, token: &str) -> Result<Progress<Actual>, ProviderError> {
        self.clients.looks.end();
        let part_type = self.type_of(&part.target)?;
        let attempt = Attempt {
            token,
            seen_absent: self.seen.take(&part.target) == Some(Found::Absent),
        };
        let made = match part_type.create(&self.clients, part, &attempt).await {
            Err(failure) if failure.is_exists() => self.adopt(part, failure).await?,
            // What it refers to was made a moment ago, and not everybody at AWS has heard of it.
            Err(failure) if failure.is_gone() => {
                let what = format!("what `{}` needs to be visible", part.target.address);
                return Err(failure.until(what, BEHIND).into());
            }
            made => made?,
        };
        Ok(told(part, made))
    }

    async fn update(&self, from: &Actual, to: &Desired) -> Result<Progress<Actual>, ProviderError> {
        self.clients.looks.end();
        let target = &to.target;
        let mut found = match self.seen_or_found(target).await? {
            Found::Present(found) => found,
            Found::Settling(note) => return Err(Failure::not_ready(note, BEHIND).into()),
            Found::Absent => {
                let words = format!(
                    "`{}` is gone since the plan was made; plan again",
                    target.physical_name
                );
                return Err(ProviderError::new(ProviderErrorKind::Rejected, words));
            }
        };
        let part_type = self.type_of(target)?;
        for name in part_type.operated() {
            if let Some(recorded) = from.properties.get(*name) {
                let properties = &mut found.properties;
                properties.insert((*name).to_owned(), recorded.clone());
            }
        }
        let made = part_type.update(&self.clients, &found, to).await?;
        Ok(told(to, made))
    }

    async fn delete(&self, target: &Target) -> Result<Progress<()>, ProviderError> {
        self.clients.looks.end();
        match self.seen_or_found(target).await? {
            Found::Absent => return Ok(Progress::Done(())),
            Found::Settling(note) => return Err(Failure::not_ready(note, BEHIND).into()),
            Found::Present(found) => {
                if let Owner::Foreign { description } = owner(target, &found) {
                    return Err(taken(target, description).into());
                }
            }
        }
        match self.type_of(target)?.delete(&self.clients, target).await {
            Err(failure) if failure.is_gone() => Ok(Progress::Done(())),
            removed => Ok(removed?),
        }
    }

    async fn discover(
        &self,
        application: &ApplicationName,
        stage: &StageName,
    ) -> Result<Vec<Target>, ProviderError> {
        let found = discover::discover(&self.clients, application, stage);
        Ok(found.await?)
    }

    async fn preflight(&self, blueprint: &Blueprint) -> Result<Vec<Finding>, ProviderError> {
        if preflight::functions(blueprint).next().is_none() {
            return Ok(Vec::new());
        }
        let answer = self.clients.lambda.get_account_settings().send().await;
        let settings = match answer.told(preflight::ACTION, "the account") {
            Ok(settings) => settings,
            // A deployer without this right can deploy all the same.
            Err(failure) if failure.is_denied() => return Ok(Vec::new()),
            Err(failure) => return Err(failure.into()),
        };
        let Some(limit) = settings.account_limit else {
            return Ok(Vec::new());
        };
        let mut findings = preflight::findings(blueprint, i64::from(limit.concurrent_executions));
        let archive = self.clients.archive.as_ref();
        let archive = archive.and_then(|archive| std::fs::metadata(archive).ok());
        if let (Some(usage), Some(archive)) = (settings.account_usage, archive) {
            let left = limit.total_code_size - usage.total_code_size;
            findings.extend(preflight::store_of_code(blueprint, archive.len(), left));
        }
        Ok(findings)
    }
}

fn owner(target: &Target, found: &Present) -> Owner {
    match &found.tags {
        Some(tags) => parts::owner(&target.tags, tags),
        None => Owner::Ours,
    }
}

fn taken(target: &Target, owner: String) -> Failure {
    Failure::of(
        ProviderErrorKind::NameTaken { owner },
        format!("`{}` is not of this stage", target.physical_name),
    )
}

/// What was made is as it was asked for: AWS takes a request whole or not at all.
fn told(part: &Desired, made: Progress<Values>) -> Progress<Actual> {
    match made {
        Progress::Done(mut outputs) => {
            outputs.retain(|name, _| part.outputs.contains(name));
            Progress::Done(Actual {
                properties: part.properties.clone(),
                outputs,
            })
        }
        Progress::Pending { note, poll_after } => Progress::Pending { note, poll_after },
    }
}
