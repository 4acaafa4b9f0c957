//! Presigned URLs: what anyone can do who has one, and nothing else.

use super::{Running, Trial, odd_keys, open};
use crate::clause::{Clause, clause};
use crate::declare::target;
use crate::trial::{accepted, succeed};
use ifc_manifest::capability::Capability;
use ifc_manifest::kind::bucket::OBJECT_BYTES_MAX;
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::http::{HeaderMap, StatusCode, header};
use ifc_runtime::bucket::{PresignPut, PresignedPut};
use std::time::Duration;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.8",
            "bucket-presign-get",
            "a presigned GET reads the object as it is then, with its type, whole and in part",
            presign_get
        ),
        clause!(
            "4.8",
            "bucket-presign-keys",
            "a presigned URL names exactly its object, whatever is in the key",
            presign_keys
        ),
        clause!(
            "4.8",
            "bucket-presign-put",
            "a presigned PUT writes the object, with the type that was signed",
            presign_put
        ),
        clause!(
            "4.8",
            "bucket-presign-type",
            "a presigned PUT of another type is refused and stores nothing",
            presign_type
        ),
        clause!(
            "4.8",
            "bucket-presign-length",
            "a presigned PUT above the largest length is refused and stores nothing",
            presign_length,
            needs = Capability::PresignLength
        ),
        clause!(
            "4.8",
            "bucket-presign-expiry",
            "a presigned URL works until it expires and not after",
            presign_expiry,
            waits = 7_400
        ),
        clause!(
            "4.8",
            "bucket-presign-method",
            "a presigned URL allows its own method only",
            presign_method
        ),
        clause!(
            "4.8",
            "bucket-presign-tampered",
            "a presigned URL that was changed is refused",
            presign_tampered
        ),
        clause!(
            "4.8",
            "bucket-private",
            "nothing of a bucket can be reached without a signature",
            private
        ),
    ]
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Running {
    async fn get_url(&self, key: &str, expiry: Duration) -> String {
        let provider = self.provider();
        let url = provider.presign_get(target("files"), key.to_owned(), expiry);
        accepted("presign a GET", url.await)
    }

    pub(super) async fn put_url(
        &self,
        key: &str,
        content_type: Option<&str>,
        bytes_max: u64,
    ) -> PresignedPut {
        let presign = PresignPut {
            key: key.to_owned(),
            expiry: MINUTE,
            content_type: content_type.map(str::to_owned),
            bytes_max,
        };
        let presigned = self.provider().presign_put(target("files"), presign).await;
        accepted("presign a PUT", presigned)
    }

    async fn send_request(&self, request: Request) -> Reply {
        let response = succeed("fetch", self.stage.fetch(request).await);
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await;
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.expect("the reply can be read").to_vec(),
        }
    }

    async fn anyone(&self, method: &str, url: &str) -> Reply {
        self.send_request(request(method, url, &[], b"")).await
    }

    pub(super) async fn upload(&self, presigned: &PresignedPut, body: &[u8]) -> Reply {
        let headers: Vec<(&str, &str)> = presigned
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.send_request(request("PUT", &presigned.url, &headers, body))
            .await
    }
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut request = Request::builder().method(method).uri(url);
    if method == "PUT" {
        request = request.header(header::CONTENT_LENGTH, body.len());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_vec()));
    request.expect("what a provider presigns is a URL")
}

#[track_caller]
fn assert_refused(what: &str, reply: &Reply) {
    assert!(
        reply.status.is_client_error(),
        "{what} was answered with {}",
        reply.status
    );
}

async fn presign_get(trial: Trial) {
    let running = open(trial).await;
    // It is signed before there is an object.
    let url = running.get_url("a/b.txt", MINUTE).await;
    assert_eq!(
        running.anyone("GET", &url).await.status,
        StatusCode::NOT_FOUND
    );
    let put = super::PutObject {
        content_type: "text/plain; charset=utf-8".to_owned(),
        ..super::plain("a/b.txt", b"0123456789")
    };
    accepted("put", running.try_put_object(put).await);
    let reply = running.anyone("GET", &url).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.body, b"0123456789");
    assert_eq!(
        reply.headers[header::CONTENT_TYPE],
        "text/plain; charset=utf-8"
    );
    assert_eq!(reply.headers[header::CONTENT_LENGTH], "10");
    // As often as one likes.
    assert_eq!(running.anyone("GET", &url).await.status, StatusCode::OK);

    for (range, body, content_range) in [
        ("bytes=2-4", &b"234"[..], "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
    ] {
        let headers = [(header::RANGE.as_str(), range)];
        let reply = running
            .send_request(request("GET", &url, &headers, b""))
            .await;
        assert_eq!(reply.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(reply.body, body, "{range}");
        assert_eq!(reply.headers[header::CONTENT_RANGE], content_range);
    }
    let headers = [(header::RANGE.as_str(), "bytes=10-")];
    let reply = running
        .send_request(request("GET", &url, &headers, b""))
        .await;
    assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

async fn presign_keys(trial: Trial) {
    let running = open(trial).await;
    for key in odd_keys() {
        let upload = running.put_url(&key, None, OBJECT_BYTES_MAX).await;
        let reply = running.upload(&upload, key.as_bytes()).await;
        assert!(reply.status.is_success(), "{key}: {}", reply.status);
    }
    for key in odd_keys() {
        let body = running.body_of(&key).await;
        assert_eq!(body.as_deref(), Some(key.as_bytes()), "{key}");
        let url = running.get_url(&key, MINUTE).await;
        assert_eq!(
            running.anyone("GET", &url).await.body,
            key.as_bytes(),
            "{key}"
        );
    }
}

async fn presign_put(trial: Trial) {
    let running = open(trial).await;
    running.put_object("a", b"before").await;
    let upload = running
        .put_url("a", Some("image/png"), OBJECT_BYTES_MAX)
        .await;
    let reply = running.upload(&upload, &[7; 100]).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    let head = running.head("a").await.expect("it was uploaded");
    assert_eq!((head.size, &*head.content_type), (100, "image/png"));
    assert_eq!(running.body_of("a").await.as_deref(), Some(&[7; 100][..]));
    // Nothing at all is an upload too.
    let reply = running.upload(&upload, b"").await;
    assert!(reply.status.is_success(), "{}", reply.status);
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b""[..]));
}

async fn presign_type(trial: Trial) {
    let running = open(trial).await;
    let upload = running
        .put_url("a", Some("image/png"), OBJECT_BYTES_MAX)
        .await;
    for headers in [&[("content-type", "text/html")][..], &[]] {
        let request = request("PUT", &upload.url, headers, b"<script>");
        let reply = running.send_request(request).await;
        assert_refused("an upload of another type", &reply);
    }
    assert_eq!(running.head("a").await, None);
}

async fn presign_length(trial: Trial) {
    let running = open(trial).await;
    let upload = running.put_url("a", None, 100).await;
    let reply = running.upload(&upload, &[7; 101]).await;
    assert_refused("an upload that is too large", &reply);
    assert_eq!(running.head("a").await, None);
    let reply = running.upload(&upload, &[7; 100]).await;
    assert!(reply.status.is_success(), "{}", reply.status);
}

async fn presign_expiry(trial: Trial) {
    let mut running = open(trial).await;
    running.put_object("a", b"x").await;
    let short = running.get_url("a", MINUTE).await;
    let long = running.get_url("a", Duration::from_secs(3_600)).await;
    let upload = running.put_url("b", None, OBJECT_BYTES_MAX).await;
    running.advance(50).await;
    assert_eq!(running.anyone("GET", &short).await.status, StatusCode::OK);
    running.advance(20).await;
    assert_refused(
        "a GET that has expired",
        &running.anyone("GET", &short).await,
    );
    assert_refused(
        "a PUT that has expired",
        &running.upload(&upload, b"x").await,
    );
    assert_eq!(running.head("b").await, None);
    running.advance(3_400).await;
    assert_eq!(running.anyone("GET", &long).await.status, StatusCode::OK);
    running.advance(200).await;
    assert_refused(
        "a GET that has expired",
        &running.anyone("GET", &long).await,
    );
}

async fn presign_method(trial: Trial) {
    let running = open(trial).await;
    running.put_object("a", b"before").await;
    let url = running.get_url("a", MINUTE).await;
    for method in ["PUT", "DELETE", "POST"] {
        let reply = running
            .send_request(request(method, &url, &[], b"after"))
            .await;
        assert_refused(&format!("{method} with the URL of a GET"), &reply);
    }
    let upload = running.put_url("a", None, OBJECT_BYTES_MAX).await;
    for method in ["GET", "DELETE", "POST"] {
        let reply = running.anyone(method, &upload.url).await;
        assert_refused(&format!("{method} with the URL of a PUT"), &reply);
    }
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b"before"[..]));
}

async fn presign_tampered(trial: Trial) {
    let running = open(trial).await;
    for key in ["object-1", "object-2"] {
        running.put_object(key, b"secret").await;
    }
    let url = running.get_url("object-1", MINUTE).await;
    assert!(url.contains("object-1"), "{url}");
    let other = url.replacen("object-1", "object-2", 1);
    assert_refused(
        "a URL for another key",
        &running.anyone("GET", &other).await,
    );

    // Every parameter of the query says something that was signed.
    let (path, query) = url.split_once('?').expect("the signature is in the query");
    let parameters: Vec<&str> = query.split('&').collect();
    for left_out in 0..parameters.len() {
        let mut rest = parameters.clone();
        let gone = rest.remove(left_out);
        let changed = format!("{path}?{}", rest.join("&"));
        let reply = running.anyone("GET", &changed).await;
        assert_refused(&format!("a URL without {gone}"), &reply);
    }
    for at in 0..parameters.len() {
        // A digit that is another one: a later expiry, another signature.
        let Some(digit) = parameters[at].rfind(|c: char| c.is_ascii_digit()) else {
            continue;
        };
        let mut changed = parameters.clone();
        let other = match &parameters[at][digit..=digit] {
            "7" => "8",
            _ => "7",
        };
        let text = format!(
            "{}{other}{}",
            &changed[at][..digit],
            &changed[at][digit + 1..]
        );
        changed[at] = &text;
        let reply = running
            .anyone("GET", &format!("{path}?{}", changed.join("&")))
            .await;
        assert_refused(&format!("a URL with {text}"), &reply);
    }
}

async fn private(trial: Trial) {
    let running = open(trial).await;
    running.put_object("a", b"secret").await;
    let url = running.get_url("a", MINUTE).await;
    let bare = url.split('?').next().unwrap_or_default();
    assert_refused(
        "a URL without signature",
        &running.anyone("GET", bare).await,
    );
    let reply = running.send_request(request("PUT", bare, &[], b"x")).await;
    assert_refused("a PUT without signature", &reply);
    let up = bare.strip_suffix('a').unwrap_or(bare);
    assert_refused("a list without signature", &running.anyone("GET", up).await);
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b"secret"[..]));
}
