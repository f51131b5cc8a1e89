//! The cluster as a list of machines: what a run decides about.

mod by_owner;
mod health;
mod identity;

pub use health::{ContainerHealth, MachineState, UnhealthyReason};
pub use identity::{SkipReason, may_run_on};

use crate::messages::{Instance, Role};
use crate::policy::Group;
use by_owner::{ByOwner, sort_by_owner};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{Drive, DriveHost, DriveStatus, Host, HostStatus, Lists, Mode};

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

/// The containers of the run's role that run on one instance.
///
/// An address alone does not identify a machine: AWS assigns it to another instance after the first one is gone. So the
/// containers at one address are one machine only if they have the same instance id, or else the same machine identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine<'a> {
    pub address: IpAddr,
    /// The instance of the group; `None` if the machine is not an instance of this group.
    pub instance: Option<&'a Instance>,
    /// Sorted by id.
    pub containers: Vec<Container<'a>>,
    /// Older entries of containers that do not run: a join that is retried registers each container again. Sorted by id.
    pub leftovers: Vec<Container<'a>>,
    /// Why the run never chooses the machine; `None` if it can be chosen.
    pub skip: Option<SkipReason>,
    pub state: MachineState,
}

/// The part of the cluster that has the run's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView<'a> {
    /// Sorted by address; machines with the same address are sorted by id. For the role client, only the machines of the group: other clients are not managed.
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
        // A container of unknown mode may have the role: its machine is skipped.
        let hosts = lists.hosts.0.iter();
        let hosts = hosts.filter(|host| host.mode == mode || host.mode == Mode::Unknown);
        let addresses = InstanceAddresses::new(group);
        let (hosts, mut no_address): (Vec<_>, Vec<_>) =
            hosts.partition(|host| addresses.address_of(host).is_some());
        no_address.sort_unstable_by_key(|host| host.id);
        let is_orphaned =
            |drive: &&Drive| drive.host == DriveHost::None && drive.status == DriveStatus::Inactive;
        let orphaned = lists.drives.0.iter().filter(is_orphaned);
        let mut orphaned: Vec<_> = orphaned.map(|drive| &drive.uuid).collect();
        orphaned.sort_unstable();
        let containers = containers(hosts, lists, group, &addresses, now);
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

/// The addresses of the group's instances.
struct InstanceAddresses<'a>(FxHashMap<&'a str, IpAddr>);

impl<'a> InstanceAddresses<'a> {
    fn new(group: &'a Group) -> Self {
        let instances = group.instances.iter();
        Self(
            instances
                .filter_map(|instance| Some((instance.id.as_str(), instance.private_ip.parse().ok()?)))
                .collect(),
        )
    }

    /// The address of a container. If Weka reports none, it is the address of its instance, so that the machine is not
    /// treated as if the container did not exist.
    fn address_of(&self, host: &Host) -> Option<IpAddr> {
        let of_instance = || self.0.get(host.instance_id.as_ref()?.as_str()).copied();
        host.host_ip.or_else(of_instance)
    }
}

/// The containers with their addresses, sorted by address and then by id.
fn containers<'a>(
    mut hosts: Vec<&'a Host>,
    lists: &'a Lists,
    group: &Group,
    addresses: &InstanceAddresses<'_>,
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
        Some((addresses.address_of(host)?, container))
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
        let here = identity::machines_at(address, containers_here, &instances_here);
        machines.extend(
            here.into_iter()
                .filter(|machine| group.role == Role::Backend || machine.instance.is_some()),
        );
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

    /// Its containers and leftovers.
    pub fn entries(&self) -> impl Iterator<Item = &Container<'a>> {
        self.containers.iter().chain(&self.leftovers)
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

    /// The ids of its containers and leftovers.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.entries().map(|container| container.host.id)
    }

    /// The leftovers as a machine that is not an instance of the group.
    pub(crate) fn leftovers_as_machine(&self) -> Self {
        Self {
            address: self.address,
            instance: None,
            containers: self.leftovers.clone(),
            leftovers: Vec::new(),
            skip: None,
            state: MachineState::new(self.leftovers.iter().map(|container| &container.health)),
        }
    }

    /// Whether it has left the cluster: none of its containers and leftovers is a member.
    pub fn is_removed(&self) -> bool {
        self.entries().all(|container| container.host.state.is_removed())
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
                (HostStatus::Down | HostStatus::Drained, Some(since)) => latest = latest.max(Some(since)),
                (HostStatus::Down, None) => return None,
                (HostStatus::Inactive, _) => {}
                _ if container.host.state.is_removed() => {}
                _ => return None,
            }
        }
        latest
    }
}
