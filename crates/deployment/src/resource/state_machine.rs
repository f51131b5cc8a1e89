use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;
use serde_json::Value as Json;

/// The state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateMachine {
    /// The definition, in the Amazon States Language.
    pub definition: Json,
    /// The role's ARN.
    pub role: Value,
    /// What is logged: `ERROR`.
    pub log_level: String,
    /// The ARN of the log group, as Step Functions takes it (ending in `:*`).
    pub log_group: Option<String>,
}

impl Resolve for StateMachine {
    fn resolve(&mut self, outputs: &Outputs) {
        self.role.resolve(outputs);
    }
}
