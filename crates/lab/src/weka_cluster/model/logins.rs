//! Who is logged in, and until when.

use super::{Model, Refusal};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;

/// A user of the cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
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

/// The tokens that were given out, with the end of each one's life.
#[derive(Default)]
pub(super) struct Logins {
    given: u32,
    access: HashMap<String, Timestamp>,
    refresh: HashMap<String, Timestamp>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins")
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Whether this user has this password.
    pub(crate) fn check_credentials(&self, username: &str, password: &str) -> Result<(), Refusal> {
        let known = &self.settings.credentials;
        if known.username == username && known.password == password {
            Ok(())
        } else {
            Err(Refusal::new(Refusal::CREDENTIALS, "wrong username or password"))
        }
    }

    /// Changes who may log in. Tokens that were given out stay good.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.settings.credentials = credentials;
    }

    /// Ends every login: no token that was given out is good any more.
    pub fn log_everyone_out(&mut self) {
        self.logins.access.clear();
        self.logins.refresh.clear();
    }

    pub(crate) fn log_in(&mut self, username: &str, password: &str) -> Result<Value, Refusal> {
        self.check_credentials(username, password)?;
        Ok(self.give_tokens())
    }

    /// A refresh token is good once: the answer has another.
    pub(crate) fn refresh(&mut self, token: &str) -> Result<Value, Refusal> {
        let now = self.now;
        let good = self.logins.refresh.remove(token).is_some_and(|end| now < end);
        if !good {
            return Err(Refusal::new(
                Refusal::CREDENTIALS,
                "the refresh token is not valid",
            ));
        }
        Ok(self.give_tokens())
    }

    pub(crate) fn is_logged_in(&self, token: Option<&str>) -> bool {
        let end = token.and_then(|token| self.logins.access.get(token));
        end.is_some_and(|end| self.now < *end)
    }

    fn give_tokens(&mut self) -> Value {
        let (now, settings) = (self.now, &self.settings);
        self.logins.given += 1;
        let number = self.logins.given;
        let (access, refresh) = (
            format!("access-token-{number}"),
            format!("refresh-token-{number}"),
        );
        let answer = json!({
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": settings.access_token.as_secs(),
            "token_type": "Bearer",
        });
        self.logins.access.insert(access, now + settings.access_token);
        self.logins.refresh.insert(refresh, now + settings.refresh_token);
        answer
    }
}
