//! Defects of buckets.

use super::{Defect, Defective};
use ifc_manifest::kind::bucket::{OBJECT_BYTES_MAX, PART_THRESHOLD_BYTES};
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::http::StatusCode;
use ifc_runtime::axum::response::{IntoResponse as _, Response};
use ifc_runtime::bucket::{
    BucketOperations, ByteRange, Content, ListObjects, Object, ObjectHead, ObjectPage, PresignPut,
    PresignedPut, PutCondition, PutObject, next_chunk,
};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use std::time::Duration;

impl Defective {
    fn bucket<'a>(&self, bucket: Target<'a>) -> Target<'a> {
        match self.defect {
            Defect::MixesBuckets => Target {
                name: "files",
                ..bucket
            },
            _ => bucket,
        }
    }

    fn key(&self, key: String) -> String {
        match self.defect {
            Defect::FoldsCaseOfKeys => key.to_lowercase(),
            _ => key,
        }
    }
}

/// What arrives of a body before it fails.
async fn what_arrives(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = next_chunk(&mut body).await {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

impl BucketOperations for Defective {
    fn get_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        range: Option<ByteRange>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let range = match (range, self.defect) {
            (_, Defect::IgnoresRanges) => None,
            (Some(ByteRange::Last(count)), Defect::ReadsSuffixFromTheStart) => {
                Some(ByteRange::Between(0, count))
            }
            (range, _) => range,
        };
        Box::pin(async move {
            let (bucket, key) = (self.bucket(bucket), self.key(key));
            let read = self.inner.get_object(bucket, key, range).await;
            match read {
                Err(error) if self.has(Defect::HidesBadRanges) && range.is_some() => {
                    assert_eq!(error.kind(), ErrorKind::Invalid);
                    Ok(None)
                }
                Ok(Some(mut object)) => {
                    let length = object.range.end - object.range.start;
                    if self.has(Defect::LosesLastPart) && length > PART_THRESHOLD_BYTES {
                        let bytes = to_bytes(object.body, usize::MAX).await;
                        let bytes = bytes.expect("the sound provider's body can be read");
                        object.body = bytes.slice(..PART_THRESHOLD_BYTES as usize).into();
                    }
                    Ok(Some(object))
                }
                read => read,
            }
        })
    }

    fn head_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<Option<ObjectHead>, Error>> {
        self.inner.head_object(self.bucket(bucket), self.key(key))
    }

    fn put_object<'a>(
        &'a self,
        bucket: Target<'a>,
        mut put: PutObject,
    ) -> BoxFuture<'a, Result<String, Error>> {
        put.key = self.key(put.key);
        match self.defect {
            Defect::DropsMetadata => put.metadata.clear(),
            Defect::IgnoresIfAbsent if put.condition == PutCondition::IfAbsent => {
                put.condition = PutCondition::Always;
            }
            Defect::IgnoresIfVersion if put.condition != PutCondition::IfAbsent => {
                put.condition = PutCondition::Always;
            }
            _ => {}
        }
        Box::pin(async move {
            if self.has(Defect::StoresBrokenStreams)
                && let Content::Stream(body) = put.content
            {
                put.content = Content::Bytes(what_arrives(body).await.into());
            }
            let bucket = self.bucket(bucket);
            if self.has(Defect::RemovesBeforeItWrites) {
                self.inner.delete_object(bucket, put.key.clone()).await?;
            }
            self.inner.put_object(bucket, put).await
        })
    }

    fn delete_object<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (bucket, key) = (self.bucket(bucket), self.key(key));
            if self.has(Defect::DeletesOnlyWhatIsThere) {
                let head = self.inner.head_object(bucket, key.clone()).await?;
                head.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no object"))?;
            }
            self.inner.delete_object(bucket, key).await
        })
    }

    fn list_objects<'a>(
        &'a self,
        bucket: Target<'a>,
        mut list: ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, Error>> {
        match self.defect {
            Defect::ListsWithoutFolders => list.folders = false,
            Defect::IgnoresListCursor => list.cursor = None,
            Defect::IgnoresListPrefix => list.prefix.clear(),
            _ => {}
        }
        Box::pin(async move {
            let mut page = self.inner.list_objects(self.bucket(bucket), list).await?;
            match self.defect {
                Defect::EndsAfterFirstListPage => page.cursor = None,
                Defect::ListsByCharacters => page
                    .objects
                    .sort_by_key(|object| object.key.encode_utf16().collect::<Vec<_>>()),
                _ => {}
            }
            Ok(page)
        })
    }

    fn copy_object<'a>(
        &'a self,
        bucket: Target<'a>,
        from: String,
        to: String,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let bucket = self.bucket(bucket);
            let copied = self
                .inner
                .copy_object(bucket, from.clone(), to.clone())
                .await?;
            if !self.has(Defect::CopiesWithoutMetadata) {
                return Ok(copied);
            }
            let object = self.inner.get_object(bucket, to, None).await?;
            let object = object.expect("it was just copied");
            let put = PutObject {
                key: object.head.key,
                content: Content::Stream(object.body),
                content_type: object.head.content_type,
                metadata: Default::default(),
                condition: PutCondition::Always,
            };
            self.inner.put_object(bucket, put).await
        })
    }

    fn presign_get<'a>(
        &'a self,
        bucket: Target<'a>,
        key: String,
        expiry: Duration,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let expiry = match self.defect {
            Defect::PresignsForTooLong => expiry * 10,
            _ => expiry,
        };
        self.inner.presign_get(bucket, key, expiry)
    }

    fn presign_put<'a>(
        &'a self,
        bucket: Target<'a>,
        mut presign: PresignPut,
    ) -> BoxFuture<'a, Result<PresignedPut, Error>> {
        match self.defect {
            Defect::UploadsElsewhere => presign.key.push_str(".part"),
            Defect::PresignsForAnyType => presign.content_type = None,
            Defect::PresignsForAnyLength => presign.bytes_max = OBJECT_BYTES_MAX,
            _ => {}
        }
        self.inner.presign_put(bucket, presign)
    }
}

/// What becomes of a refusal at a provider that does not care for signatures.
pub(super) fn admitted(response: Response) -> Response {
    match response.status().is_client_error() {
        true => StatusCode::OK.into_response(),
        false => response,
    }
}
