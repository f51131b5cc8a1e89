//! A running cluster, as AWS describes it.

use super::key::KeyAccess;
use super::launch::Image;
use super::network::Network;
use crate::desired::InstanceIds;
use crate::names::HostGroup;
use crate::placement::{CapacityReservation, PlacementGroup};
use crate::settings::Volume;
use crate::tags::Tags;
use std::collections::{BTreeMap, BTreeSet};

/// Where the instances come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Stack {
        id: String,
        /// For example `CREATE_COMPLETE`.
        status: String,
        /// The description in the template.
        description: String,
    },
    /// Instance ids from the user.
    InstanceIds(BTreeSet<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredCluster {
    pub source: Source,
    /// Ordered by id; without the terminated instances of a stack.
    pub instances: Vec<Instance>,
    /// Names of the classic load balancers of the stack.
    pub classic_load_balancers: Vec<String>,
    pub network: Network,
    /// The AMIs of the launch templates that exist, by id.
    pub images: BTreeMap<String, Image>,
    /// Who may use the keys of the volumes, by ARN.
    pub keys: BTreeMap<String, KeyAccess>,
    /// Names of the launch templates' key pairs that exist.
    pub key_pairs: BTreeSet<String>,
}

/// An instance, as EC2 describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    /// `running`, `stopped`, ...
    pub state: String,
    pub image_id: String,
    pub instance_type: String,
    /// `x86_64`, `arm64`, ...; empty if it is unknown.
    pub architecture: String,
    pub key_name: Option<String>,
    /// The instance profile's ARN.
    pub profile_arn: Option<String>,
    /// Ids, sorted.
    pub security_groups: Vec<String>,
    pub subnet: String,
    pub vpc: String,
    /// The root volume comes first.
    pub volumes: Vec<Volume>,
    pub placement_group: Option<PlacementGroup>,
    pub capacity_reservation: Option<CapacityReservation>,
    pub detailed_monitoring: bool,
    /// Read only of the first instance of a host group, like the volumes.
    pub stop_protection: bool,
    /// Whether the instance metadata has the instance's tags.
    pub metadata_tags: bool,
    /// The private address; an instance that is not running may have none.
    pub address: Option<String>,
    pub auto_scaling_group: Option<String>,
    pub protected_from_scale_in: bool,
    pub tags: Tags,
}

impl Instance {
    /// The host group according to the name of the instance profile; `None` if the name matches neither.
    pub fn host_group(&self) -> Option<HostGroup> {
        let profile = self.profile_arn.as_deref()?.rsplit('/').next()?;
        if profile.contains("InstanceProfileBackend") {
            Some(HostGroup::Backends)
        } else if profile.contains("InstanceProfileClient") {
            Some(HostGroup::Clients)
        } else {
            None
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state.as_str(), "terminated" | "shutting-down")
    }
}

impl DiscoveredCluster {
    /// The instances of a host group. Instances from the user are backends unless their profile is that of clients; instances
    /// of a stack need a matching profile.
    pub fn of_group(&self, group: HostGroup) -> Vec<&Instance> {
        let fallback = matches!(self.source, Source::InstanceIds(_)).then_some(HostGroup::Backends);
        self.instances
            .iter()
            .filter(|instance| !instance.is_gone() && instance.host_group().or(fallback) == Some(group))
            .collect()
    }

    /// The ids of the instances of these host groups.
    pub fn ids(&self, groups: impl IntoIterator<Item = HostGroup>) -> InstanceIds {
        let ids = |group| {
            self.of_group(group)
                .into_iter()
                .map(|instance| instance.id.clone())
        };
        groups
            .into_iter()
            .map(|group| (group, ids(group).collect()))
            .collect()
    }
}
