//! The cluster as a list of machines: what a run decides about.

mod by_owner;
mod health;

pub use health::{ContainerHealth, MachineState, UnhealthyReason};

use crate::messages::{Instance, Role};
use crate::policy::{Group, MAX_BACKEND_CONTAINERS};
use by_owner::{ByOwner, sort_by_owner};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode};

/// A container with its drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container<'a> {
    pub host: &'a Host,
    /// Sorted by UUID.
    pub drives: Vec<&'a Drive>,
    pub health: ContainerHealth<'a>,
    /// When its management process went down; `None` if it is up or the time is unknown.
    pub down_since: Option<Timestamp>,
}

/// All containers of the run's role that share an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine<'a> {
    pub address: IpAddr,
    /// The instance of the group; `None` if the machine is not an instance of this group.
    pub instance: Option<&'a Instance>,
    /// Sorted by id.
    pub containers: Vec<Container<'a>>,
    /// Why the run skips the machine; `None` if it is consistent.
    pub anomaly: Option<Anomaly>,
    pub state: MachineState,
}

/// An inconsistency that makes a run skip a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Anomaly {
    #[error("it has {0} containers, but a backend has at most {MAX_BACKEND_CONTAINERS}")]
    TooManyContainers(usize),
    /// The containers belong to different machines.
    #[error("its containers have different machine identifiers: {}", .0.join(", "))]
    MachineIdentifiers(Vec<String>),
    /// It is unknown whether the container is a member of the cluster.
    #[error("the state of {0} is unknown")]
    UnknownState(HostId),
    #[error("several instances of the group have its address: {}", .0.join(", "))]
    SharedAddress(Vec<String>),
}

/// The part of the cluster that has the run's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView<'a> {
    /// Sorted by address. For the role client, only the machines of the group: other clients are not managed.
    pub machines: Vec<Machine<'a>>,
    /// Containers without an address, which the run skips.
    pub no_address: Vec<&'a Host>,
    /// Instances of the group on which no container of the role runs.
    pub not_joined: Vec<&'a Instance>,
    /// Inactive drives whose container was removed.
    pub orphaned: Vec<&'a DriveUuid>,
    /// How many drives of the group's machines are phasing out.
    pub phasing_out: usize,
}

impl<'a> ClusterView<'a> {
    /// Builds the view. Takes time and memory proportional to the lists; the result does not depend on their order.
    pub fn new(lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let mode = match group.role {
            Role::Backend => Mode::Backend,
            Role::Client => Mode::Client,
        };
        let hosts = lists.hosts.0.iter().filter(|host| host.mode == mode);
        let (hosts, mut no_address): (Vec<_>, Vec<_>) = hosts.partition(|host| host.host_ip.is_some());
        no_address.sort_unstable_by_key(|host| host.id);
        let is_orphaned =
            |drive: &&Drive| drive.host == DriveHost::None && drive.status == DriveStatus::Inactive;
        let orphaned = lists.drives.0.iter().filter(is_orphaned);
        let mut orphaned: Vec<_> = orphaned.map(|drive| &drive.uuid).collect();
        orphaned.sort_unstable();
        let containers = containers(hosts, lists, group, now);
        let (machines, not_joined) = machines(containers, group);
        let phasing_out = machines
            .iter()
            .filter(|machine| machine.instance.is_some())
            .flat_map(Machine::drives)
            .filter(|drive| drive.status == DriveStatus::PhasingOut)
            .count();
        Self {
            machines,
            no_address,
            not_joined,
            orphaned,
            phasing_out,
        }
    }
}

/// The containers with their addresses, sorted by address and then by id.
fn containers<'a>(
    mut hosts: Vec<&'a Host>,
    lists: &'a Lists,
    group: &Group,
    now: Timestamp,
) -> Vec<(IpAddr, Container<'a>)> {
    hosts.sort_by_key(|host| host.id);
    let drives = lists.drives.0.iter().filter_map(|drive| match drive.host {
        DriveHost::Host(host) => Some((host, drive)),
        DriveHost::None | DriveHost::Unknown => None,
    });
    let nodes = lists.nodes.0.iter().filter(|node| node.id.is_management());
    let nodes = nodes.filter_map(|node| Some((node.host?, node)));
    let (drives, nodes) = (sort_by_owner(drives), sort_by_owner(nodes));
    let (mut drives, mut nodes) = (ByOwner(&drives), ByOwner(&nodes));
    let container = |host: &'a Host| {
        let mut drives: Vec<_> = drives.take(host.id).collect();
        drives.sort_unstable_by(|a, b| a.uuid.cmp(&b.uuid));
        let down_since = health::down_since(host, nodes.take(host.id));
        let container = Container {
            host,
            health: health::container_health(host, &drives, down_since, group, now),
            drives,
            down_since,
        };
        Some((host.host_ip?, container))
    };
    let mut containers: Vec<_> = hosts.into_iter().filter_map(container).collect();
    containers.sort_by_cached_key(|(address, _)| *address);
    containers
}

/// Groups the containers into machines, sorted by address. Also returns the instances of the group that are not among
/// them.
fn machines<'a>(
    containers: Vec<(IpAddr, Container<'a>)>,
    group: &'a Group,
) -> (Vec<Machine<'a>>, Vec<&'a Instance>) {
    let instances = group.instances.iter();
    let instances = sort_by_owner(
        instances.filter_map(|instance| Some((instance.private_ip.parse::<IpAddr>().ok()?, instance))),
    );
    let mut instances = ByOwner(&instances);
    let mut machines: Vec<Machine<'_>> = Vec::with_capacity(group.instances.len());
    let mut containers = containers.into_iter().peekable();
    while let Some((address, first)) = containers.next() {
        let mut containers_here = vec![first];
        while let Some((_, next)) = containers.next_if(|(other, _)| *other == address) {
            containers_here.push(next);
        }
        let instances_here: Vec<_> = instances.take(address).collect();
        let instance = instances_here
            .first()
            .copied()
            .filter(|instance| may_run_on(&containers_here, instance));
        if group.role == Role::Client && instance.is_none() {
            continue;
        }
        machines.push(Machine {
            address,
            instance,
            anomaly: anomaly(&containers_here, &instances_here, group.role),
            state: MachineState::new(containers_here.iter().map(|container| &container.health)),
            containers: containers_here,
        });
    }
    let mut joined: Vec<&str> = machines
        .iter()
        .filter_map(|machine| Some(machine.instance?.id.as_str()))
        .collect();
    joined.sort_unstable();
    let has_not_joined = |instance: &&Instance| joined.binary_search(&instance.id.as_str()).is_err();
    let mut not_joined: Vec<_> = group.instances.iter().filter(has_not_joined).collect();
    not_joined.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    (machines, not_joined)
}

impl<'a> Machine<'a> {
    /// The drives of all its containers.
    pub fn drives(&self) -> impl Iterator<Item = &'a Drive> {
        self.containers
            .iter()
            .flat_map(|container| container.drives.iter().copied())
    }

    pub fn inactive_drives(&self) -> usize {
        self.drives()
            .filter(|drive| drive.status == DriveStatus::Inactive)
            .count()
    }

    /// When the first of its containers was added, if Weka reports it.
    pub fn added(&self) -> Option<Timestamp> {
        self.containers
            .iter()
            .filter_map(|container| container.host.added_time)
            .min()
    }

    /// The ids of its containers, in ascending order.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.containers.iter().map(|container| container.host.id)
    }

    /// Whether it has left the cluster: none of its containers is a member.
    pub fn is_removed(&self) -> bool {
        self.containers
            .iter()
            .all(|container| container.host.state == HostState::Inactive)
    }

    /// Whether at least one of its containers is deactivating or has left the cluster.
    pub fn is_draining(&self) -> bool {
        self.containers
            .iter()
            .any(|container| container.health == ContainerHealth::Deactivating)
    }

    /// When the last of its containers went down. `None` if a container runs, or if the time is unknown for one of them.
    pub fn down_since(&self) -> Option<Timestamp> {
        let mut latest = None;
        for container in &self.containers {
            match (container.host.status, container.down_since) {
                (HostStatus::Down, Some(since)) => latest = latest.max(Some(since)),
                (HostStatus::Down, None) => return None,
                (HostStatus::Inactive, _) => {}
                _ if container.host.state == HostState::Inactive => {}
                _ => return None,
            }
        }
        latest
    }
}

/// Whether these containers may run on this instance. Their address alone is not enough: AWS assigns it to another instance
/// after the first one is gone. A container that reports a different instance id runs elsewhere.
fn may_run_on(containers: &[Container<'_>], instance: &Instance) -> bool {
    containers
        .iter()
        .filter_map(|container| container.host.instance_id.as_ref())
        .all(|id| id.as_str() == instance.id)
}

fn anomaly(containers: &[Container<'_>], instances: &[&Instance], role: Role) -> Option<Anomaly> {
    if role == Role::Backend && containers.len() > MAX_BACKEND_CONTAINERS {
        return Some(Anomaly::TooManyContainers(containers.len()));
    }
    let identifiers: BTreeSet<&String> = containers
        .iter()
        .filter_map(|container| container.host.machine_identifier.as_ref())
        .collect();
    if identifiers.len() > 1 {
        return Some(Anomaly::MachineIdentifiers(
            identifiers.into_iter().cloned().collect(),
        ));
    }
    if let Some(container) = containers
        .iter()
        .find(|container| container.host.state == HostState::Unknown)
    {
        return Some(Anomaly::UnknownState(container.host.id));
    }
    if instances.len() > 1 {
        let mut ids: Vec<_> = instances.iter().map(|instance| instance.id.clone()).collect();
        ids.sort_unstable();
        return Some(Anomaly::SharedAddress(ids));
    }
    None
}
