//! Which containers at an address are one machine, and which instance of the group it is.

use super::{Container, Machine, MachineState};
use crate::messages::Instance;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use weka_types::ids::HostId;
use weka_types::lists::{Host, HostState, HostStatus, Mode};

/// Why a run never chooses a machine. If the machine is an instance of the group, it still counts as a member, so that
/// scale-in does not remove others in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    #[error("{0} is joining the cluster")]
    Joining(HostId),
    #[error(
        "{0} is {1}: it is stopped, or about to stop, for maintenance; it is managed again after it has started"
    )]
    Maintenance(HostId, HostState),
    /// It is unknown whether the container is a member of the cluster.
    #[error("the state of {0} is unknown")]
    UnknownState(HostId),
    #[error("the mode of {0} is unknown")]
    UnknownMode(HostId),
    #[error("Weka reports no address for {0}")]
    NoAddress(HostId),
    /// Only one of them can be the current one, and an older entry is removed only if it does not run.
    #[error("container {name} is listed several times: {}", list(.hosts))]
    DuplicateContainer { name: String, hosts: Vec<HostId> },
    #[error("its containers report no instance id and different machine identifiers: {}", list(.0))]
    SeveralMachines(Vec<HostId>),
    #[error("several instances of the group have its address: {}", .0.join(", "))]
    SharedAddress(Vec<String>),
}

fn list(hosts: &[HostId]) -> String {
    let ids: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// Whether the container may run on this instance, which has the container's address. An entry with another instance id
/// belongs to an earlier instance with that address, unless its processes run: at any time, only one instance has the
/// address.
pub fn may_run_on(host: &Host, instance: &str) -> bool {
    let is_another = host
        .instance_id
        .as_ref()
        .is_some_and(|id| id.as_str() != instance);
    !is_another || !is_stopped(host)
}

/// Whether the container does not run, or is no longer a member.
fn is_stopped(host: &Host) -> bool {
    host.state.is_removed() || matches!(host.status, HostStatus::Down | HostStatus::Inactive)
}

/// What identifies a machine among those with the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Identity<'a> {
    Instance(&'a str),
    MachineIdentifier(&'a str),
    Unknown,
}

/// The machines with this address, given the instances of the group that have it.
pub(super) fn machines_at<'a>(
    address: IpAddr,
    containers: Vec<Container<'a>>,
    instances: &[&'a Instance],
) -> Vec<Machine<'a>> {
    let by_identity = by_identity(containers);
    let identified = |id: &str| by_identity.contains_key(&Identity::Instance(id));
    // Instances that no container names: one of them may be the machine whose containers name no instance.
    let unnamed: Vec<&'a Instance> = instances
        .iter()
        .copied()
        .filter(|instance| !identified(&instance.id))
        .collect();
    let unidentified = || {
        by_identity
            .iter()
            .filter(|(identity, _)| !matches!(identity, Identity::Instance(_)))
    };
    let running = unidentified().filter(|(_, containers)| !containers.iter().all(|c| is_stopped(c.host)));
    let running: Vec<_> = running.collect();
    let candidate = match running.as_slice() {
        [(identity, _)] => Some(**identity),
        [] => unidentified()
            .map(|(identity, _)| *identity)
            .max_by_key(|identity| newest(&by_identity[identity])),
        [first, ..] => Some(*first.0),
    };
    let several = (running.len() > 1).then(|| {
        let hosts = running.iter().flat_map(|(_, containers)| containers.iter());
        let mut hosts: Vec<HostId> = hosts.map(|container| container.host.id).collect();
        hosts.sort_unstable();
        SkipReason::SeveralMachines(hosts)
    });
    let running: Vec<Identity<'a>> = running.iter().map(|(identity, _)| **identity).collect();

    let mut machines: Vec<Machine<'a>> = Vec::with_capacity(by_identity.len());
    for (identity, containers) in by_identity {
        let (instance, ambiguous) = match identity {
            Identity::Instance(id) => (instances.iter().copied().find(|instance| instance.id == id), None),
            _ if Some(identity) == candidate => {
                let shared = (unnamed.len() > 1).then(|| {
                    let mut ids: Vec<_> = unnamed.iter().map(|instance| instance.id.clone()).collect();
                    ids.sort_unstable();
                    SkipReason::SharedAddress(ids)
                });
                let first = unnamed.iter().copied().min_by(|a, b| a.id.cmp(&b.id));
                (first, several.clone().or(shared))
            }
            _ => (None, several.clone().filter(|_| running.contains(&identity))),
        };
        machines.push(machine(address, instance, containers, ambiguous));
    }
    machines.sort_by_cached_key(|machine| machine.hosts().min());
    machines
}

fn by_identity<'a>(containers: Vec<Container<'a>>) -> BTreeMap<Identity<'a>, Vec<Container<'a>>> {
    let instance_of = |machine_identifier: &str| {
        containers.iter().find_map(|container| {
            let id = container.host.instance_id.as_ref()?;
            let is_same = container.host.machine_identifier.as_deref() == Some(machine_identifier);
            is_same.then_some(id.as_str())
        })
    };
    let identities: Vec<Identity<'a>> = containers
        .iter()
        .map(
            |Container { host, .. }| match (&host.instance_id, &host.machine_identifier) {
                (Some(id), _) => Identity::Instance(id.as_str()),
                (None, Some(identifier)) => instance_of(identifier)
                    .map_or(Identity::MachineIdentifier(identifier), Identity::Instance),
                (None, None) => Identity::Unknown,
            },
        )
        .collect();
    // A container that names nothing belongs to the only machine here.
    let mut known = identities
        .iter()
        .filter(|identity| **identity != Identity::Unknown);
    let only = known
        .next()
        .copied()
        .filter(|first| known.all(|other| other == first));
    let mut by_identity: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (identity, container) in identities.into_iter().zip(containers) {
        let identity = match (identity, only) {
            (Identity::Unknown, Some(only)) => only,
            (identity, _) => identity,
        };
        by_identity.entry(identity).or_default().push(container);
    }
    by_identity
}

/// A key that is greater for the machine whose containers were added later.
fn newest(containers: &[Container<'_>]) -> Option<(Option<jiff::Timestamp>, HostId)> {
    containers
        .iter()
        .map(|container| (container.host.added_time, container.host.id))
        .max()
}

fn machine<'a>(
    address: IpAddr,
    instance: Option<&'a Instance>,
    containers: Vec<Container<'a>>,
    ambiguous: Option<SkipReason>,
) -> Machine<'a> {
    let (containers, leftovers) = separate_leftovers(containers);
    Machine {
        address,
        instance,
        skip: ambiguous
            .or_else(|| unknown_mode(containers.iter().chain(&leftovers)))
            .or_else(|| skip_reason(&containers, instance.is_some())),
        state: MachineState::new(containers.iter().map(|container| &container.health)),
        containers,
        leftovers,
    }
}

/// Separates the entries of a container name that do not run from the current one: the entry that runs, or else the newest.
fn separate_leftovers(mut containers: Vec<Container<'_>>) -> (Vec<Container<'_>>, Vec<Container<'_>>) {
    containers.sort_by_cached_key(|container| {
        let host = container.host;
        (is_stopped(host), Reverse((host.added_time, host.id)))
    });
    let mut current: Vec<Container<'_>> = Vec::with_capacity(containers.len());
    let mut leftovers = Vec::new();
    for container in containers {
        let name = &container.host.container_name;
        let has_current = name.is_some() && current.iter().any(|other| other.host.container_name == *name);
        if has_current && is_stopped(container.host) {
            leftovers.push(container);
        } else {
            current.push(container);
        }
    }
    current.sort_unstable_by_key(|container| container.host.id);
    leftovers.sort_unstable_by_key(|container| container.host.id);
    (current, leftovers)
}

/// A container of unknown mode may belong to a client or to a backend, so that even its entry is not removed.
fn unknown_mode<'c, 'a: 'c>(mut containers: impl Iterator<Item = &'c Container<'a>>) -> Option<SkipReason> {
    let container = containers.find(|container| container.host.mode == Mode::Unknown)?;
    Some(SkipReason::UnknownMode(container.host.id))
}

/// A container that has left the cluster is never a reason.
fn skip_reason(containers: &[Container<'_>], is_in_group: bool) -> Option<SkipReason> {
    let members = || {
        containers
            .iter()
            .map(|container| container.host)
            .filter(|host| !host.state.is_removed())
    };
    if let Some(host) = members().find(|host| host.state == HostState::Unknown) {
        return Some(SkipReason::UnknownState(host.id));
    }
    if let Some(host) = members().find(|host| host.host_ip.is_none()) {
        return Some(SkipReason::NoAddress(host.id));
    }
    for host in members() {
        let same = members().filter(|other| other.container_name == host.container_name);
        let hosts: Vec<_> = same.map(|other| other.id).collect();
        if let Some(name) = host.container_name.clone().filter(|_| hosts.len() > 1) {
            return Some(SkipReason::DuplicateContainer { name, hosts });
        }
    }
    if let Some(host) = members().find(|host| host.state == HostState::Adding) {
        return Some(SkipReason::Joining(host.id));
    }
    // A drain for maintenance ends with the machine in the cluster, unless the machine is being removed at the same time. The
    // entry of a machine that is not in the group may stay after its instance was terminated: the time that it is down decides.
    let is_leaving = containers
        .iter()
        .any(|container| container.health == super::ContainerHealth::Deactivating);
    let in_maintenance = members().find(|host| host.state.is_in_maintenance());
    in_maintenance
        .filter(|_| is_in_group && !is_leaving)
        .map(|host| SkipReason::Maintenance(host.id, host.state))
}
