//! Which entries are one machine, for the checker: independent of [`crate::cluster_view`].

use crate::policy::Group;
use rustc_hash::FxHashMap as HashMap;
use std::collections::BTreeMap;
use std::net::IpAddr;
use weka_types::lists::{Host, HostState, HostStatus, Mode};

/// Containers at one address that report the same instance, or else the same machine identifier.
pub(super) struct Entries<'a> {
    pub(super) address: IpAddr,
    /// The group's instance that it is.
    pub(super) managed: Option<&'a str>,
    /// Whether it is unknown which of several machines or instances it is.
    pub(super) is_ambiguous: bool,
    pub(super) hosts: Vec<&'a Host>,
    /// Entries that do not run, next to one of the same name that does or that is newer.
    pub(super) leftovers: Vec<&'a Host>,
}

impl<'a> Entries<'a> {
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Host> {
        self.hosts.iter().chain(&self.leftovers).copied()
    }
}

pub(super) fn is_removed(host: &Host) -> bool {
    [HostState::Removing, HostState::Inactive].contains(&host.state)
}

fn is_stopped(host: &Host) -> bool {
    is_removed(host) || [HostStatus::Down, HostStatus::Inactive].contains(&host.status)
}

/// The machines of this role, from a list of hosts that is sorted by id.
pub(super) fn machines<'a>(hosts: &[&'a Host], role: Mode, group: &'a Group) -> Vec<Entries<'a>> {
    let instances = group.instances.iter();
    let instances =
        instances.filter_map(|instance| Some((instance.id.as_str(), instance.private_ip.parse().ok()?)));
    let instances: HashMap<&str, IpAddr> = instances.collect();
    let mut at: BTreeMap<IpAddr, Vec<&'a Host>> = BTreeMap::new();
    for host in hosts
        .iter()
        .filter(|host| host.mode == role || host.mode == Mode::Unknown)
    {
        let of_instance = host
            .instance_id
            .as_ref()
            .and_then(|id| instances.get(id.as_str()));
        if let Some(address) = host.host_ip.or(of_instance.copied()) {
            at.entry(address).or_default().push(host);
        }
    }
    let mut here: HashMap<IpAddr, Vec<&str>> = HashMap::default();
    for (id, address) in &instances {
        here.entry(*address).or_default().push(id);
    }
    at.into_iter()
        .flat_map(|(address, hosts)| {
            let mut instances = here.get(&address).cloned().unwrap_or_default();
            instances.sort_unstable();
            machines_at(address, &hosts, &instances)
        })
        .collect()
}

fn machines_at<'a>(address: IpAddr, hosts: &[&'a Host], instances: &[&'a str]) -> Vec<Entries<'a>> {
    // Two containers with one machine identifier are on the same machine, even if only one of them reports the instance.
    let reported = |host: &&'a Host| -> Option<&'a str> {
        let identifier = host.machine_identifier.as_ref();
        let same = hosts
            .iter()
            .filter(|other| identifier.is_some() && other.machine_identifier.as_ref() == identifier);
        let own = host.instance_id.as_ref();
        let id = own.or_else(|| same.filter_map(|other| other.instance_id.as_ref()).next());
        id.map(|id| id.as_str())
    };
    // The rank orders the kinds: with a reported instance, with a machine identifier only, with neither.
    let mut by_key: BTreeMap<(u8, Option<&'a str>), Vec<&'a Host>> = BTreeMap::new();
    for host in hosts {
        let identifier = host.machine_identifier.as_deref();
        let key = match reported(host) {
            Some(id) => (0, Some(id)),
            None if identifier.is_some() => (1, identifier),
            None => (2, None),
        };
        by_key.entry(key).or_default().push(host);
    }
    // A container that reports neither belongs to the only machine here.
    if by_key.len() == 2
        && let Some(silent) = by_key.remove(&(2, None))
    {
        by_key.values_mut().for_each(|hosts| hosts.extend(&silent));
    }
    let unnamed: Vec<&str> = instances
        .iter()
        .copied()
        .filter(|id| !by_key.contains_key(&(0, Some(*id))))
        .collect();
    let runs = |hosts: &[&Host]| hosts.iter().any(|host| !is_stopped(host));
    let running: Vec<_> = by_key
        .iter()
        .filter(|((rank, _), hosts)| *rank > 0 && runs(hosts))
        .map(|(key, _)| *key)
        .collect();
    let newest = by_key
        .iter()
        .filter(|((rank, _), _)| *rank > 0)
        .max_by_key(|(_, hosts)| hosts.iter().map(|host| (host.added_time, host.id)).max())
        .map(|(key, _)| *key);
    let elected = running.first().copied().or(newest);
    by_key
        .into_iter()
        .map(|(key, hosts)| {
            let managed = match key {
                (0, Some(id)) => instances.iter().copied().find(|other| *other == id),
                _ if Some(key) == elected => unnamed.first().copied(),
                _ => None,
            };
            let is_one_of_several = running.len() > 1 && running.contains(&key);
            let has_several_instances = Some(key) == elected && unnamed.len() > 1;
            let rank = |host: &Host| (!is_stopped(host), host.added_time, host.id);
            let is_leftover = |host: &Host| {
                host.container_name.is_some()
                    && is_stopped(host)
                    && hosts
                        .iter()
                        .any(|other| other.container_name == host.container_name && rank(other) > rank(host))
            };
            let (leftovers, hosts) = hosts.iter().copied().partition(|host| is_leftover(host));
            Entries {
                address,
                managed,
                is_ambiguous: is_one_of_several || has_several_instances,
                hosts,
                leftovers,
            }
        })
        .collect()
}
