//! `Ifc::S3::Object`: the program's archive in the artifact bucket, named by its content. The bucket
//! holds one at a time, because functions keep copies of their own. Its physical name is
//! `bucket/program`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told, made,
    outputs, parent_and_child, removed,
};
use aws_sdk_s3::primitives::ByteStream;
use ifc_engine::{Desired, Progress, Target, async_trait};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

pub(super) struct Object;

#[async_trait]
impl PartType for Object {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let bucket = bucket(target)?;
        let Some(tags) = super::bucket::tags(aws, bucket).await? else {
            return Ok(Found::Absent);
        };
        let keys = keys(aws, bucket).await?;
        let recorded = target.outputs.text("Key");
        // The one that was recorded, else the latest.
        let key = keys.iter().find(|key| Some(key.as_str()) == recorded);
        Ok(match key.or(keys.first()) {
            None => Found::Absent,
            Some(key) => Found::Present(Present {
                properties: Collected::new()
                    .text("Bucket", Some(bucket))
                    .text("Key", Some(key))
                    .done(),
                outputs: outputs([("Bucket", bucket), ("Key", key)]),
                tags: Some(tags),
            }),
        })
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        match attempt.seen_absent {
            true => put(aws, part, &[]).await,
            false => put(aws, part, &keys(aws, bucket(&part.target)?).await?).await,
        }
    }

    async fn update(&self, aws: &Clients, _: &Present, part: &Desired) -> Made {
        put(aws, part, &keys(aws, bucket(&part.target)?).await?).await
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let bucket = bucket(target)?;
        for key in keys(aws, bucket).await? {
            remove(aws, bucket, &key).await?;
        }
        removed()
    }
}

fn bucket(target: &Target) -> Result<&str, Failure> {
    Ok(parent_and_child(target)?.0)
}

/// What is in the bucket, the latest first.
async fn keys(aws: &Clients, bucket: &str) -> Result<Vec<String>, Failure> {
    let answer = aws.s3.list_objects_v2().bucket(bucket).send().await;
    let answer = answer
        .told("s3:ListBucket", &arn(aws, bucket, None))
        .or_absent()?;
    let mut objects = answer
        .map(|answer| answer.contents().to_vec())
        .unwrap_or_default();
    objects.sort_by_key(|object| {
        std::cmp::Reverse(object.last_modified().map(|time| time.as_nanos()))
    });
    Ok(objects
        .into_iter()
        .filter_map(|object| object.key)
        .collect())
}

/// Puts the archive there if it is not, and removes those before it.
async fn put(aws: &Clients, part: &Desired, present: &[String]) -> Made {
    let bucket = part.properties.required("Bucket")?;
    let key = part.properties.required("Key")?;
    if !present.iter().any(|other| other == key) {
        let archive = archive(aws, key)?;
        let call = aws.s3.put_object().bucket(bucket).key(key);
        let answer = call.body(ByteStream::from(archive)).send().await;
        answer.told("s3:PutObject", &arn(aws, bucket, Some(key)))?;
    }
    for other in present.iter().filter(|other| *other != key) {
        remove(aws, bucket, other).await?;
    }
    made(outputs([("Bucket", bucket), ("Key", key)]))
}

async fn remove(aws: &Clients, bucket: &str, key: &str) -> Result<(), Failure> {
    let answer = aws.s3.delete_object().bucket(bucket).key(key).send().await;
    answer.told("s3:DeleteObject", &arn(aws, bucket, Some(key)))?;
    Ok(())
}

/// The archive that this key names.
fn archive(aws: &Clients, key: &str) -> Result<Vec<u8>, Failure> {
    let Some(path) = &aws.archive else {
        return Err(Failure::rejected(
            "the program to deploy is not known to this command",
        ));
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let place = path.display();
        Failure::rejected(format!(
            "the program to deploy is not at `{place}`: {error}"
        ))
    })?;
    match key_of(&bytes) == key {
        true => Ok(bytes),
        false => Err(Failure::rejected(format!(
            "`{}` was built anew since the plan was made",
            path.display()
        ))),
    }
}

/// The key of an archive: its SHA-256 in hexadecimal, and `.zip`.
pub(crate) fn key_of(archive: &[u8]) -> String {
    let mut key = String::with_capacity(68);
    for byte in Sha256::digest(archive) {
        write!(key, "{byte:02x}").expect("a string takes everything");
    }
    key.push_str(".zip");
    key
}

fn arn(aws: &Clients, bucket: &str, key: Option<&str>) -> String {
    let partition = &aws.partition;
    match key {
        Some(key) => format!("arn:{partition}:s3:::{bucket}/{key}"),
        None => format!("arn:{partition}:s3:::{bucket}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_archive_is_named_by_its_content() {
        let key = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.zip";
        assert_eq!(super::key_of(b"abc"), key);
    }
}
