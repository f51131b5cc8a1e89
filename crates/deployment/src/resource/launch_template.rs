use super::Resolve;
use crate::placement::{CapacityReservation, PlacementGroup};
use crate::secret::Secret;
use crate::tags::Tags;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The newest version of the launch template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaunchTemplate {
    pub image_id: String,
    pub instance_type: String,
    pub key_name: Option<String>,
    /// The ARN of the instance profile.
    pub instance_profile: String,
    /// Ids of the security groups of the first network interface.
    pub security_groups: Vec<String>,
    pub subnet: String,
    pub public_address: bool,
    pub volumes: Vec<Mapping>,
    /// The IMDS token mode: `optional` or `required`.
    pub http_tokens: String,
    /// The IMDS hop limit; `None` if the image decides.
    pub http_hop_limit: Option<i32>,
    pub placement_group: Option<PlacementGroup>,
    pub capacity_reservation: Option<CapacityReservation>,
    pub detailed_monitoring: bool,
    pub termination_protection: bool,
    pub stop_protection: bool,
    /// Tags of instances, volumes and network interfaces.
    pub instance_tags: Tags,
    /// The resource types that have these tags.
    pub tagged: Vec<String>,
    /// The script that runs at first boot. It contains the API key.
    pub user_data: UserData,
    /// Whether it is also the default version: the group uses the newest, users who launch instances manually get the default.
    pub is_default: bool,
}

/// A block device mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapping {
    pub device: String,
    pub volume_type: String,
    pub size_gib: u32,
    pub delete_on_termination: bool,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    pub iops: Option<u32>,
    pub throughput_mib: Option<u32>,
}

/// The user data: the script, or its parts until the join API exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum UserData {
    Script(Secret),
    Of {
        join_url: Value,
        api_key: Value,
        region: String,
        /// Subnet of the additional network interfaces.
        subnet: String,
        /// Security groups of the additional network interfaces.
        security_groups: Vec<String>,
        /// Number of additional network interfaces.
        io_cores: u32,
    },
}

impl Resolve for LaunchTemplate {
    fn resolve(&mut self, outputs: &Outputs) {
        let UserData::Of {
            join_url,
            api_key,
            region,
            subnet,
            security_groups,
            io_cores,
        } = &mut self.user_data
        else {
            return;
        };
        super::resolve_all([&mut *join_url, &mut *api_key], outputs);
        if let (Some(join_url), Some(api_key)) = (join_url.resolved(), api_key.resolved()) {
            let script = ::instances::UserData {
                join_url: join_url.to_owned(),
                api_key: api_key.to_owned(),
                region: region.clone(),
                subnet: subnet.clone(),
                security_groups: security_groups.clone(),
                io_cores: *io_cores,
            };
            self.user_data = UserData::Script(Secret::new(script.render()));
        }
    }

    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        let script = match &self.user_data {
            UserData::Script(script) => Some(script),
            UserData::Of { .. } => None,
        };
        vec![("user_data", script)]
    }
}
