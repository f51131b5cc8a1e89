use super::Resolve;
use serde::Serialize;

/// The KMS key, found by its alias, or by its tag until it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KmsKey {
    /// Empty if an interrupted import has not created the alias.
    pub alias: String,
    /// The state as KMS returns it: `Enabled`.
    pub state: String,
    /// Whether KMS rotates the key material every year.
    pub rotation: bool,
}

impl Resolve for KmsKey {}
