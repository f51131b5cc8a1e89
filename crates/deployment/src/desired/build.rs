//! What the resources of the cluster and of its host groups are built from.

use crate::account::Account;
use crate::id::ResourceId;
use crate::names::{ClusterName, HostGroup, Names};
use crate::plan::Desired;
use crate::resource::Body;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tags::Tags;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The Lambda package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// In base64, as Lambda returns it.
    pub sha256: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
}

/// The inputs from which the resources of a cluster are derived.
#[derive(Debug)]
pub struct Request<'a> {
    pub cluster: &'a ClusterName,
    pub account: &'a Account,
    pub settings: &'a Settings,
    pub package: &'a Package,
    /// Username and password for Weka; `None` leaves the item unchanged.
    pub credentials: Option<(&'a str, &'a Secret)>,
    /// Random ids for the names of new roles, one per role.
    pub uuids: &'a [Uuid],
    /// A new seal key for each host group, 32 bytes in base64.
    pub seal_keys: &'a BTreeMap<HostGroup, Secret>,
    pub instances: &'a InstanceIds,
    /// Until when instances of an older version of the launch template may join without identity, as RFC 3339. It applies to a join
    /// function that does not verify identities yet.
    pub identity_required_after: &'a str,
}

/// The ids of the instances that an import attaches, or of the members that an update tags, by host group.
pub type InstanceIds = BTreeMap<HostGroup, BTreeSet<String>>;

/// The tags of an instance of a host group, as its launch template sets them.
pub fn instance_tags(cluster: &ClusterName, group: HostGroup, user: &Tags) -> Tags {
    let version = ResourceId::LaunchTemplate(group).kind().version();
    Tags::managed(cluster, Some(group), version.unwrap_or_default(), user)
}

pub(super) struct Build<'a> {
    pub(super) names: Names,
    pub(super) request: &'a Request<'a>,
}

impl Build<'_> {
    pub(super) fn settings(&self) -> &Settings {
        self.request.settings
    }

    pub(super) fn resource(
        &self,
        id: ResourceId,
        name: String,
        body: impl Into<Body>,
        depends_on: &[ResourceId],
    ) -> Desired {
        let version = match id {
            ResourceId::Function(..) => Some(self.settings().build_version.as_str()),
            _ => id.kind().version(),
        };
        let tags = |version| {
            Tags::managed(
                self.names.cluster(),
                id.group(),
                version,
                &self.settings().tags_map,
            )
        };
        Desired {
            id,
            name,
            body: body.into(),
            tags: version.map(tags),
            depends_on: depends_on.iter().copied().collect(),
        }
    }
}
