//! Buckets: objects of S3. A version is an ETag, which is other for another body.

mod head;
mod list;
mod upload;

use crate::aws::{Aws, named};
use crate::failure::Failure;
use crate::percent;
use crate::transport::Call;
use crate::wiring;
use axum::http::header::{CONTENT_TYPE, RANGE};
use axum::http::{HeaderName, Method, StatusCode};
use head::{head_of, range_of, version_of};
use ifc_manifest::ProviderId;
use ifc_manifest::capability::Capability;
use ifc_manifest::kind::bucket::{
    COPY, DELETE, GET, HEAD, LIST, OBJECT_BYTES_MAX, PRESIGN_GET, PRESIGN_PUT, PUT,
};
use ifc_runtime::bucket::{
    BucketOperations, ByteRange, ListObjects, Object, ObjectHead, ObjectPage, PresignPut,
    PresignedPut, PutObject,
};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const S3: &str = "s3";

/// How long a copy may take: 5 GiB within S3, which answers when it is done.
const COPY_WITHIN: Duration = Duration::from_secs(300);

/// A bucket of the application and where it is.
struct Bucket<'a> {
    aws: &'a Aws,
    name: &'a str,
}

impl Aws {
    fn bucket(&self, target: Target<'_>) -> Result<Bucket<'_>, Error> {
        let buckets = &self.wiring.buckets;
        let name = wiring::find(buckets, "bucket", &self.application, target)?;
        Ok(Bucket { aws: self, name })
    }
}

impl Bucket<'_> {
    /// A call about the object under `key`, or about the bucket itself when that is empty.
    fn call(&self, method: Method, key: &str, query: &str) -> Call {
        let (base, path) = self.aws.transport.endpoints.bucket(self.name);
        let key = percent::encode(key, "/");
        let mut call = Call::new(S3, method, format!("{path}/{key}{query}"));
        call.base = Some(base);
        call
    }

    async fn read(&self, key: String, range: Option<ByteRange>) -> Result<Option<Object>, Error> {
        let mut call = self.call(Method::GET, &key, "");
        if let Some(range) = range {
            call.headers = vec![(RANGE, range_header(range))];
        }
        let response = match self.aws.transport.stream(&call).await {
            Ok(response) => response,
            Err(failure) if failure.code == "NoSuchKey" => return Ok(None),
            Err(failure) if failure.status == StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(range_outside(Error::from(failure).into()));
            }
            Err(failure) => return Err(failure.into()),
        };
        let mut head = head_of(key, response.headers())?;
        let whole = 0..head.size;
        let bytes = match range_of(response.headers())? {
            Some((bytes, size)) => {
                head.size = size;
                bytes
            }
            // A range of all there is may be answered as the whole.
            None => match range.map(|range| range.of(head.size)) {
                None => whole,
                Some(Some(asked)) if asked == whole => whole,
                Some(Some(_)) => {
                    return Err(Failure::malformed("the answer is not the range").into());
                }
                Some(None) => {
                    let size = head.size;
                    let cause = format!("it has {size} bytes");
                    return Err(range_outside(cause.into()));
                }
            },
        };
        Ok(Some(Object {
            head,
            range: bytes,
            body: response.into_body(),
        }))
    }

    async fn head(&self, key: String) -> Result<Option<ObjectHead>, Error> {
        let call = self.call(Method::HEAD, &key, "");
        match self.aws.transport.call(&call).await {
            Ok(response) => head_of(key, response.headers()).map(Some),
            // The answer to HEAD has no body, so no code.
            Err(failure) if failure.status == StatusCode::NOT_FOUND => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn copy(&self, from: &str, to: &str) -> Result<String, Error> {
        let mut call = self.call(Method::PUT, to, "");
        let header = HeaderName::from_static;
        let source = format!("/{}/{}", self.name, percent::encode(from, "/"));
        call.headers = vec![(header("x-amz-copy-source"), source)];
        if from == to {
            // S3 refuses that unless something is said anew.
            let head = self.head(from.to_owned()).await?;
            let head = head.ok_or_else(|| no_object(from))?;
            let directive = header("x-amz-metadata-directive");
            call.headers.push((directive, "REPLACE".to_owned()));
            call.headers.push((CONTENT_TYPE, head.content_type));
            call.headers.extend(head::metadata_headers(&head.metadata)?);
        }
        call.late_errors = true;
        call.patience = COPY_WITHIN;
        match self.aws.transport.call(&call).await {
            Ok(response) => version_of(response.body()),
            Err(failure) if failure.code == "NoSuchKey" => Err(no_object(from)),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn range_header(range: ByteRange) -> String {
    match range {
        ByteRange::Between(first, end) => format!("bytes={first}-{}", end.saturating_sub(1)),
        ByteRange::StartingAt(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    }
}

fn range_outside(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let message = "the range begins at the end of the object or later";
    Error::new(ErrorKind::Invalid, message).caused_by(cause)
}

fn no_object(key: &str) -> Error {
    let message = format!("there is no object `{}`", key.escape_debug());
    Error::new(ErrorKind::NotFound, message)
}

impl BucketOperations for Aws {
    fn get_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        range: Option<ByteRange>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        named(bucket, GET, async move {
            self.bucket(bucket)?.read(key, range).await
        })
    }

    fn head_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<Option<ObjectHead>, Error>> {
        named(
            bucket,
            HEAD,
            async move { self.bucket(bucket)?.head(key).await },
        )
    }

    fn put_object<'a>(
        &'a self,
        bucket: Target<'a>,
        put: PutObject,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(
            bucket,
            PUT,
            async move { self.bucket(bucket)?.put(put).await },
        )
    }

    fn delete_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(bucket, DELETE, async move {
            let call = self.bucket(bucket)?.call(Method::DELETE, &key, "");
            self.transport.call(&call).await?;
            Ok(())
        })
    }

    fn list_objects<'a>(
        &'a self,
        bucket: Target<'a>,
        list: ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, Error>> {
        named(bucket, LIST, async move {
            self.bucket(bucket)?.list(list).await
        })
    }

    fn copy_object<'a>(
        &'a self,
        bucket: Target<'a>,
        from: String,
        to: String,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(bucket, COPY, async move {
            self.bucket(bucket)?.copy(&from, &to).await
        })
    }

    fn presign_get<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        expiry: Duration,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(bucket, PRESIGN_GET, async move {
            let call = self.bucket(bucket)?.call(Method::GET, &key, "");
            Ok(self.transport.presigned(&call, expiry).await?)
        })
    }

    fn presign_put<'a>(
        &'a self,
        bucket: Target<'a>,
        presign: PresignPut,
    ) -> BoxFuture<'a, Result<PresignedPut, Error>> {
        named(bucket, PRESIGN_PUT, async move {
            let bucket = self.bucket(bucket)?;
            let limited = presign.bytes_max < OBJECT_BYTES_MAX;
            if limited && let Err(fact) = Capability::PresignLength.on(ProviderId::Aws) {
                return Err(Error::new(ErrorKind::Unsupported, fact));
            }
            let mut call = bucket.call(Method::PUT, &presign.key, "");
            let mut headers = BTreeMap::new();
            if let Some(content_type) = presign.content_type {
                call.headers = vec![(CONTENT_TYPE, content_type.clone())];
                headers.insert(CONTENT_TYPE.as_str().to_owned(), content_type);
            }
            let url = self.transport.presigned(&call, presign.expiry).await?;
            Ok(PresignedPut { url, headers })
        })
    }
}
