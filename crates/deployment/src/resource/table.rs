use super::Resolve;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The table of settings and credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The attribute that is the hash key, a string.
    pub hash_key: String,
    /// `PAY_PER_REQUEST`: on demand.
    pub billing_mode: String,
    /// The ARN of the key that encrypts it.
    pub kms_key: Value,
    /// Whether it can be restored to any point of the last 35 days.
    pub point_in_time_recovery: bool,
}

impl Resolve for Table {
    fn resolve(&mut self, outputs: &Outputs) {
        self.kms_key.resolve(outputs);
    }
}
