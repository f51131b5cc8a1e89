//! The health of a container and of a machine. The first rule that matches decides.

use crate::messages::Role;
use crate::policy::Group;
use jiff::Timestamp;
use std::fmt;
use weka_types::ids::DriveUuid;
use weka_types::lists::{Drive, DriveStatus, Host, HostState, HostStatus, Node, NodeStatus};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerHealth<'a> {
    /// Leaving the cluster, or no longer a member.
    Deactivating,
    Unhealthy(UnhealthyReason<'a>),
    Healthy,
}

/// The first problem found with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnhealthyReason<'a> {
    /// Its management process has been down for longer than the grace period.
    Down { since: Timestamp },
    /// A drive holds no data, although its container was added before the grace period.
    DriveInactive(&'a DriveUuid),
    /// A drive is broken, and its container runs and was added before the grace period.
    DriveFailed(&'a DriveUuid),
    /// A drive was deactivated, but not all drives of the container.
    DriveDeactivated(&'a DriveUuid),
}

impl fmt::Display for UnhealthyReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { since } => write!(f, "down since {since:.0}"),
            Self::DriveInactive(uuid) => write!(f, "drive {uuid} is inactive"),
            Self::DriveFailed(uuid) => write!(f, "drive {uuid} has failed"),
            Self::DriveDeactivated(uuid) => write!(f, "drive {uuid} was deactivated"),
        }
    }
}

/// The health of a machine, which follows from the health of its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineState {
    /// At least one container is deactivating, and none is unhealthy.
    Deactivating,
    /// At least one container is unhealthy.
    Unhealthy,
    /// All containers are healthy.
    Healthy,
}

impl MachineState {
    pub(super) fn new<'a>(mut containers: impl Iterator<Item = &'a ContainerHealth<'a>> + Clone) -> Self {
        if containers
            .clone()
            .any(|health| matches!(health, ContainerHealth::Unhealthy(_)))
        {
            Self::Unhealthy
        } else if containers.any(|health| *health == ContainerHealth::Deactivating) {
            Self::Deactivating
        } else {
            Self::Healthy
        }
    }

    /// The value of `state` in the log of *scale*.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivating => "deactivating",
            Self::Unhealthy => "unhealthy",
            Self::Healthy => "healthy",
        }
    }
}

/// When the container's management process went down; `None` if it is up or the time is unknown.
///
/// The time is that of the last fencing, or else that of the container's last change of state, or else that of its last
/// failure. A time before the last start is not the beginning of this downtime: with it, a machine that went down a second
/// ago would look as if it had been down since it started. The state also changes at the start itself.
pub(super) fn down_since<'a>(
    host: &Host,
    management_processes: impl Iterator<Item = &'a Node>,
) -> Option<Timestamp> {
    management_processes
        .map(|node| {
            if node.status != NodeStatus::Down {
                return None;
            }
            let started = host.start_time.max(node.up_since);
            let is_later = |time: &Timestamp| started.is_none_or(|started| *time > started);
            let is_fenced = |time: &Timestamp| started.is_none_or(|started| *time >= started);
            node.last_fencing_time
                .filter(is_fenced)
                .or_else(|| host.state_changed_time.filter(is_later))
                .or_else(|| host.last_failure_time.filter(is_later))
        })
        // One process that is not known to be down keeps the container up.
        .try_fold(None, |latest: Option<Timestamp>, since| Some(latest.max(Some(since?))))
        .flatten()
}

pub(super) fn container_health<'a>(
    host: &Host,
    drives: &[&'a Drive],
    down_since: Option<Timestamp>,
    group: &Group,
    now: Timestamp,
) -> ContainerHealth<'a> {
    let is_leaving = host.state == HostState::Deactivating || host.state.is_removed();
    let is_deactivated = |drive: &&&Drive| drive.should_be_active == Some(false);
    let all_drives_deactivated =
        !drives.is_empty() && drives.iter().filter(is_deactivated).count() == drives.len();
    if is_leaving || all_drives_deactivated {
        return ContainerHealth::Deactivating;
    }
    let is_down = match group.role {
        Role::Backend => matches!(host.status, HostStatus::Down | HostStatus::Degraded),
        Role::Client => host.status == HostStatus::Down,
    };
    if let Some(since) =
        down_since.filter(|since| is_down && now.duration_since(*since) > group.down_grace_period())
    {
        return ContainerHealth::Unhealthy(UnhealthyReason::Down { since });
    }
    let is_settled = host
        .added_time
        .is_some_and(|added| now.duration_since(added) > group.grace_periods.drive_inactive);
    // The drives of a container that does not run can be listed as FAILED. How long it is down decides then.
    let is_down = host.status == HostStatus::Down;
    let is_inactive = |drive: &&&Drive| match drive.status {
        DriveStatus::Inactive => true,
        DriveStatus::Failed => !is_down,
        _ => false,
    };
    if let Some(drive) = drives.iter().filter(|_| is_settled).find(is_inactive) {
        return ContainerHealth::Unhealthy(match drive.status {
            DriveStatus::Failed => UnhealthyReason::DriveFailed(&drive.uuid),
            _ => UnhealthyReason::DriveInactive(&drive.uuid),
        });
    }
    if let Some(drive) = drives.iter().find(is_deactivated) {
        return ContainerHealth::Unhealthy(UnhealthyReason::DriveDeactivated(&drive.uuid));
    }
    ContainerHealth::Healthy
}
