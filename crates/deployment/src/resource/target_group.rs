use super::Resolve;
use serde::Serialize;

/// The target group of the backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetGroup {
    /// `HTTP`.
    pub protocol: String,
    /// The port of Weka's management API.
    pub port: i32,
    pub vpc: String,
    pub health_check_protocol: String,
    pub health_check_path: String,
}

impl Resolve for TargetGroup {}
