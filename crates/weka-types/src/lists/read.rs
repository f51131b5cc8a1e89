//! Deserialization of the lists. It does not copy fields that are not kept: the lists of a large cluster are tens of
//! megabytes.

use super::{
    Drive, DriveHost, DriveStatus, Drives, Host, HostState, HostStatus, Hosts, Mode, Node, NodeStatus, Nodes,
    Overrides, UnknownValue,
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

/// An enumeration of the API.
pub(super) trait ApiEnum: Copy + Default + PartialEq {
    /// An unknown word is the default.
    fn from_api(word: &str) -> Self;
}

/// A value of an enumeration; null is the default, which is the unknown value.
#[derive(Default)]
pub(super) struct Word<T> {
    value: T,
    /// The word, if it is unknown.
    unknown: Option<String>,
}

impl<'de, T: ApiEnum> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = text(deserializer, "a string", |text| {
            // A container that is stopped for maintenance has the status `DRAINED (DOWN)`.
            let word = text.split(' ').next().unwrap_or_default();
            let value = T::from_api(word);
            let is_unknown = value == T::default() && !word.is_empty();
            Some(Self {
                value,
                unknown: is_unknown.then(|| text.chars().take(40).collect()),
            })
        })?;
        Ok(word.unwrap_or_default())
    }
}

impl<T> Word<T> {
    /// Returns the value, and adds an unknown one to the list.
    fn read(self, field: &'static str, unknown_values: &mut Vec<UnknownValue>) -> T {
        unknown_values.extend(self.unknown.map(|value| UnknownValue { field, value }));
        self.value
    }
}

/// An integer, a boolean or a string that is not needed: a value of another type is treated as missing.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
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
    /// The field `aws` or `cloud` of a container; null outside a cloud.
    #[derive(serde::Deserialize)]
    struct Cloud {
        #[serde(default, deserialize_with = "non_empty")]
        instance_id: Option<String>,
    }
    Ok(Option::<Cloud>::deserialize(deserializer)?
        .and_then(|cloud| cloud.instance_id)
        .map(InstanceId))
}

#[derive(serde::Deserialize)]
struct HostFields {
    #[serde(default)]
    state: Word<HostState>,
    #[serde(default)]
    status: Word<HostStatus>,
    #[serde(default)]
    mode: Word<Mode>,
    #[serde(default, deserialize_with = "address")]
    host_ip: Option<IpAddr>,
    #[serde(default, deserialize_with = "address")]
    container_ip: Option<IpAddr>,
    #[serde(default, deserialize_with = "instance")]
    aws: Option<InstanceId>,
    #[serde(default, deserialize_with = "instance")]
    cloud: Option<InstanceId>,
    #[serde(default, deserialize_with = "non_empty")]
    container_name: Option<String>,
    #[serde(default, deserialize_with = "non_empty")]
    machine_identifier: Option<String>,
    #[serde(default, deserialize_with = "time")]
    added_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    state_changed_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    start_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    last_failure_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient")]
    auto_remove_timeout: Option<u64>,
}

#[derive(serde::Deserialize)]
struct DriveFields {
    #[serde(default, rename = "host_id", deserialize_with = "drive_host")]
    host: DriveHost,
    #[serde(default)]
    status: Word<DriveStatus>,
    uuid: DriveUuid,
    #[serde(default)]
    should_be_active: Option<bool>,
    #[serde(default, rename = "isFailed", deserialize_with = "lenient")]
    failed_camel_case: Option<bool>,
    #[serde(default, rename = "is_failed", deserialize_with = "lenient")]
    failed_snake_case: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    size_bytes: Option<u64>,
    #[serde(default, deserialize_with = "time")]
    removed_time: Option<Timestamp>,
}

#[derive(serde::Deserialize)]
struct NodeFields {
    #[serde(default, rename = "host_id", deserialize_with = "host")]
    host: Option<HostId>,
    #[serde(default)]
    status: Word<NodeStatus>,
    #[serde(default, deserialize_with = "time")]
    last_fencing_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    up_since: Option<Timestamp>,
}

/// Reads a JSON object, keyed by id, as a list.
pub(super) fn entries<'de, D, Id, Fields, T>(
    deserializer: D,
    item: fn(Id, Fields) -> T,
) -> Result<Vec<T>, D::Error>
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
        entries(deserializer, |id: HostId, fields: HostFields| {
            let mut unknown_values = Vec::new();
            Host {
                id,
                state: fields.state.read("state", &mut unknown_values),
                status: fields.status.read("status", &mut unknown_values),
                mode: fields.mode.read("mode", &mut unknown_values),
                host_ip: fields.host_ip.or(fields.container_ip),
                instance_id: fields.aws.or(fields.cloud),
                container_name: fields.container_name,
                machine_identifier: fields.machine_identifier,
                added_time: fields.added_time,
                state_changed_time: fields.state_changed_time,
                start_time: fields.start_time,
                last_failure_time: fields.last_failure_time,
                auto_remove_timeout: fields.auto_remove_timeout,
                unknown_values,
            }
        })
        .map(Self)
    }
}

impl<'de> Deserialize<'de> for Drives {
    /// A drive that was removed from the cluster may still be listed; it is left out.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let drives = entries(deserializer, |id: DiskId, fields: DriveFields| {
            let mut unknown_values = Vec::new();
            let status = fields.status.read("status", &mut unknown_values);
            let has_flag = [fields.failed_camel_case, fields.failed_snake_case].contains(&Some(true));
            let is_failed = has_flag && status == DriveStatus::Active;
            fields.removed_time.is_none().then_some(Drive {
                id,
                host: fields.host,
                status: if is_failed { DriveStatus::Failed } else { status },
                uuid: fields.uuid,
                should_be_active: fields.should_be_active,
                size_bytes: fields.size_bytes,
                unknown_values,
            })
        })?;
        Ok(Self(drives.into_iter().flatten().collect()))
    }
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer, |id: NodeId, fields: NodeFields| {
            let mut unknown_values = Vec::new();
            Node {
                id,
                host: fields.host,
                status: fields.status.read("status", &mut unknown_values),
                last_fencing_time: fields.last_fencing_time,
                up_since: fields.up_since,
                unknown_values,
            }
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
pub(super) struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
