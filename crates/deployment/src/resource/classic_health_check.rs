use super::Resolve;
use serde::Serialize;

/// The health check of the stack's classic load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassicHealthCheck {
    /// `HTTP:14000/ui`.
    pub target: String,
    pub interval_seconds: i32,
    pub timeout_seconds: i32,
    /// Number of successful checks after which an instance is healthy.
    pub healthy_threshold: i32,
    /// Number of failed checks after which an instance is unhealthy.
    pub unhealthy_threshold: i32,
}

impl Resolve for ClassicHealthCheck {}
