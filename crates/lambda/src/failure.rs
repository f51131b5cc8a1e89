use lambda_runtime::Diagnostic;
use scaling::authentication;
use scaling::messages::{InvalidMessage, ScaleRefusal, VERSION};
use scaling::seal::InvalidSeal;
use scaling::{drain, terminate};
use std::error::Error;

/// Why an invocation failed. The state machine and its operators see the [name](Failure::name) and the message.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An AWS request failed.
    #[error("{doing}")]
    Aws {
        /// The purpose of the request.
        doing: &'static str,
        source: aws::Error,
    },
    /// The event is not one of the state machine, or the message to *transient* is invalid.
    #[error(transparent)]
    Message { source: InvalidMessage },
    /// The previous function's message is not authentic, or is not valid any more.
    #[error(transparent)]
    MessageRefused { source: authentication::Refusal },
    #[error("this function has no keys for messages")]
    NoKeys,
    #[error("the message belongs to another host group than this function")]
    OtherRole,
    #[error("the certificates of --weka-ca cannot be parsed")]
    InvalidCa { source: weka::InvalidCa },
    /// Weka did not respond, or its response is invalid.
    #[error("the Weka cluster cannot be read")]
    Weka { source: weka::Error },
    /// The cluster must not be scaled now, or not to this size.
    #[error("{refusal}")]
    Refused { refusal: drain::Refusal },
    /// The plan violates an invariant: a bug in wekactl.
    #[error("the plan was not executed, because it violates an invariant: {violation}")]
    Violation { violation: drain::Violation },
    /// The message lacks the facts that are needed to decide what to terminate.
    #[error("{refusal}")]
    NoMembers { refusal: terminate::Refusal },
    /// The plan of *terminate* violates an invariant: a bug in wekactl.
    #[error("the plan was not executed, because it violates an invariant: {violation}")]
    TerminationViolation { violation: terminate::Violation },
    /// What *transient* reports: the errors of the functions before it.
    #[error("{}", .errors.join("\n"))]
    Reported {
        /// `TransientErrors`, the name of *scale*'s refusal, or that of the error that stopped the run.
        name: String,
        errors: Vec<String>,
    },
    /// The message has no credentials, and this function is not configured to read them from the table.
    #[error(
        "the message has no credentials: update the cluster, so that fetch and scale have the same version"
    )]
    NoCredentials,
    #[error("the sealed credentials cannot be opened")]
    Unseal { source: InvalidSeal },
    #[error("the credentials cannot be sealed")]
    Seal { source: InvalidSeal },
    #[error("the operating system returned no random bytes")]
    Random { source: std::io::Error },
    #[error("the response cannot be serialized as JSON")]
    Response { source: serde_json::Error },
}

impl Failure {
    /// The error's stable name, by which a state machine can distinguish failures.
    pub fn name(&self) -> &str {
        match self {
            Self::Aws { .. } => "AwsRequestFailed",
            Self::Message { .. }
            | Self::MessageRefused {
                source: authentication::Refusal::Invalid(_),
            } => "InvalidMessage",
            Self::MessageRefused { .. } => "MessageRefused",
            Self::NoKeys => "NoKeys",
            Self::OtherRole => "OtherHostGroup",
            Self::InvalidCa { .. } => "InvalidCa",
            Self::Weka { source } => source.name(),
            Self::Refused { refusal } => refusal.name(),
            Self::Violation { .. } | Self::TerminationViolation { .. } => "InvariantBroken",
            Self::NoMembers { .. } => "NoMembers",
            Self::Reported { name, .. } => name,
            Self::NoCredentials => "NoCredentials",
            Self::Unseal { .. } => "UnsealFailed",
            Self::Seal { .. } => "SealFailed",
            Self::Random { .. } => "NoRandomBytes",
            Self::Response { .. } => "BadAnswer",
        }
    }

    /// The answer of *scale* to *terminate*, if this is a refusal and not a crash: the cluster must not be scaled now, or does not
    /// answer.
    ///
    /// # Errors
    /// The failure itself.
    pub(crate) fn into_refusal(self) -> Result<ScaleRefusal, Self> {
        match self {
            Self::Refused { .. } | Self::Weka { .. } => Ok(ScaleRefusal {
                outcome: self.name().to_owned(),
                reason: self.message(),
                version: VERSION,
            }),
            failure => Err(failure),
        }
    }

    /// The error with its causes in one line; one line per transient error.
    pub fn message(&self) -> String {
        chain(self)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.name().to_owned(),
            error_message: failure.message(),
        }
    }
}

/// Shortens an error to this many characters.
pub(crate) fn shorten(error: &mut String, characters: usize) {
    if let Some((end, _)) = error.char_indices().nth(characters) {
        error.truncate(end);
        error.push('…');
    }
}

/// An error and its causes in one line. The caller sees only this text.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_has_a_stable_name_and_all_causes() {
        let failure = Failure::Seal {
            source: InvalidSeal::TooLong,
        };
        let diagnostic = Diagnostic::from(failure);
        assert_eq!(diagnostic.error_type, "SealFailed");
        assert_eq!(
            diagnostic.error_message,
            "the credentials cannot be sealed: the credentials are too long to be sealed"
        );
    }
}
