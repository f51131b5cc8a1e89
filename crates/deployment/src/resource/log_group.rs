use super::Resolve;
use serde::Serialize;

/// A CloudWatch Logs log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    /// Retention in days; 0: events never expire.
    pub retention_days: i32,
}

impl Resolve for LogGroup {}
