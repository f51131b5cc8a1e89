use super::Resolve;
use crate::secret::Secret;
use crate::tags::Tags;
use crate::value::{Outputs, Value};
use serde::Serialize;

/// The launch template's newest version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaunchTemplate {
    /// The image.
    pub image_id: String,
    /// The instance type.
    pub instance_type: String,
    /// The key pair.
    pub key_name: Option<String>,
    /// The instance profile's ARN.
    pub instance_profile: String,
    /// Security groups of the first network interface, by id.
    pub security_groups: Vec<String>,
    /// The subnet.
    pub subnet: String,
    /// Whether instances get a public address.
    pub public_address: bool,
    /// The volumes.
    pub volumes: Vec<Mapping>,
    /// The IMDS token mode.
    pub http_tokens: String,
    /// Whether instances are protected from termination.
    pub termination_protection: bool,
    /// The tags of instances, volumes and network interfaces.
    pub instance_tags: Tags,
    /// What kinds of things are tagged, all of them so.
    pub tagged: Vec<String>,
    /// The script that runs at first boot; it holds the API key.
    pub user_data: UserData,
    /// Whether it is the default version, too: the group uses the newest, people who launch by hand the default.
    pub is_default: bool,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The device name.
    pub device: String,
    /// The volume type.
    pub volume_type: String,
    /// The size in GiB.
    pub size_gib: u32,
    /// Whether it goes with its instance.
    pub delete_on_termination: bool,
}

/// The user data: the script, or what it will be made of once the join API is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum UserData {
    /// The script.
    Script(Secret),
    /// The script's parts.
    Of {
        /// The join API's URL.
        join_url: Value,
        /// Its key.
        api_key: Value,
        /// The region.
        region: String,
        /// The subnet of the additional network interfaces.
        subnet: String,
        /// Their security groups.
        security_groups: Vec<String>,
        /// How many there are.
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
        if let (Some(join_url), Some(api_key)) = (join_url.known(), api_key.known()) {
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
