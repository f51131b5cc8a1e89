//! The SDK's configuration: region, credentials, HTTP client.

use crate::proxy;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use deployment::FunctionType;
use std::time::Duration;

/// The application name in the `User-Agent` of the CLI's requests (`app/wekactl`). CloudTrail shows it.
pub const APP: &str = "wekactl";

/// The application name in a function's requests: `app/wekactl-scale`.
pub fn app_of(function: FunctionType) -> String {
    format!("{APP}-{function}")
}

fn app_name(name: &str) -> Option<AppName> {
    // A name of letters and hyphens is valid.
    AppName::new(name.to_owned()).ok()
}

/// Settings that override the environment and the profile.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Takes precedence over `AWS_REGION` and the profile's region.
    pub region: Option<String>,
    /// A profile of the shared configuration files. Takes precedence over `AWS_PROFILE`.
    pub profile: Option<String>,
}

/// Loads the configuration. It may lack a region: the caller must check this and explain how to set one.
pub async fn load(options: Options) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(proxy::client())
        // Four attempts instead of the SDK's three, because IAM and EC2 throttle bursts such as an import's.
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(Duration::from_secs(60))
                .build(),
        );
    if let Some(name) = app_name(APP) {
        loader = loader.app_name(name);
    }
    if let Some(region) = options.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = options.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

/// The configuration of a Lambda function, with the region and the credentials that Lambda puts into the environment. The SDK's
/// default chain also searches shared files, web identities, containers and the instance metadata service, which would enlarge
/// the binary and slow down its start.
///
/// `app` is the application name ([`app_of`] the function); `variable` reads an environment variable. `AWS_ENDPOINT_URL`, if set,
/// applies to every service (the lab sets it). No proxy is used, whatever the environment has. The timeouts are short enough that a function with a timeout of 15 seconds can
/// still report the failure.
///
/// # Errors
/// The name of the variable that is missing.
pub fn from_lambda_environment(
    app: &str,
    region: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<SdkConfig, &'static str> {
    let required = |name: &'static str| variable(name).filter(|value| !value.is_empty()).ok_or(name);
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
        None,
        "Lambda",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(
            Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .operation_attempt_timeout(Duration::from_secs(5))
                .operation_timeout(Duration::from_secs(12))
                .build(),
        );
    config.set_app_name(app_name(app));
    if let Some(url) = variable("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()) {
        config = config.endpoint_url(url);
    }
    Ok(config.build())
}
