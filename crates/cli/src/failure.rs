//! What went wrong, as it is told: one line or several, each with what to do, and the exit status.

use serde::Serialize;

/// Exit status of bad usage (sysexits' EX_USAGE).
pub(crate) const USAGE: u8 = 64;
/// Exit status of a failure.
pub(crate) const FAILED: u8 = 1;
/// Exit status of a dry run that found changes.
pub(crate) const CHANGES: u8 = 2;
/// Exit status of an interrupted run.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    code: u8,
    /// A line for each thing that is wrong.
    pub(crate) errors: Vec<String>,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Bad usage: what was given cannot be meant.
    pub(crate) fn usage(error: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            errors: vec![error.into()],
            hint: None,
        }
    }

    /// All that is wrong with what was given or found.
    pub(crate) fn all(code: u8, errors: Vec<String>) -> Self {
        Self {
            code,
            errors,
            hint: None,
        }
    }

    /// What is said is all that is known.
    pub(crate) fn plain(error: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            errors: vec![error.into()],
            hint: None,
        }
    }

    /// A failure with its causes in one line.
    pub(crate) fn failed(doing: &str, error: &dyn std::error::Error) -> Self {
        let mut text = doing.to_owned();
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

    /// A request that AWS refused, with a hint where there is a usual cause.
    pub(crate) fn aws(doing: &str, error: &aws::Error) -> Self {
        Self {
            hint: hint(error),
            ..Self::failed(doing, error)
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.code
    }
}

/// What usually lies behind an error of AWS.
pub(crate) fn hint(error: &aws::Error) -> Option<String> {
    let message = error.message().to_ascii_lowercase();
    let text = if error.is(&["ExpiredToken", "ExpiredTokenException", "RequestExpired"]) {
        "the credentials have expired: log in again (`aws sso login`, or a new session token)"
    } else if error.is(&[
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "SignatureDoesNotMatch",
    ]) {
        "AWS does not know these credentials: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE"
    } else if error.is(&[
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AccessDeniedError",
    ]) {
        "the credentials lack a permission: docs/permissions.md lists all that are needed"
    } else if message.contains("no credentials")
        || message.contains("credentials provider")
        || message.contains("credential")
    {
        "no credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (`aws sso login`)"
    } else if message.contains("dns error") || message.contains("failed to lookup") {
        "the region's endpoint has no address: is --region spelled right, and does this machine reach AWS?"
    } else if error.is(&[
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
    ]) {
        "AWS limits the rate of requests: run the command again, it goes on from where it was"
    } else {
        return None;
    };
    Some(text.to_owned())
}
