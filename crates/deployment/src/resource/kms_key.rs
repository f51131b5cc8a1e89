use super::Resolve;
use serde::Serialize;

/// The KMS key, found by its alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KmsKey {
    /// The state as KMS returns it: `Enabled`.
    pub state: String,
    /// Whether KMS rotates the key material every year.
    pub rotation: bool,
}

impl Resolve for KmsKey {}
