use std::fmt;

/// Why a request was not executed, or why its result is unknown.
///
/// An error is never an empty result, and says nothing about the state of the cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{method}: the list of backends is empty")]
    NoBackends { method: String },
    /// All backends failed.
    #[error("{method}: no backend is available: {attempts}")]
    Unreachable { method: String, attempts: Attempts },
    /// Two backends rejected the username or the password, or one did and there is no other. The others are not tried: Weka
    /// locks a user after a few failed logins.
    #[error("{method}: the username and password are not accepted: {attempts}")]
    LoginRefused { method: String, attempts: Attempts },
    /// No backend has a certificate that the given CA certificates signed.
    #[error("{method}: no backend has a trusted certificate: {attempts}")]
    CertificateRefused { method: String, attempts: Attempts },
    /// The deadline has passed, and the request was certainly not executed.
    #[error("{method}: no backend responded before the deadline: {attempts}")]
    Deadline { method: String, attempts: Attempts },
    /// Weka returned a JSON-RPC error.
    #[error("{method}: {backend} rejected the request: {message} (code {code})")]
    Refused {
        backend: String,
        method: String,
        /// The code of the JSON-RPC error.
        code: i64,
        message: String,
    },
    /// The response is not valid.
    #[error("{method}: the response of {backend} cannot be read: {field} {problem}")]
    Malformed {
        backend: String,
        method: String,
        /// The field, such as `result.HostId<4>.added_time`.
        field: String,
        /// The problem, without the field's value.
        problem: String,
    },
    /// The request was sent, but its result is unknown. It may have been executed, and is not sent again.
    #[error("{method}: the request may have been executed: {backend}: {reason}")]
    OutcomeUnknown {
        backend: String,
        method: String,
        /// What happened after the request was sent.
        reason: Box<Reason>,
    },
    #[error("the client of the Weka API cannot be created")]
    Client {
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The stable name of this error, by which programs distinguish errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoBackends { .. } => "WekaNoBackends",
            Self::Unreachable { .. } => "WekaUnreachable",
            Self::LoginRefused { .. } => "WekaLoginRefused",
            Self::CertificateRefused { .. } => "WekaCertificateRefused",
            Self::Deadline { .. } => "WekaDeadline",
            Self::Refused { .. } => "WekaRefused",
            Self::Malformed { .. } => "WekaBadAnswer",
            Self::OutcomeUnknown { .. } => "WekaMayHaveBeenCarriedOut",
            Self::Client { .. } => "WekaClient",
        }
    }
}

/// Why a backend failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    #[error("not an address or host name")]
    Address,
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("certificate rejected: {0}")]
    Certificate(String),
    /// No data arrived for this number of milliseconds.
    #[error("no response within {0} ms")]
    Timeout(u128),
    #[error("no response before the deadline")]
    Deadline,
    #[error("connection lost: {0}")]
    Broken(String),
    /// The response has more than this number of bytes.
    #[error("response longer than {0} bytes")]
    TooLong(usize),
    /// An HTTP status other than 200.
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("method not found")]
    UnknownMethod,
    #[error("username or password rejected: {0}")]
    Credentials(String),
    /// The login succeeded, but the backend rejected the token that it issued.
    #[error("access token rejected after login")]
    Token,
    #[error("response to {method} cannot be read: {field} {problem}")]
    Malformed {
        method: String,
        field: String,
        problem: String,
    },
}

/// A backend that is no longer used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendFailure {
    pub backend: String,
    pub reason: Reason,
}

/// The backends that were tried, in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts(pub Vec<BackendFailure>);

impl fmt::Display for Attempts {
    /// Shows the first three: a cluster may have thousands of backends, which usually fail for the same reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN: usize = 3;
        if self.0.is_empty() {
            return f.write_str("none was tried");
        }
        for (n, BackendFailure { backend, reason }) in self.0.iter().take(MAX_SHOWN).enumerate() {
            let separator = if n > 0 { "; " } else { "" };
            write!(f, "{separator}{backend}: {reason}")?;
        }
        match self.0.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_list_of_backends_is_truncated() {
        let failure = |n: usize| BackendFailure {
            backend: format!("10.0.0.{n}"),
            reason: Reason::Status(404),
        };
        let attempts = Attempts((1..=5).map(failure).collect());
        assert_eq!(
            attempts.to_string(),
            "10.0.0.1: HTTP status 404; 10.0.0.2: HTTP status 404; 10.0.0.3: HTTP status 404; and 2 more"
        );
        assert_eq!(Attempts::default().to_string(), "none was tried");
    }
}
