//! Where EC2 launches an instance.

use serde::{Deserialize, Serialize};

/// A placement group. The id also identifies a group that another account shares; a name identifies an account's own group only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum PlacementGroup {
    Id(String),
    Name(String),
}

/// The capacity reservations that an instance uses. EC2 accepts either a preference or a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum CapacityReservation {
    /// `none` or `capacity-reservations-only`. The default, `open`, is not stored.
    Preference(String),
    Id(String),
    /// The ARN of a resource group of capacity reservations.
    ResourceGroup(String),
}

impl CapacityReservation {
    /// EC2's default preference.
    pub const OPEN: &str = "open";
}

impl std::fmt::Display for PlacementGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Id(text) | Self::Name(text)) = self;
        f.write_str(text)
    }
}

impl std::fmt::Display for CapacityReservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Preference(text) | Self::Id(text) | Self::ResourceGroup(text)) = self;
        f.write_str(text)
    }
}
