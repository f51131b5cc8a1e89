use crate::template;
use serde::Serialize;

/// The script with which a stateless client mounts a filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountScript {
    /// The load balancer's DNS name, or its alias.
    pub host: String,
}

impl MountScript {
    pub fn render(&self) -> String {
        template::render("mount.sh", self)
    }
}
