use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The EventBridge rule that starts the state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `rate(1 minute)`.
    pub schedule: String,
    /// `ENABLED`.
    pub state: String,
    /// The id of the target. It is fixed, so that an update replaces the target and does not add one.
    pub target_id: String,
    /// The ARN of the state machine.
    pub target_arn: String,
    /// The ARN of the role.
    pub role: Value,
    /// Ids of other targets (wekactl 1.x used random ids).
    pub other_targets: Vec<String>,
}

impl Resolve for Rule {
    fn resolve(&mut self, outputs: &Outputs) {
        self.role.resolve(outputs);
    }
}
