//! AWS's signatures of version 4: of a request in its headers, and of a URL that works by itself for
//! a while. Knows no service but S3, which wants some things otherwise.
//!
//! By hand on ring, which TLS needs anyway: `aws-sigv4` would bring 28 more crates into every
//! program. It is the tests' oracle.

use crate::bucket::S3;
use crate::credentials::Credentials;
use crate::date;
use crate::percent;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use ring::{digest, hmac};
use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// In the place of a body's hash, where the body is not known yet.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// By whom, when and for which service of which region requests are signed.
pub(crate) struct Signer<'a> {
    credentials: &'a Credentials,
    region: &'a str,
    service: &'a str,
    /// `20260115T120000Z`.
    time: String,
}

impl<'a> Signer<'a> {
    pub(crate) fn new(
        credentials: &'a Credentials,
        region: &'a str,
        service: &'a str,
        now: SystemTime,
    ) -> Signer<'a> {
        Signer {
            credentials,
            region,
            service,
            time: date::compact(now),
        }
    }

    /// Signs all headers of a request, among which `host` is, and its `body`.
    ///
    /// # Errors
    /// When a header is none that can be signed, or the token none that can be sent.
    pub(crate) fn sign<B>(
        &self,
        request: &mut Request<B>,
        body: &[u8],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let body = hex(digest::digest(&digest::SHA256, body).as_ref());
        let headers = request.headers_mut();
        headers.insert(DATE, HeaderValue::from_str(&self.time)?);
        if let Some(session) = &self.credentials.session {
            headers.insert(TOKEN, sensitive(session)?);
        }
        if self.service == S3 {
            headers.insert(CONTENT_HASH, HeaderValue::from_str(&body)?);
        }
        let (names, lines) = canonical_headers(request.headers())?;
        let query = sorted_query(request.uri(), &[]);
        let signature = self.of(
            request.method(),
            request.uri(),
            &query,
            &lines,
            &names,
            &body,
        );
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={signature}",
            self.credentials.id,
            self.scope()
        );
        let authorization = sensitive(&authorization)?;
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(())
    }

    /// Adds to the URI of a request what makes it work by itself until it expires, for whoever sends
    /// the same headers, with any body.
    ///
    /// # Errors
    /// When a header is none that can be signed.
    pub(crate) fn presign<B>(
        &self,
        request: &mut Request<B>,
        expiry: Duration,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (names, lines) = canonical_headers(request.headers())?;
        let credential = format!("{}/{}", self.credentials.id, self.scope());
        let expires = expiry.as_secs().to_string();
        let mut added = vec![
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &self.time),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", &names),
        ];
        if let Some(session) = &self.credentials.session {
            added.push(("X-Amz-Security-Token", session));
        }
        let uri = request.uri();
        let query = sorted_query(uri, &added);
        let signature = self.of(request.method(), uri, &query, &lines, &names, UNSIGNED);
        let mut parts = uri.clone().into_parts();
        let path = format!("{}?{query}&X-Amz-Signature={signature}", uri.path());
        parts.path_and_query = Some(path.parse()?);
        *request.uri_mut() = Uri::from_parts(parts)?;
        Ok(())
    }

    /// What signatures are good for.
    fn scope(&self) -> String {
        let (day, _) = self.time.split_once('T').unwrap_or_default();
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }

    fn of(
        &self,
        method: &Method,
        uri: &Uri,
        query: &str,
        lines: &str,
        names: &str,
        body: &str,
    ) -> String {
        // Services see a path after it was decoded once and encode it again; S3 takes it as it is.
        let path = match self.service {
            S3 => uri.path().to_owned(),
            _ => percent::encode(uri.path(), "/"),
        };
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body}");
        let canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let scope = self.scope();
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{canonical}", self.time);
        let mut key = format!("AWS4{}", self.credentials.secret).into_bytes();
        for part in scope.split('/').chain([text.as_str()]) {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
            key = tag.as_ref().to_vec();
        }
        hex(&key)
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A value that no log shows.
fn sensitive(text: &str) -> Result<HeaderValue, Box<dyn Error + Send + Sync>> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Names of headers as signatures list them, and a line for each.
fn canonical_headers(
    headers: &HeaderMap,
) -> Result<(String, String), Box<dyn Error + Send + Sync>> {
    let mut sorted = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        // Runs of spaces count as one.
        let words = value.to_str()?.split(' ').filter(|word| !word.is_empty());
        insert_sorted(
            &mut sorted,
            (name.as_str(), words.collect::<Vec<_>>().join(" ")),
        );
    }
    let (mut names, mut lines) = (String::new(), String::new());
    for (name, value) in sorted {
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
        let _ = writeln!(lines, "{name}:{value}");
    }
    Ok((names, lines))
}

/// The parameters of a URI, and `added` ones, as signatures want them: each encoded in one way, in
/// the order of their bytes.
fn sorted_query(uri: &Uri, added: &[(&str, &str)]) -> String {
    let encode = |text: &str| percent::encode(text, "");
    let again = |text: &str| match percent::decode(text) {
        Some(plain) => encode(&plain),
        None => encode(text),
    };
    let query = uri.query().unwrap_or_default();
    let mut parameters = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        insert_sorted(&mut parameters, (again(name), again(value)));
    }
    for (name, value) in added {
        insert_sorted(&mut parameters, (encode(name), encode(value)));
    }
    let mut joined = String::new();
    for (name, value) in parameters {
        if !joined.is_empty() {
            joined.push('&');
        }
        let _ = write!(joined, "{name}={value}");
    }
    joined
}

/// Inserts into a short list where it belongs. The sort of the standard library is 6 KB of program.
fn insert_sorted<T: Ord>(sorted: &mut Vec<T>, entry: T) {
    let at = sorted.partition_point(|known| *known <= entry);
    sorted.insert(at, entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4::SigningParams;
    use axum::http::header::{CONTENT_TYPE, HOST};

    fn credentials(session: Option<&str>) -> Credentials {
        Credentials {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session: session.map(str::to_owned),
            expiry: None,
        }
    }

    fn now() -> SystemTime {
        date::parse("2026-02-28T23:59:59Z").unwrap()
    }

    /// The same request signed by the official crate: with its name and region.
    fn officially(
        mut request: Request<()>,
        credentials: &Credentials,
        service: &str,
        body: SignableBody<'_>,
        expiry: Option<Duration>,
    ) -> Request<()> {
        let identity = aws_credential_types::Credentials::new(
            &credentials.id,
            &credentials.secret,
            credentials.session.clone(),
            None,
            "test",
        );
        let identity = identity.into();
        let mut settings = SigningSettings::default();
        if service == S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if expiry.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            settings.expires_in = expiry;
        }
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name(service)
            .time(now())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers = request.headers().clone();
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, body);
        let signed = sign(signable.unwrap(), &parameters).unwrap();
        let (instructions, _) = signed.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    /// Requests with everything about them that signatures treat specially.
    fn requests() -> Vec<(&'static str, Request<()>)> {
        let targets = [
            ("sqs", "POST", "/"),
            ("sqs", "POST", ""),
            (
                "lambda",
                "POST",
                "/2015-03-31/functions/a-b_c:d/invocations?Qualifier=live",
            ),
            ("lambda", "POST", "/a%20b/c%3Ad?x"),
            (S3, "GET", "/a/../b//c%20d%2Fe%C3%A9~.txt"),
            (S3, "PUT", "/photos/1.jpg?uploadId=a%2Fb%3D&partNumber=2"),
            (
                S3,
                "GET",
                "/?list-type=2&prefix=b%20c&delimiter=%2F&a=%26&aa=1&a=+2&a=",
            ),
            (S3, "DELETE", "/x?delete=&z&y=%zz"),
        ];
        let mut requests = Vec::new();
        for (service, method, path) in targets {
            for extra in [None, Some((CONTENT_TYPE, "  a/b;  c=\"d   e\" "))] {
                let request = Request::builder()
                    .method(method)
                    .uri(format!("https://host.example:8443{path}"))
                    .header(HOST, "host.example:8443")
                    .header("x-amz-target", "Some.Thing");
                let request = match extra {
                    Some((name, value)) => request.header(name, value),
                    None => request,
                };
                requests.push((service, request.body(()).unwrap()));
            }
        }
        requests
    }

    #[test]
    fn requests_are_signed_as_the_official_crate_signs_them() {
        for (service, request) in requests() {
            for (session, body) in [(None, ""), (Some("to+ken/=="), "{\"a\":1}")] {
                let credentials = credentials(session);
                let mut ours = request.clone();
                let signer = Signer::new(&credentials, "eu-west-1", service, now());
                signer.sign(&mut ours, body.as_bytes()).unwrap();
                let body = SignableBody::Bytes(body.as_bytes());
                let theirs = officially(request.clone(), &credentials, service, body, None);
                assert_eq!(ours.uri(), theirs.uri());
                assert_eq!(ours.headers(), theirs.headers(), "{}", request.uri());
                for (name, value) in theirs.headers() {
                    let ours = ours.headers()[name].is_sensitive();
                    assert!(ours || !value.is_sensitive(), "{name}");
                }
            }
        }
    }

    #[test]
    fn urls_are_signed_as_the_official_crate_signs_them() {
        // Whatever way they are encoded: the official crate leaves those as they are that were there.
        let parameters = |request: &Request<()>| {
            let plain = |text: &str| percent::decode(text).unwrap_or(text.to_owned());
            let query = request.uri().query().unwrap().split('&');
            let pairs = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            let mut pairs: Vec<_> = pairs
                .map(|(name, value)| (plain(name), plain(value)))
                .collect();
            pairs.sort();
            (request.uri().path().to_owned(), pairs)
        };
        let expiry = Duration::from_secs(604_800);
        for (service, request) in requests() {
            for session in [None, Some("to+ken/==")] {
                let credentials = credentials(session);
                let mut ours = request.clone();
                let signer = Signer::new(&credentials, "eu-west-1", service, now());
                signer.presign(&mut ours, expiry).unwrap();
                let body = SignableBody::UnsignedPayload;
                let theirs = officially(request.clone(), &credentials, service, body, Some(expiry));
                assert_eq!(parameters(&ours), parameters(&theirs));
                assert_eq!(ours.headers(), request.headers());
            }
        }
    }

    #[test]
    fn what_no_header_can_carry_is_refused() {
        let mut request = Request::get("https://host.example/").body(()).unwrap();
        let credentials = credentials(Some("line\nbreak"));
        let signer = Signer::new(&credentials, "eu-west-1", "sqs", now());
        assert!(signer.sign(&mut request, b"").is_err());
    }
}
