//! A running cluster, as AWS tells of it.

use super::Network;
use crate::names::HostGroup;
use crate::settings::Volume;
use crate::tags::Tags;
use std::collections::BTreeSet;

/// Where the instances come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A CloudFormation stack.
    Stack {
        /// The stack's id.
        id: String,
        /// Its status, such as `CREATE_COMPLETE`.
        status: String,
        /// Its template's description.
        description: String,
    },
    /// Instance ids that the user gave.
    InstanceIds(BTreeSet<String>),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredCluster {
    /// Where the instances come from.
    pub source: Source,
    /// The instances, terminated ones of a stack left out, in the order of their ids.
    pub instances: Vec<Instance>,
    /// Classic load balancers of the stack, by name.
    pub classic_load_balancers: Vec<String>,
    /// The VPC's network.
    pub network: Network,
}

/// An instance as EC2 tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// `running`, `stopped`, ...
    pub state: String,
    /// The image.
    pub image_id: String,
    /// The instance type.
    pub instance_type: String,
    /// The key pair.
    pub key_name: Option<String>,
    /// The instance profile's ARN.
    pub profile_arn: Option<String>,
    /// Its security groups, by id, sorted.
    pub security_groups: Vec<String>,
    /// The subnet.
    pub subnet: String,
    /// The VPC.
    pub vpc: String,
    /// Its volumes, the root's first.
    pub volumes: Vec<Volume>,
    /// The IMDS token mode.
    pub http_tokens: String,
    /// Its private address; one that is not running may have none.
    pub address: Option<String>,
    /// The Auto Scaling group it is in.
    pub auto_scaling_group: Option<String>,
    /// Whether that group may not remove it by itself.
    pub protected_from_scale_in: bool,
    /// Its tags.
    pub tags: Tags,
}

impl Instance {
    /// The host group that the instance's profile tells, by its name; `None` for an instance that is neither.
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
    /// The instances of each host group. Given by their ids, instances are backends unless their profile says that they
    /// are clients; of a stack, only those whose profile says so.
    pub fn of_group(&self, group: HostGroup) -> Vec<&Instance> {
        let fallback = matches!(self.source, Source::InstanceIds(_)).then_some(HostGroup::Backends);
        self.instances
            .iter()
            .filter(|instance| !instance.is_gone() && instance.host_group().or(fallback) == Some(group))
            .collect()
    }
}
