use super::Resolve;
use serde::Serialize;
use std::collections::BTreeSet;

/// The application load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadBalancer {
    /// `internal`.
    pub scheme: String,
    /// Subnet ids.
    pub subnets: BTreeSet<String>,
    /// Security group ids.
    pub security_groups: BTreeSet<String>,
}

impl Resolve for LoadBalancer {}
