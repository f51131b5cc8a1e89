use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The rule that starts the state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `rate(1 minute)`.
    pub schedule: String,
    /// `ENABLED`.
    pub state: String,
    /// The target's id: a fixed one, so that an update replaces it and adds none.
    pub target_id: String,
    /// What it starts.
    pub target_arn: String,
    /// The ARN of the role in whose name it does.
    pub role: Value,
    /// The ids of targets that are not ours (the Go tool gave them random ones).
    pub other_targets: Vec<String>,
}

impl Resolve for Rule {
    fn resolve(&mut self, outputs: &Outputs) {
        self.role.resolve(outputs);
    }
}
