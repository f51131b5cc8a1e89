use super::Resolve;
use serde::Serialize;
use std::collections::BTreeSet;

/// The application load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadBalancer {
    /// `internal`.
    pub scheme: String,
    /// Its subnets, by id.
    pub subnets: BTreeSet<String>,
    /// Its security groups, by id.
    pub security_groups: BTreeSet<String>,
}

impl Resolve for LoadBalancer {}
