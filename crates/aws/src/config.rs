//! The SDK's configuration: region, credentials, HTTP client.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use deployment::FunctionType;
use std::time::Duration;

/// What the CLI's requests bear in their `User-Agent`, as `app/wekactl`: CloudTrail shows by it who asked.
pub const APP: &str = "wekactl";

/// What a function's requests bear in its place: `app/wekactl-scale`.
pub fn app_of(function: FunctionType) -> String {
    format!("{APP}-{function}")
}

fn app_name(name: &str) -> Option<AppName> {
    // Letters and hyphens make a valid one.
    AppName::new(name.to_owned()).ok()
}

/// What a caller may set; the rest comes from the environment and the profile, as the SDK takes them.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The region, before `AWS_REGION` and the profile's.
    pub region: Option<String>,
    /// The profile of the shared configuration files, before `AWS_PROFILE`.
    pub profile: Option<String>,
}

/// Loads the configuration. The region may still be missing in it: the caller says how to set it.
pub async fn load(options: Options) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
        // Four attempts: one more than the SDK's own, because IAM and EC2 throttle bursts such as ours.
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

/// The configuration of a function in Lambda: region and credentials as Lambda puts them into the environment, nothing
/// else looked for. The SDK's own chain would also take the shared files, web identities, containers and the instance
/// metadata service into the binary and into its start.
///
/// `app` is what requests bear, [`app_of`] the function; `variable` reads an environment variable. `AWS_ENDPOINT_URL`, if set,
/// stands for every service (the lab does that). The times are cut so that a function of 15 seconds still reports what failed.
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
