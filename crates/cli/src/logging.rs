//! What is logged to stderr. No level shows the body of a request or a response: bodies contain passwords and keys.

use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// All crates of the AWS SDK. At DEBUG and TRACE they log requests with their bodies, signatures and credentials.
const SDK: &str = "aws_";

/// `LOG_LEVEL` is the filter, else the number of `-v` flags sets the level. Both apply to the AWS SDK only up to INFO; `aws::requests`
/// logs what is of interest in its requests.
#[expect(clippy::disallowed_methods, reason = "the program is composed here")]
pub(crate) fn start(verbose: u8) {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| {
        match verbose {
            0 => "off",
            1 => "wekactl=debug",
            2 => "debug,hyper_util=info",
            _ => "trace",
        }
        .to_owned()
    });
    let _ = tracing_subscriber::registry()
        .with(EnvFilter::try_new(level).unwrap_or_default())
        .with(filter_fn(|metadata| {
            is_allowed(metadata.target(), *metadata.level())
        }))
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .try_init();
}

fn is_allowed(target: &str, level: tracing::Level) -> bool {
    level <= tracing::Level::INFO || !target.starts_with(SDK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn sdk_logs_nothing_below_info() {
        for target in [
            "aws_smithy_runtime::client::orchestrator",
            "aws_sdk_dynamodb::operation::put_item",
            "aws_runtime::auth::sigv4",
            "aws_sigv4::http_request::sign",
            "aws_config::profile::credentials",
        ] {
            for level in [Level::DEBUG, Level::TRACE] {
                assert!(!is_allowed(target, level), "{target} {level}");
            }
            assert!(is_allowed(target, Level::INFO) && is_allowed(target, Level::WARN));
        }
        assert!(is_allowed("wekactl::requests", Level::DEBUG) && is_allowed("aws::graph", Level::TRACE));
    }
}
