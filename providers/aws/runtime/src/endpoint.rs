//! Where each service answers: in the wiring's region, or all at one place for emulators.

use crate::bucket::S3;
use axum::http::Uri;

/// Where services answer.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    region: String,
    /// `http://127.0.0.1:4566`, without a slash at the end.
    one: Option<String>,
}

impl Endpoints {
    /// Those of a region, or one place for all of them.
    ///
    /// # Errors
    /// When the place is no URL, or not safe.
    pub(crate) fn new(region: &str, one: Option<&str>) -> Result<Endpoints, String> {
        let one = one.map(check).transpose()?;
        Ok(Endpoints {
            region: region.to_owned(),
            one,
        })
    }

    /// The region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Scheme and authority of a service.
    pub(crate) fn of(&self, service: &str) -> String {
        match &self.one {
            Some(one) => one.clone(),
            None => format!("https://{service}.{}.{}", self.region, self.domain()),
        }
    }

    /// Scheme and authority at which a bucket answers, and the beginning of its paths. The name is
    /// part of the authority, but where TLS or an emulator would not take it there.
    pub(crate) fn bucket(&self, name: &str) -> (String, String) {
        let base = self.of(S3);
        match &self.one {
            None if !name.contains('.') => {
                let base = base.replacen("https://", &format!("https://{name}."), 1);
                (base, String::new())
            }
            _ => (base, format!("/{name}")),
        }
    }

    fn domain(&self) -> &'static str {
        match self.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        }
    }
}

fn check(text: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(format!("the endpoint `{text}` cannot be used: {why}"));
    let Ok(uri) = text.parse::<Uri>() else {
        return refuse("it is no URL");
    };
    if uri
        .path_and_query()
        .is_some_and(|path| path.as_str() != "/")
    {
        return refuse("it has a path");
    }
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => {}
        (Some("http"), Some(host)) if loopback(host) => {}
        (Some("http"), Some(_)) => return refuse("without TLS it must be on this machine"),
        _ => return refuse("it needs https:// and a host"),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_answer_under_their_name() {
        for (name, one, base, path) in [
            ("a-1", None, "https://a-1.s3.eu-west-1.amazonaws.com", ""),
            ("a.b", None, "https://s3.eu-west-1.amazonaws.com", "/a.b"),
            (
                "a-1",
                Some("http://127.0.0.1:1"),
                "http://127.0.0.1:1",
                "/a-1",
            ),
        ] {
            let endpoints = Endpoints::new("eu-west-1", one).unwrap();
            assert_eq!(endpoints.bucket(name), (base.to_owned(), path.to_owned()));
        }
    }

    #[test]
    fn services_answer_in_their_region_or_at_one_place() {
        let of = |region, one| Endpoints::new(region, one).map(|endpoints| endpoints.of("sqs"));
        for (region, one, expected) in [
            ("eu-west-1", None, "https://sqs.eu-west-1.amazonaws.com"),
            (
                "cn-north-1",
                None,
                "https://sqs.cn-north-1.amazonaws.com.cn",
            ),
            (
                "eu-west-1",
                Some("http://127.0.0.1:4566/"),
                "http://127.0.0.1:4566",
            ),
            ("eu-west-1", Some("http://[::1]:4566"), "http://[::1]:4566"),
            (
                "eu-west-1",
                Some("https://proxy.example"),
                "https://proxy.example",
            ),
        ] {
            assert_eq!(of(region, one).as_deref(), Ok(expected));
        }
        for (one, expected) in [
            ("http://example.com", "without TLS"),
            ("http://127.0.0.1.example.com", "without TLS"),
            ("ftp://127.0.0.1", "needs https"),
            ("127.0.0.1:1", "needs https"),
            ("https://a/b", "has a path"),
            ("a b", "no URL"),
        ] {
            let error = of("eu-west-1", Some(one)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
