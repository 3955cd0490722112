//! SQS clients: the SDK's own configuration, with the time-outs it lacks.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Credentials, StalledStreamProtectionConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// One try of any call but a receive. The SDK has none of its own: a lost connection would hang a call for ever
/// (awslabs/aws-sdk-rust#1094).
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Neither the environment nor the machine names a region, or not one that can be part of an address.
#[derive(Debug, thiserror::Error)]
#[error("AWS_REGION: must name a region, such as us-east-1")]
pub struct NoRegion;

/// The region that the SDK finds: in `AWS_REGION`, in the profile, or in what the machine knows of itself.
pub async fn find_region() -> Result<String, NoRegion> {
    let named = |region: &&Region| {
        let name = region.as_ref();
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    from_environment().await.config().region().filter(named).map(ToString::to_string).ok_or(NoRegion)
}

/// A client configured by the SDK's own variables and files: `AWS_REGION`, `AWS_ENDPOINT_URL`, the credentials chain.
pub async fn from_environment() -> Client {
    build(aws_config::defaults(BehaviorVersion::latest())).await
}

/// A client of an endpoint that takes any credentials: the embedded queue, LocalStack.
pub async fn for_endpoint(url: &str) -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "endpoint"))
        .endpoint_url(url);
    build(config).await
}

async fn build(config: ConfigLoader) -> Client {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let config = config
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
        .timeout_config(timeouts)
        // It watches over large downloads; the answers here are small and have their time-outs.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await;
    Client::new(&config)
}
