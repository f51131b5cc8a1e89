use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The permission of the join API to call its function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvokePermission {
    pub statement_id: String,
    /// The API's ARN with stage, method and path.
    pub source_arn: Value,
    /// Ids of other statements that allow API Gateway to call the function: left by an earlier API.
    pub others: Vec<String>,
}

impl Resolve for InvokePermission {
    fn resolve(&mut self, outputs: &Outputs) {
        self.source_arn.resolve(outputs);
    }
}
