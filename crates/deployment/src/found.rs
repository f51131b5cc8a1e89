//! What exists under the names and tags of a cluster, as far as its teardown needs to know.
//!
//! This is less than the actual state: a teardown also works if settings are unreadable or resources are incomplete.

use crate::actual::Actual;
use crate::id::ResourceId;
use crate::names::{HostGroup, Names, RoleUse};
use crate::tags::{self, Tags};
use crate::value::Output;
use std::collections::BTreeMap;

/// A resource with one of the cluster's names. AWS lets several resources of some kinds have the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundResource {
    pub name: String,
    /// The id, ARN or name with which AWS identifies it.
    pub handle: String,
    /// `None` for a kind without tags.
    pub tags: Option<Tags>,
    /// Whether AWS is already deleting it.
    pub is_deleting: bool,
    pub details: Details,
}

/// What ownership or deletion depends on in addition to the tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details {
    None,
    /// A REST API.
    Api,
    /// A usage plan, with the API id and the stage name of each stage that it covers.
    UsagePlan(Vec<(String, String)>),
    ApiKey,
    /// The target ids of a rule.
    Targets(Vec<String>),
    /// The DNS name of a load balancer.
    DnsName(String),
    /// The target of a DNS record.
    Target(String),
}

impl FoundResource {
    /// A resource that AWS identifies by its name.
    pub fn named(name: String, tags: Option<Tags>) -> Self {
        Self {
            handle: name.clone(),
            name,
            tags,
            is_deleting: false,
            details: Details::None,
        }
    }

    #[must_use]
    pub fn with_handle(self, handle: impl Into<String>) -> Self {
        Self {
            handle: handle.into(),
            ..self
        }
    }

    #[must_use]
    pub fn with(self, details: Details) -> Self {
        Self { details, ..self }
    }
}

impl<B> From<Actual<B>> for FoundResource {
    fn from(actual: Actual<B>) -> Self {
        let output = |output| Some(actual.output(output).to_owned()).filter(|value| !value.is_empty());
        let details = output(Output::DnsName).map_or(Details::None, Details::DnsName);
        let handle = output(Output::Arn).unwrap_or_else(|| actual.name.clone());
        Self::named(actual.name, actual.tags)
            .with_handle(handle)
            .with(details)
    }
}

/// An instance that has the tag of the cluster or is a member of one of its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub tags: Tags,
    /// The name of its Auto Scaling group.
    pub member_of: Option<String>,
    /// Ids of its volumes and network interfaces, which have wekactl's tags if a launch template created them.
    pub attached: Vec<String>,
}

/// Everything that a teardown must decide about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeardownInventory {
    pub found: BTreeMap<ResourceId, Vec<FoundResource>>,
    /// Without terminated instances.
    pub instances: Vec<Instance>,
    /// Why the settings, which contain the DNS alias, cannot be read.
    pub unreadable: Option<String>,
}

/// The key of a role below the cluster's path: by its tags, else by its name (wekactl 1.x did not set the tag). If neither
/// tells, the role counts as the rule's, which is not used once the rule is disabled.
pub fn role_key(names: &Names, name: &str, tags: &Tags) -> (HostGroup, RoleUse) {
    let tagged = |key: &str, value: &str| tags.get(key) == Some(value);
    let named = |of: &str, role_use: RoleUse| name.starts_with(&format!("{of}-{role_use}-"));
    let group = HostGroup::ALL.into_iter().find(|group| {
        tagged(tags::HOSTGROUP_NAME, group.name()) || name.starts_with(&format!("{}-", names.of(*group)))
    });
    let group = group.unwrap_or(HostGroup::Backends);
    let role_use = RoleUse::ALL
        .into_iter()
        .find(|role_use| tagged(tags::USE, role_use.name()))
        .or_else(|| {
            RoleUse::ALL
                .into_iter()
                .find(|role_use| named(&names.of(group), *role_use))
        });
    (group, role_use.unwrap_or(RoleUse::Rule))
}
