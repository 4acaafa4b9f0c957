//! Lists of keys.

use super::{Running, Trial, open};
use crate::clause::{Clause, clause};
use crate::declare::target;
use crate::trial::{accepted, refused};
use ifc_runtime::ErrorKind;
use ifc_runtime::bucket::{ListObjects, ObjectPage};

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.8",
            "bucket-list-order",
            "a list is in the order of the keys' UTF-8 bytes, with size and version",
            order
        ),
        clause!(
            "4.8",
            "bucket-list-prefix",
            "a prefix lists the keys that begin with it and no others",
            prefix
        ),
        clause!(
            "4.8",
            "bucket-list-folders",
            "with the delimiter keys are folded at the next slash after the prefix",
            folders
        ),
        clause!(
            "4.8",
            "bucket-list-pages",
            "pages follow each other without gap or repetition, with and without the delimiter",
            pages
        ),
        clause!(
            "4.8",
            "bucket-list-changes",
            "a key that is there throughout is on exactly one page, whatever else changes",
            changes
        ),
        clause!(
            "4.8",
            "bucket-list-cursor",
            "a cursor of another list is refused",
            cursor
        ),
    ]
}

pub(super) fn all(prefix: &str) -> ListObjects {
    ListObjects {
        prefix: prefix.to_owned(),
        folders: false,
        limit: 1_000,
        cursor: None,
    }
}

impl Running {
    async fn page(&self, list: ListObjects) -> ObjectPage {
        accepted(
            "list",
            self.provider().list_objects(target("files"), list).await,
        )
    }

    /// Keys and folders of all pages, in order.
    async fn listed(&self, mut list: ListObjects) -> (Vec<String>, Vec<String>) {
        let (mut keys, mut folders) = (Vec::new(), Vec::new());
        for _ in 0..1_000 {
            let page = self.page(list.clone()).await;
            let entries = page.objects.len() + page.folders.len();
            assert!(entries <= list.limit as usize, "{entries} entries");
            keys.extend(page.objects.into_iter().map(|object| object.key));
            folders.extend(page.folders);
            match page.cursor {
                Some(cursor) => list.cursor = Some(cursor),
                None => return (keys, folders),
            }
        }
        panic!("the pages do not come to an end");
    }

    pub(super) async fn keys(&self, prefix: &str) -> Vec<String> {
        self.listed(all(prefix)).await.0
    }
}

async fn order(trial: Trial) {
    let running = open(trial).await;
    // In order of bytes: capitals before small letters, `a/` after `a-` and before `a0`, U+FFFD
    // before U+1F600 although UTF-16 has it the other way round.
    let keys = [
        "A",
        "Z",
        "a",
        "a b",
        "a-b",
        "a/b",
        "a/c",
        "a0",
        "aa",
        "b",
        "é",
        "\u{fffd}",
        "\u{1F600}",
    ];
    for (size, key) in keys.iter().enumerate().rev() {
        running.put_object(key, &vec![0; size]).await;
    }
    let page = running.page(all("")).await;
    let listed: Vec<&str> = page
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(listed, keys);
    assert!(page.folders.is_empty() && page.cursor.is_none());
    for (size, object) in page.objects.iter().enumerate() {
        let head = running.head(&object.key).await.expect("it was put");
        assert_eq!(object.size, size as u64, "{}", object.key);
        assert_eq!(object.version, head.version, "{}", object.key);
    }
}

async fn prefix(trial: Trial) {
    let running = open(trial).await;
    for key in [
        "a",
        "a/b",
        "a/bc",
        "a/b/c",
        "a\u{10ffff}",
        "b",
        "%",
        "%a",
        "a_b",
        "axb",
    ] {
        running.put_object(key, b"x").await;
    }
    for (prefix, expected) in [
        (
            "",
            &[
                "%",
                "%a",
                "a",
                "a/b",
                "a/b/c",
                "a/bc",
                "a_b",
                "axb",
                "a\u{10ffff}",
                "b",
            ][..],
        ),
        ("a/", &["a/b", "a/b/c", "a/bc"]),
        ("a/b", &["a/b", "a/b/c", "a/bc"]),
        ("a/b/", &["a/b/c"]),
        ("a_", &["a_b"]),
        ("%", &["%", "%a"]),
        ("a\u{10ffff}", &["a\u{10ffff}"]),
        ("c", &[]),
        ("A", &[]),
    ] {
        assert_eq!(running.keys(prefix).await, expected, "{prefix}");
    }
}

fn one_level(prefix: &str) -> ListObjects {
    ListObjects {
        folders: true,
        ..all(prefix)
    }
}

async fn folders(trial: Trial) {
    let running = open(trial).await;
    for key in [
        "a", "a/b", "a/c/d", "a/c/e", "a/cc", "b/c", "b-c", "c/d/e/f",
    ] {
        running.put_object(key, b"x").await;
    }
    for (prefix, keys, folders) in [
        ("", &["a", "b-c"][..], &["a/", "b/", "c/"][..]),
        ("a", &["a"], &["a/"]),
        ("a/", &["a/b", "a/cc"], &["a/c/"]),
        ("a/c", &["a/cc"], &["a/c/"]),
        ("a/c/", &["a/c/d", "a/c/e"], &[]),
        ("c/", &[], &["c/d/"]),
        ("d/", &[], &[]),
    ] {
        let listed = running.listed(one_level(prefix)).await;
        assert_eq!(listed.0, keys, "objects of {prefix}");
        assert_eq!(listed.1, folders, "folders of {prefix}");
    }
    running.delete_object("b/c").await;
    let (_, folders) = running.listed(one_level("")).await;
    assert_eq!(folders, ["a/", "c/"], "a folder without objects");
}

async fn pages(trial: Trial) {
    let running = open(trial).await;
    let mut keys = Vec::new();
    for folder in 0..4 {
        for object in 0..4 {
            keys.push(format!("{folder}/{object}"));
            keys.push(format!("{folder}-{object}"));
        }
    }
    for key in &keys {
        running.put_object(key, b"x").await;
    }
    keys.sort();
    for limit in [1, 2, 3, 7, 31, 32, 33] {
        let list = ListObjects { limit, ..all("") };
        assert_eq!(running.listed(list).await.0, keys, "limit {limit}");
        let list = ListObjects {
            limit,
            ..one_level("")
        };
        let (objects, folders) = running.listed(list).await;
        assert_eq!(objects.len(), 16, "limit {limit}");
        assert!(objects.iter().all(|key| !key.contains('/')), "{objects:?}");
        assert_eq!(folders, ["0/", "1/", "2/", "3/"], "limit {limit}");
    }
}

async fn changes(trial: Trial) {
    let running = open(trial).await;
    for key in ["a", "b", "c", "d", "e", "f/1", "f/2", "g"] {
        running.put_object(key, b"x").await;
    }
    let list = ListObjects {
        limit: 3,
        ..all("")
    };
    let first = running.page(list.clone()).await;
    let keys = |page: &ObjectPage| -> Vec<String> {
        page.objects
            .iter()
            .map(|object| object.key.clone())
            .collect()
    };
    assert_eq!(keys(&first), ["a", "b", "c"]);
    // The cursor's own key goes, and what lies before and behind it changes.
    for key in ["c", "a", "e"] {
        running.delete_object(key).await;
    }
    running.put_object("aa", b"x").await;
    let rest = ListObjects {
        cursor: first.cursor,
        limit: 1_000,
        ..list
    };
    assert_eq!(running.listed(rest).await.0, ["d", "f/1", "f/2", "g"]);
}

async fn cursor(trial: Trial) {
    let running = open(trial).await;
    for key in ["a/1", "a/2", "b/1", "b/2"] {
        running.put_object(key, b"x").await;
    }
    let page = running
        .page(ListObjects {
            limit: 1,
            ..all("a/")
        })
        .await;
    let cursor = page.cursor.expect("there is more");
    for list in [all("b/"), all(""), one_level("a/")] {
        let list = ListObjects {
            cursor: Some(cursor.clone()),
            ..list
        };
        let listed = running
            .provider()
            .list_objects(target("files"), list.clone())
            .await;
        refused(&format!("{list:?}"), ErrorKind::Invalid, listed);
    }
    for nonsense in ["", "x", "é", "0000000000000000o61"] {
        let list = ListObjects {
            cursor: Some(nonsense.to_owned()),
            ..all("a/")
        };
        let listed = running.provider().list_objects(target("files"), list).await;
        refused("a cursor that is none", ErrorKind::Invalid, listed);
    }
}
