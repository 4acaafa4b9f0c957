//! Writing objects: in one request, or in parts that become one object at the end. S3 has to be told
//! the length and the hash of what it gets, so a stream is gathered part by part.

use super::Bucket;
use super::head::{metadata_headers, version, version_of};
use crate::batch::all;
use crate::failure::Failure;
use crate::percent;
use crate::transport::{Call, Repeat};
use crate::xml::element;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, Method};
use ifc_manifest::kind::bucket::{OBJECT_BYTES_MAX, PART_THRESHOLD_BYTES};
use ifc_runtime::bucket::{Content, PutCondition, PutObject, next_chunk};
use ifc_runtime::{Error, ErrorKind};
use std::fmt::Write as _;
use std::time::Duration;

/// Bytes of a part. S3 takes 10,000 parts of at least 5 MiB, so the largest object has enough, and
/// the parts on their way fit into the smallest unit.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Parts that are on their way at the same time.
const PARTS_AT_ONCE: usize = 4;

/// The slowest upload that is waited for, in bytes a second.
const PACE_MIN: u64 = 256 * 1024;

/// How long completing an upload may take: S3 answers when the object is whole.
const COMPLETE_WITHIN: Duration = Duration::from_secs(120);

const NO_SUCH_VERSION: &str = "there is no object of that version";

/// An object on its way, without its body.
struct Written {
    key: String,
    /// Type and metadata.
    headers: Vec<(HeaderName, String)>,
    condition: PutCondition,
}

impl Written {
    /// The headers of the condition.
    fn condition(&self) -> Vec<(HeaderName, String)> {
        match &self.condition {
            PutCondition::Always => Vec::new(),
            PutCondition::IfAbsent => vec![(IF_NONE_MATCH, "*".to_owned())],
            PutCondition::IfVersion(version) => vec![(IF_MATCH, format!("\"{version}\""))],
        }
    }

    /// Whether it may be written twice. Not on a condition, which the first time would have changed:
    /// the second would be refused for it, although the object was written.
    fn repeat(&self) -> Repeat {
        match self.condition {
            PutCondition::Always => Repeat::Harmless,
            PutCondition::IfAbsent | PutCondition::IfVersion(_) => Repeat::OnlyIfNotDone,
        }
    }

    /// What it means that it was refused.
    fn refused(&self, failure: Failure) -> Error {
        // The object of that version is not there.
        let gone = failure.code == "NoSuchKey" && self.condition != PutCondition::Always;
        match gone || matches!(failure.status, 409 | 412) {
            true => Error::new(
                ErrorKind::Conflict,
                match self.condition {
                    PutCondition::IfVersion(_) => NO_SUCH_VERSION,
                    _ => "there is an object, or another writer was faster",
                },
            )
            .caused_by(Error::from(failure)),
            false => failure.into(),
        }
    }
}

impl Bucket<'_> {
    pub(super) async fn put(&self, put: PutObject) -> Result<String, Error> {
        if let PutCondition::IfVersion(version) = &put.condition
            && !version
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        {
            return Err(Error::new(ErrorKind::Conflict, NO_SUCH_VERSION));
        }
        let mut headers = metadata_headers(&put.metadata)?;
        headers.push((CONTENT_TYPE, put.content_type));
        let written = Written {
            key: put.key,
            headers,
            condition: put.condition,
        };
        let mut parts = match put.content {
            Content::Bytes(bytes) if bytes.len() as u64 <= PART_THRESHOLD_BYTES => {
                return self.put_whole(&written, bytes).await;
            }
            Content::Bytes(bytes) => Parts::Bytes(bytes),
            Content::Stream(body) => Parts::Stream {
                body,
                rest: Bytes::new(),
            },
        };
        let first = parts.next().await?.unwrap_or_default();
        match parts.next().await? {
            None => self.put_whole(&written, first).await,
            Some(second) => self.put_in_parts(&written, [first, second], parts).await,
        }
    }

    async fn put_whole(&self, written: &Written, body: Bytes) -> Result<String, Error> {
        let mut call = self.call(Method::PUT, &written.key, "");
        call.headers = [written.headers.clone(), written.condition()].concat();
        call.repeat = written.repeat();
        call.patience += time_for(&body);
        call.body = body;
        let answer = self.aws.transport.call(&call).await;
        let answer = answer.map_err(|failure| written.refused(failure))?;
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok());
        let etag = etag.ok_or_else(|| Failure::malformed("the answer does not say the version"))?;
        Ok(version(etag))
    }

    async fn put_in_parts(
        &self,
        written: &Written,
        first: [Bytes; 2],
        parts: Parts,
    ) -> Result<String, Error> {
        let mut call = self.call(Method::POST, &written.key, "?uploads=");
        call.headers.clone_from(&written.headers);
        let answer = self.aws.transport.call(&call).await?;
        let id = element(&String::from_utf8_lossy(answer.body()), "UploadId");
        let id = id.ok_or_else(|| Failure::malformed("the answer has no upload"))?;
        let upload = Upload {
            bucket: self,
            written,
            id: percent::encode(&id, ""),
        };
        let result = match upload.send(first, parts).await {
            Ok(etags) => upload.complete(&etags).await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            upload.abort().await;
        }
        result
    }
}

/// An object on its way in parts.
struct Upload<'a> {
    bucket: &'a Bucket<'a>,
    written: &'a Written,
    /// As it stands in a query.
    id: String,
}

impl Upload<'_> {
    fn call(&self, method: Method, query: &str) -> Call {
        let query = format!("?{query}uploadId={}", self.id);
        self.bucket.call(method, &self.written.key, &query)
    }

    /// Sends all parts, and returns their ETags.
    async fn send(&self, first: [Bytes; 2], mut parts: Parts) -> Result<Vec<String>, Error> {
        let mut etags = Vec::new();
        let mut size = 0;
        let mut ready: Vec<Bytes> = first.into();
        loop {
            while ready.len() < PARTS_AT_ONCE
                && let Some(part) = parts.next().await?
            {
                ready.push(part);
            }
            if ready.is_empty() {
                return Ok(etags);
            }
            size += ready.iter().map(|part| part.len() as u64).sum::<u64>();
            if size > OBJECT_BYTES_MAX {
                let message = format!("more bytes than an object may have, {OBJECT_BYTES_MAX}");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            let place = etags.len() + 1;
            let sent = (place..).zip(ready.drain(..));
            let sent = all(sent.map(|(number, part)| self.send_part(number, part))).await;
            etags.extend(sent.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
    }

    async fn send_part(&self, number: usize, part: Bytes) -> Result<String, Error> {
        let mut call = self.call(Method::PUT, &format!("partNumber={number}&"));
        call.patience += time_for(&part);
        call.body = part;
        let answer = self.bucket.aws.transport.call(&call).await?;
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok());
        let etag = etag.ok_or_else(|| Failure::malformed("the answer has no ETag"))?;
        Ok(etag.to_owned())
    }

    async fn complete(&self, etags: &[String]) -> Result<String, Error> {
        let mut body =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                .to_owned();
        for (number, etag) in (1..).zip(etags) {
            let etag = etag.replace('"', "&quot;");
            let _ = write!(
                body,
                "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            );
        }
        body += "</CompleteMultipartUpload>";
        let mut call = self.call(Method::POST, "");
        call.headers = self.written.condition();
        call.headers
            .push((CONTENT_TYPE, "application/xml".to_owned()));
        call.body = body.into();
        call.repeat = self.written.repeat();
        call.late_errors = true;
        call.patience = COMPLETE_WITHIN;
        let answer = self.bucket.aws.transport.call(&call).await;
        version_of(
            answer
                .map_err(|failure| self.written.refused(failure))?
                .body(),
        )
    }

    /// Removes the parts. What remains of them all the same, the bucket's own rule removes.
    async fn abort(&self) {
        let call = self.call(Method::DELETE, "");
        let _ = self.bucket.aws.transport.call(&call).await;
    }
}

/// How long sending these bytes may take.
fn time_for(bytes: &Bytes) -> Duration {
    Duration::from_secs(bytes.len() as u64 / PACE_MIN)
}

/// A body, part by part.
enum Parts {
    Bytes(Bytes),
    Stream {
        body: Body,
        /// What arrived beyond the part before.
        rest: Bytes,
    },
}

impl Parts {
    /// The next part: all but the last are equally long. `None` at the end.
    ///
    /// # Errors
    /// `Failed` when the stream fails.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let part = match self {
            Parts::Bytes(bytes) => bytes.split_to(bytes.len().min(PART_BYTES)),
            Parts::Stream { body, rest } => {
                let mut part = Vec::new();
                loop {
                    let room = PART_BYTES - part.len();
                    part.extend_from_slice(&rest.split_to(rest.len().min(room)));
                    if part.len() == PART_BYTES {
                        break;
                    }
                    match next_chunk(body).await {
                        Some(Ok(chunk)) => *rest = chunk,
                        None => break,
                        Some(Err(error)) => {
                            let message = "the stream of the object's body failed";
                            return Err(Error::new(ErrorKind::Failed, message).caused_by(error));
                        }
                    }
                }
                part.into()
            }
        };
        Ok((!part.is_empty()).then_some(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::scripted::{Scripted, answer};
    use crate::emulated::{target, with_answers};
    use axum::http::Response;
    use ifc_runtime::bucket::BucketOperations as _;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    type Answer = Result<Response<Body>, Failure>;

    fn with_etag(etag: &'static str) -> Answer {
        let mut answer = answer(200, "")?;
        answer.headers_mut().insert(ETAG, etag.parse().unwrap());
        Ok(answer)
    }

    fn put(content: Content, condition: PutCondition) -> PutObject {
        PutObject {
            key: "a b".to_owned(),
            content,
            content_type: "text/plain".to_owned(),
            metadata: BTreeMap::from([("n".to_owned(), "1".to_owned())]),
            condition,
        }
    }

    /// What a put comes to, and what was sent: method, query, and some headers.
    async fn sent(
        put: PutObject,
        answers: Vec<Answer>,
    ) -> (Result<String, Error>, Vec<String>, Arc<Scripted>) {
        let script = Arc::new(Scripted::new(answers));
        let aws = with_answers(&script, |wiring| {
            wiring.buckets.insert("files".into(), "f".into());
        });
        let result = aws.put_object(target("files"), put).await;
        let line = |request: &axum::http::Request<Bytes>| {
            let header = |name: HeaderName| {
                let value = request.headers().get(&name)?.to_str().ok()?;
                Some(format!(" {name}={value}"))
            };
            let meta = HeaderName::from_static("x-amz-meta-n");
            let headers = [IF_MATCH, IF_NONE_MATCH, CONTENT_TYPE, meta].map(header);
            let path = request.uri().path_and_query().unwrap();
            let headers: String = headers.into_iter().flatten().collect();
            format!(
                "{} {path} {}{headers}",
                request.method(),
                request.body().len()
            )
        };
        let lines = script.requests().iter().map(line).collect();
        (result, lines, script)
    }

    fn of_parts(count: usize) -> Body {
        Body::from(vec![7; PART_BYTES * (count - 1) + 1])
    }

    #[tokio::test]
    async fn a_long_stream_goes_in_parts() {
        let answers = vec![
            answer(200, "<r><UploadId>u/1</UploadId></r>"),
            with_etag("\"p1\""),
            with_etag("\"p2\""),
            with_etag("\"p3\""),
            with_etag("\"p4\""),
            with_etag("\"p5\""),
            answer(200, "<r><ETag>&quot;whole-5&quot;</ETag></r>"),
        ];
        let content = Content::Stream(of_parts(5));
        let (result, lines, script) = sent(put(content, PutCondition::IfAbsent), answers).await;
        assert_eq!(result.unwrap(), "whole-5");
        let part = |number: usize| {
            let bytes = if number == 5 { 1 } else { PART_BYTES };
            format!("PUT /f/a%20b?partNumber={number}&uploadId=u%2F1 {bytes}")
        };
        let mut expected =
            vec!["POST /f/a%20b?uploads= 0 content-type=text/plain x-amz-meta-n=1".to_owned()];
        expected.extend((1..=5).map(part));
        let body = script.requests()[6].body().clone();
        expected.push(format!(
            "POST /f/a%20b?uploadId=u%2F1 {} if-none-match=* content-type=application/xml",
            body.len()
        ));
        assert_eq!(lines, expected);
        let body = String::from_utf8(body.to_vec()).unwrap();
        let part = "<Part><PartNumber>5</PartNumber><ETag>&quot;p5&quot;</ETag></Part>";
        assert!(body.contains(part), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn parts_that_come_to_nothing_are_removed() {
        let upload = || answer(200, "<r><UploadId>u</UploadId></r>");
        let broken = "<Error><Code>InternalError</Code></Error>";
        for (answers, kind) in [
            (
                vec![upload(), with_etag("1"), answer(403, ""), answer(204, "")],
                ErrorKind::Denied,
            ),
            // Completing fails in an answer that began as a success.
            (
                vec![
                    upload(),
                    with_etag("1"),
                    with_etag("2"),
                    answer(200, broken),
                    answer(204, ""),
                ],
                ErrorKind::Unavailable,
            ),
            (
                vec![
                    upload(),
                    with_etag("1"),
                    with_etag("2"),
                    answer(412, ""),
                    answer(204, ""),
                ],
                ErrorKind::Conflict,
            ),
        ] {
            let condition = PutCondition::IfVersion("v".to_owned());
            let content = Content::Stream(of_parts(2));
            let (result, lines, _) = sent(put(content, condition), answers).await;
            assert_eq!(result.unwrap_err().kind(), kind);
            assert_eq!(lines.last().unwrap(), "DELETE /f/a%20b?uploadId=u 0");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_a_version_is_none() {
        for version in ["a\"b", "a\nb", "é", "a b"] {
            let condition = PutCondition::IfVersion(version.to_owned());
            let content = Content::Bytes(Bytes::from_static(b"x"));
            let (result, lines, _) = sent(put(content, condition), Vec::new()).await;
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict, "{version}");
            assert!(lines.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_conditional_put_is_not_repeated_when_it_may_have_been_done() {
        let lost = || Err(Failure::lost("lost", true, None));
        let content = || Content::Bytes(Bytes::from_static(b"x"));
        let answers = || vec![lost(), with_etag("\"1\"")];
        let (result, lines, _) = sent(put(content(), PutCondition::Always), answers()).await;
        assert_eq!((result.unwrap(), lines.len()), ("1".to_owned(), 2));
        let (result, lines, _) = sent(put(content(), PutCondition::IfAbsent), answers()).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!error.is_retry_safe());
        assert_eq!(
            lines,
            ["PUT /f/a%20b 1 if-none-match=* content-type=text/plain x-amz-meta-n=1"]
        );
    }
}
