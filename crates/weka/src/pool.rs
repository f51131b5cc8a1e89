//! The state that all requests of a run share: the current backend and the session with it.

use crate::backend::Backend;
use crate::error::{Attempts, BackendFailure, Error, Reason};
use crate::login::Session;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The index of the current backend. Those before it have failed.
    pub(crate) current: usize,
    /// The session with the current backend.
    pub(crate) session: Option<Arc<Session>>,
    /// Whether any login succeeded: then the username and the password are correct.
    pub(crate) authenticated: bool,
    failures: Vec<BackendFailure>,
}

impl Pool {
    /// Switches to the next backend, unless another request has already done so.
    pub(crate) fn mark_failed(&mut self, backend: &Backend, reason: Reason) {
        if self.current == backend.index {
            tracing::warn!(backend = backend.name, %reason, "backend is no longer used");
            self.current += 1;
            self.session = None;
            self.failures.push(BackendFailure {
                backend: backend.name.clone(),
                reason,
            });
        }
    }

    /// Whether a second backend has confirmed that the username or the password is wrong.
    pub(crate) fn is_login_refused(&self) -> bool {
        let is_refusal = |failure: &&BackendFailure| matches!(failure.reason, Reason::Credentials(_));
        !self.authenticated && self.failures.iter().filter(is_refusal).count() >= 2
    }

    /// The error if the deadline passes during a request to `backend`.
    pub(crate) fn deadline_error(&self, method: &str, backend: &Backend) -> Error {
        let mut attempts = self.failures.clone();
        if self.current == backend.index {
            attempts.push(BackendFailure {
                backend: backend.name.clone(),
                reason: Reason::Deadline,
            });
        }
        Error::Deadline {
            method: method.to_owned(),
            attempts: Attempts(attempts),
        }
    }

    /// The error if all backends have failed.
    pub(crate) fn exhausted_error(&self, method: &str) -> Error {
        let (method, attempts) = (method.to_owned(), Attempts(self.failures.clone()));
        let mut reasons = attempts.0.iter().map(|failure| &failure.reason);
        if attempts.0.is_empty() {
            Error::NoBackends { method }
        } else if !self.authenticated && reasons.clone().any(|r| matches!(r, Reason::Credentials(_))) {
            Error::LoginRefused { method, attempts }
        } else if reasons.all(|r| matches!(r, Reason::Certificate(_))) {
            Error::CertificateRefused { method, attempts }
        } else {
            Error::Unreachable { method, attempts }
        }
    }
}
