//! Deserialization of the lists. It does not copy fields that are not kept: the lists of a large cluster are tens of
//! megabytes.

use super::{
    Drive, DriveHost, DriveStatus, Drives, Host, HostState, HostStatus, Hosts, Mode, Node, NodeStatus, Nodes,
    Overrides, Status,
};
use crate::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor,
};
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

/// Parses a string that may be null with `parse`, which borrows it.
fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expecting: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    struct Text<F>(&'static str, F);
    impl<'de, T, F: FnOnce(&str) -> Option<T>> Visitor<'de> for Text<F> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
            match (self.1)(text) {
                Some(value) => Ok(Some(value)),
                None => Err(E::invalid_value(Unexpected::Str(text), &self.0)),
            }
        }

        fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            deserializer.deserialize_str(self)
        }
    }
    deserializer.deserialize_option(Text(expecting, parse))
}

/// A value of a closed list; null is the default, which is the unknown value.
pub(super) fn word<'de, D: Deserializer<'de>, T: Default>(
    deserializer: D,
    from_api: impl FnOnce(&str) -> T,
) -> Result<T, D::Error> {
    Ok(text(deserializer, "a string", |word| Some(from_api(word)))?.unwrap_or_default())
}

/// The upgrade in progress. Null, `false` and an empty string mean none; any other value means that one is in progress.
fn upgrade_in_progress(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(false) => None,
        serde_json::Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

impl<'de> Deserialize<'de> for Status {
    /// Weka up to 4.3 reports `upgrade`; Weka 4.4 reports `upgrade_info` instead. `upgrade_type` is set on an idle cluster too, so it
    /// never means an upgrade. Between two phases of an upgrade `upgrade_phase` can be empty: a paused upgrade counts as well.
    /// Source: a `status` of Weka 4.4.2 (weka/weka-operator, `doc/weka/cli/weka.md`).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(expecting = "struct Status")]
        struct Fields {
            io_status: String,
            // A field that is present but null is `Some(Value::Null)`.
            #[serde(default, deserialize_with = "null_as_value")]
            upgrade: Option<serde_json::Value>,
            #[serde(default, deserialize_with = "null_as_value")]
            upgrade_info: Option<serde_json::Value>,
        }
        let Fields {
            io_status,
            upgrade,
            upgrade_info,
        } = Fields::deserialize(deserializer)?;
        let is_readable = |info: &serde_json::Value| info.is_object() || info.is_null();
        let is_upgrade_unknown = upgrade.is_none() && !upgrade_info.as_ref().is_some_and(is_readable);
        let info = |name: &str| {
            let value = upgrade_info.as_ref().and_then(|info| info.get(name));
            value.cloned().and_then(upgrade_in_progress)
        };
        let paused = || info("upgrade_paused").map(|_| "paused".to_owned());
        let upgrade = upgrade.and_then(upgrade_in_progress);
        Ok(Self {
            io_status,
            upgrade: upgrade.or_else(|| info("upgrade_phase")).or_else(paused),
            is_upgrade_unknown,
        })
    }
}

fn null_as_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

/// A string; an empty one is treated as missing.
fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text(deserializer, "a string", |text| {
        Some((!text.is_empty()).then(|| text.to_owned()))
    })?
    .flatten())
}

/// A time such as `2026-01-31T08:00:00.123456Z`. Without an offset it is UTC; an empty string is unknown.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let parse = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some).or_else(|| {
            let local: DateTime = text.parse().ok()?;
            Some(TimeZone::UTC.to_timestamp(local).ok())
        }),
    };
    Ok(text(deserializer, "a time such as 2026-01-31T08:00:00Z", parse)?.flatten())
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let parse = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    Ok(text(deserializer, "an IP address", parse)?.flatten())
}

/// The container that a process belongs to.
fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HostId>, D::Error> {
    Ok(text(deserializer, "HostId<number>", |text| HostId::parse(text).ok())?.flatten())
}

fn drive_host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DriveHost, D::Error> {
    let id = text(deserializer, "HostId<number>", |text| HostId::parse(text).ok())?;
    Ok(match id {
        Some(Some(id)) => DriveHost::Host(id),
        Some(None) => DriveHost::None,
        None => DriveHost::Unknown,
    })
}

fn instance<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<InstanceId>, D::Error> {
    /// The field `aws` of a container; null outside AWS.
    #[derive(serde::Deserialize)]
    struct Aws {
        #[serde(default, deserialize_with = "non_empty")]
        instance_id: Option<String>,
    }
    Ok(Option::<Aws>::deserialize(deserializer)?
        .and_then(|aws| aws.instance_id)
        .map(InstanceId))
}

#[derive(serde::Deserialize)]
struct HostFields {
    #[serde(default)]
    state: HostState,
    #[serde(default)]
    status: HostStatus,
    #[serde(default)]
    mode: Mode,
    #[serde(default, deserialize_with = "address")]
    host_ip: Option<IpAddr>,
    #[serde(default, rename = "aws", deserialize_with = "instance")]
    instance_id: Option<InstanceId>,
    #[serde(default, deserialize_with = "non_empty")]
    container_name: Option<String>,
    #[serde(default, deserialize_with = "non_empty")]
    machine_identifier: Option<String>,
    #[serde(default, deserialize_with = "time")]
    added_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    state_changed_time: Option<Timestamp>,
}

#[derive(serde::Deserialize)]
struct DriveFields {
    #[serde(default, rename = "host_id", deserialize_with = "drive_host")]
    host: DriveHost,
    #[serde(default)]
    status: DriveStatus,
    uuid: DriveUuid,
    #[serde(default)]
    should_be_active: Option<bool>,
}

#[derive(serde::Deserialize)]
struct NodeFields {
    #[serde(default, rename = "host_id", deserialize_with = "host")]
    host: Option<HostId>,
    #[serde(default)]
    status: NodeStatus,
    #[serde(default, deserialize_with = "time")]
    last_fencing_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    up_since: Option<Timestamp>,
}

/// Reads a JSON object, keyed by id, as a list.
fn entries<'de, D, Id, Fields, T>(deserializer: D, item: fn(Id, Fields) -> T) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    Id: DeserializeOwned,
    Fields: DeserializeOwned,
{
    struct Map<Id, Fields, T>(fn(Id, Fields) -> T, PhantomData<(Id, Fields)>);
    impl<'de, Id: DeserializeOwned, Fields: DeserializeOwned, T> Visitor<'de> for Map<Id, Fields, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map keyed by id")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::with_capacity(map.size_hint().unwrap_or(0));
            while let Some((id, fields)) = map.next_entry()? {
                list.push((self.0)(id, fields));
            }
            Ok(list)
        }
    }
    deserializer.deserialize_map(Map(item, PhantomData))
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer, |id: HostId, fields: HostFields| Host {
            id,
            state: fields.state,
            status: fields.status,
            mode: fields.mode,
            host_ip: fields.host_ip,
            instance_id: fields.instance_id,
            container_name: fields.container_name,
            machine_identifier: fields.machine_identifier,
            added_time: fields.added_time,
            state_changed_time: fields.state_changed_time,
        })
        .map(Self)
    }
}

impl<'de> Deserialize<'de> for Drives {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer, |id: DiskId, fields: DriveFields| Drive {
            id,
            host: fields.host,
            status: fields.status,
            uuid: fields.uuid,
            should_be_active: fields.should_be_active,
        })
        .map(Self)
    }
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer, |id: NodeId, fields: NodeFields| Node {
            id,
            host: fields.host,
            status: fields.status,
            last_fencing_time: fields.last_fencing_time,
            up_since: fields.up_since,
        })
        .map(Self)
    }
}

impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Fields {
            #[serde(default, deserialize_with = "non_empty")]
            key: Option<String>,
            /// A missing field means that the override is enabled.
            #[serde(default)]
            enabled: Option<bool>,
        }
        let keys = entries(deserializer, |_: Ignored, fields: Fields| {
            fields.key.filter(|_| fields.enabled != Some(false))
        })?;
        Ok(Self(keys.into_iter().flatten().collect()))
    }
}

/// A key that is not used.
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
