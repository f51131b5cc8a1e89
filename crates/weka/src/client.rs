use crate::answer::{METHOD_NOT_FOUND, NoResult, read, refusal};
use crate::error::{Error, Reason};
use crate::login::Session;
use crate::pool::{Backend, Pool};
use crate::protocol::Protocol;
use crate::send::{Answer, Limits, NoAnswer, send};
use crate::tls;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use weka_types::Credentials;

/// The port on which Weka's management API listens.
pub const DEFAULT_PORT: u16 = 14000;

/// How often a busy backend is asked while there are others: a backend that is just starting may be busy for minutes.
const TRIES: usize = 4;

/// How backends are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// How they are spoken to.
    pub protocol: Protocol,
    /// The port of the API.
    pub port: u16,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a backend may be silent once the request was sent.
    pub request_timeout: Duration,
    /// How long to wait before a backend that answers with 500, 502 or 503 is asked again.
    pub pause: Duration,
}

impl Default for Options {
    /// HTTPS with any certificate, port 14000, 5 s for a connection and 3 s for an answer, half a second between two tries.
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            port: DEFAULT_PORT,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(3),
            pause: Duration::from_millis(500),
        }
    }
}

/// A client of one cluster's management API, for one run.
///
/// Calls may run side by side: they share the backend that is asked and the token of it.
#[derive(Debug)]
pub struct Client {
    backends: Vec<Backend>,
    pub(crate) credentials: Credentials,
    http: reqwest::Client,
    limits: Limits,
    pause: Duration,
    pool: Mutex<Pool>,
    number: AtomicU64,
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It changes nothing, and may be repeated.
    Read,
    /// A read that needs no login.
    Open,
    /// It changes something, or may: it is sent once.
    Change,
    /// A change on which nothing depends: a backend that does not know it is as good as before.
    BestEffort,
}

impl Kind {
    fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::Open)
    }
}

/// What a backend answered, and in which session.
struct Answered<'a> {
    backend: &'a Backend,
    session: Option<Arc<Session>>,
    body: Vec<u8>,
}

impl Client {
    /// A client that asks these backends, addresses or names, in their order, and gives up at the deadline. Nothing is
    /// sent yet.
    ///
    /// # Errors
    /// [`Error::Client`] if TLS cannot be set up.
    pub fn new(
        backends: impl IntoIterator<Item = String>,
        credentials: Credentials,
        options: &Options,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let tls = tls::config(options.protocol.ca()).map_err(|source| Error::Client {
            source: source.into(),
        })?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(options.connect_timeout)
            // Backends are in the same network, and where they lead is no backend.
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .map_err(|source| Error::Client {
                source: source.into(),
            })?;
        let scheme = options.protocol.scheme();
        let mut backends: Vec<_> = backends
            .into_iter()
            .enumerate()
            .map(|(place, name)| Backend {
                place,
                url: Backend::url(scheme, &name, options.port),
                name,
                last: false,
            })
            .collect();
        if let Some(backend) = backends.last_mut() {
            backend.last = true;
        }
        Ok(Self {
            backends,
            credentials,
            http,
            limits: Limits {
                request: options.request_timeout,
                deadline,
            },
            pause: options.pause,
            pool: Mutex::default(),
            number: AtomicU64::new(1),
        })
    }

    /// Asks until a backend answers, and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &Value,
        kind: Kind,
    ) -> Result<T, Error> {
        loop {
            let Answered {
                backend,
                session,
                body,
            } = self.exchange(method, params, kind).await?;
            let no_result = match read(&body) {
                Ok(result) => return Ok(result),
                Err(no_result) => no_result,
            };
            let (method, name) = (method.to_owned(), backend.name.clone());
            match no_result {
                NoResult::Refused {
                    code: METHOD_NOT_FOUND,
                    ..
                } if kind != Kind::BestEffort => {
                    self.mark_failed(backend, Reason::UnknownMethod).await;
                }
                NoResult::Refused { code, message } => {
                    return Err(Error::Refused {
                        backend: name,
                        method,
                        code,
                        message: self.without_secrets(&message, session.as_deref()),
                    });
                }
                NoResult::Malformed { field, problem } if kind.is_read() => {
                    return Err(Error::Malformed {
                        backend: name,
                        method,
                        field,
                        problem,
                    });
                }
                NoResult::Malformed { field, problem } => {
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

    /// Asks until a backend answers with something of JSON-RPC.
    async fn exchange(&self, method: &str, params: &Value, kind: Kind) -> Result<Answered<'_>, Error> {
        let mut rejected: Option<(usize, Arc<Session>)> = None;
        loop {
            let before = rejected.as_ref().map(|(_, session)| session);
            let (backend, session) = self.access(method, kind, before).await?;
            let authorization = session.as_ref().map(|session| &session.authorization);
            let asked_at = Instant::now();
            let answer = self
                .send(backend, authorization, self.body(method, params), kind.is_read())
                .await;
            let no_answer = match answer {
                // A token that is not accepted: nothing was carried out. A second one will not be accepted either.
                Ok(Answer { status: 401, .. }) => match session {
                    Some(session) if rejected.as_ref().is_none_or(|(place, _)| *place != backend.place) => {
                        rejected = Some((backend.place, session));
                        continue;
                    }
                    Some(_) => not_carried_out(Reason::Token),
                    None => not_carried_out(Reason::Status(401)),
                },
                Ok(Answer { status, body }) if status == 200 || refusal(&body).is_some() => {
                    tracing::debug!(
                        backend = backend.name,
                        method,
                        bytes = body.len(),
                        ms = asked_at.elapsed().as_millis(),
                        "answered"
                    );
                    return Ok(Answered {
                        backend,
                        session,
                        body,
                    });
                }
                Ok(Answer { status, .. }) => NoAnswer {
                    reason: Reason::Status(status),
                    sent: true,
                },
                Err(no_answer) => no_answer,
            };
            let NoAnswer { reason, sent } = no_answer;
            if sent && !kind.is_read() {
                // Being busy passes; a backend that is silent or makes no sense is no good for the rest of the run.
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
                return Err(self.pool.lock().await.out_of_time(method, backend));
            }
            self.mark_failed(backend, reason).await;
        }
    }

    /// The backend to ask now, and the session with it, another than the `rejected` one.
    async fn access(
        &self,
        method: &str,
        kind: Kind,
        rejected: Option<&Arc<Session>>,
    ) -> Result<(&Backend, Option<Arc<Session>>), Error> {
        // Held while logging in: requests that run side by side wait for one login and do not each send one.
        let mut pool = self.pool.lock().await;
        loop {
            let Some(backend) = self.backends.get(pool.at) else {
                return Err(pool.exhausted(method));
            };
            if kind == Kind::Open {
                return Ok((backend, None));
            }
            let before = pool.session.take();
            if let Some(session) = &before
                && session.is_valid(Instant::now())
                && rejected.is_none_or(|rejected| !Arc::ptr_eq(rejected, session))
            {
                pool.session = before.clone();
                return Ok((backend, before));
            }
            match self.log_in(backend, before.as_deref()).await {
                Ok(session) => {
                    let session = Some(Arc::new(session));
                    pool.session = session.clone();
                    pool.authenticated = true;
                    return Ok((backend, session));
                }
                Err(Reason::Deadline) => return Err(pool.out_of_time(method, backend)),
                Err(reason) => pool.mark_failed(backend, reason),
            }
        }
    }

    /// Sends a request to one backend; while it is busy again and again, if it may be repeated.
    pub(crate) async fn send(
        &self,
        backend: &Backend,
        authorization: Option<&HeaderValue>,
        body: Vec<u8>,
        may_be_repeated: bool,
    ) -> Result<Answer, NoAnswer> {
        let Some(url) = &backend.url else {
            return Err(not_carried_out(Reason::Address));
        };
        let mut tries = 0;
        loop {
            let answer = send(&self.http, url.clone(), authorization, body.clone(), self.limits).await?;
            if !is_busy(answer.status) {
                return Ok(answer);
            }
            tries += 1;
            let in_time = Instant::now() + self.pause < self.limits.deadline;
            if !(may_be_repeated && in_time && (backend.last || tries < TRIES)) {
                return Err(NoAnswer {
                    reason: Reason::Status(answer.status),
                    sent: true,
                });
            }
            sleep(self.pause).await;
        }
    }

    /// A JSON-RPC request.
    pub(crate) fn body(&self, method: &str, params: &Value) -> Vec<u8> {
        let id = self.number.fetch_add(1, Ordering::Relaxed);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
            .to_string()
            .into_bytes()
    }

    async fn mark_failed(&self, backend: &Backend, reason: Reason) {
        self.pool.lock().await.mark_failed(backend, reason);
    }
}

fn is_busy(status: u16) -> bool {
    matches!(status, 500 | 502 | 503)
}

fn not_carried_out(reason: Reason) -> NoAnswer {
    NoAnswer { reason, sent: false }
}
