use lambda_runtime::Diagnostic;
use scaling::messages::InvalidMessage;
use scaling::seal::InvalidSeal;
use scaling::{drain, terminate};
use std::error::Error;

/// What an invocation fails with. The state machine and its operators see the [name](Failure::name) and the message.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// AWS refused a request, or none of its answers came.
    #[error("{doing}")]
    Aws {
        /// What the request was for.
        doing: &'static str,
        /// AWS's answer.
        source: aws::Error,
    },
    /// The message of the function before cannot be read.
    #[error(transparent)]
    Message {
        /// Reason.
        source: InvalidMessage,
    },
    /// The message is of the other host group.
    #[error("the message is about another host group than this function's")]
    OtherRole,
    /// The certificates by which backends are known cannot be read.
    #[error("the certificates of --weka-ca cannot be read")]
    InvalidCa {
        /// Reason.
        source: weka::InvalidCa,
    },
    /// Weka could not be asked, or its answer not be read.
    #[error("the Weka cluster cannot be read")]
    Weka {
        /// Reason.
        source: weka::Error,
    },
    /// The cluster is not to be scaled now, or not to this size.
    #[error("{refusal}")]
    Refused {
        /// Reason.
        refusal: drain::Refusal,
    },
    /// The plan breaks an invariant: a defect of this program.
    #[error("the plan is not carried out, because it breaks an invariant: {violation}")]
    Violation {
        /// Which.
        violation: drain::Violation,
    },
    /// The message says nothing by which terminating could be decided.
    #[error("{refusal}")]
    NoMembers {
        /// What is missing.
        refusal: terminate::Refusal,
    },
    /// The plan of *terminate* breaks an invariant: a defect of this program.
    #[error("the plan is not carried out, because it breaks an invariant: {violation}")]
    TerminationViolation {
        /// Which.
        violation: terminate::Violation,
    },
    /// What went wrong in a run without stopping it.
    #[error("{}", .errors.join("\n"))]
    TransientErrors {
        /// What, one by one.
        errors: Vec<String>,
    },
    /// The message has no credentials, and the function is not to read them itself.
    #[error("the message has no credentials: update the cluster, so that fetch and scale are of one version")]
    NoCredentials,
    /// The credentials cannot be opened.
    #[error("the credentials cannot be opened")]
    Unseal {
        /// Reason.
        source: InvalidSeal,
    },
    /// The credentials could not be sealed.
    #[error("the credentials cannot be sealed")]
    Seal {
        /// Reason.
        source: InvalidSeal,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random {
        /// Reason.
        source: std::io::Error,
    },
    /// The answer could not be written as JSON.
    #[error("the answer cannot be written as JSON")]
    Answer {
        /// Reason.
        source: serde_json::Error,
    },
}

impl Failure {
    /// The stable name by which a state machine may tell failures apart.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Aws { .. } => "AwsRequestFailed",
            Self::Message { .. } => "InvalidMessage",
            Self::OtherRole => "OtherHostGroup",
            Self::InvalidCa { .. } => "InvalidCa",
            Self::Weka { source } => source.name(),
            Self::Refused { refusal } => refusal.name(),
            Self::Violation { .. } | Self::TerminationViolation { .. } => "InvariantBroken",
            Self::NoMembers { .. } => "NoMembers",
            Self::TransientErrors { .. } => "TransientErrors",
            Self::NoCredentials => "NoCredentials",
            Self::Unseal { .. } => "UnsealFailed",
            Self::Seal { .. } => "SealFailed",
            Self::Random { .. } => "NoRandomBytes",
            Self::Answer { .. } => "BadAnswer",
        }
    }

    /// What happened and why, in one line; transient errors in a line each.
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

/// An error and its causes in one line: who reads it sees no others.
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
    fn a_failure_has_a_stable_name_and_all_causes() {
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
