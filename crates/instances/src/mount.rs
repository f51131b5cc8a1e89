use crate::template;
use serde::Serialize;

/// How a stateless client mounts a filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountScript {
    /// The load balancer's DNS name, or the alias that stands for it.
    pub host: String,
}

impl MountScript {
    /// The script.
    pub fn render(&self) -> String {
        template::render("mount.sh", self)
    }
}
