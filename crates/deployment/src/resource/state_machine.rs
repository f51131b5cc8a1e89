use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;
use serde_json::Value as Json;

/// The Step Functions state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateMachine {
    /// In the Amazon States Language.
    pub definition: Json,
    /// The ARN of the role.
    pub role: Value,
    /// `ERROR`.
    pub log_level: String,
    /// The ARN of the log group as Step Functions takes it, ending in `:*`.
    pub log_group: Option<String>,
}

impl Resolve for StateMachine {
    fn resolve(&mut self, outputs: &Outputs) {
        self.role.resolve(outputs);
    }
}
