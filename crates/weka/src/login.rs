//! Logs in to a backend and keeps the session valid.

use crate::backend::Backend;
use crate::error::Reason;
use crate::response::{METHOD_NOT_FOUND, ResponseError, parse, printable, rpc_error};
use crate::transport::Transport;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use weka_types::Credentials;

/// How long before its expiry a token is renewed: longer than a request may take, so that a token does not expire on the
/// way.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30);
/// The maximum lifetime of a token. A longer one is reduced to this.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The result of `user_login` and `user_refresh_token`.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    access_token: SecretString,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    /// In seconds. If unknown, the token is used until a backend returns HTTP status 401.
    #[serde(default)]
    expires_in: Option<f64>,
}

/// A session with a backend.
#[derive(Debug)]
pub(crate) struct Session {
    /// The `Authorization` header. It is marked as sensitive: its `Debug` output does not show it.
    pub(crate) authorization: HeaderValue,
    access: SecretString,
    refresh: Option<SecretString>,
    renew_at: Option<Instant>,
}

impl Session {
    fn new(tokens: Tokens, requested_at: Instant, old_refresh: Option<&SecretString>) -> Option<Self> {
        let bearer = format!("Bearer {}", tokens.access_token.expose_secret());
        let mut authorization = HeaderValue::try_from(bearer).ok()?;
        authorization.set_sensitive(true);
        let lifetime = tokens
            .expires_in
            .map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME));
        // The margin is at most half of the lifetime, or a short-lived token would be renewed for every request.
        let usable = |lifetime: Duration| (lifetime - RENEWAL_MARGIN.min(lifetime / 2)).min(MAX_LIFETIME);
        Some(Self {
            authorization,
            access: tokens.access_token,
            refresh: tokens.refresh_token.or_else(|| old_refresh.cloned()),
            renew_at: lifetime.map(|lifetime| requested_at + usable(lifetime)),
        })
    }

    /// Whether the token is valid long enough for another request.
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        self.renew_at.is_none_or(|renew_at| now < renew_at)
    }
}

/// Logs in with the credentials of one user.
#[derive(Debug)]
pub(crate) struct Login {
    credentials: Credentials,
}

impl Login {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }

    /// Logs in to a backend, with the refresh token of the old session if there is one.
    pub(crate) async fn log_in(
        &self,
        transport: &Transport,
        backend: &Backend,
        old: Option<&Session>,
    ) -> Result<Session, Reason> {
        if let Some(refresh) = old.and_then(|session| session.refresh.as_ref()) {
            let params = json!([refresh.expose_secret()]);
            let session = self
                .request_session(transport, backend, "user_refresh_token", &params, old)
                .await;
            match session {
                Ok(session) => return Ok(session),
                // The backend is still usable: the refresh token may have expired, too.
                Err(
                    reason @ (Reason::Credentials(_)
                    | Reason::UnknownMethod
                    | Reason::Status(_)
                    | Reason::Malformed { .. }),
                ) => {
                    tracing::debug!(backend = backend.name, %reason, "token not renewed, logging in again")
                }
                Err(reason) => return Err(reason),
            }
        }
        let Credentials { username, password } = &self.credentials;
        let params = json!([username, password.expose_secret()]);
        self.request_session(transport, backend, "user_login", &params, None)
            .await
    }

    async fn request_session(
        &self,
        transport: &Transport,
        backend: &Backend,
        method: &str,
        params: &Value,
        old: Option<&Session>,
    ) -> Result<Session, Reason> {
        let requested_at = Instant::now();
        let response = transport.send(backend, None, method, params, true).await;
        let response = response.map_err(|error| error.reason)?;
        let malformed = |field, problem| Reason::Malformed {
            method: method.to_owned(),
            field,
            problem,
        };
        let tokens = match response.status {
            200 => parse::<Tokens>(&response.body),
            status => match rpc_error(&response.body) {
                Some(error) => Err(error),
                None if matches!(status, 401 | 403) => {
                    return Err(Reason::Credentials(format!("HTTP status {status}")));
                }
                None => return Err(Reason::Status(status)),
            },
        };
        match tokens {
            Ok(tokens) => {
                let refresh = old.and_then(|session| session.refresh.as_ref());
                Session::new(tokens, requested_at, refresh).ok_or_else(|| {
                    malformed(
                        "result.access_token".to_owned(),
                        "is not a valid token".to_owned(),
                    )
                })
            }
            Err(ResponseError::Refused {
                code: METHOD_NOT_FOUND,
                ..
            }) => Err(Reason::UnknownMethod),
            Err(ResponseError::Refused { code, message }) => {
                let message = self.redact(&message, old);
                Err(Reason::Credentials(format!("{message} (code {code})")))
            }
            Err(ResponseError::Malformed { .. }) if has_empty_result(&response.body) => {
                Err(Reason::Credentials("empty result".to_owned()))
            }
            Err(ResponseError::Malformed { field, problem }) => Err(malformed(field, problem)),
        }
    }

    /// Removes secrets from text of a response, which may repeat what was sent, and makes it printable.
    pub(crate) fn redact(&self, text: &str, session: Option<&Session>) -> String {
        let tokens = session.map(|session| [Some(&session.access), session.refresh.as_ref()]);
        let secrets =
            std::iter::once(&self.credentials.password).chain(tokens.into_iter().flatten().flatten());
        let text = secrets
            .map(ExposeSecret::expose_secret)
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "(hidden)"));
        printable(&text)
    }
}

/// Whether the response has an empty result, with which some releases refuse a login (weka/wekalib, `wekaapi.py`).
fn has_empty_result(body: &[u8]) -> bool {
    let response: Option<Value> = serde_json::from_slice(body).ok();
    response.is_some_and(|response| match response.get("result") {
        Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(values)) => values.is_empty(),
        _ => false,
    })
}
