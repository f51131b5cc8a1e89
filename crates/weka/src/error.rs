use std::fmt;

/// Reason Weka did not do what it was asked, or why it could not be asked.
///
/// None of these is an empty answer, and none means that the cluster is in any state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no backend to ask.
    #[error("{method}: there is no backend to ask")]
    NoBackends {
        /// What was to be asked.
        method: String,
    },
    /// None of the backends could be asked.
    #[error("{method}: no backend could be asked: {tried}")]
    Unreachable {
        /// What was to be asked.
        method: String,
        /// Reason not.
        tried: Attempts,
    },
    /// No backend let us log in, and at least one said that it is because of the user or the password.
    #[error("{method}: no backend accepts the user and password: {tried}")]
    WrongCredentials {
        /// What was to be asked.
        method: String,
        /// What each said.
        tried: Attempts,
    },
    /// No backend has a certificate that the given CA certificates vouch for.
    #[error("{method}: no backend has a certificate that is trusted: {tried}")]
    CertificateRefused {
        /// What was to be asked.
        method: String,
        /// What is wrong with each.
        tried: Attempts,
    },
    /// Time is up, and it was surely not carried out.
    #[error("{method}: no backend has answered in time: {tried}")]
    Deadline {
        /// What was to be asked.
        method: String,
        /// The backends that were asked.
        tried: Attempts,
    },
    /// Weka says no.
    #[error("{method}: {backend} refuses it: {message} (code {code})")]
    Refused {
        /// Who was asked.
        backend: String,
        /// What was asked.
        method: String,
        /// JSON-RPC's code.
        code: i64,
        /// Weka's words.
        message: String,
    },
    /// The answer makes no sense.
    #[error("{method}: the answer of {backend} cannot be read: {field} {problem}")]
    Malformed {
        /// Who was asked.
        backend: String,
        /// What was asked.
        method: String,
        /// The field, such as `result.HostId<4>.added_time`.
        field: String,
        /// What is wrong with it, without its value.
        problem: String,
    },
    /// It was sent and no answer tells what became of it: it may have been carried out, and is not sent again.
    #[error("{method}: may have been carried out: {backend} {reason}")]
    OutcomeUnknown {
        /// Who was asked.
        backend: String,
        /// What was asked.
        method: String,
        /// What happened after it was sent.
        reason: Box<Reason>,
    },
    /// The client could not be made.
    #[error("the client of the Weka API cannot be made")]
    Client {
        /// Reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The stable name by which programs tell errors apart.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoBackends { .. } => "WekaNoBackends",
            Self::Unreachable { .. } => "WekaUnreachable",
            Self::WrongCredentials { .. } => "WekaWrongCredentials",
            Self::CertificateRefused { .. } => "WekaCertificateRefused",
            Self::Deadline { .. } => "WekaDeadline",
            Self::Refused { .. } => "WekaRefused",
            Self::Malformed { .. } => "WekaBadAnswer",
            Self::OutcomeUnknown { .. } => "WekaMayHaveBeenCarriedOut",
            Self::Client { .. } => "WekaClient",
        }
    }

    /// Whether a call that failed with it may have been carried out all the same.
    pub fn may_have_been_carried_out(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }
}

/// Reason a backend could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// What was given for it is no host.
    #[error("is no address or host name")]
    Address,
    /// No connection to it.
    #[error("cannot be connected to: {0}")]
    Connect(String),
    /// It has a certificate that is not trusted.
    #[error("has a certificate that is refused: {0}")]
    Certificate(String),
    /// It did not answer, or stopped in the middle of the answer, for so many milliseconds.
    #[error("did not answer within {0} ms")]
    Timeout(u128),
    /// It has not answered when the time was up.
    #[error("had not answered when time was up")]
    Deadline,
    /// The connection broke.
    #[error("broke off the connection: {0}")]
    Broken(String),
    /// The answer has no end.
    #[error("answers with more than {0} bytes")]
    TooLong(usize),
    /// It answers with another HTTP status than 200.
    #[error("answers with HTTP status {0}")]
    Status(u16),
    /// It does not have the method.
    #[error("does not know the method")]
    UnknownMethod,
    /// It does not accept the user and password.
    #[error("does not accept the user and password: {0}")]
    Credentials(String),
    /// It accepts the user and password, and then not the token that it gave for them.
    #[error("does not accept the token that it gave")]
    Token,
    /// What it answers makes no sense.
    #[error("gives an answer to {method} that cannot be read: {field} {problem}")]
    Malformed {
        /// What was asked.
        method: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A backend that is not asked any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendFailure {
    /// Its address or name.
    pub backend: String,
    /// Reason not.
    pub reason: Reason,
}

/// The backends that were asked, in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts(pub Vec<BackendFailure>);

impl fmt::Display for Attempts {
    /// The first three: a cluster may have thousands, and they tend to say the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        if self.0.is_empty() {
            return f.write_str("none was asked");
        }
        for (n, BackendFailure { backend, reason }) in self.0.iter().take(SHOWN).enumerate() {
            let and = if n > 0 { "; " } else { "" };
            write!(f, "{and}{backend} {reason}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_backends_is_cut() {
        let dropped = |n: usize| BackendFailure {
            backend: format!("10.0.0.{n}"),
            reason: Reason::Status(404),
        };
        let tried = Attempts((1..=5).map(dropped).collect());
        assert_eq!(
            tried.to_string(),
            "10.0.0.1 answers with HTTP status 404; 10.0.0.2 answers with HTTP status 404; \
             10.0.0.3 answers with HTTP status 404; and 2 more"
        );
        assert_eq!(Attempts::default().to_string(), "none was asked");
    }
}
