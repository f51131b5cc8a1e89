use super::Resolve;
use serde::Serialize;

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    /// For how many days lines are kept; 0 for ever.
    pub retention_days: i32,
}

impl Resolve for LogGroup {}
