//! `AWS::S3::Bucket`. Each aspect of a bucket is a request of its own; only those that differ are
//! sent. A bucket that is deleted is emptied first: whether it may be is decided by the engine.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Tags, Told,
    Values, made, outputs, removed, sdk_tags,
};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, Delete, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, NoncurrentVersionExpiration, ObjectIdentifier, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, Tagging,
};
use ifc_engine::{Desired, Progress, ProviderErrorKind, Target, Value, async_trait};
use std::time::Duration;

sdk_tags!(to_sdk, from_sdk, Tag, fallible);

/// How long emptying a bucket may take.
const EMPTYING: Duration = Duration::from_secs(3600);

/// How long a bucket that seemed empty may turn out not to be.
const NOT_EMPTY: Duration = Duration::from_secs(30);

/// How many pages of objects one attempt removes before it lets others have their turn.
const PAGES_AT_ONCE: usize = 10;

pub(super) struct Bucket;

#[async_trait]
impl PartType for Bucket {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let bucket = target.physical_name.as_str();
        let Some(tags) = tags(aws, bucket).await? else {
            return Ok(Found::Absent);
        };
        let (encryption, access, lifecycle, ownership) = tokio::try_join!(
            encryption(aws, bucket),
            public_access(aws, bucket),
            lifecycle(aws, bucket),
            ownership(aws, bucket),
        )?;
        Ok(Found::Present(Present {
            properties: Collected::new()
                .with("BucketEncryption", encryption)
                .with("PublicAccessBlockConfiguration", access)
                .with("LifecycleConfiguration", lifecycle)
                .with("OwnershipControls", ownership)
                .done(),
            outputs: bucket_outputs(aws, bucket),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let bucket = part.target.physical_name.as_str();
        let arn = arn(aws, bucket);
        // In one region AWS answers as if it had made a bucket that one already owns.
        let unknown = match attempt.seen_absent {
            true => Ok(None),
            false => tags(aws, bucket).await,
        };
        let unknown = match unknown {
            Ok(None) => None,
            Ok(Some(_)) => return Err(Failure::exists(format!("there is a bucket `{bucket}`"))),
            Err(failure) if failure.is_denied() => Some(failure),
            Err(failure) => return Err(failure),
        };
        // With its tags, so that it is known for ours whatever happens next.
        let mut place = CreateBucketConfiguration::builder();
        place = place.set_tags(Some(to_sdk(&part.target.tags)));
        if aws.region != "us-east-1" {
            let region = BucketLocationConstraint::from(aws.region.as_str());
            place = place.location_constraint(region);
        }
        let call = aws.s3.create_bucket().bucket(bucket);
        let call = call.create_bucket_configuration(place.build());
        match call.send().await.told("s3:CreateBucket", &arn) {
            Err(failure) if failure.is("BucketAlreadyExists") => {
                let owner = "another account of AWS".to_owned();
                return Err(failure.into_kind(ProviderErrorKind::NameTaken { owner }));
            }
            // It is there, but its tags are not to be read.
            Err(failure) if failure.is_exists() => return Err(unknown.unwrap_or(failure)),
            answer => drop(answer?),
        }
        configure(aws, bucket, &Values::new(), &part.properties).await?;
        made(bucket_outputs(aws, bucket))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let bucket = part.target.physical_name.as_str();
        configure(aws, bucket, &found.properties, &part.properties).await?;
        let system = found.tags.iter().flatten();
        let mut wanted: Tags = system
            .filter(|(key, _)| key.starts_with("aws:"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        wanted.extend(part.target.tags.clone());
        if found.tags.as_ref() != Some(&wanted) {
            tag(aws, bucket, &wanted).await?;
        }
        made(bucket_outputs(aws, bucket))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let bucket = target.physical_name.as_str();
        empty(aws, bucket).await?;
        let answer = aws.s3.delete_bucket().bucket(bucket).send().await;
        match answer.told("s3:DeleteBucket", &arn(aws, bucket)) {
            // Something was put into it meanwhile, or somebody made it keep old versions.
            Err(failure) if failure.is("BucketNotEmpty") => {
                Err(failure.until(format!("bucket `{bucket}` to be empty"), NOT_EMPTY))
            }
            answer => answer.and_then(|_| removed()),
        }
    }
}

pub(super) fn arn(aws: &Clients, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", aws.partition)
}

fn bucket_outputs(aws: &Clients, bucket: &str) -> Values {
    outputs([("Arn", &arn(aws, bucket)), ("Ref", bucket)])
}

/// The tags of a bucket that is there.
pub(super) async fn tags(aws: &Clients, bucket: &str) -> Result<Option<Tags>, Failure> {
    let question = async {
        let answer = aws.s3.get_bucket_tagging().bucket(bucket).send().await;
        match answer.told("s3:GetBucketTagging", &arn(aws, bucket)) {
            Ok(answer) => Ok(Some(from_sdk(answer.tag_set()))),
            Err(failure) if failure.is("NoSuchTagSet") => Ok(Some(Tags::new())),
            Err(failure) if failure.is_gone() => Ok(None),
            Err(failure) => Err(failure),
        }
    };
    aws.looks.bucket_tags.ask(bucket, question).await
}

async fn tag(aws: &Clients, bucket: &str, tags: &Tags) -> Result<(), Failure> {
    let tagging = Tagging::builder().set_tag_set(Some(to_sdk(tags))).build();
    let tagging = tagging.map_err(|error| Failure::rejected(error.to_string()))?;
    let call = aws.s3.put_bucket_tagging().bucket(bucket).tagging(tagging);
    call.send()
        .await
        .told("s3:PutBucketTagging", &arn(aws, bucket))?;
    Ok(())
}

/// Sends every aspect that differs.
async fn configure(
    aws: &Clients,
    bucket: &str,
    is: &Values,
    wanted: &Values,
) -> Result<(), Failure> {
    let differs = |aspect: &str| is.value(aspect) != wanted.value(aspect);
    if differs("PublicAccessBlockConfiguration") {
        put_public_access(aws, bucket, wanted).await?;
    }
    if differs("BucketEncryption") {
        put_encryption(aws, bucket, wanted).await?;
    }
    if differs("OwnershipControls") {
        put_ownership(aws, bucket, wanted).await?;
    }
    if differs("LifecycleConfiguration") {
        put_lifecycle(aws, bucket, wanted).await?;
    }
    Ok(())
}

async fn encryption(aws: &Clients, bucket: &str) -> Result<Option<Value>, Failure> {
    let answer = aws.s3.get_bucket_encryption().bucket(bucket).send().await;
    let answer = answer.told("s3:GetEncryptionConfiguration", &arn(aws, bucket));
    let Some(answer) = unless(answer, "ServerSideEncryptionConfigurationNotFoundError")? else {
        return Ok(None);
    };
    let rules = answer
        .server_side_encryption_configuration
        .map(|read| read.rules);
    let rule = |rule: &ServerSideEncryptionRule| {
        let default = rule.apply_server_side_encryption_by_default()?;
        Collected::new()
            .with(
                "ServerSideEncryptionByDefault",
                Collected::new()
                    .text("SSEAlgorithm", Some(default.sse_algorithm().as_str()))
                    .text("KMSMasterKeyID", default.kms_master_key_id())
                    .nested(),
            )
            // Off unless it was asked for.
            .flag(
                "BucketKeyEnabled",
                rule.bucket_key_enabled().filter(|enabled| *enabled),
            )
            .nested()
    };
    let rules = rules.unwrap_or_default().iter().filter_map(rule).collect();
    Ok(Some(Value::map([(
        "ServerSideEncryptionConfiguration",
        Value::List(rules),
    )])))
}

async fn put_encryption(aws: &Clients, bucket: &str, wanted: &Values) -> Result<(), Failure> {
    let action = "s3:PutEncryptionConfiguration";
    let Some(encryption) = wanted.inner("BucketEncryption") else {
        let answer = aws
            .s3
            .delete_bucket_encryption()
            .bucket(bucket)
            .send()
            .await;
        return answer.told(action, &arn(aws, bucket)).map(drop);
    };
    let mut configuration = ServerSideEncryptionConfiguration::builder();
    for rule in encryption.items("ServerSideEncryptionConfiguration") {
        let default = rule.inner("ServerSideEncryptionByDefault");
        let algorithm = default.and_then(|default| default.text("SSEAlgorithm"));
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::from(algorithm.unwrap_or("AES256")))
            .set_kms_master_key_id(default.and_then(|default| default.owned("KMSMasterKeyID")))
            .build()
            .map_err(|error| Failure::rejected(error.to_string()))?;
        configuration = configuration.rules(
            ServerSideEncryptionRule::builder()
                .apply_server_side_encryption_by_default(default)
                .set_bucket_key_enabled(rule.flag("BucketKeyEnabled"))
                .build(),
        );
    }
    let configuration = configuration
        .build()
        .map_err(|error| Failure::rejected(error.to_string()))?;
    let call = aws.s3.put_bucket_encryption().bucket(bucket);
    let answer = call
        .server_side_encryption_configuration(configuration)
        .send()
        .await;
    answer.told(action, &arn(aws, bucket)).map(drop)
}

async fn public_access(aws: &Clients, bucket: &str) -> Result<Option<Value>, Failure> {
    let answer = aws.s3.get_public_access_block().bucket(bucket).send().await;
    let answer = answer.told("s3:GetBucketPublicAccessBlock", &arn(aws, bucket));
    let answer = unless(answer, "NoSuchPublicAccessBlockConfiguration")?;
    let block = answer.and_then(|answer| answer.public_access_block_configuration);
    Ok(block.and_then(|block| {
        Collected::new()
            .flag("BlockPublicAcls", block.block_public_acls())
            .flag("BlockPublicPolicy", block.block_public_policy())
            .flag("IgnorePublicAcls", block.ignore_public_acls())
            .flag("RestrictPublicBuckets", block.restrict_public_buckets())
            .nested()
    }))
}

async fn put_public_access(aws: &Clients, bucket: &str, wanted: &Values) -> Result<(), Failure> {
    let action = "s3:PutBucketPublicAccessBlock";
    let Some(block) = wanted.inner("PublicAccessBlockConfiguration") else {
        let answer = aws
            .s3
            .delete_public_access_block()
            .bucket(bucket)
            .send()
            .await;
        return answer.told(action, &arn(aws, bucket)).map(drop);
    };
    let block = PublicAccessBlockConfiguration::builder()
        .set_block_public_acls(block.flag("BlockPublicAcls"))
        .set_block_public_policy(block.flag("BlockPublicPolicy"))
        .set_ignore_public_acls(block.flag("IgnorePublicAcls"))
        .set_restrict_public_buckets(block.flag("RestrictPublicBuckets"))
        .build();
    let call = aws.s3.put_public_access_block().bucket(bucket);
    let answer = call.public_access_block_configuration(block).send().await;
    answer.told(action, &arn(aws, bucket)).map(drop)
}

async fn ownership(aws: &Clients, bucket: &str) -> Result<Option<Value>, Failure> {
    let answer = aws
        .s3
        .get_bucket_ownership_controls()
        .bucket(bucket)
        .send()
        .await;
    let answer = answer.told("s3:GetBucketOwnershipControls", &arn(aws, bucket));
    let answer = unless(answer, "OwnershipControlsNotFoundError")?;
    let controls = answer.and_then(|answer| answer.ownership_controls);
    Ok(controls.map(|controls| {
        let rule = |rule: &OwnershipControlsRule| {
            Value::map([(
                "ObjectOwnership",
                Value::text(rule.object_ownership().as_str()),
            )])
        };
        Value::map([(
            "Rules",
            Value::List(controls.rules().iter().map(rule).collect()),
        )])
    }))
}

async fn put_ownership(aws: &Clients, bucket: &str, wanted: &Values) -> Result<(), Failure> {
    let action = "s3:PutBucketOwnershipControls";
    let Some(ownership) = wanted.inner("OwnershipControls") else {
        let answer = aws
            .s3
            .delete_bucket_ownership_controls()
            .bucket(bucket)
            .send()
            .await;
        return answer.told(action, &arn(aws, bucket)).map(drop);
    };
    let mut controls = OwnershipControls::builder();
    for rule in ownership.items("Rules") {
        let ownership = rule.text("ObjectOwnership").map(ObjectOwnership::from);
        let rule = OwnershipControlsRule::builder()
            .set_object_ownership(ownership)
            .build();
        controls = controls.rules(rule.map_err(|error| Failure::rejected(error.to_string()))?);
    }
    let controls = controls.build();
    let controls = controls.map_err(|error| Failure::rejected(error.to_string()))?;
    let call = aws.s3.put_bucket_ownership_controls().bucket(bucket);
    let answer = call.ownership_controls(controls).send().await;
    answer.told(action, &arn(aws, bucket)).map(drop)
}

async fn lifecycle(aws: &Clients, bucket: &str) -> Result<Option<Value>, Failure> {
    let call = aws.s3.get_bucket_lifecycle_configuration().bucket(bucket);
    let answer = call
        .send()
        .await
        .told("s3:GetLifecycleConfiguration", &arn(aws, bucket));
    let Some(answer) = unless(answer, "NoSuchLifecycleConfiguration")? else {
        return Ok(None);
    };
    let rule = |rule: &LifecycleRule| {
        let prefix = rule.filter().and_then(|filter| filter.prefix());
        let expiration = rule.expiration().and_then(|expiration| expiration.days());
        let noncurrent = rule.noncurrent_version_expiration();
        let noncurrent = noncurrent.and_then(|expiration| expiration.noncurrent_days());
        let abort = rule.abort_incomplete_multipart_upload();
        let abort = abort.and_then(|abort| abort.days_after_initiation());
        Collected::new()
            .text("Id", rule.id())
            // One that is empty is told as none by some.
            .text("Prefix", Some(prefix.unwrap_or_default()))
            .text("Status", Some(rule.status().as_str()))
            .number("ExpirationInDays", expiration)
            .with(
                "NoncurrentVersionExpiration",
                Collected::new()
                    .number("NoncurrentDays", noncurrent)
                    .nested(),
            )
            .with(
                "AbortIncompleteMultipartUpload",
                Collected::new()
                    .number("DaysAfterInitiation", abort)
                    .nested(),
            )
            .nested()
    };
    let rules: Vec<Value> = answer.rules().iter().filter_map(rule).collect();
    Ok((!rules.is_empty()).then(|| Value::map([("Rules", Value::List(rules))])))
}

async fn put_lifecycle(aws: &Clients, bucket: &str, wanted: &Values) -> Result<(), Failure> {
    let action = "s3:PutLifecycleConfiguration";
    let rules = wanted.inner("LifecycleConfiguration");
    let rules = rules
        .map(|lifecycle| lifecycle.items("Rules"))
        .unwrap_or_default();
    if rules.is_empty() {
        let answer = aws.s3.delete_bucket_lifecycle().bucket(bucket).send().await;
        return answer.told(action, &arn(aws, bucket)).map(drop);
    }
    let mut configuration = BucketLifecycleConfiguration::builder();
    for rule in rules {
        configuration = configuration.rules(lifecycle_rule(rule)?);
    }
    let configuration = configuration
        .build()
        .map_err(|error| Failure::rejected(error.to_string()))?;
    let call = aws.s3.put_bucket_lifecycle_configuration().bucket(bucket);
    let answer = call.lifecycle_configuration(configuration).send().await;
    answer.told(action, &arn(aws, bucket)).map(drop)
}

fn lifecycle_rule(rule: &Value) -> Result<LifecycleRule, Failure> {
    let expiration = rule.number("ExpirationInDays");
    let noncurrent = rule.inner("NoncurrentVersionExpiration");
    let abort = rule.inner("AbortIncompleteMultipartUpload");
    LifecycleRule::builder()
        .set_id(rule.owned("Id"))
        .status(ExpirationStatus::from(
            rule.text("Status").unwrap_or("Enabled"),
        ))
        .filter(
            LifecycleRuleFilter::builder()
                .prefix(rule.text("Prefix").unwrap_or_default())
                .build(),
        )
        .set_expiration(expiration.map(|days| LifecycleExpiration::builder().days(days).build()))
        .set_noncurrent_version_expiration(noncurrent.map(|expiration| {
            NoncurrentVersionExpiration::builder()
                .set_noncurrent_days(expiration.number("NoncurrentDays"))
                .build()
        }))
        .set_abort_incomplete_multipart_upload(abort.map(|abort| {
            AbortIncompleteMultipartUpload::builder()
                .set_days_after_initiation(abort.number("DaysAfterInitiation"))
                .build()
        }))
        .build()
        .map_err(|error| Failure::rejected(error.to_string()))
}

/// `None` where AWS says by this code that the aspect is not set.
fn unless<T>(answer: Result<T, Failure>, code: &str) -> Result<Option<T>, Failure> {
    match answer {
        Err(failure) if failure.is(code) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Removes everything in the bucket, as far as one attempt gets.
async fn empty(aws: &Clients, bucket: &str) -> Result<(), Failure> {
    let arn = arn(aws, bucket);
    for _ in 0..PAGES_AT_ONCE {
        let answer = aws.s3.list_objects_v2().bucket(bucket).send().await;
        let Some(page) = answer.told("s3:ListBucket", &arn).or_absent()? else {
            return Ok(());
        };
        let identifier = |object: &aws_sdk_s3::types::Object| {
            ObjectIdentifier::builder().key(object.key()?).build().ok()
        };
        let objects: Vec<_> = page.contents().iter().filter_map(identifier).collect();
        if objects.is_empty() {
            return Ok(());
        }
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build();
        let delete = delete.map_err(|error| Failure::rejected(error.to_string()))?;
        let call = aws.s3.delete_objects().bucket(bucket).delete(delete);
        let answer = call.send().await.told("s3:DeleteObject", &arn)?;
        if let Some(error) = answer.errors().first() {
            let reason = error.message().unwrap_or("no reason given");
            return Err(Failure::rejected(format!(
                "`{}` in bucket `{bucket}` cannot be deleted: {reason}",
                error.key().unwrap_or_default()
            )));
        }
        if page.is_truncated() != Some(true) {
            return Ok(());
        }
    }
    Err(Failure::not_ready(
        format!("bucket `{bucket}` to be empty"),
        EMPTYING,
    ))
}
