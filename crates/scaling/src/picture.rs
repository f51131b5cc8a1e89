//! The cluster as machines: what a run sees of it, before it decides anything.

mod health;

pub use health::{Ailment, ContainerHealth, MachineState};

use crate::ids::{DriveUuid, HostId};
use crate::lists::{Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, Node};
use crate::messages::{Instance, Role};
use crate::policy::{CONTAINERS_OF_A_BACKEND, Group};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

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
    /// Why nothing is decided about it; none if it is as a machine should be.
    pub oddity: Option<Oddity>,
    /// How it is.
    pub state: MachineState,
}

/// What keeps a run from deciding anything about a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Oddity {
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
pub struct Picture<'a> {
    /// By address. For clients only the group's: others belong to nobody here.
    pub machines: Vec<Machine<'a>>,
    /// Containers of the role without an address: nothing is decided about them.
    pub unplaced: Vec<&'a Host>,
    /// The group's instances that no container of the role is on.
    pub absent: Vec<&'a Instance>,
    /// Inactive drives whose container was removed.
    pub ownerless: Vec<&'a DriveUuid>,
    /// How many drives of the group's machines have their data moved away.
    pub phasing_out: usize,
}

impl<'a> Picture<'a> {
    /// Draws it.
    ///
    /// Takes time and memory in proportion to the lists, and gives the same whatever their order.
    pub fn new(lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let mode = match group.role {
            Role::Backend => Mode::Backend,
            Role::Client => Mode::Client,
        };
        let mut drives: HashMap<HostId, Vec<&Drive>> = HashMap::with_capacity(lists.hosts.0.len());
        let mut ownerless = Vec::new();
        for drive in &lists.drives.0 {
            match drive.host {
                DriveHost::Host(id) => drives.entry(id).or_default().push(drive),
                DriveHost::None if drive.status == DriveStatus::Inactive => ownerless.push(&drive.uuid),
                DriveHost::None | DriveHost::Unknown => {}
            }
        }
        ownerless.sort_unstable();
        let mut managers: HashMap<HostId, Vec<&Node>> = HashMap::with_capacity(lists.hosts.0.len());
        for node in lists.nodes.0.iter().filter(|node| node.id.is_management()) {
            if let Some(host) = node.host {
                managers.entry(host).or_default().push(node);
            }
        }
        let mut places: BTreeMap<IpAddr, Vec<&Host>> = BTreeMap::new();
        let mut unplaced = Vec::new();
        for host in lists.hosts.0.iter().filter(|host| host.mode == mode) {
            match host.host_ip {
                Some(address) => places.entry(address).or_default().push(host),
                None => unplaced.push(host),
            }
        }
        unplaced.sort_unstable_by_key(|host| host.id);
        let mut addressed: BTreeMap<IpAddr, Vec<&Instance>> = BTreeMap::new();
        for instance in &group.instances {
            if let Ok(address) = instance.private_ip.parse() {
                addressed.entry(address).or_default().push(instance);
            }
        }
        let mut container = |host: &'a Host| {
            let mut drives = drives.remove(&host.id).unwrap_or_default();
            drives.sort_unstable_by(|a, b| a.uuid.cmp(&b.uuid));
            let down_since = health::down_since(host, managers.get(&host.id).map_or(&[], Vec::as_slice));
            let health = health::of(host, &drives, down_since, group, now);
            Container {
                host,
                drives,
                health,
                down_since,
            }
        };
        let mut machines = Vec::with_capacity(places.len());
        for (address, mut hosts) in places {
            hosts.sort_unstable_by_key(|host| host.id);
            let here = addressed.get(&address).map_or(&[][..], Vec::as_slice);
            let instance = here.first().copied().filter(|instance| is_on(&hosts, instance));
            if group.role == Role::Client && instance.is_none() {
                continue;
            }
            let containers: Vec<_> = hosts.into_iter().map(&mut container).collect();
            machines.push(Machine {
                address,
                instance,
                oddity: oddity(&containers, here, group.role),
                state: MachineState::of(&containers),
                containers,
            });
        }
        let present: BTreeSet<&str> = machines
            .iter()
            .filter_map(|machine| Some(machine.instance?.id.as_str()))
            .collect();
        let mut absent: Vec<_> = group
            .instances
            .iter()
            .filter(|instance| !present.contains(instance.id.as_str()))
            .collect();
        absent.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let phasing_out = machines
            .iter()
            .filter(|machine| machine.instance.is_some())
            .flat_map(Machine::drives)
            .filter(|drive| drive.status == DriveStatus::PhasingOut)
            .count();
        Self {
            machines,
            unplaced,
            absent,
            ownerless,
            phasing_out,
        }
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
    pub fn has_left(&self) -> bool {
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
fn is_on(hosts: &[&Host], instance: &Instance) -> bool {
    hosts
        .iter()
        .filter_map(|host| host.instance_id.as_ref())
        .all(|id| id.as_str() == instance.id)
}

fn oddity(containers: &[Container<'_>], instances: &[&Instance], role: Role) -> Option<Oddity> {
    if role == Role::Backend && containers.len() > CONTAINERS_OF_A_BACKEND {
        return Some(Oddity::Containers(containers.len()));
    }
    let identifiers: BTreeSet<&String> = containers
        .iter()
        .filter_map(|container| container.host.machine_identifier.as_ref())
        .collect();
    if identifiers.len() > 1 {
        return Some(Oddity::Identifiers(identifiers.into_iter().cloned().collect()));
    }
    if let Some(container) = containers
        .iter()
        .find(|container| container.host.state == HostState::Unknown)
    {
        return Some(Oddity::State(container.host.id));
    }
    if instances.len() > 1 {
        let mut ids: Vec<_> = instances.iter().map(|instance| instance.id.clone()).collect();
        ids.sort_unstable();
        return Some(Oddity::Instances(ids));
    }
    None
}
