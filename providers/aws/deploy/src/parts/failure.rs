//! What an error of the SDK means to the engine: whether to come back, and what the user can do.

use crate::account::chain;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ifc_engine::{ProviderError, ProviderErrorKind};
use std::error::Error;
use std::time::Duration;

/// How long it may take until everybody at AWS knows of a new role or policy.
pub(crate) const PROPAGATION: Duration = Duration::from_secs(60);

const THROTTLED: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
    "EC2ThrottledException",
];

const DENIED: [&str; 7] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedAccess",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
];

const STALE: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
];

/// The signature itself is not accepted: a wrong key or a wrong clock.
const MISSIGNED: [&str; 7] = [
    "IncompleteSignature",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

const GONE: [&str; 12] = [
    "NoSuchEntity",
    "NoSuchBucket",
    "NoSuchKey",
    "NotFound",
    "NotFoundException",
    "ResourceNotFoundException",
    "ResourceNotFound",
    "ParameterNotFound",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "TableNotFoundException",
    "404",
];

const EXISTS: [&str; 9] = [
    "EntityAlreadyExists",
    "ResourceAlreadyExistsException",
    "ResourceExistsException",
    "ResourceInUseException",
    "ResourceConflictException",
    "ConflictException",
    "ParameterAlreadyExists",
    "BucketAlreadyOwnedByYou",
    "QueueNameExists",
];

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: String,
    /// In the words of AWS.
    message: String,
    /// Apart, because failures are handed around in results.
    error: Box<ProviderError>,
}

impl Failure {
    /// What was asked cannot be, for a reason of our own.
    pub(crate) fn rejected(message: impl Into<String>) -> Failure {
        Failure::of(ProviderErrorKind::Rejected, message)
    }

    /// Something has to come to rest first.
    pub(crate) fn not_ready(what: impl Into<String>, budget: Duration) -> Failure {
        let what = what.into();
        let message = format!("{what} is not there yet");
        Failure::of(ProviderErrorKind::NotReady { what, budget }, message)
    }

    /// Something of this name is there already; nothing was touched.
    pub(crate) fn exists(words: impl Into<String>) -> Failure {
        Failure {
            code: EXISTS[0].to_owned(),
            ..Failure::rejected(words)
        }
    }

    /// The same, as the answer that it is there already.
    pub(crate) fn into_exists(self) -> Failure {
        Failure {
            code: EXISTS[0].to_owned(),
            ..self
        }
    }

    pub(crate) fn of(kind: ProviderErrorKind, message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure {
            code: String::new(),
            error: Box::new(ProviderError::new(kind, message.clone())),
            message,
        }
    }

    /// Whether AWS gave this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether AWS said something like this.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    /// Whether it was not permitted.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.error.kind(), ProviderErrorKind::Denied { .. })
    }

    /// Whether there is nothing of that name.
    pub(crate) fn is_gone(&self) -> bool {
        GONE.contains(&self.code.as_str())
    }

    /// Whether there is something of that name already.
    pub(crate) fn is_exists(&self) -> bool {
        EXISTS.contains(&self.code.as_str())
    }

    /// The same, to be tried again until `what` has happened.
    pub(crate) fn until(self, what: impl Into<String>, budget: Duration) -> Failure {
        let what = what.into();
        self.into_kind(ProviderErrorKind::NotReady { what, budget })
    }

    /// The same failure as one of another sort.
    pub(crate) fn into_kind(self, kind: ProviderErrorKind) -> Failure {
        let mut error = ProviderError::new(kind, self.told());
        if let Some(id) = self.error.request_id() {
            error = error.with_request_id(id);
        }
        Failure {
            error: Box::new(error),
            ..self
        }
    }

    fn told(&self) -> String {
        match self.code.as_str() {
            "" => self.message.clone(),
            code => format!("`{code}`: {}", self.message),
        }
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> ProviderError {
        *failure.error
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Failure {
        Failure {
            code: String::new(),
            message: error.to_string(),
            error: Box::new(error),
        }
    }
}

/// Says what failed.
pub(crate) trait Told<T> {
    /// Names the action, as policies name it, and on what.
    fn told(self, action: &str, on: &str) -> Result<T, Failure>;
}

impl<T, E> Told<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn told(self, action: &str, on: &str) -> Result<T, Failure> {
        self.map_err(|error| failure(error, action, on))
    }
}

/// Turns the absence of a thing into an answer.
pub(crate) trait Absent<T> {
    /// `None` where there is nothing.
    fn or_absent(self) -> Result<Option<T>, Failure>;
}

impl<T> Absent<T> for Result<T, Failure> {
    fn or_absent(self) -> Result<Option<T>, Failure> {
        match self {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_gone() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

fn failure<E>(error: SdkError<E, HttpResponse>, action: &str, on: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(service) = &error else {
        return unanswered(&error, action);
    };
    let (status, inner) = (service.raw().status().as_u16(), service.err());
    let code = match inner.code() {
        // Query protocols put a prefix before some codes and drop it from others.
        Some(code) => code.rsplit('#').next().unwrap_or(code).to_owned(),
        // Answers to HEAD have no body.
        None => status.to_string(),
    };
    let message = inner.message().unwrap_or("no reason given").to_owned();
    let (kind, words) = judge(&code, &message, status, action, on);
    let mut told = ProviderError::new(kind, words);
    if let Some(id) = inner.meta().extra("aws_request_id") {
        told = told.with_request_id(id);
    }
    Failure {
        code,
        message,
        error: Box::new(told),
    }
}

/// What an error answer means, and how it is told.
fn judge(
    code: &str,
    message: &str,
    status: u16,
    action: &str,
    on: &str,
) -> (ProviderErrorKind, String) {
    let told = format!("`{action}` on `{on}`: `{code}`: {message}");
    if THROTTLED.contains(&code) || status == 429 || message.contains("Rate exceeded") {
        return (ProviderErrorKind::Throttled { retry_after: None }, told);
    }
    if STALE.contains(&code) {
        let words = format!("{told}; log in to AWS again");
        return (ProviderErrorKind::Rejected, words);
    }
    if MISSIGNED.contains(&code) {
        let words = format!("{told}; check the credentials, and this machine's clock");
        return (ProviderErrorKind::Rejected, words);
    }
    if is_quota(code) {
        let words = format!("{told}; ask AWS for a higher quota, or remove what is not needed");
        return (ProviderErrorKind::Rejected, words);
    }
    if DENIED.contains(&code) || status == 403 {
        let (named, named_on) = named_in(message);
        let action = named.unwrap_or_else(|| action.to_owned());
        let on = named_on.unwrap_or_else(|| on.to_owned());
        let words = format!(
            "{message}; add to the policy of who deploys: \
             {{\"Effect\":\"Allow\",\"Action\":\"{action}\",\"Resource\":\"{on}\"}}"
        );
        return (ProviderErrorKind::Denied { action, on }, words);
    }
    match status {
        // It may have been carried out all the same.
        500 | 502 | 504 => (ProviderErrorKind::Uncertain, told),
        503 => (ProviderErrorKind::Unavailable, told),
        _ => (ProviderErrorKind::Rejected, told),
    }
}

/// Whether the account has as many of something as it may have.
fn is_quota(code: &str) -> bool {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    code.ends_with("LimitExceeded")
        || code.ends_with("QuotaExceeded")
        || ["CodeStorageExceeded", "TooManyBuckets"].contains(&code)
}

/// The action and the resource that AWS itself names, as far as it does.
fn named_in(message: &str) -> (Option<String>, Option<String>) {
    let word_after = |text: &str| {
        let (_, rest) = message.split_once(text)?;
        let word = rest.split_whitespace().next()?;
        Some(word.trim_end_matches([',', ';', '.']).to_owned())
    };
    (word_after("to perform: "), word_after(" on resource: "))
}

/// There was no answer, or none that could be read.
fn unanswered<E>(error: &SdkError<E, HttpResponse>, action: &str) -> Failure
where
    E: Error + Send + Sync + 'static,
{
    let words = format!("`{action}`: {}", chain(error));
    let kind = match error {
        SdkError::ConstructionFailure(_) => ProviderErrorKind::Rejected,
        SdkError::DispatchFailure(_) if refused(error) => ProviderErrorKind::Unavailable,
        _ => ProviderErrorKind::Uncertain,
    };
    Failure::of(kind, words)
}

/// Whether there was not even a connection.
fn refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let kind = |code, status| judge(code, "why", status, "sqs:CreateQueue", "q").0;
        let throttled = ProviderErrorKind::Throttled { retry_after: None };
        assert_eq!(kind("Throttling", 400), throttled);
        assert_eq!(kind("Whatever", 429), throttled);
        assert_eq!(kind("InternalFailure", 500), ProviderErrorKind::Uncertain);
        assert_eq!(
            kind("ServiceUnavailable", 503),
            ProviderErrorKind::Unavailable
        );
        assert_eq!(kind("ExpiredToken", 403), ProviderErrorKind::Rejected);
        assert_eq!(
            kind("InvalidParameterValue", 400),
            ProviderErrorKind::Rejected
        );
    }

    #[test]
    fn a_signature_that_is_refused_is_no_missing_permission() {
        for (code, status) in [
            ("SignatureDoesNotMatch", 403),
            ("InvalidSignatureException", 400),
            ("RequestTimeTooSkewed", 403),
            ("InvalidToken", 403),
        ] {
            let (kind, words) = judge(code, "why", status, "sqs:CreateQueue", "q");
            assert_eq!(kind, ProviderErrorKind::Rejected, "{code}");
            assert!(words.ends_with("this machine's clock"), "{words}");
        }
    }

    #[test]
    fn a_quota_that_is_used_up_is_called_so() {
        for (code, status) in [("LimitExceeded", 409), ("TopicLimitExceeded", 403)] {
            let (kind, words) = judge(code, "too many roles", status, "iam:CreateRole", "r");
            assert_eq!(kind, ProviderErrorKind::Rejected, "{code}");
            assert!(words.contains("`iam:CreateRole` on `r`"), "{words}");
            assert!(words.contains("ask AWS for a higher quota"), "{words}");
        }
    }

    #[test]
    fn a_denied_call_says_the_statement_that_is_missing() {
        let message = "User: arn:aws:iam::1:user/u is not authorized to perform: sqs:CreateQueue \
                       on resource: arn:aws:sqs:eu-west-1:1:q because no policy allows it";
        let (kind, words) = judge("AccessDenied", message, 403, "sqs:createqueue", "q");
        let denied = ProviderErrorKind::Denied {
            action: "sqs:CreateQueue".to_owned(),
            on: "arn:aws:sqs:eu-west-1:1:q".to_owned(),
        };
        assert_eq!(kind, denied);
        assert!(
            words.ends_with(
                r#"{"Effect":"Allow","Action":"sqs:CreateQueue","Resource":"arn:aws:sqs:eu-west-1:1:q"}"#
            ),
            "{words}"
        );
    }

    #[test]
    fn where_aws_names_the_action_alone_the_thing_is_what_was_called() {
        let message = "User: u is not authorized to perform: s3:TagResource because no policy";
        let (kind, _) = judge("AccessDenied", message, 403, "s3:CreateBucket", "b");
        let denied = ProviderErrorKind::Denied {
            action: "s3:TagResource".to_owned(),
            on: "b".to_owned(),
        };
        assert_eq!(kind, denied);
    }

    #[test]
    fn without_words_of_aws_the_call_itself_is_named() {
        let (kind, _) = judge("AccessDenied", "Access Denied", 403, "s3:CreateBucket", "b");
        let denied = ProviderErrorKind::Denied {
            action: "s3:CreateBucket".to_owned(),
            on: "b".to_owned(),
        };
        assert_eq!(kind, denied);
    }
}
