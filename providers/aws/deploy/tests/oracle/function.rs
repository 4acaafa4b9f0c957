//! Lambda.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use aws_sdk_lambda::primitives::Blob;
use ifc_runtime::function::FunctionOperations;
use ifc_runtime::{ErrorKind, TraceContext};

async fn check(
    recorder: &Recorder,
) -> (Result<Vec<u8>, ifc_runtime::Error>, Option<String>, Vec<u8>) {
    let trace = TraceContext::root();
    let reply = ours(recorder)
        .invoke(target("function"), b"[1]".to_vec(), trace)
        .await;
    let ours = recorder.taken();
    let client = aws_sdk_lambda::Client::from_conf(sdk!(aws_sdk_lambda, recorder).build());
    let output = client
        .invoke()
        .function_name("shop-dev-function")
        .qualifier("live")
        .invocation_type(aws_sdk_lambda::types::InvocationType::RequestResponse)
        .payload(Blob::new(ours.body.clone()))
        .send()
        .await
        .expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.body, theirs.body);
    ours.assert_same_call(&theirs, &["x-amz-invocation-type"]);
    let error = output.function_error().map(str::to_owned);
    let payload = output.payload().map(|payload| payload.as_ref().to_vec());
    (reply, error, payload.unwrap_or_default())
}

#[tokio::test]
async fn invoke() {
    let recorder = Recorder::start(200, &[("x-amz-executed-version", "7")], r#"{"a": 1.0}"#);
    let (reply, error, payload) = check(&recorder).await;
    assert_eq!((reply.expect("it replies"), error), (payload, None));

    let answer = r#"{"errorMessage":"the cupboard is bare","errorType":"Error"}"#;
    let recorder = Recorder::start(200, &[("x-amz-function-error", "Unhandled")], answer);
    let (reply, error, _) = check(&recorder).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert_eq!(reply.expect_err("it failed").kind(), ErrorKind::Failed);
}
