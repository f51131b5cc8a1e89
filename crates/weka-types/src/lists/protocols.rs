//! The containers that serve NFS, SMB and S3.

use crate::ids::HostId;
use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

/// The result of `interface_group_list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceGroups(pub Vec<InterfaceGroup>);

/// Network ports of containers that serve a protocol.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct InterfaceGroup {
    pub name: String,
    /// `NFS` or `SMB`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub ports: Vec<InterfacePort>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
pub struct InterfacePort {
    pub host_id: HostId,
    /// The name of the network interface.
    pub port: String,
}

impl InterfaceGroup {
    pub fn is_nfs(&self) -> bool {
        self.kind.eq_ignore_ascii_case("NFS")
    }
}

impl<'de> Deserialize<'de> for InterfaceGroups {
    /// Weka returns an array; the values of an object are accepted as well.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = match Value::deserialize(deserializer)? {
            Value::Array(entries) => entries,
            Value::Object(entries) => entries.into_iter().map(|(_, entry)| entry).collect(),
            Value::Null => Vec::new(),
            _ => return Err(serde::de::Error::custom("expected an array")),
        };
        let groups = entries.into_iter().map(InterfaceGroup::deserialize);
        let groups: Result<_, _> = groups.collect();
        groups.map(Self).map_err(serde::de::Error::custom)
    }
}

/// The containers that `samba_get_cluster_info` or `s3_get_cluster_info` names: every `HostId<n>` in the response, because
/// no public source shows all its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServingHosts(pub Vec<HostId>);

impl<'de> Deserialize<'de> for ServingHosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut hosts = Vec::new();
        add_hosts(&Value::deserialize(deserializer)?, &mut hosts);
        hosts.sort_unstable();
        hosts.dedup();
        Ok(Self(hosts))
    }
}

fn add_hosts(value: &Value, hosts: &mut Vec<HostId>) {
    match value {
        Value::String(text) => hosts.extend(text.parse::<HostId>().ok()),
        Value::Array(values) => values.iter().for_each(|value| add_hosts(value, hosts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                hosts.extend(name.parse::<HostId>().ok());
                add_hosts(value, hosts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
