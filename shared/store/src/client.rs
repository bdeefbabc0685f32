//! The AWS SDK, built one way for everybody: ring for TLS, a deadline on every call.

use std::env;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Redirects DynamoDB, and only it, to another place: the SDK's own variable.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Deadline of making a connection.
const CONNECT: Duration = Duration::from_millis(1000);
/// Deadline of one attempt. DynamoDB answers in milliseconds; an attempt this slow is lost.
const ATTEMPT: Duration = Duration::from_millis(1000);
/// Deadline of one request with all its attempts: leaves a webhook time to answer within 3 s.
const OPERATION: Duration = Duration::from_millis(2500);
/// Attempts at one request, for lost connections, 5xx and throttling.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt; doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);

/// The SDK's configuration from the environment, for every AWS client of a process.
pub async fn sdk_config() -> SdkConfig {
    let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(tls)
        .timeout_config(deadlines())
        .retry_config(retries());
    if local_endpoint().is_some() {
        loader = loader.region(local_region()).credentials_provider(local_credentials());
    }
    loader.load().await
}

/// A DynamoDB client on that configuration.
#[must_use]
pub fn dynamodb(config: &SdkConfig) -> Client {
    match local_endpoint() {
        Some(url) => local(&url),
        None => Client::new(config),
    }
}

/// The client the environment asks for: AWS, or the place [`ENDPOINT_VARIABLE`] names.
pub async fn connect() -> Client {
    match local_endpoint() {
        Some(url) => local(&url),
        None => Client::new(&sdk_config().await),
    }
}

/// A client of an emulator at `url`, over plain HTTP, with credentials that mean nothing.
#[must_use]
pub fn local(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(local_region())
        .credentials_provider(local_credentials())
        .endpoint_url(url)
        .http_client(Builder::new().build_http())
        .timeout_config(deadlines())
        .retry_config(retries())
        .build();
    Client::from_conf(config)
}

/// The emulator's address, when the environment redirects DynamoDB to a plain HTTP one.
fn local_endpoint() -> Option<String> {
    env::var(ENDPOINT_VARIABLE).ok().filter(|url| url.starts_with("http://"))
}

fn local_region() -> Region {
    Region::new(env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned()))
}

fn local_credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "emulator"))
}

fn deadlines() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF)
}
