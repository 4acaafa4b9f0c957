//! What a browser is told about who else may call an API. By hand, because a layer around the router
//! is code for each of its routes, in every program.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use ifc_manifest::kind::http_api::Cors;

/// What replies depend on, for caches.
const VARIES: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers",
);

/// A rule in the form of headers.
pub(super) struct Rule {
    /// `None`: everyone's.
    origins: Option<Vec<HeaderValue>>,
    /// In every reply.
    always: Vec<(HeaderName, HeaderValue)>,
    /// In replies to the question whether one may ask.
    preflight: Vec<(HeaderName, HeaderValue)>,
}

impl Rule {
    pub(super) fn of(cors: &Cors) -> Rule {
        let everyone = cors.origins.iter().any(|origin| origin == "*");
        let origins = cors.origins.iter().filter_map(|origin| origin.parse().ok());
        let mut preflight = Vec::new();
        let mut list = |name: HeaderName, known: Vec<&str>| {
            // What is known to be a method or a header's name is a header's value too.
            if let (false, Ok(value)) = (known.is_empty(), known.join(",").parse()) {
                preflight.push((name, value));
            }
        };
        let methods = cors.methods.iter().map(String::as_str);
        let methods = methods.filter(|method| Method::from_bytes(method.as_bytes()).is_ok());
        list(ACCESS_CONTROL_ALLOW_METHODS, methods.collect());
        let headers: Vec<HeaderName> = cors.headers.iter().filter_map(|h| h.parse().ok()).collect();
        list(
            ACCESS_CONTROL_ALLOW_HEADERS,
            headers.iter().map(HeaderName::as_str).collect(),
        );
        preflight.push((ACCESS_CONTROL_MAX_AGE, cors.max_age.as_secs().into()));
        let credentials = (
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        Rule {
            origins: (!everyone).then(|| origins.collect()),
            always: cors
                .credentials
                .then_some(credentials)
                .into_iter()
                .collect(),
            preflight,
        }
    }

    /// The reply to an OPTIONS request from `origin`.
    pub(super) fn preflight(&self, origin: Option<&HeaderValue>) -> Response {
        let mut response = Response::default();
        self.allow(origin, response.headers_mut());
        for (name, value) in &self.preflight {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    /// Adds to a reply what the rule says to `origin`.
    pub(super) fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let allowed = match &self.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(known) => origin.filter(|origin| known.contains(origin)).cloned(),
        };
        if let Some(allowed) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        for (name, value) in &self.always {
            headers.insert(name, value.clone());
        }
        headers.append(VARY, VARIES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rule(origins: &[&str], credentials: bool) -> Rule {
        Rule::of(&Cors {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            methods: ["GET", "no method", "PUT"].map(str::to_owned).to_vec(),
            headers: ["X-One", "no header", "content-type"]
                .map(str::to_owned)
                .to_vec(),
            max_age: Duration::from_secs(600),
            credentials,
        })
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let shown = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers.iter().map(shown).collect()
    }

    const VARY_LINE: &str =
        "vary: origin, access-control-request-method, access-control-request-headers";

    #[test]
    fn only_known_origins_are_allowed() {
        let rule = rule(&["https://shop.example", "https://b.example"], true);
        let known = HeaderValue::from_static("https://b.example");
        let other = HeaderValue::from_static("https://thief.example");
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("accept"));
        rule.allow(Some(&known), &mut headers);
        let expected = [
            "vary: accept",
            VARY_LINE,
            "access-control-allow-origin: https://b.example",
            "access-control-allow-credentials: true",
        ];
        assert_eq!(shown(&headers), expected);
        for origin in [Some(&other), None] {
            let mut headers = HeaderMap::new();
            rule.allow(origin, &mut headers);
            let expected = ["access-control-allow-credentials: true", VARY_LINE];
            assert_eq!(shown(&headers), expected);
        }
    }

    #[test]
    fn a_preflight_says_what_may_be_asked() {
        let response = rule(&["*"], false).preflight(None);
        assert_eq!(response.status(), 200);
        let expected = [
            "access-control-allow-origin: *",
            VARY_LINE,
            "access-control-allow-methods: GET,PUT",
            "access-control-allow-headers: x-one,content-type",
            "access-control-max-age: 600",
        ];
        assert_eq!(shown(response.headers()), expected);
    }
}
