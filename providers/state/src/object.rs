//! The object stores of the clouds, through one library: S3, Google Cloud Storage, Azure Blob.

mod answer;
mod bucket;

use crate::key::is_key;
use crate::{Location, mark};
use answer::{Access, Answer, kind, observed};
use bucket::Bucket;
use futures_util::TryStreamExt;
use ifc_engine::{
    Object, Precondition, StateStore, StoreError, StoreErrorKind, Version, async_trait,
};
use object_store::ObjectStoreExt;
use object_store::aws::AwsCredentialProvider;
use object_store::azure::AzureCredentialProvider;
use object_store::gcp::GcpCredentialProvider;
use object_store::path::Path;
use object_store::{PutMode, PutOptions, PutPayload};
use std::error::Error;
use std::fmt;

/// Who we are to a cloud. Where nothing is given, the ordinary places are asked: environment
/// variables, the files that the clouds' own tools write, the identity of the machine.
#[derive(Clone, Default)]
pub struct Credentials {
    /// For `s3://`.
    pub aws: Option<AwsCredentialProvider>,
    /// For `gs://`.
    pub gcp: Option<GcpCredentialProvider>,
    /// For `az://`.
    pub azure: Option<AzureCredentialProvider>,
}

impl fmt::Debug for Credentials {
    /// Which are given, never what they are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("aws", &self.aws.is_some())
            .field("gcp", &self.gcp.is_some())
            .field("azure", &self.azure.is_some())
            .finish()
    }
}

/// Keys of AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: String,
    /// What temporary keys come with.
    pub token: Option<String>,
}

impl fmt::Debug for AwsKeys {
    /// The public half only.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AwsKeys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Where keys of AWS come from. It is asked before every operation, so temporary keys may change.
#[async_trait]
pub trait AwsKeySource: fmt::Debug + Send + Sync {
    /// Keys that are good now.
    ///
    /// # Errors
    /// When there are none.
    async fn keys(&self) -> Result<AwsKeys, Box<dyn Error + Send + Sync>>;
}

impl Credentials {
    /// The keys of this source for `s3://`.
    pub fn of_aws(source: impl AwsKeySource + 'static) -> Credentials {
        Credentials {
            aws: Some(std::sync::Arc::new(Source(source))),
            ..Credentials::default()
        }
    }
}

/// A source, as the library asks one.
#[derive(Debug)]
struct Source<S>(S);

#[async_trait]
impl<S: AwsKeySource> object_store::CredentialProvider for Source<S> {
    type Credential = object_store::aws::AwsCredential;

    async fn get_credential(&self) -> object_store::Result<std::sync::Arc<Self::Credential>> {
        let keys = self.0.keys().await;
        let keys = keys.map_err(|source| object_store::Error::Generic {
            store: "S3",
            source,
        })?;
        Ok(std::sync::Arc::new(object_store::aws::AwsCredential {
            key_id: keys.id,
            secret_key: keys.secret,
            token: keys.token,
        }))
    }
}

/// Objects below a prefix of a bucket or container.
///
/// Conditions are the store's own, so that writers on different machines exclude each other.
/// Nothing is retried. Operations need a tokio runtime with time and I/O.
pub struct ObjectStore {
    location: Location,
    prefix: Path,
    bucket: Bucket,
}

impl ObjectStore {
    /// The store at a location in a cloud. Nothing is asked of it yet.
    ///
    /// # Errors
    /// `Other` when the location is a folder, lacks a region, or its credentials cannot be read.
    pub fn new(location: &Location, credentials: &Credentials) -> Result<ObjectStore, StoreError> {
        let failed = |source: Box<dyn Error + Send + Sync>| {
            StoreError::new(StoreErrorKind::Other, location.to_string(), "").caused_by(source)
        };
        Ok(ObjectStore {
            location: location.clone(),
            prefix: Path::parse(location.prefix()).map_err(|error| failed(error.into()))?,
            bucket: Bucket::open(location, credentials).map_err(failed)?,
        })
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        let outside = "the key is outside of the grammar of keys";
        match is_key(key) {
            true => Path::parse(format!("{}/{key}", self.prefix))
                .map_err(|error| self.error(StoreErrorKind::Other, key).caused_by(error)),
            false => Err(self.error(StoreErrorKind::Other, key).caused_by(outside)),
        }
    }

    /// Before a request, so that its failure is never taken for a lost answer.
    async fn find_credentials(&self, key: &str) -> Result<(), StoreError> {
        let (found, answer) = observed(self.bucket.find_credentials()).await;
        found.map_err(|missing| {
            let away = matches!(answer, Some(Answer::Status { status: 500.., .. }));
            let kind = match away {
                true => StoreErrorKind::Unavailable { retry_after: None },
                false => StoreErrorKind::Denied,
            };
            self.error(kind, key).caused_by(missing)
        })
    }

    fn error(&self, kind: StoreErrorKind, key: &str) -> StoreError {
        StoreError::new(kind, self.location.to_string(), key)
    }

    fn failed(
        &self,
        access: Access,
        answer: Option<&Answer>,
        key: &str,
        source: object_store::Error,
    ) -> StoreError {
        let kind = match source {
            // Somebody put an object there whose key no client of this library can name. To ask
            // again would not help.
            object_store::Error::InvalidPath { .. } => StoreErrorKind::Other,
            _ => kind(access, answer, &text(&source)),
        };
        self.error(kind, key).caused_by(source)
    }

    /// A write was acknowledged without the mark that tells its version.
    fn without_version(&self, kind: StoreErrorKind, key: &str) -> StoreError {
        self.error(kind, key)
            .caused_by("the store answered without an ETag or generation, which it must")
    }
}

#[async_trait]
impl StateStore for ObjectStore {
    fn location(&self) -> String {
        self.location.to_string()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let path = self.path(key)?;
        self.find_credentials(key).await?;
        let (result, answer) = observed(async {
            let found = self.bucket.objects().get(&path).await?;
            let meta = found.meta.clone();
            Ok((found.bytes().await?, meta))
        })
        .await;
        let (sealed, meta) = match result {
            Ok(found) => found,
            Err(error) => match is_absent(answer.as_ref(), &text(&error)) {
                true => return Ok(None),
                false => return Err(self.failed(Access::Read, answer.as_ref(), key, error)),
            },
        };
        let (bytes, _) = mark::open(sealed.to_vec()).ok_or_else(|| {
            self.error(StoreErrorKind::Corrupt, key)
                .caused_by(mark::Unmarked)
        })?;
        let version = self
            .bucket
            .version(meta.e_tag, meta.version)
            .ok_or_else(|| self.without_version(StoreErrorKind::Other, key))?;
        Ok(Some(Object { bytes, version }))
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let path = self.path(key)?;
        self.find_credentials(key).await?;
        let mode = match precondition {
            Precondition::Absent => PutMode::Create,
            Precondition::Matches(version) => PutMode::Update(self.bucket.update(version)),
            Precondition::Any => PutMode::Overwrite,
        };
        let payload = PutPayload::from(mark::seal(bytes).0);
        let put = self
            .bucket
            .objects()
            .put_opts(&path, payload, PutOptions::from(mode));
        match observed(put).await {
            (Ok(put), _) => self
                .bucket
                .version(put.e_tag, put.version)
                // It was written, and only by reading can be known as what.
                .ok_or_else(|| self.without_version(StoreErrorKind::Uncertain, key)),
            // S3 says of what shall match and is not there that it is not there.
            (Err(error), answer)
                if matches!(precondition, Precondition::Matches(_))
                    && is_absent(answer.as_ref(), &text(&error)) =>
            {
                Err(self.error(StoreErrorKind::Conflict, key).caused_by(error))
            }
            (Err(error), answer) => Err(self.failed(Access::Write, answer.as_ref(), key, error)),
        }
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let path = self.path(key)?;
        let version = match precondition {
            Precondition::Absent => {
                return match self.get(key).await? {
                    None => Ok(()),
                    Some(_) => Err(self.error(StoreErrorKind::Conflict, key)),
                };
            }
            Precondition::Matches(version) => Some(version),
            Precondition::Any => None,
        };
        self.find_credentials(key).await?;
        let (result, answer) = observed(self.bucket.delete(&path, version)).await;
        let source = match result {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => match response.into_body().bytes().await {
                Ok(body) => String::from_utf8_lossy(&body).into_owned().into(),
                Err(error) => error.into(),
            },
            Err(source) => source,
        };
        let said = text(&*source);
        let kind = match (is_absent(answer.as_ref(), &said), version) {
            (true, None) => return Ok(()),
            (true, Some(_)) => StoreErrorKind::Conflict,
            (false, _) => kind(Access::Write, answer.as_ref(), &said),
        };
        Err(self.error(kind, key).caused_by(source))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.find_credentials(prefix).await?;
        let failed = |error, answer: Option<Answer>| {
            self.failed(Access::Read, answer.as_ref(), prefix, error)
        };
        // Stores list by whole segments; the rest is compared here.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let above = Path::parse(format!("{}/{folder}", self.prefix))
            .map_err(|error| failed(error.into(), None))?;
        let listed = self.bucket.objects().list(Some(&above));
        let (listed, answer) = observed(listed.try_collect::<Vec<_>>()).await;
        let listed = listed.map_err(|error| failed(error, answer))?;
        let root = match self.prefix.as_ref() {
            "" => String::new(),
            root => format!("{root}/"),
        };
        let mut keys: Vec<String> = listed
            .iter()
            .filter_map(|meta| meta.location.as_ref().strip_prefix(&root))
            .filter(|key| key.starts_with(prefix) && is_key(key))
            .map(str::to_owned)
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

/// Whether the object is not there, though its bucket is.
fn is_absent(answer: Option<&Answer>, text: &str) -> bool {
    let Some(Answer::Status {
        status: 404, code, ..
    }) = answer
    else {
        return false;
    };
    let without_bucket = ["NoSuchBucket", "ContainerNotFound", "ResourceNotFound"];
    !without_bucket
        .iter()
        .any(|name| code == name || text.contains(name))
}

/// Everything that an error says, with its causes.
fn text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
