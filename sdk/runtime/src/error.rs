//! Errors of operations, and errors of handlers.
//!
//! [`Error`] is what an operation returns: opaque, with predicates. [`HandlerError`] is what a
//! handler returns: any error, optionally with what an HTTP client should see.

use crate::Target;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ifc_manifest::Verb;
use std::error::Error as StdError;
use std::fmt;

/// Result of a handler, or of any helper that passes errors up to one.
pub type Result<T, E = HandlerError> = std::result::Result<T, E>;

/// What sort of failure an operation met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The thing asked for does not exist.
    NotFound,
    /// A condition did not hold, or someone else was faster.
    Conflict,
    /// The provider asks for fewer requests; its retry budget is spent.
    Throttled,
    /// The unit has no grant for the operation.
    Denied,
    /// The provider has no such feature.
    Unsupported,
    /// A size limit is exceeded; nothing was sent.
    TooLarge,
    /// The request itself is wrong: a key that is empty, a value that has no portable form.
    Invalid,
    /// No wiring, no value, or the resource is not ready yet.
    NotReady,
    /// The provider failed or could not be reached.
    Unavailable,
    /// A stored value or a reply does not have the expected form.
    Malformed,
    /// The invoked function failed, or the source of a body that was to be stored.
    Failed,
}

/// Error of one operation on one resource.
///
/// Look at it with its predicates. `Display` describes this layer only; `source()` has the next.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    resource: Option<String>,
    verb: Option<&'static str>,
    provider: Option<&'static str>,
    request_id: Option<String>,
    retry_safe: bool,
    operation: Option<(usize, &'static str)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind. `message` says what is wrong in lower case, without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::made(kind, message.into())
    }

    /// Apart from the above, which is a part of whatever calls it.
    fn made(kind: ErrorKind, message: String) -> Error {
        Error(Box::new(Inner {
            kind,
            message,
            resource: None,
            verb: None,
            provider: None,
            request_id: None,
            retry_safe: matches!(
                kind,
                ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::NotReady
            ),
            operation: None,
            source: None,
        }))
    }

    /// Names the operation that failed.
    #[must_use]
    pub fn on(mut self, target: Target<'_>, verb: Verb) -> Error {
        self.0.resource = Some(target.name.to_owned());
        self.0.verb = Some(verb.as_str());
        self
    }

    /// Names the provider that answered.
    #[must_use]
    pub fn from_provider(mut self, provider: &'static str) -> Error {
        self.0.provider = Some(provider);
        self
    }

    /// Adds the provider's id of the request.
    #[must_use]
    pub fn request_id(mut self, request_id: impl Into<String>) -> Error {
        self.0.request_id = Some(request_id.into());
        self
    }

    /// Says whether the same request may be sent again without harm.
    #[must_use]
    pub fn retry_safe(mut self, retry_safe: bool) -> Error {
        self.0.retry_safe = retry_safe;
        self
    }

    /// Says which operation of a transaction failed: its place, from 0, and its verb.
    #[must_use]
    pub fn in_operation(mut self, place: usize, verb: Verb) -> Error {
        self.0.operation = Some((place, verb.as_str()));
        self
    }

    /// Adds what this error comes from.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The resource's name, where the operation had one.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// The verb, where there was one.
    pub fn verb(&self) -> Option<&'static str> {
        self.0.verb
    }

    /// Which operation of a transaction failed, from 0, where one did: the others were not applied
    /// because of it.
    pub fn failed_operation(&self) -> Option<usize> {
        self.0.operation.map(|(place, _)| place)
    }

    /// The thing asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// A condition did not hold, or someone else was faster. Read again, decide again.
    pub fn is_conflict(&self) -> bool {
        self.0.kind == ErrorKind::Conflict
    }

    /// The provider asks for fewer requests and the retry budget is spent.
    pub fn is_throttled(&self) -> bool {
        self.0.kind == ErrorKind::Throttled
    }

    /// The unit has no grant for this operation.
    pub fn is_denied(&self) -> bool {
        self.0.kind == ErrorKind::Denied
    }

    /// The provider has no such feature.
    pub fn is_unsupported(&self) -> bool {
        self.0.kind == ErrorKind::Unsupported
    }

    /// A size limit is exceeded; nothing was sent.
    pub fn is_too_large(&self) -> bool {
        self.0.kind == ErrorKind::TooLarge
    }

    /// Whether the same call may succeed later and does no harm when it had succeeded already.
    pub fn is_retry_safe(&self) -> bool {
        self.0.retry_safe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let (Some(resource), Some(verb)) = (&inner.resource, inner.verb) {
            write!(f, "{verb} on `{resource}`: ")?;
        }
        if let Some((place, verb)) = inner.operation {
            write!(f, "operation {} ({verb}): ", place + 1)?;
        }
        f.write_str(&inner.message)?;
        if let Some(provider) = inner.provider.filter(|_| inner.request_id.is_some()) {
            let request_id = inner.request_id.as_deref().unwrap_or_default();
            write!(f, " ({provider} request {request_id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Why a handler did not succeed.
///
/// Made by `?` from any error. In a handler of events it means *deliver again later*. In an HTTP
/// handler it is answered with status 500 and the request's id only, unless it was made with a
/// [`status`](HandlerError::status): then the client sees that status and its message.
pub struct HandlerError(Box<HandlerErrorInner>);

struct HandlerErrorInner {
    status: Option<StatusCode>,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl HandlerError {
    /// An error with a message for the log.
    pub fn new(message: impl Into<String>) -> HandlerError {
        HandlerError::made(None, message.into(), None)
    }

    /// Apart from what takes any message or any error, which is a part of whatever calls it.
    fn made(
        status: Option<StatusCode>,
        message: String,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> HandlerError {
        HandlerError(Box::new(HandlerErrorInner {
            status,
            message,
            source,
        }))
    }

    /// An error whose status and message an HTTP client sees.
    pub fn status(status: StatusCode, message: impl Into<String>) -> HandlerError {
        HandlerError::made(Some(status), message.into(), None)
    }

    /// 404 with a message.
    pub fn not_found(message: impl Into<String>) -> HandlerError {
        HandlerError::status(StatusCode::NOT_FOUND, message)
    }

    /// 400 with a message.
    pub fn bad_request(message: impl Into<String>) -> HandlerError {
        HandlerError::status(StatusCode::BAD_REQUEST, message)
    }

    /// 409 with a message.
    pub fn conflict(message: impl Into<String>) -> HandlerError {
        HandlerError::status(StatusCode::CONFLICT, message)
    }

    /// The error behind this one, when it is of type `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// The status an HTTP client would see.
    pub fn http_status(&self) -> StatusCode {
        self.0.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The message and every cause behind it, one after the other.
    pub fn chain(&self) -> String {
        let mut text = self.0.message.clone();
        let mut source = self.0.source.as_deref().and_then(|error| error.source());
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> HandlerError {
        HandlerError::made(None, error.to_string(), Some(Box::new(error)))
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

/// The cause of a 500, for the router's log; the client never sees it.
#[derive(Clone, Debug)]
pub(crate) struct HiddenCause(pub(crate) String);

impl IntoResponse for HandlerError {
    fn into_response(self) -> Response {
        match self.0.status {
            Some(status) => (
                status,
                axum::Json(serde_json::json!({ "error": self.0.message })),
            )
                .into_response(),
            None => {
                let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
                response.extensions_mut().insert(HiddenCause(self.chain()));
                response
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        HandlerError::from(self).into_response()
    }
}
