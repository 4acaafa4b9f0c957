//! Bucket: objects, conditions, ranges, copies, expiry (contract, 4.8). Lists and presigned URLs
//! have files of their own.

mod event;
mod list;
mod presign;

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::trial::{Running, Trial, accepted, refused};
use ifc_manifest::kind::bucket::{BucketKnobs, KEY_BYTES_MAX, PART_THRESHOLD_BYTES};
use ifc_runtime::axum::body::{Body, Bytes, to_bytes};
use ifc_runtime::bucket::{ByteRange, Content, Object, ObjectHead, PutCondition, PutObject};
use ifc_runtime::{BoxFuture, Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::task::JoinSet;

/// A day, in seconds.
const DAY: u64 = 86_400;

/// How long after its expiry an object may still be there: lifecycle rules run once a day and
/// count from midnight.
const EXPIRY_SLACK: u64 = 3 * DAY;

pub(crate) fn clauses() -> Vec<Clause> {
    let mut clauses = vec![
        clause!(
            "4.8",
            "bucket-put-get",
            "an object reads back as it was put: body, size, type, metadata, version",
            put_get
        ),
        clause!(
            "4.8",
            "bucket-missing",
            "a key without an object has none",
            missing
        ),
        clause!(
            "4.8",
            "bucket-empty",
            "an object of 0 bytes is an object",
            empty
        ),
        clause!(
            "4.8",
            "bucket-large",
            "a streamed object above 64 MiB reads back whole and in part, and can be copied",
            large
        ),
        clause!(
            "4.8",
            "bucket-strong",
            "every read sees the write before it: replaced, deleted, put again",
            strong
        ),
        clause!(
            "4.8",
            "bucket-whole",
            "a reader gets all of one body or all of the other while an object is replaced",
            whole
        ),
        clause!(
            "4.8",
            "bucket-ranges",
            "a range reads its bytes, also from the end, and ends with the object",
            ranges
        ),
        clause!(
            "4.8",
            "bucket-range-outside",
            "a range that begins at the end of the object is refused",
            range_outside
        ),
        clause!(
            "4.8",
            "bucket-if-absent",
            "if_absent writes only where no object is",
            if_absent
        ),
        clause!(
            "4.8",
            "bucket-if-version",
            "if_version writes only over the object of that version",
            if_version
        ),
        clause!(
            "4.8",
            "bucket-one-winner",
            "of writers with the same condition at the same time one succeeds",
            one_winner
        ),
        clause!(
            "4.8",
            "bucket-delete",
            "a deleted object is gone, and deleting nothing succeeds",
            delete
        ),
        clause!(
            "4.8",
            "bucket-broken-stream",
            "a stream that fails stores nothing and leaves the object that was there",
            broken_stream
        ),
        clause!(
            "4.8",
            "bucket-keys",
            "every key of the grammar names an object of its own",
            keys
        ),
        clause!(
            "4.8",
            "bucket-copy",
            "a copy has body, type and metadata, and goes its own way",
            copy
        ),
        clause!(
            "4.8",
            "bucket-copy-missing",
            "copying what is not there is refused and leaves the target",
            copy_missing
        ),
        clause!("1", "bucket-apart", "buckets do not share objects", apart),
        clause!(
            "4.8",
            "bucket-expiry",
            "an object under a rule's prefix stays until its expiry and is gone some time after",
            expiry,
            waits = 7 * DAY + EXPIRY_SLACK
        ),
        clause!(
            "4.8",
            "bucket-expiry-renewed",
            "writing an object again starts its time anew",
            expiry_renewed,
            waits = 3 * DAY + EXPIRY_SLACK
        ),
        clause!(
            "4.8",
            "bucket-durable",
            "an object that was acknowledged outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "1",
            "bucket-unknown",
            "an operation on a bucket that is not there is an error",
            unknown
        ),
    ];
    clauses.extend(event::clauses());
    clauses.extend(list::clauses());
    clauses.extend(presign::clauses());
    clauses
}

async fn open(trial: Trial) -> Running {
    trial
        .open(
            Declarations::new()
                .bucket("files", BucketKnobs::DEFAULT)
                .bucket("other", BucketKnobs::DEFAULT),
        )
        .await
}

/// A put of bytes, with nothing else.
fn plain(key: &str, body: &[u8]) -> PutObject {
    PutObject {
        key: key.to_owned(),
        content: Content::Bytes(Bytes::copy_from_slice(body)),
        content_type: "application/octet-stream".to_owned(),
        metadata: BTreeMap::new(),
        condition: PutCondition::Always,
    }
}

impl Running {
    async fn try_put_object(&self, put: PutObject) -> Result<String, Error> {
        self.provider().put_object(target("files"), put).await
    }

    async fn put_object(&self, key: &str, body: &[u8]) -> String {
        accepted("put", self.try_put_object(plain(key, body)).await)
    }

    async fn try_read(&self, key: &str, range: ByteRange) -> Result<Option<Object>, Error> {
        let provider = self.provider();
        provider
            .get_object(target("files"), key.to_owned(), Some(range))
            .await
    }

    async fn get_object(&self, key: &str) -> Option<Object> {
        let provider = self.provider();
        let object = provider.get_object(target("files"), key.to_owned(), None);
        accepted("get", object.await)
    }

    /// The body of an object.
    async fn body_of(&self, key: &str) -> Option<Bytes> {
        match self.get_object(key).await {
            Some(object) => Some(bytes(object.body).await),
            None => None,
        }
    }

    async fn head(&self, key: &str) -> Option<ObjectHead> {
        let provider = self.provider();
        let head = provider.head_object(target("files"), key.to_owned());
        accepted("head", head.await)
    }

    async fn delete_object(&self, key: &str) {
        let provider = self.provider();
        let deleted = provider.delete_object(target("files"), key.to_owned());
        accepted("delete", deleted.await);
    }

    async fn copy_object(&self, from: &str, to: &str) -> Result<String, Error> {
        let provider = self.provider();
        provider
            .copy_object(target("files"), from.to_owned(), to.to_owned())
            .await
    }
}

async fn bytes(body: Body) -> Bytes {
    let bytes = to_bytes(body, usize::MAX).await;
    bytes.expect("the body can be read to its end")
}

/// Shows a body that is too large to show.
#[track_caller]
fn assert_same(left: &[u8], right: &[u8]) {
    assert_eq!(left.len(), right.len(), "the bodies differ in length");
    if left != right {
        let at = left.iter().zip(right).position(|(a, b)| a != b);
        panic!("the bodies differ at byte {at:?}");
    }
}

async fn put_get(trial: Trial) {
    let running = open(trial).await;
    let body: Vec<u8> = (0..=255).collect();
    let metadata = BTreeMap::from([
        ("order_id".to_owned(), "o-1 of Ada".to_owned()),
        ("n2".to_owned(), "~".to_owned()),
    ]);
    let put = PutObject {
        content_type: "text/plain; charset=utf-8".to_owned(),
        metadata: metadata.clone(),
        ..plain("2026/o-1.bin", &body)
    };
    let version = accepted("put", running.try_put_object(put).await);
    let head = running.head("2026/o-1.bin").await.expect("it was put");
    assert_eq!(head.key, "2026/o-1.bin");
    assert_eq!(head.size, 256);
    assert_eq!(head.version, version);
    assert_eq!(head.content_type, "text/plain; charset=utf-8");
    assert_eq!(head.metadata, metadata);
    let object = running
        .get_object("2026/o-1.bin")
        .await
        .expect("it was put");
    assert_eq!(object.head, head);
    assert_eq!(object.range, 0..256);
    assert_same(&bytes(object.body).await, &body);

    let second = running.put_object("2026/o-1.bin", b"other").await;
    assert_ne!(second, version, "another body has the same version");
    let head = running.head("2026/o-1.bin").await.expect("it was put");
    assert_eq!(
        head.metadata,
        BTreeMap::new(),
        "metadata of an earlier object"
    );
    assert_eq!(head.content_type, "application/octet-stream");
}

async fn missing(trial: Trial) {
    let running = open(trial).await;
    running.put_object("a/b", b"x").await;
    for key in ["a", "a/b/c", "b", "A/b"] {
        assert!(running.get_object(key).await.is_none(), "{key}");
        assert_eq!(running.head(key).await, None, "{key}");
        let read = running.try_read(key, ByteRange::StartingAt(7)).await;
        assert!(accepted("read", read).is_none(), "{key}");
    }
}

async fn empty(trial: Trial) {
    let running = open(trial).await;
    let version = running.put_object("empty", b"").await;
    let head = running.head("empty").await.expect("it was put");
    assert_eq!((head.size, head.version), (0, version));
    assert_eq!(running.body_of("empty").await, Some(Bytes::new()));
    accepted("copy", running.copy_object("empty", "copy").await);
    assert_eq!(running.body_of("copy").await, Some(Bytes::new()));
    // An empty stream too.
    let put = PutObject {
        content: Content::Stream(Body::empty()),
        ..plain("streamed", b"")
    };
    accepted("put", running.try_put_object(put).await);
    assert_eq!(running.body_of("streamed").await, Some(Bytes::new()));
}

/// Length of what the large object repeats: a prime, so that no two parts of a provider's choosing
/// look alike.
const REPEATED_BYTES: u64 = 65_521;

/// A part of the large object.
fn large_part(from: u64, to: u64) -> Vec<u8> {
    static REPEATED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        (0..REPEATED_BYTES).map(byte).collect()
    });
    let mut part = Vec::with_capacity((to - from) as usize);
    let mut at = from;
    while at < to {
        let rest = &REPEATED[(at % REPEATED_BYTES) as usize..];
        let piece = &rest[..rest.len().min((to - at) as usize)];
        part.extend_from_slice(piece);
        at += piece.len() as u64;
    }
    part
}

/// A body that arrives in pieces of odd sizes.
fn in_pieces(size: u64) -> Body {
    struct Pieces {
        at: u64,
        size: u64,
    }
    impl Iterator for Pieces {
        type Item = Result<Bytes, std::io::Error>;

        fn next(&mut self) -> Option<Self::Item> {
            let end = (self.at + 777_777).min(self.size);
            let piece = (self.at < end).then(|| Ok(large_part(self.at, end).into()));
            self.at = end;
            piece
        }
    }
    stream_of(Pieces { at: 0, size })
}

/// A body of these pieces.
fn stream_of(
    pieces: impl Iterator<Item = Result<Bytes, std::io::Error>> + Send + Unpin + 'static,
) -> Body {
    Body::new(crate::pieces::Pieces(pieces))
}

async fn large(trial: Trial) {
    let running = open(trial).await;
    let size = PART_THRESHOLD_BYTES + 6 * 1024 * 1024;
    let put = PutObject {
        content: Content::Stream(in_pieces(size)),
        ..plain("large", b"")
    };
    accepted("put", running.try_put_object(put).await);
    assert_eq!(running.head("large").await.expect("it was put").size, size);
    let body = running.body_of("large").await.expect("it was put");
    let expected = large_part(0, size);
    assert_same(&body, &expected);

    accepted("copy", running.copy_object("large", "copy").await);
    running.delete_object("large").await;
    let edge = PART_THRESHOLD_BYTES;
    for (range, from, to) in [
        (ByteRange::Between(edge - 3, edge + 5), edge - 3, edge + 5),
        (ByteRange::Last(1_000_000), size - 1_000_000, size),
        (ByteRange::StartingAt(size - 1), size - 1, size),
    ] {
        let read = accepted("read", running.try_read("copy", range).await);
        let object = read.expect("it was copied");
        assert_eq!(object.range, from..to, "{range:?}");
        assert_same(&bytes(object.body).await, &large_part(from, to));
    }
}

async fn strong(trial: Trial) {
    let running = open(trial).await;
    for round in 0..20_u8 {
        let version = running.put_object("a", &[round; 10]).await;
        assert_eq!(
            running.body_of("a").await.as_deref(),
            Some(&[round; 10][..])
        );
        let head = running.head("a").await.expect("it was put");
        assert_eq!(head.version, version);
        assert_eq!(running.keys("").await, ["a"]);
        if round % 3 == 0 {
            running.delete_object("a").await;
            assert_eq!(running.head("a").await, None);
            assert!(running.get_object("a").await.is_none());
            assert!(running.keys("").await.is_empty());
        }
    }
}

async fn whole(trial: Trial) {
    let running = open(trial).await;
    // Bodies of different lengths, each of one letter, in more pieces than one.
    let body = |letter: u8| vec![letter; 400_000 + usize::from(letter) * 10_000];
    running.put_object("a", &body(0)).await;
    let mut tasks: JoinSet<()> = JoinSet::new();
    for writer in 0..3 {
        let provider = running.provider();
        tasks.spawn(boxed(async move {
            for round in 0..10 {
                let letter = writer * 10 + round;
                let put = provider.put_object(target("files"), plain("a", &body(letter)));
                accepted("put", put.await);
            }
        }));
    }
    for _ in 0..3 {
        let provider = running.provider();
        tasks.spawn(boxed(async move {
            for _ in 0..15 {
                let object = provider.get_object(target("files"), "a".to_owned(), None);
                let object = accepted("get", object.await).expect("it is never deleted");
                let read = bytes(object.body).await;
                assert_eq!(read.len() as u64, object.head.size);
                assert_same(&read, &body(read[0]));
            }
        }));
    }
    while let Some(done) = tasks.join_next().await {
        if let Err(failed) = done {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

fn boxed(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    Box::pin(task)
}

async fn ranges(trial: Trial) {
    let running = open(trial).await;
    running.put_object("digits", b"0123456789").await;
    for (range, expected, at) in [
        (ByteRange::Between(0, 1), "0", 0..1),
        (ByteRange::Between(0, 10), "0123456789", 0..10),
        (ByteRange::Between(3, 7), "3456", 3..7),
        (ByteRange::Between(8, 1_000), "89", 8..10),
        (ByteRange::Between(9, u64::MAX), "9", 9..10),
        (ByteRange::StartingAt(0), "0123456789", 0..10),
        (ByteRange::StartingAt(9), "9", 9..10),
        (ByteRange::Last(1), "9", 9..10),
        (ByteRange::Last(4), "6789", 6..10),
        (ByteRange::Last(10), "0123456789", 0..10),
        (ByteRange::Last(1_000), "0123456789", 0..10),
    ] {
        let read = accepted("read", running.try_read("digits", range).await);
        let object = read.expect("it was put");
        assert_eq!(object.range, at, "{range:?}");
        assert_eq!(object.head.size, 10, "the size is that of the whole");
        assert_eq!(bytes(object.body).await, expected, "{range:?}");
    }
}

async fn range_outside(trial: Trial) {
    let running = open(trial).await;
    running.put_object("digits", b"0123456789").await;
    running.put_object("empty", b"").await;
    for (key, range) in [
        ("digits", ByteRange::StartingAt(10)),
        ("digits", ByteRange::Between(10, 11)),
        ("digits", ByteRange::Between(1 << 40, 1 << 41)),
        ("empty", ByteRange::StartingAt(0)),
        ("empty", ByteRange::Between(0, 1)),
        ("empty", ByteRange::Last(1)),
    ] {
        let read = running.try_read(key, range).await;
        refused(&format!("{range:?} of {key}"), ErrorKind::Invalid, read);
    }
}

fn with(condition: PutCondition, key: &str, body: &[u8]) -> PutObject {
    PutObject {
        condition,
        ..plain(key, body)
    }
}

async fn if_absent(trial: Trial) {
    let running = open(trial).await;
    let put = |body: &'static [u8]| with(PutCondition::IfAbsent, "a", body);
    accepted("the first put", running.try_put_object(put(b"first")).await);
    let second = running.try_put_object(put(b"second")).await;
    refused("the second put", ErrorKind::Conflict, second);
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b"first"[..]));
    running.delete_object("a").await;
    accepted(
        "put after delete",
        running.try_put_object(put(b"third")).await,
    );
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b"third"[..]));
}

async fn if_version(trial: Trial) {
    let running = open(trial).await;
    let put = |version: &str, body: &'static [u8]| {
        with(PutCondition::IfVersion(version.to_owned()), "a", body)
    };
    let first = running.put_object("a", b"first").await;
    let second = running.try_put_object(put(&first, b"second")).await;
    let second = accepted("put over the version that is there", second);
    let stale = running.try_put_object(put(&first, b"stale")).await;
    refused("put over an earlier version", ErrorKind::Conflict, stale);
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b"second"[..]));
    running.delete_object("a").await;
    let gone = running.try_put_object(put(&second, b"gone")).await;
    refused("put over a deleted version", ErrorKind::Conflict, gone);
    assert_eq!(running.head("a").await, None);
}

async fn one_winner(trial: Trial) {
    let running = open(trial).await;
    let base = running.put_object("versioned", b"base").await;
    for (key, condition) in [
        ("absent", PutCondition::IfAbsent),
        ("versioned", PutCondition::IfVersion(base)),
    ] {
        let mut tasks = JoinSet::new();
        for writer in 0..10_u8 {
            let (provider, condition) = (running.provider(), condition.clone());
            tasks.spawn(async move {
                let put = with(condition, key, &[writer]);
                (writer, provider.put_object(target("files"), put).await)
            });
        }
        let mut winners = Vec::new();
        while let Some(result) = tasks.join_next().await {
            match result.expect("the task ran") {
                (writer, Ok(_)) => winners.push(writer),
                (_, Err(error)) => assert!(error.is_conflict(), "{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "{key}: {winners:?}");
        assert_eq!(running.body_of(key).await.as_deref(), Some(&winners[..]));
    }
}

async fn delete(trial: Trial) {
    let running = open(trial).await;
    running.delete_object("a").await;
    running.put_object("a", b"x").await;
    running.put_object("a/b", b"y").await;
    running.delete_object("a").await;
    assert_eq!(running.head("a").await, None);
    assert_eq!(running.body_of("a/b").await.as_deref(), Some(&b"y"[..]));
    running.delete_object("a").await;
    assert_eq!(running.keys("").await, ["a/b"]);
}

async fn broken_stream(trial: Trial) {
    let running = open(trial).await;
    let broken = |key: &str| {
        let pieces = [
            Ok(Bytes::from(vec![7; 2_000_000])),
            Err(std::io::Error::other("the source is gone")),
        ];
        PutObject {
            content: Content::Stream(stream_of(pieces.into_iter())),
            ..plain(key, b"")
        }
    };
    running.put_object("kept", b"before").await;
    for key in ["kept", "new"] {
        let put = running.try_put_object(broken(key)).await;
        refused("a put whose stream fails", ErrorKind::Failed, put);
    }
    assert_eq!(
        running.body_of("kept").await.as_deref(),
        Some(&b"before"[..])
    );
    assert_eq!(running.head("new").await, None);
    assert_eq!(running.keys("").await, ["kept"]);
}

/// Keys that some client, path or encoding is likely to get wrong.
fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a",
        "A",
        "a b",
        " a",
        "a+b",
        "a%20b",
        "a%2Fb",
        "a?b=c&d",
        "a#b",
        "a/b",
        "a/b/c",
        "ä/é",
        "a\u{308}",
        "ключ",
        "日本語",
        "\u{1F600}",
        "'\"<>",
        "a;b",
        "a:b@c",
        "a=b",
        "~",
        "!*()",
        ".a",
        "..a",
        "a/.b",
        "a/...b",
        "a..b",
        "[a]{b}|^`",
        "%",
        "%zz",
        "con",
        "a,b",
    ]
    .map(str::to_owned)
    .into();
    keys.push("k".repeat(KEY_BYTES_MAX));
    keys.push("é".repeat(KEY_BYTES_MAX / 2));
    keys
}

async fn keys(trial: Trial) {
    let running = open(trial).await;
    let mut keys = odd_keys();
    for key in &keys {
        running.put_object(key, key.as_bytes()).await;
    }
    for key in &keys {
        let body = running.body_of(key).await;
        assert_eq!(body.as_deref(), Some(key.as_bytes()), "{key}");
        assert_eq!(
            running.head(key).await.map(|head| head.key).as_ref(),
            Some(key)
        );
    }
    keys.sort();
    assert_eq!(running.keys("").await, keys);
    for key in &keys {
        running.delete_object(key).await;
    }
    assert!(running.keys("").await.is_empty());
}

async fn copy(trial: Trial) {
    let running = open(trial).await;
    let metadata = BTreeMap::from([("from".to_owned(), "a".to_owned())]);
    let put = PutObject {
        content_type: "text/csv".to_owned(),
        metadata: metadata.clone(),
        ..plain("a", b"body")
    };
    accepted("put", running.try_put_object(put).await);
    running.put_object("b", b"replaced by the copy").await;
    let version = accepted("copy", running.copy_object("a", "b").await);
    running.put_object("a", b"changed").await;
    let copy = running.head("b").await.expect("it was copied");
    assert_eq!(copy.version, version);
    assert_eq!((copy.size, &*copy.content_type), (4, "text/csv"));
    assert_eq!(copy.metadata, metadata);
    assert_eq!(running.body_of("b").await.as_deref(), Some(&b"body"[..]));
    running.delete_object("a").await;
    assert_eq!(running.body_of("b").await.as_deref(), Some(&b"body"[..]));
}

async fn copy_missing(trial: Trial) {
    let running = open(trial).await;
    running.put_object("b", b"kept").await;
    let copied = running.copy_object("a", "b").await;
    refused("copying what is not there", ErrorKind::NotFound, copied);
    assert_eq!(running.body_of("b").await.as_deref(), Some(&b"kept"[..]));
}

async fn apart(trial: Trial) {
    let running = open(trial).await;
    running.put_object("a", b"files").await;
    let provider = running.provider();
    let other = || target("other");
    let head = provider.head_object(other(), "a".to_owned()).await;
    assert_eq!(accepted("head", head), None);
    accepted(
        "put",
        provider.put_object(other(), plain("a", b"other")).await,
    );
    accepted(
        "delete",
        provider.delete_object(other(), "a".to_owned()).await,
    );
    assert_eq!(running.body_of("a").await.as_deref(), Some(&b"files"[..]));
}

async fn expiring(trial: Trial) -> Running {
    let days = |days: u64| Duration::from_secs(days * DAY);
    let knobs = BucketKnobs::DEFAULT
        .expire("week/", days(7))
        .expire("week/short/", days(3));
    trial.open(Declarations::new().bucket("files", knobs)).await
}

async fn expiry(trial: Trial) {
    let mut running = expiring(trial).await;
    for key in ["week/a", "week/short/a", "week", "weeks/a", "kept/week/a"] {
        running.put_object(key, b"x").await;
    }
    running.advance(3 * DAY - 60).await;
    let all = ["kept/week/a", "week", "week/a", "week/short/a", "weeks/a"];
    assert_eq!(running.keys("").await, all);
    running.advance(4 * DAY).await;
    // The short one has expired a day ago, but may still be there on some providers.
    assert!(
        running.head("week/a").await.is_some(),
        "it expired too early"
    );
    running.advance(60 + EXPIRY_SLACK).await;
    assert_eq!(running.keys("").await, ["kept/week/a", "week", "weeks/a"]);
    for key in ["week/a", "week/short/a"] {
        assert_eq!(running.head(key).await, None, "{key}");
        assert!(running.get_object(key).await.is_none(), "{key}");
        let put = running
            .try_put_object(with(PutCondition::IfAbsent, key, b"y"))
            .await;
        accepted("put where an object has expired", put);
    }
}

async fn expiry_renewed(trial: Trial) {
    let mut running = expiring(trial).await;
    running.put_object("week/short/a", b"x").await;
    running.put_object("week/short/b", b"x").await;
    running.advance(2 * DAY).await;
    running.put_object("week/short/a", b"y").await;
    running.advance(DAY + 60).await;
    assert!(
        running.head("week/short/a").await.is_some(),
        "it expired too early"
    );
    running.advance(DAY + EXPIRY_SLACK).await;
    assert!(running.keys("").await.is_empty());
}

async fn durable(trial: Trial) {
    let mut running = open(trial).await;
    let version = running.put_object("kept", b"before the outage").await;
    running.put_object("replaced", b"old").await;
    running.put_object("replaced", b"new").await;
    running.put_object("deleted", b"x").await;
    running.delete_object("deleted").await;
    running.outage(1).await;
    assert_eq!(
        running.head("kept").await.map(|head| head.version),
        Some(version)
    );
    let body = running.body_of("kept").await;
    assert_eq!(body.as_deref(), Some(&b"before the outage"[..]));
    assert_eq!(
        running.body_of("replaced").await.as_deref(),
        Some(&b"new"[..])
    );
    assert_eq!(running.keys("").await, ["kept", "replaced"]);
}

async fn unknown(trial: Trial) {
    let running = open(trial).await;
    let nowhere = || target("nowhere");
    let key = || "a".to_owned();
    let provider = running.provider();
    assert!(provider.get_object(nowhere(), key(), None).await.is_err());
    assert!(provider.head_object(nowhere(), key()).await.is_err());
    assert!(
        provider
            .put_object(nowhere(), plain("a", b"x"))
            .await
            .is_err()
    );
    assert!(provider.delete_object(nowhere(), key()).await.is_err());
    assert!(provider.copy_object(nowhere(), key(), key()).await.is_err());
}
