use super::{Model, RpcError};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            username: "admin".to_owned(),
            password: "the-lab's password".to_owned(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The issued tokens, each with its expiry time.
#[derive(Default)]
pub(super) struct Tokens {
    issued: u32,
    access: BTreeMap<String, Timestamp>,
    refresh: BTreeMap<String, Timestamp>,
    failed_logins: u32,
    locked_until: Option<Timestamp>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}

impl Model {
    pub(crate) fn check_credentials(&self, username: &str, password: &str) -> Result<(), RpcError> {
        let expected = &self.settings.credentials;
        if expected.username == username && expected.password == password {
            Ok(())
        } else {
            Err(RpcError::new(
                RpcError::INVALID_CREDENTIALS,
                "wrong username or password",
            ))
        }
    }

    /// Changes the user that can log in. Issued tokens stay valid.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.settings.credentials = credentials;
    }

    /// Revokes all issued tokens.
    pub fn revoke_tokens(&mut self) {
        self.tokens.access.clear();
        self.tokens.refresh.clear();
    }

    /// Several failed logins in a row lock the user for a while, whatever the password then is.
    pub(crate) fn log_in(&mut self, username: &str, password: &str) -> Result<Value, RpcError> {
        if self.tokens.locked_until.is_some_and(|until| self.now < until) {
            return Err(RpcError::new(RpcError::INVALID_CREDENTIALS, "the user is locked"));
        }
        if let Err(error) = self.check_credentials(username, password) {
            self.tokens.failed_logins += 1;
            if self.tokens.failed_logins >= self.settings.lockout_attempts {
                self.tokens.failed_logins = 0;
                self.tokens.locked_until = Some(self.now + self.settings.lockout_duration);
            }
            return Err(error);
        }
        self.tokens.failed_logins = 0;
        Ok(self.issue_tokens())
    }

    /// Whether too many failed logins have locked the user.
    pub fn is_user_locked(&self) -> bool {
        self.tokens.locked_until.is_some_and(|until| self.now < until)
    }

    /// A refresh token can be used once; the response has a new one.
    pub(crate) fn refresh(&mut self, token: &str) -> Result<Value, RpcError> {
        let now = self.now;
        let valid = self
            .tokens
            .refresh
            .remove(token)
            .is_some_and(|expiry| now < expiry);
        if !valid {
            return Err(RpcError::new(
                RpcError::INVALID_CREDENTIALS,
                "the refresh token is not valid",
            ));
        }
        Ok(self.issue_tokens())
    }

    pub(crate) fn is_authenticated(&self, token: Option<&str>) -> bool {
        let expiry = token.and_then(|token| self.tokens.access.get(token));
        expiry.is_some_and(|expiry| self.now < *expiry)
    }

    fn issue_tokens(&mut self) -> Value {
        let (now, settings) = (self.now, &self.settings);
        self.tokens.issued += 1;
        let number = self.tokens.issued;
        let access = format!("access-token-{number}");
        let refresh = format!("refresh-token-{number}");
        let response = json!({
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": settings.access_token_lifetime.as_secs(),
            "token_type": "Bearer",
        });
        self.tokens
            .access
            .insert(access, now + settings.access_token_lifetime);
        self.tokens
            .refresh
            .insert(refresh, now + settings.refresh_token_lifetime);
        response
    }
}
