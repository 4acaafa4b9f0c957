//! Requests to presigned URLs.

use super::Bucket;
use super::operations::uploaded;
use super::presign::{Action, Permit};
use crate::local::Local;
use crate::moment::{epoch_seconds, to_system};
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ifc_manifest::kind::bucket::{CONTENT_TYPE_BYTES_MAX, CONTENT_TYPE_DEFAULT, check_key};
use ifc_runtime::bucket::{ByteRange, Content};
use ifc_runtime::http::problem;
use ifc_runtime::log::timestamp;
use ifc_runtime::{Error, ErrorKind, axum};
use std::sync::Arc;

/// Why a request is refused.
type Refusal = (StatusCode, String);

impl Local {
    /// Answers a request to a presigned URL, as a cloud's storage would: whoever has the URL may do
    /// what it allows until it expires, and nothing else.
    pub async fn answer_presigned(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        match self.admitted(&parts, body).await {
            Ok(response) => response,
            Err((status, message)) => problem(status, &message),
        }
    }

    async fn admitted(&self, parts: &Parts, body: Body) -> Result<Response, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        let permit = Permit::read(parts.uri.path(), query, &self.key_ring).ok_or_else(|| {
            let message = "this is no presigned URL, or it was changed after it was signed";
            (StatusCode::FORBIDDEN, message.to_owned())
        })?;
        if permit.expires <= epoch_seconds(self.now_moment()) {
            let expired = to_system(permit.expires.saturating_mul(1_000_000_000));
            let message = format!("the URL expired at {}", timestamp(expired));
            return Err((StatusCode::FORBIDDEN, message));
        }
        if parts.method.as_str() != permit.action.method() {
            let message = format!(
                "the URL allows {}, not {}",
                permit.action.method(),
                parts.method
            );
            return Err((StatusCode::FORBIDDEN, message));
        }
        match permit.action {
            Action::Get => self.download(&permit, &parts.headers).await,
            Action::Put {
                ref content_type,
                bytes_max,
            } => {
                let content_type = upload_type(&parts.headers, content_type.as_deref())?;
                self.upload(&permit, &parts.headers, content_type, bytes_max, body)
                    .await
            }
        }
    }

    fn bucket_named(&self, name: &str) -> Option<&Arc<Bucket>> {
        self.buckets_by_name.get(name)
    }

    async fn download(&self, permit: &Permit, headers: &HeaderMap) -> Result<Response, Refusal> {
        let not_found = || {
            let message = format!("there is no object `{}`", permit.key.escape_debug());
            (StatusCode::NOT_FOUND, message)
        };
        let bucket = self.bucket_named(&permit.bucket).ok_or_else(not_found)?;
        let range = headers.get(header::RANGE).and_then(byte_range);
        let object = match self.read_object(bucket, permit.key.clone(), range).await {
            Ok(object) => object.ok_or_else(not_found)?,
            Err(error) if error.kind() == ErrorKind::Invalid => {
                return Err((StatusCode::RANGE_NOT_SATISFIABLE, error.to_string()));
            }
            Err(error) => return Err(failed(&error)),
        };
        let (head, part) = (object.head, object.range);
        let mut response = object.body.into_response();
        if range.is_some() {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = part.end.saturating_sub(1);
            let content_range = format!("bytes {}-{last}/{}", part.start, head.size);
            set(&mut response, header::CONTENT_RANGE, &content_range);
        }
        let length = (part.end - part.start).to_string();
        set(&mut response, header::CONTENT_LENGTH, &length);
        set(&mut response, header::CONTENT_TYPE, &head.content_type);
        set(
            &mut response,
            header::ETAG,
            &format!("\"{}\"", head.version),
        );
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        // On a cloud an object has an origin of its own. Here it shares the application's, whose
        // cookies and pages a script in it must not reach.
        set(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox");
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        Ok(response)
    }

    async fn upload(
        &self,
        permit: &Permit,
        headers: &HeaderMap,
        content_type: String,
        bytes_max: u64,
        body: Body,
    ) -> Result<Response, Refusal> {
        let bucket = self.bucket_named(&permit.bucket).ok_or_else(|| {
            let message = format!("there is no bucket `{}`", permit.bucket);
            (StatusCode::NOT_FOUND, message)
        })?;
        if let Err(error) = check_key(&permit.key) {
            let message = format!("the key `{}` {error}", permit.key.escape_debug());
            return Err((StatusCode::BAD_REQUEST, message));
        }
        let length = text(headers, header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let length: u64 = length.ok_or_else(|| {
            let message = "an upload says its length with `content-length`";
            (StatusCode::LENGTH_REQUIRED, message.to_owned())
        })?;
        if length > bytes_max {
            let message = format!("the upload has {length} bytes, the URL allows {bytes_max}");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        let put = uploaded(permit.key.clone(), content_type, Content::Stream(body));
        match self.write_object(bucket, put, bytes_max).await {
            Ok(version) => {
                let mut response = StatusCode::OK.into_response();
                set(&mut response, header::ETAG, &format!("\"{version}\""));
                Ok(response)
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The type of an upload.
fn upload_type(headers: &HeaderMap, allowed: Option<&str>) -> Result<String, Refusal> {
    let given = text(headers, header::CONTENT_TYPE);
    match (given, allowed) {
        (given, Some(allowed)) if given != Some(allowed) => {
            let message = format!("the URL allows an upload with `content-type: {allowed}`");
            Err((StatusCode::FORBIDDEN, message))
        }
        (Some(given), _) if given.is_empty() || given.len() > CONTENT_TYPE_BYTES_MAX => {
            let message = "the content type is empty or too long";
            Err((StatusCode::BAD_REQUEST, message.to_owned()))
        }
        (Some(given), _) => Ok(given.to_owned()),
        (None, _) => Ok(CONTENT_TYPE_DEFAULT.to_owned()),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // What was stored was checked; a header that cannot be set is better left out than fatal.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn failed(error: &Error) -> Refusal {
    let status = match error.kind() {
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Failed => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, error.to_string())
}

/// `bytes=1-2`, `bytes=1-`, `bytes=-2`. Anything else asks for the whole, as HTTP says.
fn byte_range(value: &HeaderValue) -> Option<ByteRange> {
    let (first, last) = value
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok())?
    };
    match (first, last) {
        ("", last) => number(last).map(ByteRange::Last),
        (first, "") => number(first).map(ByteRange::StartingAt),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| ByteRange::Between(first, last.saturating_add(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_headers() {
        for (text, expected) in [
            ("bytes=0-3", Some(ByteRange::Between(0, 4))),
            ("bytes=5-", Some(ByteRange::StartingAt(5))),
            ("bytes=-7", Some(ByteRange::Last(7))),
            ("bytes=3-2", None),
            ("bytes=-", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes= 1-2", None),
            ("items=0-3", None),
            ("bytes=99999999999999999999-", None),
        ] {
            assert_eq!(
                byte_range(&HeaderValue::from_static(text)),
                expected,
                "{text}"
            );
        }
    }
}
