//! Emulated clouds with a bucket for state.

mod google;

use ifc_emulators::{AZURITE_ACCOUNT, AZURITE_KEY, Emulator, MiniStack, Skipped};
use ifc_state::Credentials;
use object_store::StaticCredentialProvider;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::{
    ClientOptions, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::gcp::GcpCredential;
use std::sync::Arc;

const REGION: &str = "eu-south-1";

/// A cloud that runs, with a bucket that is there.
pub(crate) struct Cloud {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    /// Where its API begins.
    pub(crate) endpoint: String,
    pub(crate) bucket: &'static str,
    pub(crate) credentials: Credentials,
    pub(crate) wrong_credentials: Credentials,
    /// Below the endpoint of the emulator.
    path: &'static str,
    _emulator: Option<Emulator>,
}

/// S3, used by somebody who may use one bucket. The root user, whose signature MiniStack does not
/// check, only prepares that.
pub(crate) async fn ministack() -> Result<Cloud, Skipped> {
    let emulator = MiniStack { enforce: true }.start()?;
    let mut cloud = Cloud {
        name: "S3 (MiniStack)",
        port: emulator.port(),
        endpoint: emulator.endpoint(),
        bucket: "ifc-state",
        credentials: aws("test", "test"),
        wrong_credentials: Credentials::default(),
        path: "",
        _emulator: Some(emulator),
    };
    let place = format!(
        "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint>\
         </CreateBucketConfiguration>"
    );
    cloud.put("", &place, &[]).await;
    cloud.iam("Action=CreateUser&UserName=ifc").await;
    // `{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A\
                  %22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    let policy = format!("PolicyName=state&PolicyDocument={policy}");
    cloud
        .iam(&format!("Action=PutUserPolicy&UserName=ifc&{policy}"))
        .await;
    let key = cloud.iam("Action=CreateAccessKey&UserName=ifc").await;
    let within = |element: &str| {
        let rest = key.split_once(&format!("<{element}>")).unwrap().1;
        rest.split_once('<').unwrap().0.to_owned()
    };
    let (id, secret) = (within("AccessKeyId"), within("SecretAccessKey"));
    cloud.credentials = aws(&id, &secret);
    cloud.wrong_credentials = aws(&id, "not-the-secret");
    Ok(cloud)
}

fn aws(id: &str, secret: &str) -> Credentials {
    let credential = AwsCredential {
        key_id: id.to_owned(),
        secret_key: secret.to_owned(),
        token: None,
    };
    Credentials {
        aws: Some(Arc::new(StaticCredentialProvider::new(credential))),
        ..Credentials::default()
    }
}

/// Azure Blob, with signatures checked.
pub(crate) async fn azurite() -> Result<Cloud, Skipped> {
    let emulator = ifc_emulators::azurite()?;
    let azure = |key: &str| Credentials {
        azure: Some(Arc::new(StaticCredentialProvider::new(
            AzureCredential::AccessKey(AzureAccessKey::try_new(key).unwrap()),
        ))),
        ..Credentials::default()
    };
    let cloud = Cloud {
        name: "Azure Blob (Azurite)",
        port: emulator.port(),
        endpoint: emulator.endpoint(),
        bucket: "ifc-state",
        credentials: azure(AZURITE_KEY),
        wrong_credentials: azure("bm90LXRoZS1zZWNyZXQ="),
        path: "/devstoreaccount1",
        _emulator: Some(emulator),
    };
    cloud.put("?restype=container", "", &[]).await;
    Ok(cloud)
}

/// A model of Google's service, by its documentation.
pub(crate) async fn google() -> Cloud {
    let bucket = "ifc-state";
    let port = google::serve(bucket, "the-token").await;
    let gcp = |token: &str| Credentials {
        gcp: Some(Arc::new(StaticCredentialProvider::new(GcpCredential {
            bearer: token.to_owned(),
        }))),
        ..Credentials::default()
    };
    Cloud {
        name: "Google Cloud Storage (a model of ours)",
        port,
        endpoint: format!("http://127.0.0.1:{port}"),
        bucket,
        credentials: gcp("the-token"),
        wrong_credentials: gcp("not-the-secret"),
        path: "",
        _emulator: None,
    }
}

impl Cloud {
    /// A location with a prefix that is not ASCII, at the emulator or at a proxy before it.
    pub(crate) fn location(&self, endpoint: &str) -> String {
        let bucket = self.bucket;
        let path = self.path;
        if self.credentials.azure.is_some() {
            format!("az://{AZURITE_ACCOUNT}/{bucket}/größe?endpoint={endpoint}{path}")
        } else if self.credentials.gcp.is_some() {
            format!("gs://{bucket}/größe?endpoint={endpoint}")
        } else {
            format!("s3://{bucket}/größe?region={REGION}&endpoint={endpoint}")
        }
    }

    /// An object as other tools write it. `key` is escaped here as far as these tests need it.
    pub(crate) async fn put_foreign(&self, key: &str, body: &str) {
        let key = key
            .replace('ö', "%C3%B6")
            .replace('ß', "%C3%9F")
            .replace(' ', "%20");
        let blob = [("x-ms-blob-type", "BlockBlob")];
        self.put(&format!("/{key}"), body, &blob).await;
    }

    async fn put(&self, below: &str, body: &str, headers: &[(&'static str, &'static str)]) {
        let mut request = HttpRequest::new(HttpRequestBody::from(body.to_owned()));
        *request.method_mut() = http::Method::PUT;
        let address = format!("{}{}/{}{below}", self.endpoint, self.path, self.bucket);
        *request.uri_mut() = address.parse().unwrap();
        let length = body.len().to_string().parse().unwrap();
        request.headers_mut().insert("content-length", length);
        if let Some(credentials) = &self.credentials.aws {
            let credential = credentials.get_credential().await.unwrap();
            let authorizer = AwsAuthorizer::new(&credential, "s3", REGION);
            authorizer.try_authorize(&mut request, None).unwrap();
        }
        if let Some(credentials) = &self.credentials.gcp {
            let token = &credentials.get_credential().await.unwrap().bearer;
            let token = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", token);
        }
        if let Some(credentials) = &self.credentials.azure {
            for (name, value) in headers {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
            let credential = credentials.get_credential().await.unwrap();
            let authorizer = AzureAuthorizer::new(&credential, AZURITE_ACCOUNT);
            authorizer.try_authorize(&mut request).unwrap();
        }
        send(request).await;
    }

    /// A call of IAM by the root user; returns the answer.
    async fn iam(&self, call: &str) -> String {
        let body = format!("{call}&Version=2010-05-08");
        let mut request = HttpRequest::new(HttpRequestBody::from(body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = format!("{}/", self.endpoint).parse().unwrap();
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert("content-type", form);
        let credential = self.credentials.aws.as_ref().unwrap();
        let credential = credential.get_credential().await.unwrap();
        let authorizer = AwsAuthorizer::new(&credential, "iam", "us-east-1");
        authorizer.try_authorize(&mut request, None).unwrap();
        send(request).await
    }
}

async fn send(request: HttpRequest) -> String {
    let options = ClientOptions::new().with_allow_http(true);
    // A client needs one to be chosen, also for addresses without TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = ReqwestConnector::default().connect(&options).unwrap();
    let response = client.execute(request).await.unwrap();
    let status = response.status();
    let said = response.into_body().bytes().await.unwrap();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(status.is_success(), "{status}: {said}");
    said
}
