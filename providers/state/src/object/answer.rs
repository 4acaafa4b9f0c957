//! What became of a request, seen where it is sent, and what that means for the caller.
//!
//! The library's errors name few of the statuses, and do not tell a request that was never sent
//! from one whose answer was lost. So its client is wrapped in one that takes note.

use async_trait::async_trait;
use ifc_engine::StoreErrorKind;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

tokio::task_local! {
    /// What the last request within [`observed`] came to.
    static LAST: RefCell<Option<Answer>>;
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The server answered.
    Status {
        status: u16,
        /// Azure's name for what went wrong; the others have it in the body.
        code: String,
        retry_after: Option<Duration>,
    },
    /// There was no connection, so the server knows nothing of the request.
    NotSent,
    /// There was a connection and no answer.
    Lost,
}

/// Runs `requests` and returns, beside their result, what the last one that was sent came to.
pub(super) async fn observed<T>(requests: impl Future<Output = T>) -> (T, Option<Answer>) {
    LAST.scope(RefCell::new(None), async {
        let result = requests.await;
        (result, LAST.with(RefCell::take))
    })
    .await
}

fn note(answer: Answer) {
    // Outside of `observed` nobody wants to know.
    let _ = LAST.try_with(|last| last.replace(Some(answer)));
}

/// Connects as the library does, and takes note of answers. Clones share what they have made.
#[derive(Clone, Debug, Default)]
pub(super) struct Observing {
    last: Arc<Mutex<Option<HttpClient>>>,
}

impl Observing {
    /// The client that was made last: that of the store, which is made after those that look for
    /// credentials. To make another costs reading all root certificates again.
    pub(super) fn last(&self) -> Option<HttpClient> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<HttpClient>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpConnector for Observing {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        let client = HttpClient::new(Observed(client));
        *self.lock() = Some(client.clone());
        Ok(client)
    }
}

#[derive(Debug)]
struct Observed(HttpClient);

#[async_trait]
impl HttpService for Observed {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Noted first, because the caller may also give up on us.
        note(Answer::Lost);
        let result = self.0.execute(request).await;
        match &result {
            Ok(response) => note(answer_of(response)),
            Err(error) if error.kind() == HttpErrorKind::Connect => note(Answer::NotSent),
            Err(_) => note(Answer::Lost),
        }
        result
    }
}

/// What a response says before its body is read.
pub(super) fn answer_of(response: &HttpResponse) -> Answer {
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    Answer::Status {
        status: response.status().as_u16(),
        code: header("x-ms-error-code").unwrap_or_default().to_owned(),
        retry_after: header("retry-after")
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs),
    }
}

/// Whether a request reads or writes: a lost answer to a read has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What a failure means. `text` is all there is to read of it, with the names that stores give to
/// errors.
pub(super) fn kind(access: Access, answer: Option<&Answer>, text: &str) -> StoreErrorKind {
    use StoreErrorKind::*;
    let unavailable = |retry_after: Option<Duration>| Unavailable { retry_after };
    let no_answer = match access {
        Access::Read => unavailable(None),
        Access::Write => Uncertain,
    };
    let (status, code, retry_after) = match answer {
        // Nothing was sent: the request itself could not be made.
        None => return Other,
        Some(Answer::NotSent) => return unavailable(None),
        Some(Answer::Lost) => return no_answer,
        Some(Answer::Status {
            status,
            code,
            retry_after,
        }) => (*status, code, *retry_after),
    };
    let says = |names: &[&str]| {
        let named = |name: &&str| code == name || text.contains(*name);
        names.iter().any(named)
    };
    match status {
        // An answer that broke off, or one with an error inside.
        200..=299 => no_answer,
        401 | 403 => Denied,
        400 if says(&["ExpiredToken", "InvalidToken", "TokenRefreshRequired"]) => Denied,
        // The whole request did not arrive in time.
        408 => unavailable(retry_after),
        409 if says(&["BlobAlreadyExists"]) => Conflict,
        409 if says(&["BlobImmutableDueToPolicy", "ReadOnly"]) => ReadOnly,
        // Two writes met, or the container is being changed: the server asks to try again.
        409 => unavailable(retry_after),
        412 => Conflict,
        429 => unavailable(retry_after),
        // The names of a request that was turned away; a 503 without may have been carried out.
        503 if says(&["SlowDown", "ServerBusy", "Throttl"]) => unavailable(retry_after),
        507 => Full,
        500..=599 if says(&["StorageFull", "QuotaExceeded"]) => Full,
        500..=599 => match access {
            Access::Read => unavailable(retry_after),
            Access::Write => Uncertain,
        },
        _ => Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StoreErrorKind::*;

    fn status(status: u16, code: &str) -> Option<Answer> {
        Some(Answer::Status {
            status,
            code: code.to_owned(),
            retry_after: None,
        })
    }

    #[test]
    fn what_a_failure_means() {
        let wait = Unavailable { retry_after: None };
        for (answer, text, read, write) in [
            (None, "", Other, Other),
            (Some(Answer::NotSent), "", wait.clone(), wait.clone()),
            (Some(Answer::Lost), "", wait.clone(), Uncertain),
            (status(200, ""), "body ended early", wait.clone(), Uncertain),
            (
                status(400, ""),
                "<Code>InvalidArgument</Code>",
                Other,
                Other,
            ),
            (status(400, ""), "<Code>ExpiredToken</Code>", Denied, Denied),
            (status(401, ""), "", Denied, Denied),
            (status(403, ""), "", Denied, Denied),
            (status(404, ""), "<Code>NoSuchBucket</Code>", Other, Other),
            (status(408, ""), "", wait.clone(), wait.clone()),
            (
                status(409, ""),
                "ConditionalRequestConflict",
                wait.clone(),
                wait.clone(),
            ),
            (status(409, "BlobAlreadyExists"), "", Conflict, Conflict),
            (
                status(409, "BlobImmutableDueToPolicy"),
                "",
                ReadOnly,
                ReadOnly,
            ),
            (status(412, ""), "", Conflict, Conflict),
            (status(429, ""), "", wait.clone(), wait.clone()),
            (status(500, ""), "", wait.clone(), Uncertain),
            (status(503, ""), "", wait.clone(), Uncertain),
            (
                status(503, ""),
                "<Code>SlowDown</Code>",
                wait.clone(),
                wait.clone(),
            ),
            (status(503, "ServerBusy"), "", wait.clone(), wait.clone()),
            (status(504, ""), "", wait.clone(), Uncertain),
            (status(507, ""), "", Full, Full),
            (status(500, ""), "XMinioStorageFull", Full, Full),
        ] {
            assert_eq!(
                kind(Access::Read, answer.as_ref(), text),
                read,
                "{answer:?} {text}"
            );
            assert_eq!(
                kind(Access::Write, answer.as_ref(), text),
                write,
                "{answer:?} {text}"
            );
        }
    }

    #[test]
    fn the_time_to_wait_is_passed_on() {
        let answer = Answer::Status {
            status: 429,
            code: String::new(),
            retry_after: Some(Duration::from_secs(7)),
        };
        let expected = Unavailable {
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(kind(Access::Write, Some(&answer), ""), expected);
    }
}
