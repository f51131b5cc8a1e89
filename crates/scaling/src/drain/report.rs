//! The decision about each machine and its reason, for the log, for people and for tests.

use super::gates::Gate;
use super::notice::Notice;
use crate::cluster_view::{MachineState, SkipReason};
use jiff::Timestamp;
use std::fmt;
use std::net::IpAddr;
use weka_types::ids::{DriveUuid, HostId};

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report shows what was refused and why"]
pub struct Report {
    pub counts: Counts,
    /// How many machines of the group must be draining.
    pub to_deactivate: usize,
    /// One for each machine, and one for each instance and container that is not part of a machine.
    pub decisions: Vec<Decision>,
    /// What the run reports about the cluster as a whole.
    pub notices: Vec<Notice>,
}

/// The number of machines of the group in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub desired: usize,
    pub healthy: usize,
    pub unhealthy: usize,
    pub deactivating: usize,
    /// Members that the run never chooses: see [`SkipReason`].
    pub skipped: usize,
    /// Drives of the group's machines that are phasing out.
    pub phasing_out: usize,
}

impl Counts {
    /// The number of members of the group.
    pub fn size(&self) -> usize {
        self.healthy + self.unhealthy + self.deactivating + self.skipped
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub address: Option<IpAddr>,
    /// The instance of the group.
    pub instance: Option<String>,
    pub hosts: Vec<HostId>,
    /// `None` if the decision is not about a machine.
    pub state: Option<MachineState>,
    pub action: Action,
}

/// What the run does with a machine. The [`Display`](fmt::Display) text is the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Keep,
    /// It is down, at least in part, but not for longer than the grace period, or since an unknown time.
    KeepDown {
        since: Option<Timestamp>,
    },
    /// Move its data away and take its containers out of the cluster.
    Deactivate(Reason),
    /// It should drain, but as many machines as allowed are draining.
    Wait {
        reason: Reason,
        /// How many machines may drain concurrently.
        limit: usize,
    },
    /// It should drain, but must not yet.
    Blocked {
        reason: Reason,
        gate: Gate,
    },
    /// It has left the cluster: deregister it, and terminate its instance if it is one of the group.
    Deregister,
    /// It has left the cluster; a later run deregisters it.
    DeregisterLater {
        /// How many machines a run deregisters at most.
        limit: usize,
    },
    /// It has left the cluster, but cannot be deregistered completely yet.
    DeregisterPartly(Blocked),
    Skip(SkipReason),
    /// A backend that is not an instance of the group; it is not changed.
    Unmanaged(Unmanaged),
    /// An instance of the group on which no container of its role runs: it has not joined, or it has left.
    NotJoined,
    /// A container without an address.
    NoAddress,
    /// Deregister inactive drives that belong to no container.
    DeregisterDrives(usize),
}

/// Why a machine drains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    AlreadyDraining,
    /// The problem of the first unhealthy container.
    Unhealthy(String),
    /// The group has more machines than its desired capacity.
    Excess,
    /// It is not an instance of the group, and it has been down for longer than the grace period.
    UnmanagedDown {
        since: Timestamp,
    },
}

/// Why a machine that has left the cluster cannot be deregistered completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked {
    ContainerRuns(HostId),
    DriveNotInactive(DriveUuid),
}

/// Why a backend that is not an instance of the group is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmanaged {
    Active,
    PartlyDown,
    /// It is down, but not for longer than the grace period, or the time is unknown.
    Down,
    Draining,
}

impl Action {
    /// The value of `verdict` in the log of *scale*. Stable: alarms and queries match it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Keep | Self::KeepDown { .. } => "keep",
            Self::Deactivate(_) => "deactivate",
            Self::Wait { .. } | Self::Blocked { .. } | Self::DeregisterLater { .. } => "wait",
            Self::Deregister => "remove",
            Self::DeregisterPartly(_) => "remove in part",
            Self::Skip(_) | Self::Unmanaged(_) | Self::NoAddress => "leave alone",
            Self::NotJoined => "not joined",
            Self::DeregisterDrives(_) => "remove drives",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("healthy and within the desired capacity"),
            Self::KeepDown { since: Some(since) } => {
                write!(f, "down since {since:.0}, not long enough to be replaced")
            }
            Self::KeepDown { since: None } => f.write_str("partly down, or down since an unknown time"),
            Self::Deactivate(reason) => reason.fmt(f),
            Self::Wait { reason, limit } => {
                write!(
                    f,
                    "{reason}; waiting, because at most {limit} machines may drain concurrently"
                )
            }
            Self::Blocked { reason, gate } => write!(f, "{reason}; blocked: {gate}"),
            Self::Deregister => f.write_str("all its containers have left the cluster"),
            Self::DeregisterLater { limit } => {
                write!(
                    f,
                    "all its containers have left the cluster; waiting, because a run deregisters at most {limit} machines"
                )
            }
            Self::DeregisterPartly(Blocked::ContainerRuns(host)) => {
                write!(f, "it has left the cluster, but {host} still runs")
            }
            Self::DeregisterPartly(Blocked::DriveNotInactive(uuid)) => {
                write!(f, "it has left the cluster, but its drive {uuid} is not inactive")
            }
            Self::Skip(reason) => reason.fmt(f),
            Self::Unmanaged(Unmanaged::Active) => f.write_str("not an instance of the group; active"),
            Self::Unmanaged(Unmanaged::PartlyDown) => {
                f.write_str("not an instance of the group; partly down")
            }
            Self::Unmanaged(Unmanaged::Down) => {
                f.write_str("not an instance of the group; not known to be down long enough")
            }
            Self::Unmanaged(Unmanaged::Draining) => f.write_str("not an instance of the group; draining"),
            Self::NotJoined => f.write_str("no container of the cluster runs on it"),
            Self::NoAddress => f.write_str("Weka reports no address for it"),
            Self::DeregisterDrives(number) => write!(f, "{number} inactive drives belong to no container"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyDraining => f.write_str("already draining"),
            Self::Unhealthy(problem) => f.write_str(problem),
            Self::Excess => f.write_str("the group exceeds its desired capacity"),
            Self::UnmanagedDown { since } => {
                write!(f, "not an instance of the group; down since {since:.0}")
            }
        }
    }
}
