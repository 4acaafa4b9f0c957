//! An account at an emulated AWS, with a judge of every call and weather before it.

use crate::support::{self, Finished, root, run};
use ifc_emulators::{Deviation, Emulator, MiniStack, ModelProxy, Proxy, Skipped};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whose root user the tests are. MiniStack takes the key for the account, and finds the APIs that
/// unsigned requests are for in this account only.
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "eu-south-1";

/// Nothing that a test waits for takes this long, except when it never comes: a message that could
/// not be handled comes again after its lease, and machines are busy.
const PATIENCE: Duration = Duration::from_secs(600);

/// MiniStack with policies enforced. Whoever works on it goes through the weather and past the
/// judge; deployed functions only past the judge.
pub(crate) struct Cloud {
    pub(crate) weather: Proxy,
    pub(crate) models: ModelProxy,
    pub(crate) emulator: Emulator,
    home: TempDir,
}

impl Cloud {
    pub(crate) fn start() -> Result<Cloud, Skipped> {
        let (emulator, models) = ModelProxy::with(MiniStack { enforce: true })?;
        Ok(Cloud {
            weather: Proxy::start(models.port()),
            models,
            emulator,
            home: tempfile::tempdir().unwrap(),
        })
    }

    /// The command, as somebody who has this account and nothing else runs it.
    pub(crate) fn command(&self, directory: &Path) -> Command {
        let mut command = support::ifc(directory);
        let home = self.home.path();
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            // Nobody waits for what these programs do.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("AWS_ENDPOINT_URL", self.weather.endpoint())
            .env("AWS_ACCESS_KEY_ID", ACCOUNT)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", home.join("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", home.join("credentials"));
        command
    }

    /// The lines that a request of ours did not agree with AWS's models.
    #[track_caller]
    pub(crate) fn assert_requests_are_right(&self) {
        let found: Vec<String> = self
            .models
            .deviations()
            .iter()
            .map(Deviation::to_string)
            .collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    /// What the emulator answers the root user, without weather and judge: the body.
    pub(crate) fn ask(&self, service: &str, request: &str, headers: &[&str], body: &str) -> String {
        let scope = format!("{ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
        let signature = format!(
            "authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        );
        let headers: Vec<&str> = headers.iter().copied().chain([&*signature]).collect();
        let port = self.emulator.port();
        let answer = http(port, &format!("127.0.0.1:{port}"), request, &headers, body);
        assert!(answer.status < 300, "{service} {request}: {}", answer.body);
        answer.body
    }

    /// A call of a service that speaks JSON.
    pub(crate) fn json(&self, service: &str, target: &str, input: &Value) -> Value {
        let kind = "content-type: application/x-amz-json-1.1";
        let target = format!("x-amz-target: {target}");
        let text = self.ask(service, "POST /", &[kind, &target], &input.to_string());
        match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).unwrap(),
        }
    }

    /// A call of a service that speaks forms and XML.
    pub(crate) fn query(&self, service: &str, fields: &str) -> String {
        let kind = "content-type: application/x-www-form-urlencoded";
        self.ask(service, "POST /", &[kind], fields)
    }
}

impl Drop for Cloud {
    /// What a failing test did not see itself.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.emulator.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(80)..].join("\n");
            eprintln!("the emulator's last words:\n{last}");
        }
    }
}

/// What an HTTP server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    }
}

pub(crate) fn http(port: u16, host: &str, request: &str, headers: &[&str], body: &str) -> Answer {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\
         {headers}\r\n{body}",
        body.len()
    );
    let answer = exchange(port, &text).unwrap_or_else(|error| panic!("{request}: {error}"));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    match (answer.split_once("\r\n\r\n"), status) {
        (Some((head, body)), Some(status)) => Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        },
        _ => panic!("{request}: no HTTP: {answer}"),
    }
}

/// Everything that is answered to a text, until the other side has no more to say.
fn exchange(port: u16, text: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The texts of all elements of this name.
pub(crate) fn within(xml: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(text, _)| text.to_owned())
        .collect()
}

/// Asks until there is an answer. The limit only bounds a failing test.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(found) => return found,
            Err(last) if Instant::now() > limit => panic!("{what} did not come: {last}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A copy of the orders example, which a test may change.
pub(crate) struct Orders {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Orders {
    /// The copy is a package of this name, which must be used by one test only: programs of all tests
    /// are built into one directory.
    pub(crate) fn copied(name: &str) -> Orders {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("orders");
        let example = root().join("examples/orders");
        fs::create_dir_all(path.join("src")).unwrap();
        for entry in fs::read_dir(example.join("src")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), path.join("src").join(entry.file_name())).unwrap();
        }
        let manifest = fs::read_to_string(example.join("Cargo.toml")).unwrap();
        fs::write(path.join("Cargo.toml"), detached(&manifest, name)).unwrap();
        // The versions that the workspace was tested with, which are on this machine.
        fs::copy(root().join("Cargo.lock"), path.join("Cargo.lock")).unwrap();
        Orders {
            _folder: folder,
            path,
        }
    }

    /// Replaces a text of a file, wherever it stands.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let file = self.path.join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{} has no `{from}`", file.display());
        fs::write(&file, text.replace(from, to)).unwrap();
    }

    /// `ifc` in this application, run to its end, on stage `dev` at AWS.
    pub(crate) fn ifc(&self, cloud: &Cloud, arguments: &str) -> Finished {
        run(&mut self.command(cloud, arguments))
    }

    /// `ifc` in this application, on stage `dev` at AWS.
    pub(crate) fn command(&self, cloud: &Cloud, arguments: &str) -> Command {
        let mut command = cloud.command(&self.path);
        command.args(arguments.split(' '));
        command.args(["--provider", "aws", "--stage", "dev"]);
        command
    }

    /// That nothing is left to do.
    #[track_caller]
    pub(crate) fn assert_done(&self, cloud: &Cloud) {
        let plan = self.ifc(cloud, "plan --detailed-exit-code");
        assert_eq!(plan.code, 0, "{}\n{}", plan.output, plan.errors);
    }
}

/// A member's manifest as that of a package of its own, with what it inherits written out.
fn detached(manifest: &str, name: &str) -> String {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml_edit::DocumentMut = workspace.parse().unwrap();
    let mut manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
    let inherited = &workspace["workspace"];
    let package = manifest["package"].as_table_mut().unwrap();
    package["name"] = toml_edit::value(name);
    for field in ["edition", "rust-version", "license"] {
        package[field] = inherited["package"][field].clone();
    }
    manifest.remove("dev-dependencies");
    let root = root();
    for (name, item) in manifest["dependencies"].as_table_mut().unwrap().iter_mut() {
        let mut given = inherited["dependencies"][name.get()].clone();
        if let Some(text) = given.as_str() {
            let mut table = toml_edit::InlineTable::new();
            table.insert("version", text.into());
            given = toml_edit::value(table);
        }
        let given = given.as_inline_table_mut().unwrap();
        if let Some(path) = given.get("path").and_then(toml_edit::Value::as_str) {
            let path = root.join(path).display().to_string();
            given.insert("path", path.into());
        }
        let own = item.as_table_like().unwrap();
        for key in ["features", "default-features", "optional"] {
            if let Some(value) = own.get(key) {
                given.insert(key, value.as_value().unwrap().clone());
            }
        }
        *item = toml_edit::value(given.clone());
    }
    manifest["workspace"] = toml_edit::table();
    manifest.to_string()
}
