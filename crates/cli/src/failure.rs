//! A failed command: its error messages, a hint and the exit status.

use aws::error_codes;
use serde::Serialize;

/// Exit status of a usage error (EX_USAGE of sysexits).
pub(crate) const USAGE: u8 = 64;
/// Exit status of a failure.
pub(crate) const FAILED: u8 = 1;
/// Exit status of a dry run that found changes.
pub(crate) const CHANGES: u8 = 2;
/// Exit status of a destroy that a later one completes, because AWS deletes something later.
pub(crate) const POSTPONED: u8 = 3;
/// Exit status of an interrupted run.
pub(crate) const INTERRUPTED: u8 = 130;

#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    code: u8,
    /// One message per error.
    pub(crate) errors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// An invalid argument.
    pub(crate) fn usage(error: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            errors: vec![error.into()],
            hint: None,
        }
    }

    /// All errors together.
    pub(crate) fn all(code: u8, errors: Vec<String>) -> Self {
        Self {
            code,
            errors,
            hint: None,
        }
    }

    /// A failure without a cause.
    pub(crate) fn plain(error: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            errors: vec![error.into()],
            hint: None,
        }
    }

    /// A failure with the chain of its causes. `operation` is what failed, such as `reading the settings`.
    pub(crate) fn failed(operation: &str, error: &dyn std::error::Error) -> Self {
        let mut text = operation.to_owned();
        let mut next = Some(error);
        while let Some(error) = next {
            text = format!("{text}: {error}");
            next = error.source();
        }
        Self {
            code: FAILED,
            errors: vec![text],
            hint: None,
        }
    }

    /// A failed AWS call, with a hint if its usual cause is known.
    pub(crate) fn aws(operation: &str, error: &aws::Error) -> Self {
        Self {
            hint: hint(error),
            ..Self::failed(operation, error)
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.code
    }
}

/// The usual cause of an AWS error and its remedy.
pub(crate) fn hint(error: &aws::Error) -> Option<String> {
    let message = error.message().to_ascii_lowercase();
    let text = if error_codes::is_expired_credentials(error) {
        "the AWS credentials have expired: log in again (`aws sso login`) or get a new session token"
    } else if error_codes::is_invalid_credentials(error) {
        "AWS rejected the credentials: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_PROFILE"
    } else if error_codes::is_access_denied(error) {
        "the AWS credentials lack a permission: docs/permissions.md lists the required permissions"
    } else if message.contains("no credentials")
        || message.contains("credentials provider")
        || message.contains("credential")
    {
        "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (`aws sso login`)"
    } else if message.contains("dns error") || message.contains("failed to lookup") {
        "the region's endpoint has no address: check --region and this machine's network access to AWS"
    } else if error_codes::is_rate_limited(error) {
        "AWS throttled the requests: rerun the command to resume"
    } else {
        return None;
    };
    Some(text.to_owned())
}
