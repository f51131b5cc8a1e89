use crate::client_mount::ClientMount;
use crate::template;
use crate::types::Profile;
use serde::Serialize;

/// The parameters of a new backend's join script.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct BackendJoin {
    /// Addresses of running backends, in the order in which the script contacts them.
    pub backends: Vec<String>,
    pub username: String,
    pub password: String,
    pub profile: Profile,
}

/// The parameters of a new client's join script. A stateless client needs no credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientJoin {
    /// Addresses of running backends, in the order in which the script contacts them.
    pub backends: Vec<String>,
    /// In the order in which they are mounted.
    pub mounts: Vec<ClientMount>,
}

impl std::fmt::Debug for BackendJoin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendJoin")
            .field("backends", &self.backends)
            .finish_non_exhaustive()
    }
}

impl BackendJoin {
    /// The script. It contains the password.
    pub fn render(&self) -> String {
        template::render("backend.sh", self)
    }
}

impl ClientJoin {
    pub fn render(&self) -> String {
        template::render("client.sh", self)
    }
}
