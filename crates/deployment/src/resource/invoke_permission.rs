use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The join API's right to call its function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvokePermission {
    /// The statement's id in the function's policy.
    pub statement_id: String,
    /// The API's ARN with stage, method and path.
    pub source_arn: Value,
    /// The API that a permission is given to, in statements other than ours: leftovers of an earlier API.
    pub others: Vec<String>,
}

impl Resolve for InvokePermission {
    fn resolve(&mut self, outputs: &Outputs) {
        self.source_arn.resolve(outputs);
    }
}
