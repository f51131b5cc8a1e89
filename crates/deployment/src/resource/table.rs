use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The DynamoDB table with settings and credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Name of the hash key, which is a string.
    pub hash_key: String,
    /// `PAY_PER_REQUEST`.
    pub billing_mode: String,
    /// The ARN of the key that encrypts it.
    pub kms_key: Value,
    pub point_in_time_recovery: bool,
}

impl Resolve for Table {
    fn resolve(&mut self, outputs: &Outputs) {
        self.kms_key.resolve(outputs);
    }
}
