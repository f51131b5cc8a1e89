use super::Resolve;
use serde::Serialize;
use std::collections::BTreeSet;

/// The imported instances before they are attached: with the tags of their host group and protected from termination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedInstances {
    /// Ids of instances that lack a tag or have it with another value.
    pub to_tag: BTreeSet<String>,
    /// Ids of instances that are not in the group yet: they are protected before they are attached.
    pub to_protect: BTreeSet<String>,
}

impl Resolve for PreparedInstances {}

/// The imported instances as members of their group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachedInstances {
    /// Ids of instances that are not members yet.
    pub to_attach: BTreeSet<String>,
    /// Ids of instances that the group could terminate: these, and members without scale-in protection.
    pub to_protect_from_scale_in: BTreeSet<String>,
}

impl Resolve for AttachedInstances {}
