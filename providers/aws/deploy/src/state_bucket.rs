//! The bucket in which the state of stages is kept when nobody names another: one for each account and
//! region, private, encrypted and versioned.

use crate::account::Account;
use crate::naming::Context;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::RequestId as _;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value as Json, json};
use std::fmt;

/// The tag by which we know our own bucket, and its value.
const TAG: (&str, &str) = ("ifc-purpose", "state");

/// Its value before the bucket is as it must be.
const UNFINISHED: &str = "state-unfinished";

/// The region whose buckets are made without saying it.
const FIRST_REGION: &str = "us-east-1";

/// The name of the bucket of an account and region.
pub fn name(account: &str, region: &str) -> String {
    format!("ifc-state-{account}-{region}")
}

/// Who named a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// We did: it must be ours, and may be made.
    ByUs,
    /// The user did, who made it.
    ByUser,
}

/// How the bucket stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// State can be kept in it.
    Ready,
    /// There is none, or one whose making was interrupted, and it may be made.
    Missing,
}

/// Why no state can be kept in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateBucketError {
    /// The user named one that is not there.
    Missing {
        /// The bucket.
        bucket: String,
    },
    /// It is of another account, or these credentials may not look at it.
    Denied {
        /// The bucket.
        bucket: String,
        /// Whose credentials they are.
        caller: String,
    },
    /// It is in another region than was said.
    Elsewhere {
        /// The bucket.
        bucket: String,
        /// Where it is.
        region: String,
    },
    /// It has our name and is not ours.
    Foreign {
        /// The bucket.
        bucket: String,
    },
    /// Everybody may read it.
    Public {
        /// The bucket.
        bucket: String,
    },
    /// AWS refused something else, or was not reached.
    Failed {
        /// What was tried.
        what: String,
        /// What came of it.
        message: String,
    },
}

impl StateBucketError {
    /// One thing to do.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            StateBucketError::Missing { bucket } => format!(
                "make it, private and versioned, or correct `state` in `ifc.toml`; without \
                 `state` a bucket is made for you: `aws s3api create-bucket --bucket {bucket}`"
            ),
            StateBucketError::Denied { .. } => {
                "use credentials of its account, or name another one as `state` in `ifc.toml`"
                    .to_owned()
            }
            StateBucketError::Elsewhere { bucket, region } => {
                format!("say so in `ifc.toml`: `state = \"s3://{bucket}/PREFIX?region={region}\"`")
            }
            StateBucketError::Foreign { bucket } => format!(
                "name another one, `state = \"s3://BUCKET/PREFIX\"` in `ifc.toml`; or, if `{bucket}` \
                 may be used, tag it with `{}={}`",
                TAG.0, TAG.1
            ),
            StateBucketError::Public { bucket } => format!(
                "block public access to it: `aws s3api put-public-access-block --bucket {bucket} \
                 --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,\
                 BlockPublicPolicy=true,RestrictPublicBuckets=true`"
            ),
            StateBucketError::Failed { .. } => return None,
        })
    }
}

impl fmt::Display for StateBucketError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateBucketError::Missing { bucket } => {
                write!(formatter, "there is no bucket `{bucket}` for the state")
            }
            StateBucketError::Denied { bucket, caller } => write!(
                formatter,
                "the bucket `{bucket}` for the state is of another account, or may not be looked \
                 at by `{caller}`"
            ),
            StateBucketError::Elsewhere { bucket, region } => write!(
                formatter,
                "the bucket `{bucket}` for the state is in region {region}"
            ),
            StateBucketError::Foreign { bucket } => write!(
                formatter,
                "the bucket `{bucket}` has the name of that for the state, and was not made by `ifc`"
            ),
            StateBucketError::Public { bucket } => write!(
                formatter,
                "the bucket `{bucket}` for the state does not block public access"
            ),
            StateBucketError::Failed { what, message } => {
                write!(formatter, "cannot {what}: {message}")
            }
        }
    }
}

impl std::error::Error for StateBucketError {}

/// Looks whether state can be kept in a bucket, which is said to be in this region.
///
/// # Errors
/// When it cannot, and a first apply would not change that.
pub async fn look(
    account: &Account,
    bucket: &str,
    region: &str,
    named: Named,
) -> Result<Standing, StateBucketError> {
    let s3 = client(account, region);
    let mut head = s3.head_bucket().bucket(bucket);
    if named == Named::ByUs {
        // The name can be guessed, and taken by somebody who wishes to read along.
        head = head.expected_bucket_owner(account.number());
    }
    if let Err(error) = head.send().await {
        let response = error.raw_response();
        let moved = response.and_then(|response| response.headers().get("x-amz-bucket-region"));
        let moved = moved.filter(|moved| *moved != region).map(str::to_owned);
        let status = response.map(|response| response.status().as_u16());
        return match (status, named) {
            (Some(404), Named::ByUs) => Ok(Standing::Missing),
            (Some(404), Named::ByUser) => Err(StateBucketError::Missing {
                bucket: bucket.to_owned(),
            }),
            (Some(301 | 400), _) if moved.is_some() => Err(StateBucketError::Elsewhere {
                bucket: bucket.to_owned(),
                region: moved.unwrap_or_default(),
            }),
            (Some(403), _) => Err(StateBucketError::Denied {
                bucket: bucket.to_owned(),
                caller: account.caller().to_owned(),
            }),
            _ => Err(failed(format!("look at bucket `{bucket}`"), error)),
        };
    }
    if named == Named::ByUs {
        match tag(&s3, bucket).await?.as_deref() {
            Some(value) if value == TAG.1 => {}
            Some(UNFINISHED) => return Ok(Standing::Missing),
            _ => {
                return Err(StateBucketError::Foreign {
                    bucket: bucket.to_owned(),
                });
            }
        }
    }
    match is_private(&s3, bucket).await? {
        true => Ok(Standing::Ready),
        false => Err(StateBucketError::Public {
            bucket: bucket.to_owned(),
        }),
    }
}

/// The value of our tag.
async fn tag(s3: &Client, bucket: &str) -> Result<Option<String>, StateBucketError> {
    match s3.get_bucket_tagging().bucket(bucket).send().await {
        Ok(tagging) => {
            let mut tags = tagging.tag_set().iter();
            let ours = tags.find(|tag| tag.key() == TAG.0);
            Ok(ours.map(|tag| tag.value().to_owned()))
        }
        Err(error) if error.code() == Some("NoSuchTagSet") => Ok(None),
        Err(error) => Err(failed(format!("read the tags of bucket `{bucket}`"), error)),
    }
}

async fn is_private(s3: &Client, bucket: &str) -> Result<bool, StateBucketError> {
    match s3.get_public_access_block().bucket(bucket).send().await {
        Ok(answer) => {
            let block = answer.public_access_block_configuration();
            let all = |block: &PublicAccessBlockConfiguration| {
                [
                    block.block_public_acls(),
                    block.ignore_public_acls(),
                    block.block_public_policy(),
                    block.restrict_public_buckets(),
                ]
                .into_iter()
                .all(|is| is == Some(true))
            };
            Ok(block.is_some_and(all))
        }
        Err(error) if error.code() == Some("NoSuchPublicAccessBlockConfiguration") => Ok(false),
        Err(error) => Err(failed(format!("read who may see bucket `{bucket}`"), error)),
    }
}

/// Makes the bucket of the account. Whoever is interrupted does it again: every step may be repeated.
///
/// # Errors
/// When AWS refuses.
pub async fn make(account: &Account, bucket: &str) -> Result<(), StateBucketError> {
    let s3 = client(account, account.region());
    let what = || format!("make the bucket `{bucket}` for the state");
    let built = "all that is needed is given";
    let tagged = |value: &str| Tag::builder().key(TAG.0).value(value).build().expect(built);
    let mut with = CreateBucketConfiguration::builder().tags(tagged(UNFINISHED));
    if account.region() != FIRST_REGION {
        with = with.location_constraint(BucketLocationConstraint::from(account.region()));
    }
    let create = s3.create_bucket().bucket(bucket);
    let create = create.create_bucket_configuration(with.build());
    match create.send().await {
        Ok(_) => {}
        Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => {}
        Err(error) => return Err(failed(what(), error)),
    }
    s3.put_public_access_block()
        .bucket(bucket)
        .public_access_block_configuration(
            PublicAccessBlockConfiguration::builder()
                .block_public_acls(true)
                .ignore_public_acls(true)
                .block_public_policy(true)
                .restrict_public_buckets(true)
                .build(),
        )
        .send()
        .await
        .map_err(|error| failed(what(), error))?;
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()
        .expect(built);
    let rule =
        ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default);
    s3.put_bucket_encryption()
        .bucket(bucket)
        .server_side_encryption_configuration(
            ServerSideEncryptionConfiguration::builder()
                .rules(rule.build())
                .build()
                .expect(built),
        )
        .send()
        .await
        .map_err(|error| failed(what(), error))?;
    s3.put_bucket_versioning()
        .bucket(bucket)
        .versioning_configuration(
            VersioningConfiguration::builder()
                .status(BucketVersioningStatus::Enabled)
                .build(),
        )
        .send()
        .await
        .map_err(|error| failed(what(), error))?;
    // Last, because it says that all the rest is there.
    let tag = tagged(TAG.1);
    s3.put_bucket_tagging()
        .bucket(bucket)
        .tagging(Tagging::builder().tag_set(tag).build().expect(built))
        .send()
        .await
        .map_err(|error| failed(what(), error))?;
    Ok(())
}

/// What whoever deploys must be permitted so that state can be kept in the bucket, and the bucket be
/// made.
pub fn statements(context: &Context) -> Vec<Json> {
    let bucket = name(&context.account, &context.region);
    let arn = format!("arn:{}:s3:::{bucket}", context.partition());
    vec![
        json!({
            "Sid": "StateBucket",
            "Effect": "Allow",
            "Action": [
                "s3:CreateBucket",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketTagging",
                "s3:ListBucket",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:TagResource",
            ],
            "Resource": arn,
        }),
        json!({
            "Sid": "State",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            "Resource": format!("{arn}/{}/{}/*", context.application, context.stage),
        }),
    ]
}

fn client(account: &Account, region: &str) -> Client {
    let config = aws_sdk_s3::config::Builder::from(account.sdk_config())
        .region(aws_sdk_s3::config::Region::new(region.to_owned()))
        // As stores behind another address expect it, and those of AWS allow it.
        .force_path_style(account.endpoint().is_some())
        .retry_config(aws_smithy_types::retry::RetryConfig::standard());
    Client::from_conf(config.build())
}

fn failed<E, R>(what: String, error: SdkError<E, R>) -> StateBucketError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug,
    SdkError<E, R>: aws_sdk_s3::operation::RequestId,
{
    let request = error.request_id().map(str::to_owned);
    let mut message = match error.as_service_error() {
        Some(service) => format!(
            "`{}`: {}",
            service.code().unwrap_or("unknown"),
            service.message().unwrap_or("no reason given")
        ),
        None => crate::account::chain(&error),
    };
    if let Some(request) = request {
        message.push_str(&format!(" (request {request})"));
    }
    StateBucketError::Failed { what, message }
}

/// Keys that calls are signed with.
#[derive(Clone)]
pub struct Keys {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: String,
    /// What temporary keys come with.
    pub token: Option<String>,
}

impl fmt::Debug for Keys {
    /// The public half only.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The keys that are good now, by the account's chain of credentials: whoever needs them for longer
/// asks again.
///
/// # Errors
/// What the search for them came to.
pub async fn keys(account: &Account) -> Result<Keys, String> {
    let provider = account.sdk_config().credentials_provider();
    let provider = provider.ok_or("no source of credentials is configured")?;
    let keys = provider
        .provide_credentials()
        .await
        .map_err(|error| crate::account::chain(&error))?;
    Ok(Keys {
        id: keys.access_key_id().to_owned(),
        secret: keys.secret_access_key().to_owned(),
        token: keys.session_token().map(str::to_owned),
    })
}
