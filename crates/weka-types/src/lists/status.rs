//! The result of `status`.

use super::Capacity;
use serde::de::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// `STARTED` if the cluster serves I/O.
    pub io_status: String,
    /// The upgrade in progress, if any: `upgrade` of Weka up to 4.3, or the phase in `upgrade_info` of Weka 4.4.
    pub upgrade: Option<String>,
    /// Whether the response has neither `upgrade` nor a valid `upgrade_info`: then no upgrade can be detected.
    pub is_upgrade_unknown: bool,
    /// The Weka release, such as `4.4.2.157`.
    pub release: Option<String>,
    /// How many failure domains can fail while the capacity stays sufficient.
    pub hot_spare: Option<u32>,
    pub stripe_data_drives: Option<u32>,
    pub stripe_protection_drives: Option<u32>,
    pub capacity: Capacity,
    pub rebuild: RebuildStatus,
}

/// The field `rebuild`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RebuildStatus {
    /// Missing or null.
    #[default]
    Unknown,
    /// A part that is needed is missing or has another type.
    Malformed(&'static str),
    Known(Rebuild),
}

/// How well the data is protected, and whether it is moving.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuild {
    pub protection: Vec<ProtectionLevel>,
    /// Whether there are enough failure domains to rebuild the data.
    pub enough_active_fds: Option<bool>,
    pub unavailable: Option<Percent>,
    pub moving_data: Option<bool>,
    pub progress: Option<Percent>,
}

/// The share of the data that has lost this number of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectionLevel {
    pub num_failures: u64,
    pub percent: Percent,
}

/// A percentage in thousandths, rounded up: a small share is more than zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u32);

impl Percent {
    pub const ZERO: Self = Self(0);

    /// `None` if the number is not a percentage.
    pub fn new(percent: f64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        (0.0..=100.0)
            .contains(&percent)
            .then(|| Self((percent * 1000.0).ceil() as u32))
    }

    fn from_json(value: &Value) -> Option<Self> {
        Self::new(value.as_f64()?)
    }
}

impl fmt::Display for Percent {
    /// Rounded down: 100 % is complete.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0 / 1000)
    }
}

/// The upgrade in progress. Null, `false` and an empty string mean none; any other value means that one is in progress.
fn upgrade_in_progress(value: Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text).filter(|text| !text.is_empty()),
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
            upgrade: Option<Value>,
            #[serde(default, deserialize_with = "null_as_value")]
            upgrade_info: Option<Value>,
            #[serde(default)]
            release: Value,
            #[serde(default)]
            hot_spare: Value,
            #[serde(default)]
            stripe_data_drives: Value,
            #[serde(default)]
            stripe_protection_drives: Value,
            #[serde(default)]
            capacity: Value,
            #[serde(default)]
            rebuild: Value,
        }
        let fields = Fields::deserialize(deserializer)?;
        let (upgrade, upgrade_info) = (fields.upgrade, fields.upgrade_info);
        let is_readable = |info: &Value| info.is_object() || info.is_null();
        let is_upgrade_unknown = upgrade.is_none() && !upgrade_info.as_ref().is_some_and(is_readable);
        let info = |name: &str| {
            let value = upgrade_info.as_ref().and_then(|info| info.get(name));
            value.cloned().and_then(upgrade_in_progress)
        };
        let paused = || info("upgrade_paused").map(|_| "paused".to_owned());
        let upgrade = upgrade.and_then(upgrade_in_progress);
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        Ok(Self {
            io_status: fields.io_status,
            upgrade: upgrade.or_else(|| info("upgrade_phase")).or_else(paused),
            is_upgrade_unknown,
            release: fields.release.as_str().map(str::to_owned),
            hot_spare: number(&fields.hot_spare),
            stripe_data_drives: number(&fields.stripe_data_drives),
            stripe_protection_drives: number(&fields.stripe_protection_drives),
            capacity: Capacity {
                total_bytes: fields.capacity["total_bytes"].as_u64(),
                unprovisioned_bytes: fields.capacity["unprovisioned_bytes"].as_u64(),
            },
            rebuild: rebuild(&fields.rebuild),
        })
    }
}

/// Only `protectionState` is needed; the others are optional, but must have the expected type.
fn rebuild(value: &Value) -> RebuildStatus {
    if value.is_null() {
        return RebuildStatus::Unknown;
    }
    let level = |entry: &Value| {
        Some(ProtectionLevel {
            num_failures: entry["numFailures"].as_u64()?,
            percent: Percent::from_json(&entry["percent"])?,
        })
    };
    let levels = value["protectionState"].as_array();
    let Some(protection) = levels.and_then(|levels| levels.iter().map(level).collect()) else {
        return RebuildStatus::Malformed("protectionState");
    };
    let has_type = |name: &str, is_valid: fn(&Value) -> bool| value[name].is_null() || is_valid(&value[name]);
    let is_percent = |value: &Value| Percent::from_json(value).is_some();
    for (name, is_valid) in [
        ("enoughActiveFDs", Value::is_boolean as fn(&Value) -> bool),
        ("unavailablePercent", is_percent),
    ] {
        if !has_type(name, is_valid) {
            return RebuildStatus::Malformed(name);
        }
    }
    RebuildStatus::Known(Rebuild {
        protection,
        enough_active_fds: value["enoughActiveFDs"].as_bool(),
        unavailable: Percent::from_json(&value["unavailablePercent"]),
        moving_data: value["movingData"].as_bool(),
        progress: Percent::from_json(&value["progressPercent"]),
    })
}

fn null_as_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
