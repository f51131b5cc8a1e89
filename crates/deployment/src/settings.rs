//! The cluster's settings: what import found and what the user chose, as stored in the table.
//!
//! Names and meaning of the fields are those of wekactl 1.x (Go); fields were only added. Unknown fields are kept.

use crate::names::HostGroup;
use crate::placement::{CapacityReservation, PlacementGroup};
use instances::ClientMount;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json, json};
use weka_types::WekaProtocol;

/// The item's key.
pub const SETTINGS_KEY: &str = "cluster-settings";
/// The item's key.
pub const CREDENTIALS_KEY: &str = "cluster-creds";

/// The prefix of the keys of items that record which request has joined as an instance; the instance id follows.
pub const CLAIM_PREFIX: &str = "join-claim/";

/// The settings of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Settings {
    /// The instances that hold the data.
    pub backends: GroupSettings,
    /// The clients' host group, if it has one.
    #[serde(default)]
    pub clients: Option<GroupSettings>,
    /// The backends' subnet.
    #[serde(default, deserialize_with = "or_default")]
    pub subnet: String,
    /// The load balancer's second subnet.
    #[serde(default, deserialize_with = "or_default")]
    pub additional_subnet: String,
    #[serde(default, deserialize_with = "or_default")]
    pub vpc_id: String,
    #[serde(default, deserialize_with = "tags")]
    pub tags_map: crate::Tags,
    /// Whether the subnet is private: no public addresses, a private API.
    #[serde(default, deserialize_with = "or_default")]
    pub private_subnet: bool,
    /// The id of the stack that the cluster was imported from.
    #[serde(default)]
    pub stack_id: Option<String>,
    /// The version of wekactl that wrote the settings.
    #[serde(default, deserialize_with = "or_default")]
    pub build_version: String,
    /// The DNS alias of the load balancer.
    #[serde(default)]
    pub dns_alias: Option<String>,
    /// The hosted zone of that name.
    #[serde(default)]
    pub dns_zone_id: Option<String>,
    /// Whether `scale` reads the credentials from the table itself, through an endpoint in the VPC.
    #[serde(default, rename = "UseDynamoDBEndpoint", deserialize_with = "or_default")]
    pub use_dynamodb_endpoint: bool,
    /// The protocol of the backends' management API. wekactl 1.x does not know it, and accepts any certificate.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub weka_protocol: WekaProtocol,
    /// Trusted certificates in PEM: a backend must present one of them or one that they issued. wekactl 1.x does not know it.
    #[serde(default, rename = "WekaCA", skip_serializing_if = "Option::is_none")]
    pub weka_ca: Option<String>,
    /// What new clients mount, as given with `--client-mount`. wekactl 1.x does not know it.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub client_mounts: Vec<ClientMount>,
    /// The stack's classic load balancer. wekactl 1.x does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classic_load_balancer: Option<String>,
    /// The permissions boundary of the created roles, as given with `--permissions-boundary`. wekactl 1.x does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// The certificate in PEM that verifies the identity documents of instances, as given with `--identity-cert`; `None` for the
    /// certificate of the region. wekactl 1.x does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_certificate: Option<String>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Json>,
}

/// What a host group's launch template copies from the imported instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupSettings {
    #[serde(default, deserialize_with = "or_default")]
    pub security_groups_ids: Vec<String>,
    #[serde(default, rename = "ImageID", deserialize_with = "or_default")]
    pub image_id: String,
    #[serde(default)]
    pub key_name: Option<String>,
    /// The instance profile's ARN.
    #[serde(default, deserialize_with = "or_default")]
    pub iam_arn: String,
    #[serde(default, deserialize_with = "or_default")]
    pub instance_type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub subnet: String,
    /// The root volume comes first.
    #[serde(default, deserialize_with = "or_default")]
    pub volumes_info: Vec<Volume>,
    /// The Auto Scaling group's maximum.
    #[serde(default, deserialize_with = "or_default")]
    pub max_size: u32,
    /// The IMDS token mode: `optional` or `required`.
    #[serde(default, deserialize_with = "or_default")]
    pub http_tokens: String,
    /// wekactl 1.x does not know it and the following three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement_group: Option<PlacementGroup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_reservation: Option<CapacityReservation>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub detailed_monitoring: bool,
    /// EC2 refuses to stop a new instance, and also to terminate it.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub stop_protection: bool,
    /// Cores and memory given with `--cores` and `--compute-memory`. wekactl 1.x does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<instances::Profile>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Json>,
}

/// A volume of the launch template. wekactl 1.x knows its name, type and size only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// The device name, for example `/dev/sda1`.
    pub name: String,
    /// For example `gp3`.
    pub r#type: String,
    /// In GiB.
    pub size: u32,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub encrypted: bool,
    /// The ARN of the key if the volume is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// `None`: what EC2 provides by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    /// In MiB/s. `None`: what EC2 provides by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<u32>,
}

/// Settings that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the settings in the table cannot be read: {0}")]
pub struct InvalidSettings(String);

impl Settings {
    /// Reads the item in DynamoDB's JSON, as this version or wekactl 1.x wrote it.
    ///
    /// # Errors
    /// The field that is missing or of another type.
    pub fn from_item(item: &Map<String, Json>) -> Result<Self, InvalidSettings> {
        let mut plain = Map::new();
        for (name, value) in item {
            if name != "Key" {
                plain.insert(
                    name.clone(),
                    from_attribute(value).map_err(|e| InvalidSettings(format!("{name} {e}")))?,
                );
            }
        }
        serde_json::from_value(Json::Object(plain)).map_err(|e| InvalidSettings(e.to_string()))
    }

    /// The table's item, in DynamoDB's JSON.
    pub fn to_item(&self) -> Map<String, Json> {
        let mut item = Map::new();
        item.insert("Key".to_owned(), json!({ "S": SETTINGS_KEY }));
        if let Json::Object(fields) = json!(self) {
            item.extend(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), to_attribute(value))),
            );
        }
        item
    }

    /// The settings of a host group; `None` if the cluster does not have it.
    pub fn group(&self, group: HostGroup) -> Option<&GroupSettings> {
        match group {
            HostGroup::Backends => Some(&self.backends),
            HostGroup::Clients => self.clients.as_ref(),
        }
    }

    /// What new clients mount: as given at import, else the default.
    pub fn client_mounts(&self) -> Vec<ClientMount> {
        if self.client_mounts.is_empty() {
            vec![ClientMount::default_mount()]
        } else {
            self.client_mounts.clone()
        }
    }

    /// The host groups that the cluster has.
    pub fn groups(&self) -> impl Iterator<Item = HostGroup> {
        HostGroup::ALL
            .into_iter()
            .filter(|&group| self.group(group).is_some())
    }
}

impl GroupSettings {
    /// Cores and memory of the instances: as given at import, else as defined for the instance type; `None` for an unknown
    /// type.
    pub fn profile(&self) -> Option<instances::Profile> {
        self.profile
            .clone()
            .or_else(|| instances::profile_of(&self.instance_type))
    }
}

/// A field that wekactl 1.x writes as NULL when it is empty.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The user's tags. A value can be NULL.
fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<crate::Tags, D::Error> {
    let tags: std::collections::BTreeMap<String, Option<String>> = or_default(deserializer)?;
    let tags = tags.into_iter();
    Ok(tags
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Plain JSON from an attribute value in DynamoDB's JSON.
fn from_attribute(attribute: &Json) -> Result<Json, String> {
    let unreadable = || format!("is not an attribute value: {attribute}");
    let (kind, value) = attribute
        .as_object()
        .and_then(|o| o.iter().next())
        .ok_or_else(unreadable)?;
    match (kind.as_str(), value) {
        ("NULL", _) => Ok(Json::Null),
        ("S" | "BOOL", value) => Ok(value.clone()),
        ("N", Json::String(number)) => serde_json::from_str(number).map_err(|_| unreadable()),
        ("L", Json::Array(list)) => list.iter().map(from_attribute).collect(),
        ("SS", Json::Array(list)) => Ok(Json::Array(list.clone())),
        ("M", Json::Object(map)) => map
            .iter()
            .map(|(name, value)| Ok((name.clone(), from_attribute(value)?)))
            .collect(),
        _ => Err(unreadable()),
    }
}

/// An attribute value in DynamoDB's JSON. An empty string is NULL, as in wekactl 1.x.
fn to_attribute(plain: &Json) -> Json {
    match plain {
        Json::Null => json!({ "NULL": true }),
        Json::String(text) if text.is_empty() => json!({ "NULL": true }),
        Json::String(text) => json!({ "S": text }),
        Json::Bool(flag) => json!({ "BOOL": flag }),
        Json::Number(number) => json!({ "N": number.to_string() }),
        Json::Array(list) => json!({ "L": list.iter().map(to_attribute).collect::<Vec<_>>() }),
        Json::Object(map) => {
            json!({ "M": map.iter().map(|(k, v)| (k.clone(), to_attribute(v))).collect::<Map<_, _>>() })
        }
    }
}

#[cfg(test)]
mod tests;
