//! What was seen of a cluster that is to go.

use crate::names::{HostGroup, Names, RoleUse};
use crate::plan::ActualResource;
use crate::resource::ResourceId;
use crate::tags::{self, Tags};
use crate::value::Output;
use std::collections::BTreeMap;

/// Something that stands under a name of the cluster's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remnant {
    /// Its name, as it is shown.
    pub name: String,
    /// By what AWS takes it: its id, its ARN or its name.
    pub handle: String,
    /// Its tags; `None` for a kind that bears none.
    pub tags: Option<Tags>,
    /// Whether AWS is removing it already.
    pub going: bool,
    /// What else is to be known of it.
    pub facts: Facts,
}

/// What decides whose a remnant is, or what its removal needs, beside its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// Nothing.
    None,
    /// It is a REST API.
    Api,
    /// It is a usage plan over these stages: the API's id and the stage's name.
    Plan(Vec<(String, String)>),
    /// It is an API key.
    ApiKey,
    /// A rule's targets.
    Targets(Vec<String>),
    /// A load balancer's DNS name.
    DnsName(String),
    /// What a DNS record points at.
    Target(String),
}

impl Remnant {
    /// Something with this name, by which AWS takes it.
    pub fn named(name: String, tags: Option<Tags>) -> Self {
        Self {
            handle: name.clone(),
            name,
            tags,
            going: false,
            facts: Facts::None,
        }
    }

    /// The same by another handle.
    #[must_use]
    pub fn by(self, handle: impl Into<String>) -> Self {
        Self {
            handle: handle.into(),
            ..self
        }
    }

    /// The same with what else is known of it.
    #[must_use]
    pub fn with(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }
}

impl From<ActualResource> for Remnant {
    fn from(standing: ActualResource) -> Self {
        let output = |wanted| {
            let found = standing.outputs.iter().find(|(output, _)| *output == wanted);
            found.map(|(_, value)| value.clone())
        };
        let facts = output(Output::DnsName).map_or(Facts::None, Facts::DnsName);
        let handle = output(Output::Arn).unwrap_or_else(|| standing.name.clone());
        Self::named(standing.name, standing.tags).by(handle).with(facts)
    }
}

/// An instance that bears the cluster's tag, or is a member of one of its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: Tags,
    /// The Auto Scaling group that it is a member of.
    pub member_of: Option<String>,
    /// Its volumes and network interfaces, which bear wekactl's tags where a launch template made them.
    pub attached: Vec<String>,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What stands of each resource.
    pub remnants: BTreeMap<ResourceId, Vec<Remnant>>,
    /// The instances that have not been terminated.
    pub instances: Vec<Instance>,
    /// Why the settings, which know the DNS alias, cannot be read.
    pub unreadable: Option<String>,
}

/// What a role below the cluster's path is for: by its tags, else (the Go tool set no tag for it) by its name. One of which
/// that cannot be told counts as the rule's, which nobody takes on once the schedule is off.
pub fn role_id(names: &Names, name: &str, tags: &Tags) -> ResourceId {
    let tagged = |key: &str, value: &str| tags.get(key) == Some(value);
    let named = |of: &str, user: RoleUse| name.starts_with(&format!("{of}-{user}-"));
    let group = HostGroup::ALL.into_iter().find(|group| {
        tagged(tags::HOSTGROUP_NAME, group.name()) || name.starts_with(&format!("{}-", names.of(*group)))
    });
    let group = group.unwrap_or(HostGroup::Backends);
    let user = RoleUse::ALL
        .into_iter()
        .find(|user| tagged(tags::USE, user.name()))
        .or_else(|| {
            RoleUse::ALL
                .into_iter()
                .find(|user| named(&names.of(group), *user))
        });
    ResourceId::Role(group, user.unwrap_or(RoleUse::Rule))
}
