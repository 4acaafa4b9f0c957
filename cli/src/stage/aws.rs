//! AWS: a stage is in one account and one region.

use super::backend::{Backend, Chosen, Lowered, Reach, Site, StatePlace};
use super::{Granted, Permission};
use crate::access::{AwsCloud, Cloud};
use crate::arguments::EmitFormat;
use crate::build::Build;
use crate::failure::{Context as _, Failure};
use ifc_analyzer::Built;
use ifc_aws_deploy::deployer::{self, Breadth};
use ifc_aws_deploy::emit::terraform::Live;
use ifc_aws_deploy::state_bucket::{self, Named, Standing, StateBucketError};
use ifc_aws_deploy::{Account, AccountError, AccountSettings, emit, operate, policy};
use ifc_engine::{Blueprint, Part, Provider, State, Value, async_trait};
use ifc_graph::{Graph, ResourceId};
use ifc_state::{AwsKeySource, AwsKeys, Credentials, Location};
use serde_json::Value as Json;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::rc::Rc;

/// AWS, for one stage.
pub(super) struct Aws {
    site: Site,
    /// Once it was asked for.
    account: OnceCell<Account>,
    /// How the application is built, once that was asked.
    build: OnceCell<Build>,
}

/// The account that a plan is made for which must not ask for one.
const NO_ACCOUNT: &str = "000000000000";
/// The region when nobody names one, for such a plan.
const SOME_REGION: &str = "us-east-1";

impl Aws {
    pub(super) fn new(site: &Site) -> Aws {
        Aws {
            site: site.clone(),
            account: OnceCell::new(),
            build: OnceCell::new(),
        }
    }

    fn account(&self) -> Result<&Account, Failure> {
        if let Some(account) = self.account.get() {
            return Ok(account);
        }
        let settings = AccountSettings {
            region: self.site.place.region.clone(),
            profile: None,
        };
        let account = self.site.runtime.block_on(Account::connect(&settings));
        let account = account.map_err(|error| unconnected(&error))?;
        if let Some(expected) = &self.site.place.account
            && expected != account.number()
        {
            let why = format!("`ifc.toml` says that it is in account {expected}");
            return Err(self.elsewhere(&account, &why));
        }
        Ok(self.account.get_or_init(|| account))
    }

    /// The credentials are for another account than that of the stage.
    fn elsewhere(&self, account: &Account, why: &str) -> Failure {
        Failure::new(format!(
            "the credentials are those of `{}` in account {}, where stage `{}` is not",
            account.caller(),
            account.number(),
            self.site.name
        ))
        .because(why)
        .help("choose other credentials, for example with `AWS_PROFILE`")
    }

    /// Account and region; without asking for them, those that are known.
    fn context(&self, reach: Reach) -> Result<ifc_aws_deploy::Context, Failure> {
        let (account, region) = match reach {
            Reach::Online => {
                let account = self.account()?;
                (account.number().to_owned(), account.region().to_owned())
            }
            Reach::Offline => {
                let place = &self.site.place;
                let account = place
                    .account
                    .clone()
                    .unwrap_or_else(|| NO_ACCOUNT.to_owned());
                let region = place.region.clone().or_else(region_of_environment);
                (account, region.unwrap_or_else(|| SOME_REGION.to_owned()))
            }
        };
        Ok(ifc_aws_deploy::Context {
            account,
            region,
            application: self.site.application.clone(),
            stage: self.site.name.clone(),
        })
    }

    fn built_how(&self) -> Result<&Build, Failure> {
        if let Some(build) = self.build.get() {
            return Ok(build);
        }
        let build = Build::for_aws(&self.site.project)?;
        Ok(self.build.get_or_init(|| build))
    }
}

fn region_of_environment() -> Option<String> {
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok());
    region.filter(|region| !region.is_empty())
}

fn unconnected(error: &AccountError) -> Failure {
    Failure::of(error).help(error.help())
}

fn unfit(error: &StateBucketError) -> Failure {
    let failure = Failure::of(error);
    match error.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}

impl Backend for Aws {
    fn name(&self) -> &'static str {
        ifc_aws_deploy::PROVIDER
    }

    fn whereabouts(&self, reach: Reach) -> Result<Option<String>, Failure> {
        let context = self.context(reach)?;
        let mut text = format!("account {}, region {}", context.account, context.region);
        if reach == Reach::Online
            && let Some(endpoint) = self.account()?.endpoint()
        {
            text.push_str(&format!(", at {endpoint}"));
        }
        Ok(Some(text))
    }

    fn connect(&self) -> Result<(), Failure> {
        self.account().map(|_| ())
    }

    fn state(&self) -> Result<Location, Failure> {
        let account = self.account()?;
        Ok(Location::S3 {
            bucket: state_bucket::name(account.number(), account.region()),
            prefix: String::new(),
            region: Some(account.region().to_owned()),
            endpoint: account.endpoint().map(str::to_owned),
        })
    }

    fn complete(&self, mut location: Location) -> Result<Location, Failure> {
        if let Location::S3 {
            region, endpoint, ..
        } = &mut location
        {
            let account = self.account()?;
            region.get_or_insert_with(|| account.region().to_owned());
            // What leads everything elsewhere leads the state there, too.
            if let (None, Some(elsewhere)) = (&endpoint, account.endpoint()) {
                *endpoint = Some(elsewhere.to_owned());
            }
        }
        Ok(location)
    }

    fn credentials(&self, location: &Location) -> Result<Credentials, Failure> {
        Ok(match location {
            Location::S3 { .. } => Credentials::of_aws(Keys(self.account()?.clone())),
            _ => Credentials::default(),
        })
    }

    fn look_at_state(&self, location: &Location, chosen: Chosen) -> Result<StatePlace, Failure> {
        let Location::S3 {
            bucket,
            region,
            endpoint,
            ..
        } = location
        else {
            return Ok(StatePlace::Ready);
        };
        let account = self.account()?;
        if endpoint.as_deref() != account.endpoint() {
            // Another store that speaks the protocol: it is not AWS that would tell about it.
            return Ok(StatePlace::Ready);
        }
        let region = region.as_deref().unwrap_or(account.region());
        let named = match chosen {
            Chosen::ByUser => Named::ByUser,
            Chosen::ByProvider => Named::ByUs,
        };
        let look = state_bucket::look(account, bucket, region, named);
        match self.site.runtime.block_on(look) {
            Ok(Standing::Ready) => Ok(StatePlace::Ready),
            Ok(Standing::Missing) => Ok(StatePlace::ToBeMade(format!(
                "a new bucket `{bucket}`: private, encrypted and versioned"
            ))),
            Err(error) => Err(unfit(&error)),
        }
    }

    fn prepare(&self, location: &Location, place: &StatePlace) -> Result<(), Failure> {
        let (Location::S3 { bucket, .. }, StatePlace::ToBeMade(_)) = (location, place) else {
            return Ok(());
        };
        let make = state_bucket::make(self.account()?, bucket);
        let made = self.site.runtime.block_on(make);
        made.map_err(|error| unfit(&error))
    }

    fn check_recorded(&self, state: &dyn Fn() -> Result<State, Failure>) -> Result<(), Failure> {
        let account = self.account()?;
        let Some(recorded) = operate::recorded_at(&state()?) else {
            return Ok(());
        };
        if recorded.account != account.number() {
            let why = format!("it was deployed to account {}", recorded.account);
            return Err(self.elsewhere(account, &why));
        }
        if recorded.region != account.region() {
            let name = &self.site.name;
            return Err(Failure::new(format!(
                "stage `{name}` was deployed to region {}, and the region is {} now",
                recorded.region,
                account.region()
            ))
            .help(format!(
                "set `AWS_REGION={}`, or `region` for the stage in `ifc.toml`",
                recorded.region
            )));
        }
        Ok(())
    }

    fn operate(&self, state: State) -> Result<Option<Box<dyn Cloud>>, Failure> {
        let operator = operate::Operator::new(self.account()?.sdk_config(), state);
        let cloud = AwsCloud::new(operator, Rc::clone(&self.site.runtime));
        Ok(Some(Box::new(cloud)))
    }

    fn build(&self) -> Result<Built, Failure> {
        Ok(self.built_how()?.project.build()?)
    }

    fn lower(&self, graph: &Graph, built: &Built, reach: Reach) -> Result<Lowered, Failure> {
        let build = self.built_how()?;
        let (package, program) = build.pack(built)?;
        let context = self.context(reach)?;
        let blueprint = ifc_aws_deploy::lower(graph, &package.fingerprint, &context)
            .context(|| "the application cannot be lowered to parts of AWS".to_owned())?;
        Ok(Lowered { blueprint, program })
    }

    fn open(&self, program: Option<&Path>) -> Result<Box<dyn Provider>, Failure> {
        let program = program.map(Path::to_owned);
        Ok(Box::new(ifc_aws_deploy::Aws::new(self.account()?, program)))
    }

    fn emit(
        &self,
        blueprint: &Blueprint,
        format: EmitFormat,
        reach: Reach,
        live: Option<&State>,
    ) -> Result<String, Failure> {
        let recorded = live.iter().flat_map(|state| &state.parts);
        let live = recorded.map(|(address, record)| {
            let live = Live {
                physical_name: record.physical_name.to_string(),
                outputs: record.outputs.clone(),
            };
            (address.clone(), live)
        });
        let document = match format {
            EmitFormat::Cloudformation => emit::cloudformation::template(blueprint),
            EmitFormat::Terraform => {
                emit::terraform::configuration(blueprint, &self.context(reach)?, &live.collect())
            }
        };
        Ok(format!("{document:#}\n"))
    }

    fn policy(&self, blueprint: &Blueprint, reach: Reach, wide: bool) -> Result<Json, Failure> {
        let context = self.context(reach)?;
        let breadth = match wide {
            true => Breadth::Stage,
            false => Breadth::Parts,
        };
        let mut policy = deployer::policy(blueprint, &context, breadth);
        if let Some(statements) = policy["Statement"].as_array_mut() {
            statements.extend(state_bucket::statements(&context));
        }
        Ok(policy)
    }

    fn holds(&self, part: &Part, resource: &ResourceId) -> bool {
        ifc_aws_deploy::lowering::holds(part, resource)
    }

    fn grants(&self, owner: &str, properties: &BTreeMap<String, Value>) -> Option<Granted> {
        let unit = operate::name_of(owner);
        let grants = policy::grants(properties)?.into_iter();
        let permission = |grant: policy::Grant| Permission {
            unit: unit.clone(),
            kind: grant.kind.as_str().to_owned(),
            resource: grant.resource,
            verb: grant.verb,
        };
        Some(Granted::Exactly(grants.map(permission).collect()))
    }

    fn permissions(&self) -> &'static str {
        policy::PERMISSIONS
    }
}

/// The account's chain of credentials, for the store with the state.
#[derive(Debug)]
struct Keys(Account);

#[async_trait]
impl AwsKeySource for Keys {
    async fn keys(&self) -> Result<AwsKeys, Box<dyn Error + Send + Sync>> {
        let keys = state_bucket::keys(&self.0).await?;
        Ok(AwsKeys {
            id: keys.id,
            secret: keys.secret,
            token: keys.token,
        })
    }
}
