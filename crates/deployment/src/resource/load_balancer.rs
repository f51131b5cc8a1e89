use super::Resolve;
use serde::Serialize;

/// The application load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadBalancer {
    /// `internal`.
    pub scheme: String,
    /// Its subnets, by id, sorted.
    pub subnets: Vec<String>,
    /// Its security groups, by id, sorted.
    pub security_groups: Vec<String>,
}

impl Resolve for LoadBalancer {}
