use crate::template;
use crate::types::Profile;
use serde::Serialize;

/// With what a new backend joins.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct BackendJoin {
    /// The addresses of the running backends, in the order in which they are asked.
    pub backends: Vec<String>,
    /// The user to log in as.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// Cores and memory.
    pub profile: Profile,
}

/// With what a new client joins.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ClientJoin {
    /// The addresses of the running backends, in the order in which they are asked.
    pub backends: Vec<String>,
    /// The user to log in as.
    pub username: String,
    /// The user's password.
    pub password: String,
}

impl std::fmt::Debug for BackendJoin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendJoin")
            .field("backends", &self.backends)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ClientJoin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientJoin")
            .field("backends", &self.backends)
            .finish_non_exhaustive()
    }
}

impl BackendJoin {
    /// The script. It holds the password.
    pub fn render(&self) -> String {
        template::render("backend.sh", self)
    }
}

impl ClientJoin {
    /// The script. It holds the password.
    pub fn render(&self) -> String {
        template::render("client.sh", self)
    }
}
