//! Secrets Manager.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use ifc_runtime::secret::SecretOperations;

#[tokio::test]
async fn get_secret_value() {
    for answer in [
        r#"{"SecretString":"hush \u00e9"}"#,
        r#"{"SecretBinary":"AP8="}"#,
    ] {
        let recorder = Recorder::json(answer);
        let value = ours(&recorder).read_secret(target("secret")).await;
        let ours = recorder.taken();
        let config = sdk!(aws_sdk_secretsmanager, recorder).build();
        let client = aws_sdk_secretsmanager::Client::from_conf(config);
        let call = client.get_secret_value().secret_id("shop-dev-secret");
        let output = call.send().await.expect("the call succeeds");
        let theirs = recorder.taken();
        assert_eq!(ours.json(), theirs.json());
        ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);
        let expected = match (output.secret_string(), output.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(bytes)) => bytes.as_ref(),
            (None, None) => panic!("the SDK finds no value"),
        };
        assert_eq!(value.expect("the call succeeds").expose_bytes(), expected);
    }
}
