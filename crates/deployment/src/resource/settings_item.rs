use super::Resolve;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// The table item with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SettingsItem {
    /// Attributes in DynamoDB's JSON.
    pub attributes: Map<String, Json>,
}

impl Resolve for SettingsItem {}
