//! `ifc bucket`: the objects of a running application. It takes and gives them by presigned URLs, so
//! that their size does not matter, and its handlers hear of what changes.

use crate::access::{Access, Running, escape, read};
use crate::arguments::{
    Bucket, BucketGet, BucketList, BucketPut, BucketRemove, DataChoice, Global,
};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::terminal::{self, NAME, QUIET, columns, paint};
use serde::Deserialize;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Page {
    objects: Vec<Object>,
    folders: Vec<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    size: u64,
    modified: String,
}

#[derive(Deserialize)]
struct Place {
    url: String,
}

pub(crate) fn run(global: &Global, bucket: &Bucket) -> Result<Exit, Failure> {
    match bucket {
        Bucket::Ls(list) => self::list(global, list)?,
        Bucket::Get(get) => self::get(global, get)?,
        Bucket::Put(put) => self::put(global, put)?,
        Bucket::Rm(remove) => self::remove(global, remove)?,
    }
    Ok(Exit::Success)
}

/// The application that holds the objects. Nobody else may change them: its handlers would not hear.
fn running(global: &Global, choice: &DataChoice) -> Result<Running, Failure> {
    let running = Access::of(global, choice, "bucket")?.running()?;
    running.ok_or_else(|| {
        Failure::new("the application does not run, and objects are read and written through it")
            .help("start it with `ifc dev`, or a stage with `ifc serve`, and try again")
    })
}

fn list(global: &Global, list: &BucketList) -> Result<(), Failure> {
    let mut path = format!(
        "buckets/{}?limit={}&folders={}&prefix={}",
        escape(&list.bucket),
        list.limit,
        list.folders,
        escape(&list.prefix)
    );
    if let Some(cursor) = &list.cursor {
        path.push_str(&format!("&cursor={}", escape(cursor)));
    }
    let answer = running(global, &list.choice)?.get(&path)?;
    if list.output.json {
        return terminal::print_json(&answer);
    }
    let page: Page = read(&answer)?;
    terminal::print(&table(&page))?;
    if let Some(cursor) = &page.cursor {
        terminal::status("More", &format!("with `--cursor {cursor}`"));
    }
    Ok(())
}

fn table(page: &Page) -> String {
    if page.objects.is_empty() && page.folders.is_empty() {
        return "no objects\n".to_owned();
    }
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for folder in &page.folders {
        let row = vec![paint(NAME, folder), String::new(), String::new()];
        rows.push((folder, row));
    }
    for object in &page.objects {
        let size = format!("{} bytes", object.size);
        let row = vec![
            paint(NAME, &object.key),
            size,
            paint(QUIET, &object.modified),
        ];
        rows.push((&object.key, row));
    }
    rows.sort_by_key(|(key, _)| *key);
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    columns(&rows)
}

/// Where an object can be read, or written.
fn url(running: &Running, bucket: &str, key: &str, write: bool) -> Result<String, Failure> {
    let body = json!({ "key": key, "write": write }).to_string();
    let path = format!("buckets/{}/url", escape(bucket));
    let Place { url } = read(&running.post(&path, body.as_bytes())?)?;
    Ok(url)
}

fn get(global: &Global, get: &BucketGet) -> Result<(), Failure> {
    let running = running(global, &get.choice)?;
    let url = url(&running, &get.bucket, &get.key, false)?;
    let failed = || format!("cannot read object `{}`", get.key);
    let mut reader = running.download(&url)?;
    if is_standard(&get.file) {
        io::copy(&mut reader, &mut io::stdout().lock()).context(failed)?;
        return Ok(());
    }
    // Beside it first, so that a download that breaks off leaves no half of an object.
    let mut aside = get.file.clone().into_os_string();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let copied = File::create(&aside)
        .and_then(|mut file| io::copy(&mut reader, &mut file))
        .and_then(|size| fs::rename(&aside, &get.file).map(|()| size));
    let size = copied.map_err(|error| {
        let _ = fs::remove_file(&aside);
        Failure::new(format!("cannot write `{}`", get.file.display())).because(error)
    })?;
    let message = format!("{size} bytes to `{}`", get.file.display());
    terminal::status("Read", &message);
    Ok(())
}

fn put(global: &Global, put: &BucketPut) -> Result<(), Failure> {
    let running = running(global, &put.choice)?;
    let url = url(&running, &put.bucket, &put.key, true)?;
    if is_standard(&put.file) {
        let mut body = Vec::new();
        io::stdin()
            .read_to_end(&mut body)
            .context(|| "cannot read the object from standard input".to_owned())?;
        running.upload(&url, &put.content_type, body.as_slice())?;
    } else {
        let file =
            File::open(&put.file).context(|| format!("cannot read `{}`", put.file.display()))?;
        running.upload(&url, &put.content_type, file)?;
    }
    let message = format!("object `{}` of bucket `{}`", put.key, put.bucket);
    terminal::status("Wrote", &message);
    Ok(())
}

fn remove(global: &Global, remove: &BucketRemove) -> Result<(), Failure> {
    let body = json!({ "key": remove.key }).to_string();
    let path = format!("buckets/{}/remove", escape(&remove.bucket));
    running(global, &remove.choice)?.post(&path, body.as_bytes())?;
    let message = format!("object `{}` of bucket `{}`", remove.key, remove.bucket);
    terminal::status("Removed", &message);
    Ok(())
}

fn is_standard(file: &Path) -> bool {
    file.as_os_str() == "-"
}
