//! S3.

use crate::recorder::{Recorded, Recorder, answer};
use crate::{ours, sdk, target};
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, EncodingType};
use ifc_runtime::ErrorKind;
use ifc_runtime::axum::body::{Bytes, to_bytes};
use ifc_runtime::bucket::{
    BucketOperations, ByteRange, Content, ListObjects, PresignPut, PutCondition, PutObject,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A key that has to be encoded.
const KEY: &str = "2026/ä b+c=%&'()~.pdf";

/// The official client, told to do without what S3 does not need: sums over sums.
fn s3(recorder: &Recorder) -> aws_sdk_s3::Client {
    let config = sdk!(aws_sdk_s3, recorder)
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    aws_sdk_s3::Client::from_conf(config.build())
}

const HASH: &str = "x-amz-content-sha256";

const OBJECT: &[(&str, &str)] = &[
    ("etag", "\"a1\""),
    ("last-modified", "Thu, 15 Jan 2026 12:00:00 GMT"),
    ("content-type", "text/plain"),
    ("x-amz-meta-order", "o-1"),
];

#[tokio::test]
async fn get_object() {
    let headers = [OBJECT, &[("content-range", "bytes 2-4/10")]].concat();
    let recorder = Recorder::start(206, &headers, "234");
    let range = Some(ByteRange::Between(2, 5));
    let object = ours(&recorder)
        .get_object(target("bucket"), KEY.to_owned(), range)
        .await;
    let ours = recorder.taken();
    let call = s3(&recorder)
        .get_object()
        .bucket("shop-dev-bucket")
        .key(KEY);
    let output = call.range("bytes=2-4").send().await.expect("it succeeds");
    let theirs = recorder.taken();
    ours.assert_same_call(&theirs, &["range", HASH]);

    let object = object.expect("it succeeds").expect("it is there");
    assert_eq!((object.range, object.head.size), (2..5, 10));
    assert_eq!(output.content_range(), Some("bytes 2-4/10"));
    assert_eq!(
        output.e_tag(),
        Some(format!("\"{}\"", object.head.version).as_str())
    );
    assert_eq!(
        output.content_type(),
        Some(object.head.content_type.as_str())
    );
    let metadata = output.metadata().expect("there is some").clone();
    assert_eq!(object.head.metadata, metadata.into_iter().collect());
    let modified = output.last_modified().expect("it is said").secs();
    let since = object.head.modified.duration_since(std::time::UNIX_EPOCH);
    assert_eq!(since.expect("it is later").as_secs() as i64, modified);
    let body = to_bytes(object.body, 100).await.expect("it is whole");
    assert_eq!(
        body,
        output
            .body
            .collect()
            .await
            .expect("it is whole")
            .into_bytes()
    );
}

#[tokio::test]
async fn head_and_delete_object() {
    let headers = [OBJECT, &[("content-length", "7")]].concat();
    let recorder = Recorder::start(200, &headers, "");
    let head = ours(&recorder)
        .head_object(target("bucket"), KEY.to_owned())
        .await;
    let our_head = recorder.taken();
    let call = s3(&recorder)
        .head_object()
        .bucket("shop-dev-bucket")
        .key(KEY);
    let output = call.send().await.expect("it succeeds");
    our_head.assert_same_call(&recorder.taken(), &[HASH]);
    let head = head.expect("it succeeds").expect("it is there");
    assert_eq!(output.content_length(), Some(head.size as i64));

    let recorder = Recorder::start(204, &[], "");
    let deleted = ours(&recorder)
        .delete_object(target("bucket"), KEY.to_owned())
        .await;
    let our_delete = recorder.taken();
    let call = s3(&recorder)
        .delete_object()
        .bucket("shop-dev-bucket")
        .key(KEY);
    call.send().await.expect("it succeeds");
    our_delete.assert_same_call(&recorder.taken(), &[HASH]);
    deleted.expect("it succeeds");
}

#[tokio::test]
async fn errors_are_read_alike() {
    let answer = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code>\
                  <Message>no &lt;bucket&gt;</Message><RequestId>x-1</RequestId></Error>";
    let recorder = Recorder::start(404, &[("x-amz-request-id", "x-1")], answer);
    let read = ours(&recorder)
        .get_object(target("bucket"), KEY.to_owned(), None)
        .await;
    recorder.taken();
    let call = s3(&recorder)
        .get_object()
        .bucket("shop-dev-bucket")
        .key(KEY);
    let theirs = call.send().await.expect_err("it is refused");
    let theirs = theirs.into_service_error();
    assert_eq!(theirs.meta().code(), Some("NoSuchBucket"));
    assert_eq!(theirs.meta().message(), Some("no <bucket>"));
    let ours = read.expect_err("it is refused");
    assert_eq!(ours.kind(), ErrorKind::NotReady);
    let text = ours.to_string();
    assert!(text.contains("NoSuchBucket: no <bucket>"), "{text}");
}

fn put(condition: PutCondition) -> PutObject {
    PutObject {
        key: KEY.to_owned(),
        content: Content::Bytes(Bytes::from_static(b"body")),
        content_type: "text/plain; charset=utf-8".to_owned(),
        metadata: BTreeMap::from([("order".to_owned(), "o-1 of  Ada".to_owned())]),
        condition,
    }
}

#[tokio::test]
async fn put_object() {
    let recorder = Recorder::start(200, &[("etag", "\"a1\"")], "");
    for (condition, header) in [
        (PutCondition::Always, None),
        (PutCondition::IfAbsent, Some("if-none-match")),
        (PutCondition::IfVersion("v".to_owned()), Some("if-match")),
    ] {
        let version = ours(&recorder)
            .put_object(target("bucket"), put(condition))
            .await;
        let ours = recorder.taken();
        let mut call = s3(&recorder)
            .put_object()
            .bucket("shop-dev-bucket")
            .key(KEY)
            .content_type("text/plain; charset=utf-8")
            .metadata("order", "o-1 of  Ada")
            .body(ByteStream::from_static(b"body"));
        call = match header {
            Some("if-none-match") => call.if_none_match("*"),
            Some(_) => call.if_match("\"v\""),
            None => call,
        };
        let output = call.send().await.expect("it succeeds");
        let theirs = recorder.taken();
        assert_eq!(ours.body, theirs.body);
        let mut headers = vec!["content-type", "x-amz-meta-order", HASH];
        headers.extend(header);
        ours.assert_same_call(&theirs, &headers);
        assert_eq!(version.expect("it succeeds"), "a1");
        assert_eq!(output.e_tag(), Some("\"a1\""));
    }
}

#[tokio::test]
async fn list_objects() {
    let answer = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>\
                  <EncodingType>url</EncodingType><Contents><Key>a%2Fb+c</Key>\
                  <LastModified>2026-01-15T12:00:00.000Z</LastModified>\
                  <ETag>&quot;a1&quot;</ETag><Size>7</Size></Contents>\
                  <CommonPrefixes><Prefix>a%2Fd%2F</Prefix></CommonPrefixes>\
                  <NextContinuationToken>1/t+=</NextContinuationToken></ListBucketResult>";
    let recorder = Recorder::start(200, &[("content-type", "application/xml")], answer);
    let mut list = ListObjects {
        prefix: "a/ é".to_owned(),
        folders: true,
        limit: 7,
        cursor: None,
    };
    for token in [None, Some("1/t+=")] {
        let page = ours(&recorder)
            .list_objects(target("bucket"), list.clone())
            .await;
        let ours = recorder.taken();
        let call = s3(&recorder)
            .list_objects_v2()
            .bucket("shop-dev-bucket")
            .prefix("a/ é")
            .delimiter("/")
            .max_keys(7)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(token.map(str::to_owned));
        let output = call.send().await.expect("it succeeds");
        let theirs = recorder.taken();
        ours.assert_same_call(&theirs, &[HASH]);
        let page = page.expect("it succeeds");
        assert_eq!(
            (page.objects[0].key.as_str(), page.objects[0].size),
            ("a/b c", 7)
        );
        assert_eq!(output.contents()[0].size(), Some(7));
        assert_eq!(output.contents()[0].e_tag(), Some("\"a1\""));
        assert_eq!(page.folders, ["a/d/"]);
        assert_eq!(output.next_continuation_token(), Some("1/t+="));
        list.cursor = Some(page.cursor.expect("there is more"));
    }
}

#[tokio::test]
async fn copy_object() {
    let answer = "<CopyObjectResult><ETag>&quot;a1&quot;</ETag></CopyObjectResult>";
    let recorder = Recorder::start(200, &[("content-type", "application/xml")], answer);
    let (from, to) = (KEY.to_owned(), "to".to_owned());
    let version = ours(&recorder)
        .copy_object(target("bucket"), from, to)
        .await;
    let ours = recorder.taken();
    let call = s3(&recorder)
        .copy_object()
        .bucket("shop-dev-bucket")
        .key("to");
    let source = ours.headers["x-amz-copy-source"].clone();
    let output = call.copy_source(source).send().await.expect("it succeeds");
    ours.assert_same_call(&recorder.taken(), &["x-amz-copy-source", HASH]);
    assert_eq!(
        ours.headers["x-amz-copy-source"],
        "/shop-dev-bucket/2026/%C3%A4%20b%2Bc%3D%25%26%27%28%29~.pdf"
    );
    let result = output.copy_object_result().expect("there is one");
    assert_eq!(version.expect("it succeeds"), "a1");
    assert_eq!(result.e_tag(), Some("\"a1\""));
}

/// A presigned URL as a request, without what depends on the second of its making.
fn presigned(url: &str, endpoint: &str) -> (String, Vec<String>) {
    let rest = url.strip_prefix(endpoint).expect("it is there");
    let (path, query) = rest.split_once('?').expect("it is signed");
    let mut query: Vec<String> = query
        .split('&')
        .filter(|field| {
            let varying = [
                "X-Amz-Date=",
                "X-Amz-Signature=",
                "X-Amz-Credential=",
                "x-id=",
            ];
            !varying.iter().any(|name| field.starts_with(name))
        })
        .map(str::to_owned)
        .collect();
    query.sort();
    (path.to_owned(), query)
}

#[tokio::test]
async fn presigned_urls() {
    let recorder = Recorder::start(200, &[], "");
    let provider = ours(&recorder);
    let expiry = Duration::from_secs(900);
    let signing = || PresigningConfig::expires_in(expiry).expect("it is in range");
    let ours = provider
        .presign_get(target("bucket"), KEY.to_owned(), expiry)
        .await;
    let call = s3(&recorder)
        .get_object()
        .bucket("shop-dev-bucket")
        .key(KEY);
    let theirs = call.presigned(signing()).await.expect("it is signed");
    assert_eq!(
        presigned(&ours.expect("it is signed"), &recorder.endpoint),
        presigned(theirs.uri(), &recorder.endpoint)
    );

    let presign = PresignPut {
        key: KEY.to_owned(),
        expiry,
        content_type: Some("image/png".to_owned()),
        bytes_max: ifc_manifest::kind::bucket::OBJECT_BYTES_MAX,
    };
    let ours = provider.presign_put(target("bucket"), presign).await;
    let ours = ours.expect("it is signed");
    let call = s3(&recorder)
        .put_object()
        .bucket("shop-dev-bucket")
        .key(KEY);
    let call = call.content_type("image/png").presigned(signing());
    let theirs = call.await.expect("it is signed");
    assert_eq!(
        presigned(&ours.url, &recorder.endpoint),
        presigned(theirs.uri(), &recorder.endpoint)
    );
    let headers: BTreeMap<String, String> = theirs
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(ours.headers, headers);
}

#[tokio::test]
async fn an_upload_in_parts() {
    let xml = |name: &str, body: &str| {
        answer(
            200,
            &[("content-type", "application/xml")],
            &format!("<{name}>{body}</{name}>"),
        )
    };
    let part = || answer(200, &[("etag", "\"p\"")], "");
    let recorder = Recorder::in_turn(vec![
        xml("InitiateMultipartUploadResult", "<UploadId>u/1+</UploadId>"),
        part(),
        part(),
        xml(
            "CompleteMultipartUploadResult",
            "<ETag>&quot;whole-2&quot;</ETag>",
        ),
    ]);
    const PART: usize = 8 * 1024 * 1024;
    let body = vec![7; PART + 1];
    let upload = PutObject {
        content: Content::Stream(body.clone().into()),
        ..put(PutCondition::IfAbsent)
    };
    let version = ours(&recorder).put_object(target("bucket"), upload).await;
    let mut ours = recorder.all_taken();

    let client = s3(&recorder);
    let created = client
        .create_multipart_upload()
        .bucket("shop-dev-bucket")
        .key(KEY)
        .content_type("text/plain; charset=utf-8")
        .metadata("order", "o-1 of  Ada")
        .send()
        .await
        .expect("it succeeds");
    let id = created.upload_id().expect("it has an id");
    let mut completed = CompletedMultipartUpload::builder();
    for (number, bytes) in (1..).zip(body.chunks(PART)) {
        let sent = client
            .upload_part()
            .bucket("shop-dev-bucket")
            .key(KEY)
            .upload_id(id)
            .part_number(number)
            .body(ByteStream::from(bytes.to_vec()))
            .send()
            .await
            .expect("it succeeds");
        let part = CompletedPart::builder().part_number(number);
        let part = part.set_e_tag(sent.e_tag().map(str::to_owned)).build();
        completed = completed.parts(part);
    }
    let output = client
        .complete_multipart_upload()
        .bucket("shop-dev-bucket")
        .key(KEY)
        .upload_id(id)
        .if_none_match("*")
        .multipart_upload(completed.build())
        .send()
        .await
        .expect("it succeeds");
    let theirs = recorder.all_taken();

    // The parts go side by side.
    ours[1..3].sort_by_key(|request| request.query.clone());
    assert_eq!((ours.len(), theirs.len()), (4, 4));
    let headers: [&[&str]; 4] = [
        &["content-type", "x-amz-meta-order", HASH],
        &[HASH],
        &[HASH],
        &["content-type", "if-none-match"],
    ];
    for ((ours, theirs), headers) in ours.iter_mut().zip(&theirs).zip(headers) {
        // The one writes `uploads=`, the other `uploads`, which is signed alike.
        ours.query.iter_mut().for_each(|field| {
            if field == "uploads=" {
                *field = "uploads".to_owned();
            }
        });
        ours.assert_same_call(theirs, headers);
    }
    assert!(ours[1].body == theirs[1].body && ours[2].body == theirs[2].body);
    assert_eq!(parts_in(&ours[3]), parts_in(&theirs[3]));
    assert_eq!(version.expect("it succeeds"), "whole-2");
    assert_eq!(output.e_tag(), Some("\"whole-2\""));
}

/// The parts of a completed upload; the elements of each in any order.
fn parts_in(request: &Recorded) -> Vec<Vec<String>> {
    let text = str::from_utf8(&request.body).expect("it is text");
    let parts = text.split("<Part>").skip(1).map(|part| {
        let (part, _) = part.split_once("</Part>").expect("it ends");
        let mut elements: Vec<String> = part
            .split_inclusive('>')
            .collect::<Vec<_>>()
            .chunks(2)
            .map(|element| element.concat())
            .collect();
        elements.sort();
        elements
    });
    parts.collect()
}
