use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The DNS name that stands for the load balancer: an alias `A` record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasRecord {
    /// The hosted zone it stands in.
    pub zone_id: String,
    /// The name.
    pub name: String,
    /// The load balancer's DNS name.
    pub target: Value,
    /// The zone of that name.
    pub target_zone_id: Value,
}

impl AliasRecord {
    /// A DNS name as names are compared: DNS knows no case, and a dot at the end says that nothing follows.
    pub fn comparable(name: &str) -> String {
        name.trim_end_matches('.').to_ascii_lowercase()
    }
}

impl Resolve for AliasRecord {
    fn resolve(&mut self, outputs: &Outputs) {
        super::resolve_all([&mut self.target, &mut self.target_zone_id], outputs);
    }
}
