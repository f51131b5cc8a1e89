//! What a run decided about each machine, and why: for the log, for people, for tests.

use crate::cluster_view::{Anomaly, MachineState};
use jiff::Timestamp;
use std::fmt;
use std::net::IpAddr;
use weka_types::ids::{DriveUuid, HostId};

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report says what was refused and why"]
pub struct Report {
    /// How many of what there are.
    pub counts: Counts,
    /// How many machines of the group are to be on their way out (specification "Scaling", the formula).
    pub to_deactivate: usize,
    /// A line a machine, and one for each instance and container that is part of no machine.
    pub decisions: Vec<Decision>,
}

/// How many machines of the group there are of each state; those left alone because something is odd about them do not
/// count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The target.
    pub desired: usize,
    /// Healthy machines.
    pub healthy: usize,
    /// Unhealthy machines.
    pub unhealthy: usize,
    /// Machines on their way out.
    pub deactivating: usize,
    /// Drives of the group's machines whose data is moved away.
    pub phasing_out: usize,
}

/// What was decided about a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its address, if it has one.
    pub address: Option<IpAddr>,
    /// The instance of the group that it is.
    pub instance: Option<String>,
    /// Its containers.
    pub hosts: Vec<HostId>,
    /// How it is; none for what is no machine.
    pub state: Option<MachineState>,
    /// What is done with it.
    pub verdict: Action,
}

/// What is done with a machine, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It stays.
    Keep,
    /// It goes: its data is moved away, its containers leave the cluster.
    Deactivate(Reason),
    /// Nothing more is begun with it, though it is not healthy: as many as may be are on their way out.
    Wait {
        /// What is wrong with it.
        why: Reason,
        /// How many machines may be on their way out now.
        limit: usize,
    },
    /// It has left the cluster and is forgotten; its instance, if it is one of the group, is terminated.
    Remove,
    /// It has left the cluster; a later run forgets it.
    RemoveLater {
        /// How many a run forgets at most.
        limit: usize,
    },
    /// It has left the cluster, but is not forgotten whole yet.
    RemovePartly(Blocked),
    /// Nothing is decided about it.
    LeaveAlone(Anomaly),
    /// A backend that is no instance of the group.
    Unmanaged(Unmanaged),
    /// An instance of the group that no container of its role is on: it has not joined, or has left.
    NotJoined,
    /// A container without an address.
    NoAddress,
    /// Inactive drives of no container are forgotten.
    RemoveDrives(usize),
}

/// Reason a machine goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is on its way out already.
    UnderWay,
    /// What is wrong with it.
    Unhealthy(String),
    /// The group has more than it is to have.
    Excess,
    /// It is no instance of the group and down for too long.
    Leftover {
        /// Since when.
        since: Timestamp,
    },
}

/// Reason a machine that left is not forgotten yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked {
    /// This container still runs.
    Runs(HostId),
    /// This drive is not inactive.
    Drive(DriveUuid),
}

/// Reason a backend that is no instance of the group stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmanaged {
    /// It is active.
    Active,
    /// Part of it is down.
    DownInPart,
    /// It is down, but not for long enough, or nobody knows for how long.
    Down,
    /// It is on its way out.
    UnderWay,
}

impl Action {
    /// In a word, the same for every machine that it is said of.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Deactivate(_) => "deactivate",
            Self::Wait { .. } | Self::RemoveLater { .. } => "wait",
            Self::Remove => "remove",
            Self::RemovePartly(_) => "remove in part",
            Self::LeaveAlone(_) | Self::Unmanaged(_) | Self::NoAddress => "leave alone",
            Self::NotJoined => "not joined",
            Self::RemoveDrives(_) => "remove drives",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("healthy and within the target"),
            Self::Deactivate(why) => why.fmt(f),
            Self::Wait { why, limit } => {
                write!(
                    f,
                    "{why}; waits, because {limit} may be on their way out at a time"
                )
            }
            Self::Remove => f.write_str("all its containers have left the cluster"),
            Self::RemoveLater { limit } => {
                write!(
                    f,
                    "all its containers have left the cluster; a run forgets {limit} machines at most"
                )
            }
            Self::RemovePartly(Blocked::Runs(host)) => {
                write!(f, "it has left the cluster, but {host} still runs")
            }
            Self::RemovePartly(Blocked::Drive(uuid)) => {
                write!(f, "it has left the cluster, but its drive {uuid} is not inactive")
            }
            Self::LeaveAlone(anomaly) => anomaly.fmt(f),
            Self::Unmanaged(Unmanaged::Active) => f.write_str("no instance of the group, and active"),
            Self::Unmanaged(Unmanaged::DownInPart) => {
                f.write_str("no instance of the group, and down in part")
            }
            Self::Unmanaged(Unmanaged::Down) => {
                f.write_str("no instance of the group, and not known to be down for long enough")
            }
            Self::Unmanaged(Unmanaged::UnderWay) => {
                f.write_str("no instance of the group, and on its way out")
            }
            Self::NotJoined => f.write_str("no container of the cluster runs on it"),
            Self::NoAddress => f.write_str("Weka says no address for it"),
            Self::RemoveDrives(number) => write!(f, "{number} inactive drives belong to no container"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.write_str("on its way out already"),
            Self::Unhealthy(ailment) => f.write_str(ailment),
            Self::Excess => f.write_str("the group has more than it is to have"),
            Self::Leftover { since } => write!(f, "no instance of the group, and down since {since:.0}"),
        }
    }
}
