//! The backends that may still be asked, and the token of the one that is.

use crate::error::{Attempts, BackendFailure, Error, Reason};
use crate::login::Session;
use reqwest::Url;
use std::net::IpAddr;
use std::sync::Arc;

/// A backend.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Its place in the order.
    pub(crate) place: usize,
    /// As the caller names it.
    pub(crate) name: String,
    /// None if what the caller gave is no host.
    pub(crate) url: Option<Url>,
    /// Whether nobody is left when it is dropped.
    pub(crate) last: bool,
}

impl Backend {
    /// Where the API of `host`, an address or a name, is.
    pub(crate) fn url(scheme: &str, host: &str, port: u16) -> Option<Url> {
        let host = match host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(address)) => address.to_string(),
            // Nothing that would make it another host, or a path.
            Err(_)
                if host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) =>
            {
                host.to_owned()
            }
            Err(_) => return None,
        };
        Url::parse(&format!("{scheme}://{host}:{port}/api/v1")).ok()
    }
}

/// Who is asked now. One for a run: what one call learns of a backend holds for the others.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The place of the backend that is asked; those before it are dropped.
    pub(crate) at: usize,
    /// The session with it.
    pub(crate) session: Option<Arc<Session>>,
    /// Whether any backend has let us log in: then user and password are right.
    pub(crate) authenticated: bool,
    dropped: Vec<BackendFailure>,
}

impl Pool {
    /// Asks `backend` no more, unless it was dropped meanwhile.
    pub(crate) fn mark_failed(&mut self, backend: &Backend, reason: Reason) {
        if self.at == backend.place {
            tracing::warn!(backend = backend.name, %reason, "backend is asked no more");
            self.at += 1;
            self.session = None;
            self.dropped.push(BackendFailure {
                backend: backend.name.clone(),
                reason,
            });
        }
    }

    /// Time is up while `backend` is asked.
    pub(crate) fn out_of_time(&self, method: &str, backend: &Backend) -> Error {
        let mut tried = self.dropped.clone();
        if self.at == backend.place {
            tried.push(BackendFailure {
                backend: backend.name.clone(),
                reason: Reason::Deadline,
            });
        }
        Error::Deadline {
            method: method.to_owned(),
            tried: Attempts(tried),
        }
    }

    /// Reason nobody can be asked for `method`.
    pub(crate) fn exhausted(&self, method: &str) -> Error {
        let (method, tried) = (method.to_owned(), Attempts(self.dropped.clone()));
        let mut reasons = tried.0.iter().map(|dropped| &dropped.reason);
        if tried.0.is_empty() {
            Error::NoBackends { method }
        } else if !self.authenticated && reasons.clone().any(|r| matches!(r, Reason::Credentials(_))) {
            Error::WrongCredentials { method, tried }
        } else if reasons.all(|r| matches!(r, Reason::Certificate(_))) {
            Error::CertificateRefused { method, tried }
        } else {
            Error::Unreachable { method, tried }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name() {
        let url = |host| Backend::url("https", host, 14000).map(String::from);
        assert_eq!(url("10.0.0.1").unwrap(), "https://10.0.0.1:14000/api/v1");
        assert_eq!(url("fd00::1").unwrap(), "https://[fd00::1]:14000/api/v1");
        assert_eq!(
            url("weka.example.com").unwrap(),
            "https://weka.example.com:14000/api/v1"
        );
        for bad in [
            "",
            "a b",
            "user@host",
            "host/path",
            "host:1",
            "[::1]",
            "host?x",
            "é",
        ] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
