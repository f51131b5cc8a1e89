use super::Resolve;
use serde::Serialize;
use std::collections::BTreeSet;

/// The imported instances as they must be before they are attached: tagged as the host group's, and protected from termination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedInstances {
    /// Those that lack a tag, or have one with another value.
    pub to_tag: BTreeSet<String>,
    /// Those that are not in the group yet, and so are to be protected first.
    pub to_protect: BTreeSet<String>,
}

impl Resolve for PreparedInstances {}

/// The imported instances that are not in their group yet, or not as they are to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachedInstances {
    /// The ids of those that are not in it.
    pub to_attach: BTreeSet<String>,
    /// The ids of those whom the group could remove by itself: these, and members without scale-in protection.
    pub to_protect_from_scale_in: BTreeSet<String>,
}

impl Resolve for AttachedInstances {}
