//! How a container and a machine are: the first rule that matches.

use super::Container;
use crate::messages::Role;
use crate::policy::Group;
use jiff::Timestamp;
use std::fmt;
use weka_types::ids::DriveUuid;
use weka_types::lists::{Drive, DriveStatus, Host, HostState, HostStatus, Node, NodeStatus};

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerHealth<'a> {
    /// On its way out of the cluster, or out of it.
    Deactivating,
    /// Something is wrong with it.
    Unhealthy(UnhealthyReason<'a>),
    /// Nothing is.
    Healthy,
}

/// What is wrong with a container: the first thing found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnhealthyReason<'a> {
    /// Its management process is down for too long.
    Down {
        /// Since when.
        since: Timestamp,
    },
    /// A drive holds nothing though its container was added a while ago.
    DriveInactive(&'a DriveUuid),
    /// A drive is not to hold anything, and others of the container are.
    DriveDeactivated(&'a DriveUuid),
}

impl fmt::Display for UnhealthyReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { since } => write!(f, "down since {since:.0}"),
            Self::DriveInactive(uuid) => write!(f, "drive {uuid} is inactive"),
            Self::DriveDeactivated(uuid) => write!(f, "drive {uuid} was deactivated"),
        }
    }
}

/// How a machine is: as the worst of its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineState {
    /// One is on its way out, and none is unhealthy.
    Deactivating,
    /// One is unhealthy.
    Unhealthy,
    /// All are healthy.
    Healthy,
}

impl MachineState {
    pub(super) fn of(containers: &[Container<'_>]) -> Self {
        let any =
            |of: fn(&ContainerHealth<'_>) -> bool| containers.iter().any(|container| of(&container.health));
        if any(|health| matches!(health, ContainerHealth::Unhealthy(_))) {
            Self::Unhealthy
        } else if any(|health| *health == ContainerHealth::Deactivating) {
            Self::Deactivating
        } else {
            Self::Healthy
        }
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deactivating => "deactivating",
            Self::Unhealthy => "unhealthy",
            Self::Healthy => "healthy",
        }
    }
}

/// Since when the container's management process is down: since it was shut out of the cluster, else since the
/// container's state changed.
///
/// None where it is up or unknown. A process that came up after it had been shut out went down later than that, so the
/// later of the two counts: what is not known is no reason to take it for longer.
pub(super) fn down_since<'a>(host: &Host, managers: impl Iterator<Item = &'a Node>) -> Option<Timestamp> {
    managers
        .map(|node| {
            if node.status != NodeStatus::Down {
                return None;
            }
            let since = node.last_fencing_time.or(host.state_changed_time)?;
            Some(node.up_since.map_or(since, |up| since.max(up)))
        })
        // One that is not surely down keeps the container up.
        .try_fold(None, |latest: Option<Timestamp>, since| Some(latest.max(Some(since?))))
        .flatten()
}

pub(super) fn of<'a>(
    host: &Host,
    drives: &[&'a Drive],
    down_since: Option<Timestamp>,
    group: &Group,
    now: Timestamp,
) -> ContainerHealth<'a> {
    let leaves = matches!(
        host.state,
        HostState::Deactivating | HostState::Removing | HostState::Inactive
    );
    let deactivated = |drive: &&&Drive| drive.should_be_active == Some(false);
    if leaves || (!drives.is_empty() && drives.iter().filter(deactivated).count() == drives.len()) {
        return ContainerHealth::Deactivating;
    }
    let is_down = match group.role {
        Role::Backend => matches!(host.status, HostStatus::Down | HostStatus::Degraded),
        Role::Client => host.status == HostStatus::Down,
    };
    if let Some(since) = down_since.filter(|since| is_down && now.duration_since(*since) > group.down()) {
        return ContainerHealth::Unhealthy(UnhealthyReason::Down { since });
    }
    let settled = host
        .added_time
        .is_some_and(|added| now.duration_since(added) > group.patience.drive_inactive);
    if let Some(drive) = drives
        .iter()
        .find(|drive| settled && drive.status == DriveStatus::Inactive)
    {
        return ContainerHealth::Unhealthy(UnhealthyReason::DriveInactive(&drive.uuid));
    }
    if let Some(drive) = drives.iter().find(deactivated) {
        return ContainerHealth::Unhealthy(UnhealthyReason::DriveDeactivated(&drive.uuid));
    }
    ContainerHealth::Healthy
}
