use super::Resolve;
use serde::Serialize;

/// How the stack's own classic load balancer sees whether a backend is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassicHealthCheck {
    /// What it asks: `HTTP:14000/ui`.
    pub target: String,
    /// How often, in seconds.
    pub interval_seconds: i32,
    /// How long it waits for an answer, in seconds.
    pub timeout_seconds: i32,
    /// After how many good answers an instance is well.
    pub healthy_threshold: i32,
    /// After how many bad ones it is not.
    pub unhealthy_threshold: i32,
}

impl Resolve for ClassicHealthCheck {}
