//! What differs between the clouds: how their clients are made, what a version is, how a deletion
//! with a condition is written and signed (the library has none).

use super::Credentials;
use super::answer::Observing;
use crate::Location;
use http::{HeaderName, HeaderValue};
use ifc_engine::Version;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer};
use object_store::azure::{AzureAuthorizer, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::path::Path;
use object_store::{ClientOptions, RetryConfig, UpdateVersion};
use std::error::Error;
use std::time::Duration;

type Failure = Box<dyn Error + Send + Sync>;

/// Within this time a connection is there, or the store counts as unreachable.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Within this time an answer is complete, or it counts as lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A bucket or container.
pub(super) struct Bucket {
    cloud: Cloud,
    /// The address of the bucket, without a slash at its end.
    address: String,
    client: HttpClient,
}

enum Cloud {
    S3 {
        store: AmazonS3,
        region: String,
    },
    Gcs {
        store: GoogleCloudStorage,
    },
    Azure {
        store: MicrosoftAzure,
        account: String,
    },
}

impl Bucket {
    pub(super) fn open(location: &Location, credentials: &Credentials) -> Result<Bucket, Failure> {
        // Whoever linked another provider for TLS and chose it first keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT_WITHIN)
            .with_timeout(ANSWER_WITHIN)
            .with_user_agent(HeaderValue::from_static(concat!(
                "ifc/",
                env!("CARGO_PKG_VERSION")
            )))
            // The location has been checked: only a server on this machine has such an address.
            .with_allow_http(
                location
                    .endpoint()
                    .is_some_and(|it| it.starts_with("http://")),
            );
        let connector = Observing::default();
        let (cloud, address) = match location {
            Location::Folder(_) => return Err("a folder is no object store".into()),
            Location::S3 {
                bucket,
                region,
                endpoint,
                ..
            } => {
                let region = region.clone().or_else(region_of_environment).ok_or(
                    "no region is given: write `?region=…` after the bucket, or set `AWS_REGION`",
                )?;
                let endpoint = endpoint.clone().unwrap_or_else(|| s3_endpoint(&region));
                let mut builder = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_region(&region)
                    .with_endpoint(&endpoint)
                    .with_virtual_hosted_style_request(false)
                    .with_client_options(options)
                    .with_retry(never())
                    .with_http_connector(connector.clone());
                match &credentials.aws {
                    Some(given) => builder = builder.with_credentials(given.clone()),
                    None => refuse_profile()?,
                }
                let store = builder.build()?;
                let address = format!("{endpoint}/{bucket}");
                (Cloud::S3 { store, region }, address)
            }
            Location::Gcs {
                bucket, endpoint, ..
            } => {
                let endpoint = endpoint
                    .clone()
                    .unwrap_or_else(|| "https://storage.googleapis.com".to_owned());
                let mut builder = GoogleCloudStorageBuilder::from_env()
                    .with_bucket_name(bucket)
                    .with_base_url(&endpoint)
                    .with_client_options(options)
                    .with_retry(never())
                    .with_http_connector(connector.clone());
                if let Some(given) = &credentials.gcp {
                    builder = builder.with_credentials(given.clone());
                }
                let store = builder.build()?;
                (Cloud::Gcs { store }, format!("{endpoint}/{bucket}"))
            }
            Location::Azure {
                account,
                container,
                endpoint,
                ..
            } => {
                let endpoint = endpoint
                    .clone()
                    .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
                let mut builder = MicrosoftAzureBuilder::from_env()
                    .with_account(account)
                    .with_container_name(container)
                    .with_endpoint(endpoint.clone())
                    .with_client_options(options)
                    .with_retry(never())
                    .with_http_connector(connector.clone());
                if let Some(given) = &credentials.azure {
                    builder = builder.with_credentials(given.clone());
                }
                let cloud = Cloud::Azure {
                    store: builder.build()?,
                    account: account.clone(),
                };
                (cloud, format!("{endpoint}/{container}"))
            }
        };
        Ok(Bucket {
            cloud,
            address,
            client: connector
                .last()
                .ok_or("a store was made without a client")?,
        })
    }

    /// The library's store.
    pub(super) fn objects(&self) -> &dyn object_store::ObjectStore {
        match &self.cloud {
            Cloud::S3 { store, .. } => store,
            Cloud::Gcs { store } => store,
            Cloud::Azure { store, .. } => store,
        }
    }

    /// Finds credentials, or those found before if they are still good.
    pub(super) async fn find_credentials(&self) -> Result<(), MissingCredentials> {
        let found = match &self.cloud {
            Cloud::S3 { store, .. } => store.credentials().get_credential().await.map(drop),
            Cloud::Gcs { store } => store.credentials().get_credential().await.map(drop),
            Cloud::Azure { store, .. } => store.credentials().get_credential().await.map(drop),
        };
        found.map_err(|source| MissingCredentials {
            remedy: match &self.cloud {
                Cloud::S3 { .. } => {
                    "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` \
                     (`aws configure export-credentials --format env` prints them), or run where a \
                     role is attached"
                }
                Cloud::Gcs { .. } => {
                    "run `gcloud auth application-default login`, set \
                     `GOOGLE_APPLICATION_CREDENTIALS`, or run where a service account is attached"
                }
                Cloud::Azure { .. } => {
                    "set `AZURE_USE_AZURE_CLI=true` after `az login`, set `AZURE_CLIENT_ID`, \
                     `AZURE_TENANT_ID` and `AZURE_CLIENT_SECRET`, or run where an identity is \
                     attached"
                }
            },
            source,
        })
    }

    /// What the seam calls a version, of the two marks that the library knows.
    pub(super) fn version(
        &self,
        e_tag: Option<String>,
        generation: Option<String>,
    ) -> Option<Version> {
        let mark = match &self.cloud {
            Cloud::S3 { .. } | Cloud::Azure { .. } => e_tag,
            Cloud::Gcs { .. } => generation,
        };
        mark.map(Version::new)
    }

    /// The reverse of [`version`](Self::version).
    pub(super) fn update(&self, version: &Version) -> UpdateVersion {
        let mark = Some(version.as_str().to_owned());
        let (e_tag, version) = match &self.cloud {
            Cloud::S3 { .. } | Cloud::Azure { .. } => (mark, None),
            Cloud::Gcs { .. } => (None, mark),
        };
        UpdateVersion { e_tag, version }
    }

    /// Deletes an object, if it is still in `version` where one is given. One request.
    pub(super) async fn delete(
        &self,
        path: &Path,
        version: Option<&Version>,
    ) -> Result<object_store::client::HttpResponse, Failure> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = http::Method::DELETE;
        *request.uri_mut() = format!("{}/{}", self.address, encode(path.as_ref())).parse()?;
        if let Some(version) = version {
            let name = match &self.cloud {
                Cloud::S3 { .. } | Cloud::Azure { .. } => http::header::IF_MATCH,
                Cloud::Gcs { .. } => HeaderName::from_static("x-goog-if-generation-match"),
            };
            let value = HeaderValue::from_str(version.as_str())?;
            request.headers_mut().insert(name, value);
        }
        self.authorize(&mut request).await?;
        Ok(self.client.execute(request).await?)
    }

    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Failure> {
        match &self.cloud {
            Cloud::S3 { store, region } => {
                let credential = store.credentials().get_credential().await?;
                AwsAuthorizer::new(&credential, "s3", region).try_authorize(request, None)?;
            }
            Cloud::Gcs { store } => {
                let credential = store.credentials().get_credential().await?;
                let mut value = HeaderValue::from_str(&format!("Bearer {}", credential.bearer))?;
                value.set_sensitive(true);
                request
                    .headers_mut()
                    .insert(http::header::AUTHORIZATION, value);
            }
            Cloud::Azure { store, account } => {
                let credential = store.credentials().get_credential().await?;
                AzureAuthorizer::new(&credential, account).try_authorize(request)?;
            }
        }
        Ok(())
    }
}

/// There are no credentials, or they cannot be renewed.
#[derive(Debug)]
pub(super) struct MissingCredentials {
    remedy: &'static str,
    source: object_store::Error,
}

impl std::fmt::Display for MissingCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "no credentials were found: {}", self.remedy)
    }
}

impl Error for MissingCredentials {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// The library repeats a write whose answer was lost, and takes its own first success for somebody
/// else's. Whether to ask again is the engine's to decide.
fn never() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

fn s3_endpoint(region: &str) -> String {
    let suffix = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    format!("https://s3.{region}.{suffix}")
}

fn region_of_environment() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"))
}

/// Other credentials than those of the chosen profile would be another account's.
fn refuse_profile() -> Result<(), Failure> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match set("AWS_PROFILE") && !set("AWS_ACCESS_KEY_ID") {
        true => Err("`AWS_PROFILE` is set, and profiles are not read here: run \
             `eval \"$(aws configure export-credentials --format env)\"` first"
            .into()),
        false => Ok(()),
    }
}

/// A path in an address: everything but what no standard encodes.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            encode("a/b-c.d/größe x+y"),
            "a/b-c.d/gr%C3%B6%C3%9Fe%20x%2By"
        );
        assert_eq!(
            s3_endpoint("eu-south-1"),
            "https://s3.eu-south-1.amazonaws.com"
        );
        assert_eq!(
            s3_endpoint("cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn"
        );
    }
}
