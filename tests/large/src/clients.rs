//! Clients of a cloud's services, each made when it is first needed.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::{Builder, tls};
use tokio::sync::OnceCell;

async fn shared() -> &'static SdkConfig {
    static SHARED: OnceCell<SdkConfig> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let http = Builder::new()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                .build_https();
            let loader = aws_config::defaults(BehaviorVersion::latest());
            loader.http_client(http).load().await
        })
        .await
}

pub(crate) async fn s3() -> &'static aws_sdk_s3::Client {
    static CLIENT: OnceCell<aws_sdk_s3::Client> = OnceCell::const_new();
    CLIENT
        .get_or_init(|| async { aws_sdk_s3::Client::new(shared().await) })
        .await
}

pub(crate) async fn dynamodb() -> &'static aws_sdk_dynamodb::Client {
    static CLIENT: OnceCell<aws_sdk_dynamodb::Client> = OnceCell::const_new();
    CLIENT
        .get_or_init(|| async { aws_sdk_dynamodb::Client::new(shared().await) })
        .await
}

pub(crate) async fn sqs() -> &'static aws_sdk_sqs::Client {
    static CLIENT: OnceCell<aws_sdk_sqs::Client> = OnceCell::const_new();
    CLIENT
        .get_or_init(|| async { aws_sdk_sqs::Client::new(shared().await) })
        .await
}
