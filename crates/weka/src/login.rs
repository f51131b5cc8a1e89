//! Logging in, and staying so.

use crate::answer::{METHOD_NOT_FOUND, NoResult, read, refusal, shown};
use crate::client::Client;
use crate::error::Reason;
use crate::pool::Backend;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long before its end a token is renewed: longer than a request may take, so that none is refused on its way.
const MARGIN: Duration = Duration::from_secs(30);
/// What is taken for the life of a token whose life is too long to be counted.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The answer of `user_login` and `user_refresh_token`.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    access_token: SecretString,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    /// In seconds; unknown: until a backend says 401.
    #[serde(default)]
    expires_in: Option<f64>,
}

/// Being logged in to a backend.
#[derive(Debug)]
pub(crate) struct Session {
    /// What later requests carry. Marked as sensitive: its `Debug` does not show it.
    pub(crate) authorization: HeaderValue,
    access: SecretString,
    refresh: Option<SecretString>,
    renew_at: Option<Instant>,
}

impl Session {
    fn new(tokens: Tokens, asked_at: Instant, refresh: Option<&SecretString>) -> Option<Self> {
        let bearer = format!("Bearer {}", tokens.access_token.expose_secret());
        let mut authorization = HeaderValue::try_from(bearer).ok()?;
        authorization.set_sensitive(true);
        let life = tokens
            .expires_in
            .map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST));
        Some(Self {
            authorization,
            access: tokens.access_token,
            refresh: tokens.refresh_token.or_else(|| refresh.cloned()),
            // Half of a short life: a token that lives shorter than the margin would be renewed for every request.
            renew_at: life.map(|life| asked_at + (life - MARGIN.min(life / 2)).min(LONGEST)),
        })
    }

    /// Whether it lasts for another request.
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        self.renew_at.is_none_or(|at| now < at)
    }
}

impl Client {
    /// Logs in to a backend, by the refresh token of the session before if there is one.
    pub(crate) async fn log_in(
        &self,
        backend: &Backend,
        before: Option<&Session>,
    ) -> Result<Session, Reason> {
        if let Some(refresh) = before.and_then(|session| session.refresh.as_ref()) {
            let params = json!([refresh.expose_secret()]);
            match self.session(backend, "user_refresh_token", &params, before).await {
                Ok(session) => return Ok(session),
                // No reason to give the backend up: the refresh token may have expired, too.
                Err(
                    reason @ (Reason::Credentials(_)
                    | Reason::UnknownMethod
                    | Reason::Status(_)
                    | Reason::Malformed { .. }),
                ) => {
                    tracing::debug!(backend = backend.name, %reason, "the token is not renewed, logging in anew")
                }
                Err(reason) => return Err(reason),
            }
        }
        let Self { credentials, .. } = self;
        let params = json!([credentials.username, credentials.password.expose_secret()]);
        self.session(backend, "user_login", &params, None).await
    }

    async fn session(
        &self,
        backend: &Backend,
        method: &str,
        params: &Value,
        before: Option<&Session>,
    ) -> Result<Session, Reason> {
        let asked_at = Instant::now();
        let answer = self.send(backend, None, self.body(method, params), true).await;
        let answer = answer.map_err(|no_answer| no_answer.reason)?;
        let malformed = |field, problem| Reason::Malformed {
            method: method.to_owned(),
            field,
            problem,
        };
        let tokens = match answer.status {
            200 => read::<Tokens>(&answer.body),
            status => match refusal(&answer.body) {
                Some(refusal) => Err(refusal),
                None if matches!(status, 401 | 403) => {
                    return Err(Reason::Credentials(format!("HTTP status {status}")));
                }
                None => return Err(Reason::Status(status)),
            },
        };
        match tokens {
            Ok(tokens) => {
                let refresh = before.and_then(|session| session.refresh.as_ref());
                Session::new(tokens, asked_at, refresh)
                    .ok_or_else(|| malformed("result.access_token".to_owned(), "is not a token".to_owned()))
            }
            Err(NoResult::Refused {
                code: METHOD_NOT_FOUND,
                ..
            }) => Err(Reason::UnknownMethod),
            Err(NoResult::Refused { code, message }) => {
                let message = self.without_secrets(&message, before);
                Err(Reason::Credentials(format!("{message} (code {code})")))
            }
            Err(NoResult::Malformed { field, problem }) => Err(malformed(field, problem)),
        }
    }

    /// A text of Weka's as an error may show it: whoever wrote it may have repeated what was sent.
    pub(crate) fn without_secrets(&self, text: &str, session: Option<&Session>) -> String {
        let tokens = session.map(|session| [Some(&session.access), session.refresh.as_ref()]);
        let secrets =
            std::iter::once(&self.credentials.password).chain(tokens.into_iter().flatten().flatten());
        let text = secrets
            .map(ExposeSecret::expose_secret)
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "(hidden)"));
        shown(&text)
    }
}
