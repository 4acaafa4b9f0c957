//! The control endpoints, by which the command line operates a running application.
//!
//! They ask for a token that only this user's processes can read: it stands, new for every run, in
//! the data directory.

use super::front::CONTROL_PREFIX;
use crate::local::Local;
use crate::percent::{parameter, unescape};
use crate::removal::Removal;
use crate::report;
use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ifc_manifest::kind::bucket::LIST_LIMIT;
use ifc_manifest::size::SYNC_BODY;
use ifc_runtime::bucket::ListObjects;
use ifc_runtime::event::random_id;
use ifc_runtime::http::problem;
use ifc_runtime::{Error, ErrorKind, axum};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Entries listed when the caller gives no limit.
const LIMIT_DEFAULT: usize = 100;

/// What the control endpoints work on.
pub(crate) struct Control {
    pub(super) local: Arc<Local>,
    token: String,
    stop: watch::Sender<bool>,
}

impl Control {
    /// Endpoints with a new token. `stop` is set when someone asks to stop.
    pub(crate) fn new(local: Arc<Local>, stop: watch::Sender<bool>) -> Control {
        Control {
            local,
            token: random_id() + &random_id(),
            stop,
        }
    }

    /// Answers a request to a path under [`CONTROL_PREFIX`].
    pub(super) async fn answer(&self, parts: Parts, body: Body) -> Response {
        if !self.knows_token(&parts) {
            let message = "the control endpoints need `Authorization: Bearer TOKEN` with the token \
                           in `control.json` of the data directory";
            return problem(StatusCode::UNAUTHORIZED, message);
        }
        let bytes_max = SYNC_BODY.in_force(self.local.application().targets).max as usize;
        let body = match to_bytes(body, bytes_max).await {
            Ok(body) => body,
            Err(_) => {
                let message =
                    format!("the body is larger than {bytes_max} bytes, or did not arrive");
                return problem(StatusCode::PAYLOAD_TOO_LARGE, &message);
            }
        };
        let path = parts
            .uri
            .path()
            .strip_prefix(CONTROL_PREFIX)
            .unwrap_or_default();
        let path: Vec<String> = path.splitn(2, '/').map(unescape).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match self.carry_out(&parts, &path, &body).await {
            Ok(Some(value)) => axum::Json(value).into_response(),
            Ok(None) => {
                let message = format!("no control endpoint {} {}", parts.method, parts.uri.path());
                problem(StatusCode::NOT_FOUND, &message)
            }
            Err(error) => problem(status_of(&error), &error.to_string()),
        }
    }

    fn knows_token(&self, parts: &Parts) -> bool {
        let given = (parts.headers.get(header::AUTHORIZATION))
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .unwrap_or_default();
        // Compared in full, so that the time tells nothing.
        let differences = given
            .bytes()
            .zip(self.token.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        given.len() == self.token.len() && differences == 0
    }

    async fn carry_out(
        &self,
        parts: &Parts,
        path: &[&str],
        body: &[u8],
    ) -> Result<Option<Value>, Error> {
        let local = &*self.local;
        let (get, put, post) = (
            parts.method == Method::GET,
            parts.method == Method::PUT,
            parts.method == Method::POST,
        );
        Ok(Some(match path {
            ["status"] if get => self.status()?,
            ["stop"] if post => {
                self.stop.send_replace(true);
                json!({ "stopping": true })
            }
            ["queues", rest] if post && rest.ends_with("/redrive") => {
                let queue = rest.trim_end_matches("/redrive");
                json!({ "redriven": local.redrive(queue, ids(body)?).await? })
            }
            ["queues", rest] if post && rest.ends_with("/purge") => {
                let queue = rest.trim_end_matches("/purge");
                json!({ "purged": local.purge(queue).await? })
            }
            ["queues", queue] if get => {
                let query = parts.uri.query().unwrap_or_default();
                let limit = parameter(query, "limit").and_then(|limit| limit.parse().ok());
                let limit = limit.unwrap_or(LIMIT_DEFAULT);
                match parameter(query, "dead") {
                    Some("true") => {
                        let mut letters = local.dead_letters(queue)?;
                        letters.truncate(limit);
                        report::dead_letters(&letters)
                    }
                    _ => report::queue(queue, &local.depth(queue)?, &local.peek(queue, limit)?),
                }
            }
            ["streams", rest] if post && rest.ends_with("/replay") => {
                let consumer = rest.trim_end_matches("/replay");
                json!({ "records": local.replay(consumer, from(body)?).await? })
            }
            ["buckets", rest] if post && rest.ends_with("/url") => {
                let bucket = rest.trim_end_matches("/url");
                let url = match object(body)? {
                    (key, Some(Value::Bool(true))) => local.url_to_write(bucket, &key)?,
                    (key, _) => local.url_to_read(bucket, &key)?,
                };
                json!({ "url": url })
            }
            ["buckets", rest] if post && rest.ends_with("/remove") => {
                let bucket = rest.trim_end_matches("/remove");
                local.remove_object(bucket, &object(body)?.0).await?;
                json!({ "removed": true })
            }
            ["buckets", bucket] if get => {
                let wanted = list(parts.uri.query().unwrap_or_default())?;
                report::objects(&local.page_of_objects(bucket, &wanted)?)
            }
            ["invoke", unit] if post => local.invoke_unit(unit, event(body)?).await?,
            ["removals"] if post => {
                let removal = Removal::from_json(&event(body)?);
                let removal =
                    removal.ok_or_else(|| invalid("what to remove has `sort` and `name`"))?;
                local.remove(removal).await?;
                json!({ "removed": true })
            }
            ["secrets"] if get => report::secrets(&local.secrets()?),
            ["secrets", name] if put => json!({ "version": local.set_secret(name, body).await? }),
            ["config"] if get => report::configs(&local.configs()?),
            ["config", name] if put => {
                local
                    .set_config(name, &String::from_utf8_lossy(body))
                    .await?;
                json!({ "set": true })
            }
            _ => return Ok(None),
        }))
    }

    fn status(&self) -> Result<Value, Error> {
        let local = &*self.local;
        let mut queues = serde_json::Map::new();
        for name in local.queues() {
            queues.insert(name.clone(), report::depth(&local.depth(&name)?));
        }
        let next = local
            .next_schedule()
            .map(|(unit, due)| json!({ "unit": unit, "due": ifc_runtime::log::timestamp(due) }));
        Ok(json!({
            "application": local.application().package,
            "pid": std::process::id(),
            "units": local.units(),
            "tables": local.tables(),
            "queues": queues,
            "next_schedule": next,
        }))
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unavailable | ErrorKind::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        // The unit's own failure, not the server's.
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn event(body: &[u8]) -> Result<Value, Error> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| invalid(format!("the event is not JSON: {error}")))
}

/// The ids in `{"ids": […]}`; all when there are none.
fn ids(body: &[u8]) -> Result<Option<Vec<String>>, Error> {
    match event(body)?.get("ids") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(ids)) => {
            let text = |id: &Value| id.as_str().map(str::to_owned);
            let ids: Option<Vec<String>> = ids.iter().map(text).collect();
            ids.map(Some)
                .ok_or_else(|| invalid("`ids` must be a list of texts"))
        }
        Some(_) => Err(invalid("`ids` must be a list of texts, or null for all")),
    }
}

/// The key in `{"key": …}`, and what else is said: `"write"`, whether it is to be written.
fn object(body: &[u8]) -> Result<(String, Option<Value>), Error> {
    let asked = event(body)?;
    let key = asked.get("key").and_then(Value::as_str);
    let key = key.ok_or_else(|| invalid("`key` must be a text"))?;
    Ok((key.to_owned(), asked.get("write").cloned()))
}

/// Which objects a query wants: `prefix`, `folders`, `limit`, `cursor`.
fn list(query: &str) -> Result<ListObjects, Error> {
    let limit = parameter(query, "limit").map_or(Ok(LIST_LIMIT.max as u32), str::parse);
    let limit = limit
        .ok()
        .filter(|limit| LIST_LIMIT.contains(u64::from(*limit)));
    Ok(ListObjects {
        prefix: parameter(query, "prefix").map(unescape).unwrap_or_default(),
        folders: parameter(query, "folders") == Some("true"),
        limit: limit.ok_or_else(|| invalid("`limit` must be 1 to 1,000"))?,
        cursor: parameter(query, "cursor").map(unescape),
    })
}

/// The moment in `{"from": seconds}`, since the epoch.
fn from(body: &[u8]) -> Result<SystemTime, Error> {
    let seconds = event(body)?.get("from").and_then(Value::as_u64);
    let seconds = seconds.ok_or_else(|| invalid("`from` must be a number of seconds"))?;
    UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .ok_or_else(|| invalid("`from` is too far in the future"))
}

/// `control.json`: how the command line finds the running application. Removed when dropped.
pub(crate) struct ControlFile(PathBuf);

impl ControlFile {
    /// Writes the file, for this user only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(directory: &Path, port: u16, control: &Control) -> io::Result<ControlFile> {
        let file = directory.join("control.json");
        let content = json!({
            "application": control.local.application().package,
            "pid": std::process::id(),
            "port": port,
            "url": format!("http://localhost:{port}"),
            "token": control.token,
        });
        // Moved into place, so that nobody reads half of it.
        let aside = directory.join("control.json.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&aside)?
            .write_all(content.to_string().as_bytes())?;
        fs::rename(&aside, &file)?;
        Ok(ControlFile(file))
    }
}

impl Drop for ControlFile {
    fn drop(&mut self) {
        // A file that stays is found to be stale by its process.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_objects_are_read_from_requests() {
        let wanted = list("prefix=a%2Fb&folders=true&limit=7&cursor=x%20y").unwrap();
        assert_eq!(wanted.prefix, "a/b");
        assert!(wanted.folders);
        assert_eq!(wanted.limit, 7);
        assert_eq!(wanted.cursor.as_deref(), Some("x y"));
        let all = list("").unwrap();
        assert_eq!(
            (all.prefix.as_str(), all.limit, all.cursor),
            ("", 1_000, None)
        );
        for bad in ["limit=0", "limit=1001", "limit=many"] {
            assert!(list(bad).is_err(), "{bad}");
        }
        let (key, write) = object(b"{\"key\":\"k\",\"write\":true}").unwrap();
        assert_eq!((key.as_str(), write), ("k", Some(Value::Bool(true))));
        for bad in [&b""[..], b"{}", b"{\"key\":1}", b"{"] {
            assert!(object(bad).is_err());
        }
    }

    #[test]
    fn ids_are_all_or_a_list() {
        let texts = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(ids(b"").unwrap(), None);
        assert_eq!(ids(b"{\"ids\":null}").unwrap(), None);
        assert_eq!(ids(b"{\"ids\":[\"a\"]}").unwrap(), texts(&["a"]));
        assert_eq!(ids(b"{\"ids\":[]}").unwrap(), texts(&[]));
        for bad in [&b"{"[..], b"{\"ids\":1}", b"{\"ids\":[1]}"] {
            assert!(ids(bad).is_err());
        }
    }
}
