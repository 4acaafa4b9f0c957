//! The bodies of objects: what is left of them when a process is killed, a disk is full, a caller
//! goes away, or somebody meddles with the files.

use crate::declare::{Manual, application, map, resource, target, text};
use ifc_local::{Local, Storage};
use ifc_manifest::Kind;
use ifc_manifest::format::Value;
use ifc_runtime::axum::body::{Body, Bytes, HttpBody, to_bytes};
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::http::StatusCode;
use ifc_runtime::bucket::{BucketOperations as _, Content, PutCondition, PutObject};
use ifc_runtime::{Clock, Error, ErrorKind, SystemClock};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tempfile::TempDir;

const DIRECTORY: &str = "IFC_TEST_BODIES_DIRECTORY";
const WRITERS: u64 = 4;
const KEYS: u64 = 5;

fn open(directory: &Path) -> Arc<Local> {
    open_at(directory, Arc::new(SystemClock))
}

fn open_at(directory: &Path, clock: Arc<dyn Clock>) -> Arc<Local> {
    let rule = map([("prefix", text("drafts/")), ("days", Value::Integer(7))]);
    let config = map([
        ("retention", text("retain")),
        ("expiry", Value::Array(vec![rule])),
    ]);
    let bucket = resource(Kind::Bucket, "files", config);
    let storage = Storage::Directory {
        path: directory.join("data"),
        fsync: ifc_local::Fsync::Always,
        key_file: Some(directory.join("local.key")),
    };
    Local::open(application(vec![bucket], Vec::new()), storage, clock).unwrap()
}

/// Names of the files with bodies.
fn files(directory: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(directory.join("data").join("objects")) else {
        return BTreeSet::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| name(entry.unwrap())).collect()
}

async fn put(local: &Local, key: &str, content: Content) -> Result<String, Error> {
    let put = PutObject {
        key: key.to_owned(),
        content,
        content_type: "text/plain".to_owned(),
        metadata: BTreeMap::new(),
        condition: PutCondition::Always,
    };
    local.put_object(target("files"), put).await
}

async fn get(local: &Local, key: &str) -> Result<Vec<u8>, String> {
    let object = local.get_object(target("files"), key.to_owned(), None);
    let object = object.await.map_err(|error| error.to_string())?;
    let body = object.expect("there is an object").body;
    let bytes = to_bytes(body, usize::MAX).await;
    bytes.map(Into::into).map_err(|error| error.to_string())
}

fn bytes(bytes: impl Into<Bytes>) -> Content {
    Content::Bytes(bytes.into())
}

/// Runs one of the ignored tests below as a process of its own.
fn process(test: &str, directory: &Path) -> Vec<std::ffi::OsString> {
    let program = std::env::current_exe().unwrap();
    let arguments = [
        test,
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    let directory = format!("{DIRECTORY}={}", directory.display());
    let mut command: Vec<std::ffi::OsString> = vec!["env".into(), directory.into()];
    command.push(program.into());
    command.extend(arguments.map(Into::into));
    command
}

fn own_directory() -> std::path::PathBuf {
    let directory = std::env::var_os(DIRECTORY).expect("started by the other test");
    directory.into()
}

/// The body of write number `n` of a writer: it says of itself what it is, and how long.
fn body(writer: u64, n: u64) -> Vec<u8> {
    let line = format!("{writer} {n}\n");
    let lines = 1 + (n * 7_919 % 60_000) as usize;
    line.repeat(lines).into_bytes()
}

/// Which write a body is of. All of it must be there.
fn number(writer: u64, found: &[u8]) -> u64 {
    let first = found.split(|byte| *byte == b'\n').next().unwrap();
    let (by, n) = str::from_utf8(first).unwrap().split_once(' ').unwrap();
    assert_eq!(by, writer.to_string());
    let n = n.parse().unwrap();
    assert!(found == body(writer, n), "not the whole body of {n}");
    n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the process that the other test starts and kills"]
async fn writes_until_killed() {
    let local = open(&own_directory());
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let local = Arc::clone(&local);
        tasks.spawn(async move {
            let start: u64 = match local.objects("files", &format!("{writer}/")).unwrap() {
                objects if objects.is_empty() => 0,
                _ => 1_000 * u64::from(std::process::id()),
            };
            for n in start.. {
                let key = format!("{writer}/{}", n % KEYS);
                put(&local, &key, bytes(body(writer, n))).await.unwrap();
                // One write, so that a line is in the pipe as a whole or not at all.
                let told = format!("told {key} {n}\n");
                std::io::stdout().lock().write_all(told.as_bytes()).unwrap();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

#[tokio::test]
async fn a_killed_process_leaves_whole_objects_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3_usize {
        let command = process("bodies::writes_until_killed", directory.path());
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let reports = 5 + (round * 7_919 + 13) % 90;
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((_, told)) = line.split_once("told ") else {
                continue;
            };
            let (key, n) = told.split_once(' ').unwrap();
            last.insert(key.to_owned(), n.parse().unwrap());
            seen += 1;
            if seen == reports {
                child.kill().unwrap();
            }
        }
        assert!(seen >= reports && !child.wait().unwrap().success());

        let local = open(directory.path());
        let objects = local.objects("files", "").unwrap();
        for object in &objects {
            let writer = object.key[..1].parse().unwrap();
            let found = get(&local, &object.key).await.unwrap();
            assert_eq!(found.len() as u64, object.size);
            let n = number(writer, &found);
            // A later write may have been stored without being told.
            assert!(last.get(&object.key).is_none_or(|told| *told <= n), "lost");
        }
        let keys: BTreeSet<&str> = objects.iter().map(|object| &*object.key).collect();
        assert!(last.keys().all(|key| keys.contains(&**key)), "lost");
        let referred = objects.iter().map(|object| object.version.clone());
        assert_eq!(files(directory.path()), referred.collect());
    }
}

#[tokio::test]
async fn a_body_without_a_record_is_removed_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let local = open(directory.path());
    let version = put(&local, "kept", bytes("kept")).await.unwrap();
    drop(local);
    // What a crash between body and record leaves, whole or half.
    let objects = directory.path().join("data").join("objects");
    fs::write(objects.join("0123456789abcdef0123456789abcdef"), "half").unwrap();
    assert_eq!(files(directory.path()).len(), 2);
    let local = open(directory.path());
    assert_eq!(files(directory.path()), BTreeSet::from([version]));
    assert_eq!(get(&local, "kept").await.unwrap(), b"kept");
}

#[tokio::test]
async fn replaced_copied_and_deleted_bodies_leave_no_files() {
    let directory = tempfile::tempdir().unwrap();
    let local = open(directory.path());
    for n in 0..5 {
        put(&local, "a", bytes(vec![n; 100_000])).await.unwrap();
    }
    let copy = local.copy_object(target("files"), "a".into(), "b".into());
    let copy = copy.await.unwrap();
    assert_eq!(files(directory.path()).len(), 2);
    local
        .delete_object(target("files"), "a".into())
        .await
        .unwrap();
    assert_eq!(files(directory.path()), BTreeSet::from([copy]));
    assert_eq!(get(&local, "b").await.unwrap(), vec![4; 100_000]);
    let refused = PutObject {
        key: "b".to_owned(),
        content: bytes("x"),
        content_type: "a/b".to_owned(),
        metadata: BTreeMap::new(),
        condition: PutCondition::IfAbsent,
    };
    let refused = local.put_object(target("files"), refused).await;
    assert!(refused.unwrap_err().is_conflict());
    assert_eq!(files(directory.path()).len(), 1);
}

/// A body that begins and never ends.
struct Endless(bool);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<http_body::Frame<Bytes>>>> {
        match std::mem::replace(&mut self.0, false) {
            true => Poll::Ready(Some(Ok(http_body::Frame::data(vec![7; 2_000_000].into())))),
            false => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn an_upload_that_its_caller_gives_up_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let local = open(directory.path());
    let upload = put(&local, "a", Content::Stream(Body::new(Endless(true))));
    // However far it has come by then.
    let ended = tokio::time::timeout(Duration::from_millis(100), upload).await;
    assert!(ended.is_err());
    assert!(local.objects("files", "").unwrap().is_empty());
    // What was being written at that moment may come after; the next start removes it.
    drop(local);
    drop(open(directory.path()));
    assert_eq!(files(directory.path()), BTreeSet::new());
}

#[tokio::test]
async fn a_body_that_someone_removed_or_cut_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let local = open(directory.path());
    let file = |version: &str| directory.path().join("data/objects").join(version);
    let cut = put(&local, "cut", bytes(vec![7; 2_000_000])).await.unwrap();
    let cut = fs::File::options().write(true).open(file(&cut)).unwrap();
    cut.set_len(1_500_000).unwrap();
    let error = get(&local, "cut").await.unwrap_err();
    assert!(!error.is_empty());
    let gone = put(&local, "gone", bytes("x")).await.unwrap();
    fs::remove_file(file(&gone)).unwrap();
    let error = get(&local, "gone").await.unwrap_err();
    assert!(
        error.contains("`gone` is not in the data directory"),
        "{error}"
    );
}

#[tokio::test]
async fn expired_objects_are_removed_with_their_bodies() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(1_000);
    let local = open_at(directory.path(), clock.clone());
    for n in 0..3 {
        let key = format!("drafts/{n}");
        put(&local, &key, bytes("x")).await.unwrap();
    }
    let kept = put(&local, "kept", bytes("x")).await.unwrap();
    clock.set(1_000 + 7 * 86_400 - 1);
    local.sweep().await.unwrap();
    assert_eq!(files(directory.path()).len(), 4);
    clock.set(1_000 + 7 * 86_400);
    assert_eq!(local.objects("files", "").unwrap().len(), 1);
    local.sweep().await.unwrap();
    assert_eq!(files(directory.path()), BTreeSet::from([kept]));
}

#[tokio::test]
async fn a_presigned_url_outlives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let local = open(directory.path());
    put(&local, "a b", bytes("body")).await.unwrap();
    let minute = Duration::from_secs(60);
    let url = local.presign_get(target("files"), "a b".into(), minute);
    let url = url.await.unwrap();
    drop(local);
    let local = open(directory.path());
    let fetch = async |url: &str| {
        let request = Request::builder().uri(url).body(Body::empty()).unwrap();
        local.answer_presigned(request).await
    };
    let response = fetch(&url).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(body, "body");
    // Another directory's key is another key.
    let other: TempDir = tempfile::tempdir().unwrap();
    let other = open(other.path());
    put(&other, "a b", bytes("secret")).await.unwrap();
    let request = Request::builder().uri(url).body(Body::empty()).unwrap();
    let refused = other.answer_presigned(request).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "it is the process that the other test starts with a small disk"]
async fn writes_on_a_full_disk() {
    let directory = own_directory();
    let local = open(&directory);
    put(&local, "kept", bytes("before")).await.unwrap();
    for content in [
        bytes(vec![7; 100_000_000]),
        Content::Stream(Body::from(vec![7; 100_000_000])),
    ] {
        for key in ["kept", "new"] {
            let content = match &content {
                Content::Bytes(bytes) => Content::Bytes(bytes.clone()),
                Content::Stream(_) => Content::Stream(Body::from(vec![7; 100_000_000])),
            };
            let error = put(&local, key, content).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            let text = error.to_string();
            assert!(text.contains("cannot be written"), "{text}");
        }
    }
    assert_eq!(get(&local, "kept").await.unwrap(), b"before");
    assert_eq!(files(&directory).len(), 1, "{:?}", files(&directory));
    put(&local, "kept", bytes("after")).await.unwrap();
    assert_eq!(get(&local, "kept").await.unwrap(), b"after");
}

/// The shell's limit on the size of a file stands for a disk that is full: a write fails in its
/// middle.
#[cfg(unix)]
#[test]
fn a_full_disk_refuses_the_object_and_keeps_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let command = process("bodies::writes_on_a_full_disk", directory.path());
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 65536; exec \"$@\"", "sh"])
        .args(&command)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}
