//! Answers requests as it is told, and keeps them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The parameters of the query, sorted, as they stand.
    pub(crate) query: Vec<String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The fields of a form, sorted, as they stand.
    pub(crate) fn form(&self) -> Vec<String> {
        sorted(str::from_utf8(&self.body).expect("a form is text"))
    }

    /// What says whose key, where, and which service, without date and signature; and the names of
    /// the headers that are signed.
    fn scope(&self) -> (String, Vec<String>) {
        let text = &self.headers["authorization"];
        let part = |name: &str| {
            let (_, rest) = text.split_once(name).expect("it is there");
            rest.split(',').next().unwrap_or_default().to_owned()
        };
        let credential = part("Credential=");
        let mut scope: Vec<&str> = credential.split('/').collect();
        scope.remove(1);
        let signed = part("SignedHeaders=");
        let signed = signed.split(';').map(str::to_owned).collect();
        (scope.join("/"), signed)
    }

    /// Whether it is the same call as another one, but for its body.
    #[track_caller]
    pub(crate) fn assert_same_call(&self, other: &Recorded, headers: &[&str]) {
        assert_eq!((&self.method, &self.path), (&other.method, &other.path));
        // The SDK says the name of the operation too.
        let query = |call: &Recorded| -> Vec<String> {
            let query = call
                .query
                .iter()
                .filter(|field| !field.starts_with("x-id="));
            query.cloned().collect()
        };
        assert_eq!(query(self), query(other));
        let (scope, signed) = self.scope();
        let (other_scope, other_signed) = other.scope();
        assert_eq!(scope, other_scope);
        for name in ["host", "x-amz-security-token"].iter().chain(headers) {
            assert!(self.headers.contains_key(*name), "{name} of {self:?}");
            assert_eq!(self.headers.get(*name), other.headers.get(*name), "{name}");
        }
        for name in ["host", "x-amz-date", "x-amz-security-token"]
            .iter()
            .chain(headers)
        {
            if other_signed.iter().any(|other| other == name) {
                assert!(
                    signed.iter().any(|ours| ours == name),
                    "{name} is not signed"
                );
            }
        }
    }
}

fn sorted(fields: &str) -> Vec<String> {
    let mut fields: Vec<String> = fields.split('&').map(str::to_owned).collect();
    fields.retain(|field| !field.is_empty());
    fields.sort();
    fields
}

/// Answers one request after the other.
pub(crate) struct Recorder {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Answers every request alike, with a status, headers and a body.
    pub(crate) fn start(status: u16, headers: &[(&str, &str)], body: &str) -> Recorder {
        Recorder::in_turn(vec![answer(status, headers, body)])
    }

    /// Gives these answers in turn, and begins anew after the last.
    pub(crate) fn in_turn(answers: Vec<String>) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        // It ends with the process: nothing tells when nobody asks any more.
        std::thread::spawn(move || {
            let mut answers = answers.iter().cycle();
            for stream in listener.incoming().flatten() {
                if let Some(request) = read(&stream) {
                    kept.lock().expect("nobody panicked with it").push(request);
                    let answer = answers.next().expect("there is one");
                    let _ = (&stream).write_all(answer.as_bytes());
                }
            }
        });
        Recorder { endpoint, requests }
    }

    /// Success, with JSON.
    pub(crate) fn json(body: &str) -> Recorder {
        Recorder::start(200, &[("content-type", "application/x-amz-json-1.1")], body)
    }

    /// The one request that came since the last time.
    #[track_caller]
    pub(crate) fn taken(&self) -> Recorded {
        let mut requests = self.all_taken();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// The requests that came since the last time.
    pub(crate) fn all_taken(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.requests.lock().expect("nobody panicked with it"))
    }
}

/// An answer as it goes over the wire.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut answer = format!("HTTP/1.1 {status} X\r\nx-amzn-requestid: r-1\r\n");
    for (name, value) in headers {
        answer += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        answer += &format!("content-length: {}\r\n", body.len());
    }
    answer + "connection: close\r\n\r\n" + body
}

fn read(stream: &TcpStream) -> Option<Recorded> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, uri) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length");
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Recorded {
        method,
        path: path.to_owned(),
        query: sorted(query),
        headers,
        body,
    })
}
