//! The Systems Manager.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use ifc_runtime::config::ConfigOperations;

#[tokio::test]
async fn get_parameter() {
    let recorder = Recorder::json(r#"{"Parameter":{"Name":"n","Value":"{\"a\":1}"}}"#);
    let value = ours(&recorder).read_config(target("config")).await;
    let ours = recorder.taken();
    let client = aws_sdk_ssm::Client::from_conf(sdk!(aws_sdk_ssm, recorder).build());
    let call = client.get_parameter().name("shop-dev-config");
    let output = call.send().await.expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);
    let expected = output.parameter().and_then(|parameter| parameter.value());
    assert_eq!(value.ok().as_deref(), expected);
}
