use super::Resolve;
use serde::Serialize;

/// The target group of the backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetGroup {
    /// `HTTP`.
    pub protocol: String,
    /// The port of Weka's management API.
    pub port: i32,
    /// The VPC.
    pub vpc: String,
    /// The protocol of the health check.
    pub health_check_protocol: String,
    /// Its path.
    pub health_check_path: String,
}

impl Resolve for TargetGroup {}
