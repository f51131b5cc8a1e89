use super::Resolve;
use serde::Serialize;

/// The key, found by its alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KmsKey {
    /// `Enabled`, as KMS says.
    pub state: String,
    /// Whether KMS makes new key material every year.
    pub rotation: bool,
}

impl Resolve for KmsKey {}
