//! Calls that failed: what the service said, whether the call may have been carried out all the
//! same, and what it means to application code.

use crate::PROVIDER;
use crate::xml::element;
use axum::http::HeaderMap;
use ifc_runtime::{Error, ErrorKind, json};
use serde_json::Value;
use std::error::Error as StdError;
use std::time::Duration;

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The service's word for it, or ours where there was no answer.
    pub(crate) code: String,
    pub(crate) message: String,
    /// The status of the answer; 0 where there was none.
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    /// How long the service wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the call may have been carried out.
    pub(crate) perhaps_done: bool,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
    /// The whole answer, where it says more than code and message.
    pub(crate) detail: Option<Box<Value>>,
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The service asks for fewer calls.
    Throttled,
    /// The network or the service failed.
    Transient,
    /// The credentials are no longer good.
    Expired,
    /// The same call would fail again.
    Final,
}

const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMSThrottlingException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

const TRANSIENT: &[&str] = &[
    "InternalError",
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
];

const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "NotAuthorizedForSourceException",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// The thing behind the resource is not there, in the words of each service.
const MISSING: &[&str] = &[
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "ParameterNotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
];

const CONFLICT: &[&str] = &[
    "ConditionalCheckFailedException",
    "ConditionalRequestConflict",
    "PreconditionFailed",
    "TransactionConflictException",
];

const TOO_LARGE: &[&str] = &[
    "BatchRequestTooLong",
    "EntityTooLarge",
    "RequestEntityTooLarge",
    "RequestEntityTooLargeException",
    "RequestTooLargeException",
];

impl Failure {
    /// There was no answer. `sent` is whether the service may have got the request.
    pub(crate) fn lost(
        message: impl Into<String>,
        sent: bool,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Failure {
        Failure {
            code: "NoAnswer".to_owned(),
            message: message.into(),
            status: 0,
            request_id: None,
            retry_after: None,
            perhaps_done: sent,
            source,
            detail: None,
        }
    }

    /// The call could not even be made.
    pub(crate) fn local(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            ..Failure::lost(message, false, None)
        }
    }

    /// The service answered something that it should not.
    pub(crate) fn malformed(message: impl Into<String>) -> Failure {
        Failure {
            code: "MalformedAnswer".to_owned(),
            ..Failure::lost(message, true, None)
        }
    }

    /// An answer that is an error.
    pub(crate) fn answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        let detail = json::parse(body).unwrap_or_default();
        let text = String::from_utf8_lossy(body);
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let of_json = |names: &[&str]| {
            let found = names.iter().find_map(|name| detail.get(name)?.as_str());
            found.map(str::to_owned)
        };
        let code = header("x-amzn-errortype")
            .map(str::to_owned)
            .or_else(|| of_json(&["__type", "code"]))
            .or_else(|| element(&text, "Code"))
            .unwrap_or_default();
        let message = of_json(&["message", "Message"])
            .or_else(|| element(&text, "Message"))
            .unwrap_or_default();
        let failure = Failure {
            // Namespace before, a link after: `com.amazonaws.sqs#Name:http://…`.
            code: after_last(code.split(':').next().unwrap_or_default(), '#').to_owned(),
            message,
            status,
            request_id: request_id(headers).or_else(|| element(&text, "RequestId")),
            retry_after: retry_after(headers),
            perhaps_done: status >= 500,
            source: None,
            detail: Some(Box::new(detail)),
        };
        match failure.class() {
            // It was turned away at the door.
            Class::Throttled | Class::Expired => Failure {
                perhaps_done: false,
                ..failure
            },
            Class::Transient | Class::Final => failure,
        }
    }

    /// What is to be done.
    pub(crate) fn class(&self) -> Class {
        let code = self.code.as_str();
        if THROTTLED.contains(&code) || self.status == 429 {
            Class::Throttled
        } else if EXPIRED.contains(&code) {
            Class::Expired
        } else if TRANSIENT.contains(&code) || self.status >= 500 || code == "NoAnswer" {
            Class::Transient
        } else {
            Class::Final
        }
    }

    fn kind(&self) -> ErrorKind {
        let code = self.code.as_str();
        let one_of = |codes: &[&str]| codes.contains(&code);
        match (self.class(), self.status) {
            (Class::Throttled, _) => ErrorKind::Throttled,
            (Class::Transient, _) => ErrorKind::Unavailable,
            (Class::Expired, _) => ErrorKind::Denied,
            _ if one_of(DENIED) || code == "NoCredentials" => ErrorKind::Denied,
            _ if one_of(MISSING) => ErrorKind::NotReady,
            _ if one_of(CONFLICT) => ErrorKind::Conflict,
            _ if one_of(TOO_LARGE) => ErrorKind::TooLarge,
            _ if code == "MalformedAnswer" => ErrorKind::Malformed,
            _ if code == "InvalidRequest" => ErrorKind::Invalid,
            (_, 401 | 403) => ErrorKind::Denied,
            (_, 404) => ErrorKind::NotReady,
            (_, 409 | 412) => ErrorKind::Conflict,
            (_, 413) => ErrorKind::TooLarge,
            (_, 400..=499) => ErrorKind::Invalid,
            _ => ErrorKind::Unavailable,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let said = match (failure.status, failure.message.as_str()) {
            (0, message) => message.to_owned(),
            (_, "") => format!("aws answered {}", failure.called()),
            (_, message) => format!("aws answered {}: {message}", failure.called()),
        };
        let kind = failure.kind();
        let repeatable = matches!(failure.class(), Class::Throttled | Class::Transient);
        let mut error = Error::new(kind, said)
            .from_provider(PROVIDER)
            .retry_safe(repeatable && !failure.perhaps_done || kind == ErrorKind::NotReady);
        if let Some(request_id) = failure.request_id {
            error = error.request_id(request_id);
        }
        match failure.source {
            Some(source) => error.caused_by(source),
            None => error,
        }
    }
}

impl Failure {
    fn called(&self) -> String {
        match self.code.as_str() {
            "" => format!("status {}", self.status),
            code => code.to_owned(),
        }
    }
}

/// The provider's id of a request, by which its support finds it.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(str::to_owned)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    number("x-amz-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

fn after_last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, code: &str, class: Class, kind: ErrorKind) {
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-requestid", "r-1".parse().unwrap());
        let failure = Failure::answer(status, &headers, body.as_bytes());
        assert_eq!(
            (failure.code.as_str(), failure.class()),
            (code, class),
            "{body}"
        );
        let error = Error::from(failure);
        assert_eq!(error.kind(), kind, "{body}");
        assert!(error.to_string().ends_with("(aws request r-1)"), "{error}");
    }

    #[test]
    fn answers_are_told_apart() {
        let json = |code: &str| format!(r#"{{"__type":"com.amazonaws.x#{code}","message":"m"}}"#);
        use {Class::*, ErrorKind as Kind};
        for (status, code, class, kind) in [
            (400, "ThrottlingException", Throttled, Kind::Throttled),
            (
                400,
                "ProvisionedThroughputExceededException",
                Throttled,
                Kind::Throttled,
            ),
            (400, "AccessDeniedException", Final, Kind::Denied),
            (400, "ExpiredTokenException", Expired, Kind::Denied),
            (
                400,
                "ConditionalCheckFailedException",
                Final,
                Kind::Conflict,
            ),
            (400, "QueueDoesNotExist", Final, Kind::NotReady),
            (400, "ValidationException", Final, Kind::Invalid),
            (400, "BatchRequestTooLong", Final, Kind::TooLarge),
            (500, "InternalServerError", Transient, Kind::Unavailable),
        ] {
            check(status, &json(code), code, class, kind);
        }
        check(
            503,
            "<Error><Code>SlowDown</Code></Error>",
            "SlowDown",
            Throttled,
            Kind::Throttled,
        );
        check(502, "<html>", "", Transient, Kind::Unavailable);
        check(403, "", "", Final, Kind::Denied);
    }

    #[test]
    fn only_what_surely_was_not_done_is_said_to_be_safe_to_repeat() {
        let headers = HeaderMap::new();
        let safe = |failure| Error::from(failure).is_retry_safe();
        assert!(safe(Failure::answer(429, &headers, b"")));
        assert!(safe(Failure::lost("no connection", false, None)));
        assert!(!safe(Failure::answer(500, &headers, b"")));
        assert!(!safe(Failure::lost("the connection broke", true, None)));
    }
}
