use crate::template;
use serde::Serialize;

/// What a new instance runs as root at its first boot.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct UserData {
    /// The join API's URL.
    pub join_url: String,
    /// Its key.
    pub api_key: String,
    /// The region.
    pub region: String,
    /// The subnet of the additional network interfaces, by id.
    pub subnet: String,
    /// Their security groups, by id.
    pub security_groups: Vec<String>,
    /// How many of them there are: one for each io core.
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
    /// The script. It holds the API key.
    pub fn render(&self) -> String {
        template::render("user-data.sh", self)
    }
}
