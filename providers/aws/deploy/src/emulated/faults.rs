//! Bad weather: throttling, failures, answers that get lost, an emulator that is not there.

use super::life::desired;
use super::{CLOUD, aws};
use crate::catalog;
use crate::parts::Values;
use ifc_emulators::{Fault, Proxy};
use ifc_engine::{Progress, Provider as _, ProviderErrorKind};
use serde_json::json;

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let Ok((emulator, _)) = &*CLOUD else {
        let Some(_) = super::cloud("faults on the way to AWS") else {
            return;
        };
        unreachable!("there is an emulator or there is none");
    };
    let proxy = Proxy::start(emulator.port());
    let aws = aws(&proxy.endpoint(), 401, None).await;
    let part = desired(
        catalog::QUEUE,
        "shop-dev-orders-abcdef",
        &json!({}),
        &Values::new(),
    );

    let throttling = r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}"#;
    let json = "content-type: application/x-amz-json-1.0";
    proxy.fail_next("POST", Fault::Answer(400, json, throttling));
    let error = aws.create(&part, "").await.unwrap_err();
    assert_eq!(
        *error.kind(),
        ProviderErrorKind::Throttled { retry_after: None }
    );

    proxy.fail_next("POST", Fault::Answer(503, json, "{}"));
    let error = aws.create(&part, "").await.unwrap_err();
    assert_eq!(*error.kind(), ProviderErrorKind::Unavailable);

    let denied = r#"{"__type":"AccessDenied","message":"User: u is not authorized to perform: sqs:CreateQueue on resource: arn:aws:sqs:eu-west-1:000000000401:shop-dev-orders-abcdef because no policy allows it"}"#;
    proxy.fail_next("POST", Fault::Answer(403, json, denied));
    let error = aws.create(&part, "").await.unwrap_err();
    let (action, on) = (
        "sqs:CreateQueue".to_owned(),
        "arn:aws:sqs:eu-west-1:000000000401:shop-dev-orders-abcdef".to_owned(),
    );
    assert_eq!(*error.kind(), ProviderErrorKind::Denied { action, on });
    assert!(
        error
            .to_string()
            .contains(r#"{"Effect":"Allow","Action":"sqs:CreateQueue""#),
        "{error}"
    );

    let recently =
        r#"{"__type":"com.amazonaws.sqs#QueueDeletedRecently","message":"wait 60 seconds"}"#;
    proxy.fail_next("POST", Fault::Answer(400, json, recently));
    let error = aws.create(&part, "").await.unwrap_err();
    assert_eq!(*error.kind(), ProviderErrorKind::NameQuarantined);

    // It is made, and nobody hears of it; whoever comes again finds it.
    proxy.fail_next("POST", Fault::LoseAnswer);
    let error = aws.create(&part, "").await.unwrap_err();
    assert_eq!(*error.kind(), ProviderErrorKind::Uncertain);
    let again = aws.create(&part, "").await.unwrap();
    assert!(matches!(again, Progress::Done(_)), "{again:?}");

    drop(proxy);
    let error = aws.create(&part, "").await.unwrap_err();
    assert_eq!(*error.kind(), ProviderErrorKind::Unavailable, "{error}");
}
