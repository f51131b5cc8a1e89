use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The DNS name of the load balancer: an alias `A` record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasRecord {
    pub zone_id: String,
    pub name: String,
    /// The load balancer's DNS name.
    pub target: Value,
    /// The hosted zone of the load balancer's DNS name.
    pub target_zone_id: Value,
}

impl AliasRecord {
    /// The name in the form in which DNS names are compared: without case and without the final dot.
    pub fn comparable(name: &str) -> String {
        name.trim_end_matches('.').to_ascii_lowercase()
    }
}

impl Resolve for AliasRecord {
    fn resolve(&mut self, outputs: &Outputs) {
        super::resolve_all([&mut self.target, &mut self.target_zone_id], outputs);
    }
}
