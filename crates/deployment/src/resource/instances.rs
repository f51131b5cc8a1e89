use super::Resolve;
use serde::Serialize;
use std::collections::BTreeSet;

/// The imported instances before they are attached. The sets contain ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedInstances {
    /// The instances that have all tags of their host group.
    pub tagged: BTreeSet<String>,
    /// The instances that are protected from termination; `None` in an update, which does not change the protection.
    pub protected: Option<BTreeSet<String>>,
}

impl Resolve for PreparedInstances {}

/// The imported instances as members of their group. The sets contain ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachedInstances {
    pub attached: BTreeSet<String>,
    pub protected_from_scale_in: BTreeSet<String>,
}

impl Resolve for AttachedInstances {}
