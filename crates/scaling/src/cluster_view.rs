//! The cluster as machines: what a run sees of it, before it decides anything.

mod health;

pub use health::{ContainerHealth, MachineState, UnhealthyReason};

use crate::messages::{Instance, Role};
use crate::policy::{CONTAINERS_OF_A_BACKEND, Group};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode};

/// A container with its drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container<'a> {
    /// As Weka lists it.
    pub host: &'a Host,
    /// Its drives, by uuid.
    pub drives: Vec<&'a Drive>,
    /// How it is.
    pub health: ContainerHealth<'a>,
    /// Since when its management process is down; none where it is up, or where nobody knows.
    pub down_since: Option<Timestamp>,
}

/// All containers of the run's role that share an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine<'a> {
    /// The address.
    pub address: IpAddr,
    /// The group's instance that it is; none if it is no instance of this group.
    pub instance: Option<&'a Instance>,
    /// Its containers, by id.
    pub containers: Vec<Container<'a>>,
    /// Reason nothing is decided about it; none if it is as a machine should be.
    pub anomaly: Option<Anomaly>,
    /// How it is.
    pub state: MachineState,
}

/// What keeps a run from deciding anything about a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Anomaly {
    /// A backend has at most three.
    #[error("it has {0} containers, a backend has at most {CONTAINERS_OF_A_BACKEND}")]
    Containers(usize),
    /// Its containers are those of several machines.
    #[error("its containers bear several machine identifiers: {}", .0.join(", "))]
    Identifiers(Vec<String>),
    /// Weka says neither that the container is a member nor that it is none.
    #[error("the state of {0} is unknown")]
    State(HostId),
    /// Several instances of the group have this address.
    #[error("several instances of the group have its address: {}", .0.join(", "))]
    Instances(Vec<String>),
}

/// The cluster, as far as the run's role goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView<'a> {
    /// By address. For clients only the group's: others belong to nobody here.
    pub machines: Vec<Machine<'a>>,
    /// Containers of the role without an address: nothing is decided about them.
    pub no_address: Vec<&'a Host>,
    /// The group's instances that no container of the role is on.
    pub absent: Vec<&'a Instance>,
    /// Inactive drives whose container was removed.
    pub orphaned: Vec<&'a DriveUuid>,
    /// How many drives of the group's machines have their data moved away.
    pub phasing_out: usize,
}

impl<'a> ClusterView<'a> {
    /// Draws it.
    ///
    /// Takes time and memory in proportion to the lists, and gives the same whatever their order.
    pub fn new(lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let mode = match group.role {
            Role::Backend => Mode::Backend,
            Role::Client => Mode::Client,
        };
        let hosts = lists.hosts.0.iter().filter(|host| host.mode == mode);
        let (placed, mut no_address): (Vec<_>, Vec<_>) = hosts.partition(|host| host.host_ip.is_some());
        no_address.sort_unstable_by_key(|host| host.id);
        let is_ownerless =
            |drive: &&Drive| drive.host == DriveHost::None && drive.status == DriveStatus::Inactive;
        let orphaned = lists.drives.0.iter().filter(is_ownerless);
        let mut orphaned: Vec<_> = orphaned.map(|drive| &drive.uuid).collect();
        orphaned.sort_unstable();
        let containers = containers(placed, lists, group, now);
        let (machines, absent) = machines(containers, group);
        let phasing_out = machines
            .iter()
            .filter(|machine| machine.instance.is_some())
            .flat_map(Machine::drives)
            .filter(|drive| drive.status == DriveStatus::PhasingOut)
            .count();
        Self {
            machines,
            no_address,
            absent,
            orphaned,
            phasing_out,
        }
    }
}

/// The containers with their addresses, in the order of these, and of their ids where they share one.
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
    let managers = lists.nodes.0.iter().filter(|node| node.id.is_management());
    let managers = managers.filter_map(|node| Some((node.host?, node)));
    let (drives, managers) = (in_order(drives), in_order(managers));
    let (mut drives, mut managers) = (InOrder(&drives), InOrder(&managers));
    let container = |host: &'a Host| {
        let mut drives: Vec<_> = drives.of(host.id).collect();
        drives.sort_unstable_by(|a, b| a.uuid.cmp(&b.uuid));
        let down_since = health::down_since(host, managers.of(host.id));
        let container = Container {
            host,
            health: health::of(host, &drives, down_since, group, now),
            drives,
            down_since,
        };
        Some((host.host_ip?, container))
    };
    let mut containers: Vec<_> = hosts.into_iter().filter_map(container).collect();
    containers.sort_by_cached_key(|(address, _)| *address);
    containers
}

/// The machines that they make up, by address, and the group's instances that none of them is.
fn machines<'a>(
    containers: Vec<(IpAddr, Container<'a>)>,
    group: &'a Group,
) -> (Vec<Machine<'a>>, Vec<&'a Instance>) {
    let instances = group.instances.iter();
    let instances = in_order(instances.filter_map(|it| Some((it.private_ip.parse::<IpAddr>().ok()?, it))));
    let mut instances = InOrder(&instances);
    let mut machines: Vec<Machine<'_>> = Vec::with_capacity(group.instances.len());
    let mut containers = containers.into_iter().peekable();
    while let Some((address, first)) = containers.next() {
        let mut here = vec![first];
        while let Some((_, next)) = containers.next_if(|(other, _)| *other == address) {
            here.push(next);
        }
        let addressed: Vec<_> = instances.of(address).collect();
        let instance = addressed
            .first()
            .copied()
            .filter(|instance| is_on(&here, instance));
        if group.role == Role::Client && instance.is_none() {
            continue;
        }
        machines.push(Machine {
            address,
            instance,
            anomaly: anomaly(&here, &addressed, group.role),
            state: MachineState::of(&here),
            containers: here,
        });
    }
    let mut present: Vec<&str> = machines
        .iter()
        .filter_map(|machine| Some(machine.instance?.id.as_str()))
        .collect();
    present.sort_unstable();
    let is_absent = |instance: &&Instance| present.binary_search(&instance.id.as_str()).is_err();
    let mut absent: Vec<_> = group.instances.iter().filter(is_absent).collect();
    absent.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    (machines, absent)
}

/// Sorts things by whose they are. Lists come nearly in that order, and then it takes time in proportion to them.
fn in_order<K: Ord + Copy, T>(things: impl Iterator<Item = (K, T)>) -> Vec<(K, T)> {
    let mut things: Vec<_> = things.collect();
    things.sort_by_key(|(whose, _)| *whose);
    things
}

/// Sorted things whose owners come by in the same order: each look goes on where the last one ended.
struct InOrder<'s, K, T>(&'s [(K, T)]);

impl<'s, K: Ord, T: Copy> InOrder<'s, K, T> {
    fn of(&mut self, owner: K) -> impl Iterator<Item = T> + use<'s, K, T> {
        let Self(rest) = *self;
        let before = rest.iter().take_while(|(whose, _)| *whose < owner).count();
        let rest = &rest[before..];
        let its = rest.iter().take_while(|(whose, _)| *whose == owner).count();
        let (its, rest) = rest.split_at(its);
        *self = Self(rest);
        its.iter().map(|(_, thing)| *thing)
    }
}

impl<'a> Machine<'a> {
    /// Its drives, those of all its containers.
    pub fn drives(&self) -> impl Iterator<Item = &'a Drive> {
        self.containers
            .iter()
            .flat_map(|container| container.drives.iter().copied())
    }

    /// How many of its drives hold nothing.
    pub fn inactive_drives(&self) -> usize {
        self.drives()
            .filter(|drive| drive.status == DriveStatus::Inactive)
            .count()
    }

    /// When the first of its containers was added, as far as Weka says.
    pub fn added(&self) -> Option<Timestamp> {
        self.containers
            .iter()
            .filter_map(|container| container.host.added_time)
            .min()
    }

    /// Its containers' ids, in order.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.containers.iter().map(|container| container.host.id)
    }

    /// Whether it left the cluster: none of its containers is a member.
    pub fn is_removed(&self) -> bool {
        self.containers
            .iter()
            .all(|container| container.host.state == HostState::Inactive)
    }

    /// Whether some of it is on its way out or has left.
    pub fn is_under_way(&self) -> bool {
        self.containers
            .iter()
            .any(|container| container.health == ContainerHealth::Deactivating)
    }

    /// Whether none of it runs, and since when at least: the last of its containers to go down. None where one runs, or
    /// where it is not known of one since when it does not.
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

/// Whether Weka has nothing against these containers being on this instance: an address is given to another instance
/// once its first one is gone.
fn is_on(containers: &[Container<'_>], instance: &Instance) -> bool {
    containers
        .iter()
        .filter_map(|container| container.host.instance_id.as_ref())
        .all(|id| id.as_str() == instance.id)
}

fn anomaly(containers: &[Container<'_>], instances: &[&Instance], role: Role) -> Option<Anomaly> {
    if role == Role::Backend && containers.len() > CONTAINERS_OF_A_BACKEND {
        return Some(Anomaly::Containers(containers.len()));
    }
    let identifiers: BTreeSet<&String> = containers
        .iter()
        .filter_map(|container| container.host.machine_identifier.as_ref())
        .collect();
    if identifiers.len() > 1 {
        return Some(Anomaly::Identifiers(identifiers.into_iter().cloned().collect()));
    }
    if let Some(container) = containers
        .iter()
        .find(|container| container.host.state == HostState::Unknown)
    {
        return Some(Anomaly::State(container.host.id));
    }
    if instances.len() > 1 {
        let mut ids: Vec<_> = instances.iter().map(|instance| instance.id.clone()).collect();
        ids.sort_unstable();
        return Some(Anomaly::Instances(ids));
    }
    None
}
