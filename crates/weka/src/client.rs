use crate::backend::Backend;
use crate::error::{Error, Reason};
use crate::login::{Login, Session};
use crate::pool::Pool;
use crate::response::{METHOD_NOT_FOUND, ResponseError, parse, rpc_error};
use crate::transport::{Response, SendError, Transport, is_busy};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::Instant;
use weka_types::Credentials;

pub use crate::transport::{DEFAULT_PORT, Options};

/// A client of one cluster's management API, for one run.
///
/// Requests may run concurrently: they share the current backend and its session.
#[derive(Debug)]
pub struct Client {
    backends: Vec<Backend>,
    transport: Transport,
    login: Login,
    pool: Mutex<Pool>,
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It changes nothing, and may be repeated.
    Read,
    /// A read that not every cluster supports. A backend that does not have the method is not marked as failed.
    OptionalRead,
    /// A read that requires no login.
    PublicRead,
    /// It may change something: it is sent only once.
    Change,
    /// A change on which nothing depends. A backend that does not have the method is not marked as failed.
    BestEffort,
}

impl Kind {
    fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::OptionalRead | Self::PublicRead)
    }
}

/// The body of a JSON-RPC response, and where it comes from.
struct RpcResponse<'a> {
    backend: &'a Backend,
    session: Option<Arc<Session>>,
    body: Vec<u8>,
}

impl Client {
    /// Creates a client that tries these backends, addresses or names, in this order, and fails at the deadline. It sends
    /// nothing yet.
    ///
    /// # Errors
    /// [`Error::Client`] if TLS cannot be set up.
    pub fn new(
        backends: impl IntoIterator<Item = String>,
        credentials: Credentials,
        options: &Options,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let scheme = options.protocol.scheme();
        let mut backends: Vec<_> = backends
            .into_iter()
            .enumerate()
            .map(|(index, name)| Backend {
                index,
                url: Backend::url(scheme, &name, options.port),
                name,
                is_last: false,
            })
            .collect();
        if let Some(backend) = backends.last_mut() {
            backend.is_last = true;
        }
        Ok(Self {
            backends,
            transport: Transport::new(options, deadline).map_err(|source| Error::Client { source })?,
            login: Login::new(credentials),
            pool: Mutex::default(),
        })
    }

    /// Sends a request, to other backends if necessary, and parses the result.
    pub(crate) async fn request_as<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &Value,
        kind: Kind,
    ) -> Result<T, Error> {
        loop {
            let RpcResponse {
                backend,
                session,
                body,
            } = self.exchange(method, params, kind).await?;
            let error = match parse(&body) {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            let (method, name) = (method.to_owned(), backend.name.clone());
            match error {
                ResponseError::Refused {
                    code: METHOD_NOT_FOUND,
                    ..
                } if !matches!(kind, Kind::BestEffort | Kind::OptionalRead) => {
                    self.mark_failed(backend, Reason::UnknownMethod).await;
                }
                ResponseError::Refused { code, message } => {
                    return Err(Error::Refused {
                        backend: name,
                        method,
                        code,
                        message: self.login.redact(&message, session.as_deref()),
                    });
                }
                ResponseError::Malformed { field, problem } if kind.is_read() => {
                    return Err(Error::Malformed {
                        backend: name,
                        method,
                        field,
                        problem,
                    });
                }
                ResponseError::Malformed { field, problem } => {
                    let reason = Reason::Malformed {
                        method: method.clone(),
                        field,
                        problem,
                    };
                    return Err(Error::OutcomeUnknown {
                        backend: name,
                        method,
                        reason: Box::new(reason),
                    });
                }
            }
        }
    }

    /// Sends a request until a backend returns a JSON-RPC response.
    async fn exchange(&self, method: &str, params: &Value, kind: Kind) -> Result<RpcResponse<'_>, Error> {
        let mut rejected: Option<(usize, Arc<Session>)> = None;
        loop {
            let rejected_session = rejected.as_ref().map(|(_, session)| session);
            let (backend, session) = self.session(method, kind, rejected_session).await?;
            let authorization = session.as_ref().map(|session| &session.authorization);
            let sent_at = Instant::now();
            let response = self
                .transport
                .send(backend, authorization, method, params, kind.is_read())
                .await;
            let error = match response {
                // The token was rejected, so the request was not executed. If a second token is rejected as well, a third one
                // would be, too.
                Ok(Response { status: 401, .. }) => match session {
                    Some(session) if rejected.as_ref().is_none_or(|(index, _)| *index != backend.index) => {
                        rejected = Some((backend.index, session));
                        continue;
                    }
                    Some(_) => SendError::before_sending(Reason::Token),
                    None => SendError::before_sending(Reason::Status(401)),
                },
                Ok(Response { status, body }) if status == 200 || rpc_error(&body).is_some() => {
                    tracing::debug!(
                        backend = backend.name,
                        method,
                        bytes = body.len(),
                        ms = sent_at.elapsed().as_millis(),
                        "response received"
                    );
                    return Ok(RpcResponse {
                        backend,
                        session,
                        body,
                    });
                }
                Ok(Response { status, .. }) => SendError {
                    reason: Reason::Status(status),
                    was_sent: true,
                },
                Err(error) => error,
            };
            let SendError { reason, was_sent } = error;
            if was_sent && !kind.is_read() {
                // Being busy is temporary. Any other failure disqualifies the backend for the rest of the run.
                if !matches!(reason, Reason::Status(status) if is_busy(status)) {
                    self.mark_failed(backend, reason.clone()).await;
                }
                return Err(Error::OutcomeUnknown {
                    backend: backend.name.clone(),
                    method: method.to_owned(),
                    reason: Box::new(reason),
                });
            }
            if reason == Reason::Deadline {
                return Err(self.pool.lock().await.deadline_error(method, backend));
            }
            self.mark_failed(backend, reason).await;
        }
    }

    /// The current backend and the session with it, which is not the `rejected` one.
    async fn session(
        &self,
        method: &str,
        kind: Kind,
        rejected: Option<&Arc<Session>>,
    ) -> Result<(&Backend, Option<Arc<Session>>), Error> {
        // Held during the login, so that concurrent requests wait for one login instead of sending one each.
        let mut pool = self.pool.lock().await;
        loop {
            let Some(backend) = self.backends.get(pool.current) else {
                return Err(pool.exhausted_error(method));
            };
            if kind != Kind::PublicRead && pool.is_login_refused() {
                return Err(pool.exhausted_error(method));
            }
            if kind == Kind::PublicRead {
                return Ok((backend, None));
            }
            let old = pool.session.take();
            if let Some(session) = &old
                && session.is_valid(Instant::now())
                && rejected.is_none_or(|rejected| !Arc::ptr_eq(rejected, session))
            {
                pool.session = old.clone();
                return Ok((backend, old));
            }
            match self.login.log_in(&self.transport, backend, old.as_deref()).await {
                Ok(session) => {
                    let session = Some(Arc::new(session));
                    pool.session = session.clone();
                    pool.authenticated = true;
                    return Ok((backend, session));
                }
                Err(Reason::Deadline) => return Err(pool.deadline_error(method, backend)),
                Err(reason) => pool.mark_failed(backend, reason),
            }
        }
    }

    async fn mark_failed(&self, backend: &Backend, reason: Reason) {
        self.pool.lock().await.mark_failed(backend, reason);
    }
}
