//! What must be true before a run starts to drain a machine. A drain that is in progress continues.

use super::capacity::CapacityBudget;
use crate::cluster_view::Machine;
use crate::messages::Role;
use crate::policy::Group;
use std::fmt;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveHost, Lists, Optional, Percent, Rebuild, RebuildStatus};

/// Why a machine does not start to drain, although it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Data has lost a copy, and is being rebuilt: removing another machine could lose it.
    Rebuilding(Option<Percent>),
    DataUnavailable(Percent),
    NotEnoughFailureDomains,
    /// This field of `rebuild` cannot be read: the protection of the data is unknown.
    RebuildMalformed(&'static str),
    /// Bytes.
    Capacity {
        missing: u64,
    },
    /// The interface groups cannot be read: it is unknown whether the machine serves NFS.
    InterfaceGroups(String),
    Serves(Protocol, HostId),
    /// It is unknown which container has this drive.
    DriveOwner(DriveUuid),
    FewHealthy {
        healthy: usize,
        floor: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    S3,
    Smb,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S3 => "S3",
            Self::Smb => "SMB",
        })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebuilding(Some(progress)) => write!(f, "data is still being rebuilt, {progress}"),
            Self::Rebuilding(None) => f.write_str("data is still being rebuilt"),
            Self::DataUnavailable(share) => write!(f, "data is unavailable ({share})"),
            Self::NotEnoughFailureDomains => {
                f.write_str("Weka has too few active failure domains to rebuild data")
            }
            Self::RebuildMalformed(field) => {
                write!(
                    f,
                    "the protection of the data is unknown: rebuild.{field} of `status` cannot be read"
                )
            }
            Self::Capacity { missing } => write!(
                f,
                "the remaining SSD capacity would be {} too small for the filesystems",
                Size(*missing)
            ),
            Self::InterfaceGroups(reason) => {
                write!(f, "the NFS interface groups cannot be read: {reason}")
            }
            Self::Serves(protocol, host) => write!(
                f,
                "{host} is a member of the {protocol} cluster: remove it from that cluster first"
            ),
            Self::DriveOwner(drive) => write!(f, "the container of drive {drive} is unknown"),
            Self::FewHealthy { healthy, floor } => write!(
                f,
                "only {healthy} machines are healthy, and the cluster needs at least {floor}"
            ),
        }
    }
}

impl Gate {
    /// Whether the machine waits because a fact is missing.
    pub(super) fn is_missing_fact(&self) -> bool {
        matches!(
            self,
            Self::RebuildMalformed(_) | Self::InterfaceGroups(_) | Self::DriveOwner(_)
        )
    }
}

/// A size in TiB.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up: a small size is not shown as zero.
        let tenths = (u128::from(self.0) * 10).div_ceil(1 << 40);
        write!(f, "{}.{} TiB", tenths / 10, tenths % 10)
    }
}

/// The gates of one run.
#[derive(Debug)]
pub(super) struct Gates<'a> {
    lists: &'a Lists,
    /// Applies to all healthy machines.
    healthy: Option<Gate>,
    /// `None` if the numbers are unknown: then Weka decides.
    capacity: Option<CapacityBudget>,
}

impl<'a> Gates<'a> {
    pub(super) fn new(lists: &'a Lists, group: &Group) -> Self {
        let is_backend = group.role == Role::Backend;
        Self {
            lists,
            healthy: is_backend.then(|| for_healthy(lists)).flatten(),
            capacity: is_backend.then(|| CapacityBudget::new(lists)).flatten(),
        }
    }

    /// The gate that applies to all healthy machines, if any.
    pub(super) fn for_healthy(&self) -> Option<&Gate> {
        self.healthy.as_ref()
    }

    /// Whether a drain of the machine may start.
    pub(super) fn check(&self, machine: &Machine<'_>, is_healthy: bool) -> Result<(), Gate> {
        if let Some((protocol, host)) = self.serves(machine) {
            return Err(Gate::Serves(protocol, host));
        }
        if !is_healthy {
            return Ok(());
        }
        if let Some(gate) = &self.healthy {
            return Err(gate.clone());
        }
        match self
            .capacity
            .as_ref()
            .and_then(|capacity| capacity.missing_without(machine))
        {
            Some(missing) => Err(Gate::Capacity { missing }),
            None => Ok(()),
        }
    }

    /// Records that a machine starts to drain.
    pub(super) fn start(&mut self, machine: &Machine<'_>) {
        if let Some(capacity) = &mut self.capacity {
            capacity.remove(machine);
        }
    }

    /// The protocol cluster that a container of the machine belongs to. Weka cannot deactivate such a container.
    pub(super) fn serves(&self, machine: &Machine<'_>) -> Option<(Protocol, HostId)> {
        let lists = [(Protocol::S3, &self.lists.s3), (Protocol::Smb, &self.lists.smb)];
        lists.into_iter().find_map(|(protocol, serving)| {
            let serving = &serving.read()?.0;
            let host = machine.hosts().filter(|host| serving.contains(host)).min()?;
            Some((protocol, host))
        })
    }

    /// The calls that take the machine's ports out of the NFS interface groups, in the order of the groups.
    pub(super) fn delete_nfs_ports(&self, machine: &Machine<'_>) -> Vec<Call> {
        let groups = self.lists.interface_groups.read().into_iter();
        let groups = groups.flat_map(|groups| &groups.0).filter(|group| group.is_nfs());
        let mut calls: Vec<Call> = groups
            .flat_map(|group| group.ports.iter().map(move |port| (group, port)))
            .filter(|(_, port)| machine.hosts().any(|host| host == port.host_id))
            .map(|(group, port)| Call::DeleteInterfacePort {
                group: group.name.clone(),
                port: port.clone(),
            })
            .collect();
        calls.sort_unstable();
        calls
    }
}

fn for_healthy(lists: &Lists) -> Option<Gate> {
    if let Some(gate) = protection_gate(&lists.status.rebuild) {
        return Some(gate);
    }
    if let Optional::Failed(reason) = &lists.interface_groups {
        return Some(Gate::InterfaceGroups(reason.clone()));
    }
    let unknown = lists
        .drives
        .0
        .iter()
        .filter(|drive| drive.host == DriveHost::Unknown);
    unknown
        .map(|drive| &drive.uuid)
        .min()
        .cloned()
        .map(Gate::DriveOwner)
}

/// A response without `rebuild` decides nothing: then Weka decides.
fn protection_gate(rebuild: &RebuildStatus) -> Option<Gate> {
    let Rebuild {
        protection,
        enough_active_fds,
        unavailable,
        progress,
        ..
    } = match rebuild {
        RebuildStatus::Unknown => return None,
        RebuildStatus::Malformed(field) => return Some(Gate::RebuildMalformed(field)),
        RebuildStatus::Known(rebuild) => rebuild,
    };
    if let Some(share) = unavailable.filter(|share| *share > Percent::ZERO) {
        return Some(Gate::DataUnavailable(share));
    }
    let has_lost_copies = protection
        .iter()
        .any(|level| level.num_failures > 0 && level.percent > Percent::ZERO);
    if has_lost_copies {
        return Some(Gate::Rebuilding(*progress));
    }
    (*enough_active_fds == Some(false)).then_some(Gate::NotEnoughFailureDomains)
}
