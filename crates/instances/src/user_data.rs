use crate::template;
use serde::Serialize;

/// The script that a new instance runs as root at its first boot.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct UserData {
    pub join_url: String,
    pub api_key: String,
    pub region: String,
    /// Id of the subnet of the secondary network interfaces.
    pub subnet: String,
    /// Ids of the security groups of the secondary network interfaces.
    pub security_groups: Vec<String>,
    /// Number of secondary network interfaces: one for each I/O core.
    pub io_cores: u32,
}

impl std::fmt::Debug for UserData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserData")
            .field("join_url", &self.join_url)
            .finish_non_exhaustive()
    }
}

impl UserData {
    /// The script. It contains the API key.
    pub fn render(&self) -> String {
        template::render("user-data.sh", self)
    }
}
