//! Lists of keys, page by page.

use super::Bucket;
use super::head::version;
use crate::cursor::Shape;
use crate::failure::Failure;
use crate::xml::{element, sections};
use crate::{date, percent};
use axum::http::Method;
use ifc_manifest::kind::bucket::DELIMITER;
use ifc_runtime::Error;
use ifc_runtime::bucket::{ListObjects, ListedObject, ObjectPage};

impl Bucket<'_> {
    pub(super) async fn list(&self, list: ListObjects) -> Result<ObjectPage, Error> {
        let shape = Shape(format!("{}\0{}\0{}", self.name, list.prefix, list.folders));
        // In a URL's form, so that every key survives the XML.
        let mut query = "?list-type=2&encoding-type=url".to_owned();
        let mut add = |name: &str, value: &str| {
            query += &format!("&{name}={}", percent::encode(value, ""));
        };
        add("max-keys", &list.limit.to_string());
        add("prefix", &list.prefix);
        if list.folders {
            add("delimiter", &DELIMITER.to_string());
        }
        if let Some(cursor) = &list.cursor {
            add("continuation-token", &shape.decode(cursor, "list")?);
        }
        let call = self.call(Method::GET, "", &query);
        let answer = self.aws.transport.call(&call).await?;
        page(&String::from_utf8_lossy(answer.body()), &shape).ok_or_else(|| {
            let message = "the answer is no list of objects";
            Failure::malformed(message).into()
        })
    }
}

fn page(answer: &str, shape: &Shape) -> Option<ObjectPage> {
    let (_, answer) = answer.split_once("<ListBucketResult")?;
    let key = |section: &str, name: &str| percent::decode(&element(section, name)?);
    let object = |section: &str| {
        Some(ListedObject {
            key: key(section, "Key")?,
            size: element(section, "Size")?.parse().ok()?,
            version: version(&element(section, "ETag")?),
            modified: date::parse(&element(section, "LastModified")?)?,
        })
    };
    let objects = sections(answer, "Contents").map(object);
    let folders = sections(answer, "CommonPrefixes").map(|section| key(section, "Prefix"));
    let more = element(answer, "IsTruncated")? == "true";
    let token = || element(answer, "NextContinuationToken");
    Some(ObjectPage {
        objects: objects.collect::<Option<_>>()?,
        folders: folders.collect::<Option<_>>()?,
        cursor: match more {
            true => Some(shape.encode(&token()?)),
            false => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_from_xml() {
        let shape = Shape("list".to_owned());
        let answer = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3\"><Name>b</Name>\
                      <Prefix>a%2F</Prefix><IsTruncated>true</IsTruncated>\
                      <Contents><Key>a/b+c%2B%C3%A9%3C</Key>\
                      <LastModified>2026-01-15T12:00:00.000Z</LastModified>\
                      <ETag>&quot;a1&quot;</ETag><Size>7</Size></Contents>\
                      <NextContinuationToken>t&amp;1</NextContinuationToken>\
                      <CommonPrefixes><Prefix>a/d/</Prefix></CommonPrefixes></ListBucketResult>";
        let read = page(answer, &shape).unwrap();
        let object = ListedObject {
            key: "a/b c+é<".to_owned(),
            size: 7,
            version: "a1".to_owned(),
            modified: date::parse("2026-01-15T12:00:00Z").unwrap(),
        };
        assert_eq!(
            (read.objects, read.folders),
            (vec![object], vec!["a/d/".to_owned()])
        );
        assert_eq!(shape.decode(&read.cursor.unwrap(), "list").unwrap(), "t&1");
        for wrong in [
            "<html>",
            &answer.replace("<Size>7</Size>", ""),
            &answer.replace("NextContinuationToken", "Token"),
            &answer.replace("IsTruncated", "Truncated"),
        ] {
            assert_eq!(page(wrong, &shape), None, "{wrong}");
        }
    }
}
