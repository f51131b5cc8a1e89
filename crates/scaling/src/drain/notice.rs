//! What a run reports about the cluster as a whole.

use super::gates::{Gate, Gates};
use crate::messages::Role;
use crate::policy::{Floor, Group};
use std::collections::BTreeMap;
use std::fmt;
use weka_types::lists::{Lists, Optional, RebuildStatus, UnknownValue};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The target is not carried out; repairs continue.
    BelowFloor { desired: u32, floor: u32 },
    /// There is no room to rebuild data after a failure.
    BelowHotSpare { desired: u32, recommended: u32 },
    /// `status` has neither `upgrade` nor a valid `upgrade_info`.
    UpgradeUnknown,
    /// `status` has no width of a stripe.
    FloorUnknown,
    /// `status` has no `rebuild`.
    ProtectionUnknown,
    /// No healthy machine starts to drain.
    Blocked(Gate),
    /// The value may come from a later Weka release.
    UnknownValue {
        list: &'static str,
        value: UnknownValue,
        entries: usize,
    },
    /// An optional list cannot be read.
    NotRead { method: &'static str, reason: String },
}

impl Notice {
    /// Whether the run did not do what was requested.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::BelowFloor { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowFloor { desired, floor } => {
                write!(f, "desired capacity {desired} is below the minimum of {floor} backends")
            }
            Self::BelowHotSpare { desired, recommended } => write!(
                f,
                "with desired capacity {desired}, Weka has no hot spare: at least {recommended} backends are recommended"
            ),
            Self::UpgradeUnknown => f.write_str(
                "an upgrade of the cluster cannot be detected: the response to `status` has neither `upgrade` nor a valid `upgrade_info`",
            ),
            Self::FloorUnknown => f.write_str(
                "the response to `status` has no stripe width: the minimum number of backends is assumed to be 5",
            ),
            Self::ProtectionUnknown => f.write_str(
                "the response to `status` has no `rebuild`: the protection of the data is unknown, and Weka decides whether a machine can leave",
            ),
            Self::Blocked(gate) => write!(f, "no healthy machine starts to drain: {gate}"),
            Self::UnknownValue {
                list,
                value: UnknownValue { field, value },
                entries,
            } => write!(f, "{list} has the unknown {field} {value} ({entries} entries)"),
            Self::NotRead { method, reason } => write!(f, "{method} cannot be read: {reason}"),
        }
    }
}

/// The notices about what was read. `excess` is the number of machines above the desired capacity.
pub(super) fn notices(lists: &Lists, group: &Group, gates: &Gates<'_>, excess: usize) -> Vec<Notice> {
    let mut notices = Vec::new();
    let status = &lists.status;
    if status.is_upgrade_unknown {
        notices.push(Notice::UpgradeUnknown);
    }
    if group.role == Role::Backend {
        let floor = Floor::new(status);
        let desired = group.desired;
        let recommended = floor
            .machines
            .saturating_add(status.hot_spare.unwrap_or_default());
        if desired < floor.machines {
            notices.push(Notice::BelowFloor {
                desired,
                floor: floor.machines,
            });
        } else if desired < recommended && excess > 0 {
            notices.push(Notice::BelowHotSpare { desired, recommended });
        }
        if !floor.is_known {
            notices.push(Notice::FloorUnknown);
        }
        if status.rebuild == RebuildStatus::Unknown {
            notices.push(Notice::ProtectionUnknown);
        }
        // That the data is not fully protected matters only to a scale-in; a missing fact always does.
        let gate = gates
            .for_healthy()
            .filter(|gate| excess > 0 || gate.is_missing_fact());
        notices.extend(gate.cloned().map(Notice::Blocked));
    }
    notices.extend(unknown_values(lists));
    let not_read = |method, reason: Option<&String>| {
        let reason = reason?.clone();
        Some(Notice::NotRead { method, reason })
    };
    notices.extend(not_read("filesystems_list", failure(&lists.filesystems)));
    notices.extend(not_read("samba_get_cluster_info", failure(&lists.smb)));
    notices.extend(not_read("s3_get_cluster_info", failure(&lists.s3)));
    notices
}

fn failure<T>(list: &Optional<T>) -> Option<&String> {
    match list {
        Optional::Read(_) => None,
        Optional::Failed(reason) => Some(reason),
    }
}

fn unknown_values(lists: &Lists) -> Vec<Notice> {
    let hosts = lists.hosts.0.iter().flat_map(|host| &host.unknown_values);
    let drives = lists.drives.0.iter().flat_map(|drive| &drive.unknown_values);
    let nodes = lists.nodes.0.iter().flat_map(|node| &node.unknown_values);
    let values = hosts
        .map(|value| ("hosts_list", value))
        .chain(drives.map(|value| ("disks_list", value)))
        .chain(nodes.map(|value| ("nodes_list", value)));
    let mut counts: BTreeMap<(&'static str, &UnknownValue), usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((list, value), entries)| Notice::UnknownValue {
            list,
            value: value.clone(),
            entries,
        })
        .collect()
}
