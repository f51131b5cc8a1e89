//! The specification of the decisions, written independently of the planner: container by container, and every answer is
//! derived from the lists again.

use jiff::{SignedDuration, Timestamp};
use scaling::messages::Role;
use scaling::policy::Group;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::ids::HostId;
use weka_types::lists::{
    Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, NodeStatus, Optional,
    RebuildStatus,
};

pub(crate) struct Oracle<'a> {
    pub(crate) lists: &'a Lists,
    pub(crate) group: &'a Group,
    pub(crate) now: Timestamp,
    pub(crate) machines: Vec<OracleMachine<'a>>,
}

/// Containers at one address that are connected: two have the same instance id, or one of them has none and they have the
/// same machine identifier.
#[derive(Debug, Clone)]
pub(crate) struct OracleMachine<'a> {
    pub(crate) hosts: Vec<&'a Host>,
    pub(crate) leftovers: Vec<&'a Host>,
    pub(crate) instance: Option<String>,
    /// It is unknown which of several machines or instances it is.
    ambiguous: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Healthy,
    Unhealthy,
    Deactivating,
}

fn is_removed_host(host: &Host) -> bool {
    host.state == HostState::Removing || host.state == HostState::Inactive
}

fn runs(host: &Host) -> bool {
    !is_removed_host(host) && host.status != HostStatus::Down && host.status != HostStatus::Inactive
}

fn are_connected(a: &Host, b: &Host) -> bool {
    match (&a.instance_id, &b.instance_id) {
        (Some(a), Some(b)) => a == b,
        _ => a.machine_identifier.is_some() && a.machine_identifier == b.machine_identifier,
    }
}

fn is_silent(host: &Host) -> bool {
    host.instance_id.is_none() && host.machine_identifier.is_none()
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let mut oracle = Self {
            lists,
            group,
            now,
            machines: Vec::new(),
        };
        let addresses: BTreeSet<_> = oracle.in_role().filter_map(|host| oracle.address(host)).collect();
        for address in addresses {
            let found = oracle.machines_at(address);
            oracle.machines.extend(found);
        }
        oracle
    }

    fn mode(&self) -> Mode {
        if self.group.role == Role::Client {
            Mode::Client
        } else {
            Mode::Backend
        }
    }

    fn in_role(&self) -> impl Iterator<Item = &'a Host> {
        let mode = self.mode();
        self.lists
            .hosts
            .0
            .iter()
            .filter(move |host| host.mode == mode || host.mode == Mode::Unknown)
    }

    /// The address of a container, or that of its instance.
    pub(crate) fn address(&self, host: &Host) -> Option<IpAddr> {
        if host.host_ip.is_some() {
            return host.host_ip;
        }
        let id = host.instance_id.as_ref()?;
        let mut instances = self.group.instances.iter();
        instances
            .find(|instance| instance.id == id.as_str())?
            .private_ip
            .parse()
            .ok()
    }

    fn machines_at(&self, address: IpAddr) -> Vec<OracleMachine<'a>> {
        let here = self.in_role().filter(|host| self.address(host) == Some(address));
        let (silent, speaking): (Vec<_>, Vec<_>) = here.partition(|host| is_silent(host));
        let mut sets: Vec<Vec<&Host>> = Vec::new();
        for host in speaking {
            let (joined, others) = sets
                .into_iter()
                .partition::<Vec<_>, _>(|set| set.iter().any(|other| are_connected(host, other)));
            sets = others;
            let mut joined: Vec<_> = joined.into_iter().flatten().collect();
            joined.push(host);
            sets.push(joined);
        }
        match sets.as_mut_slice() {
            _ if silent.is_empty() => {}
            [only] => only.extend(silent),
            _ => sets.push(silent),
        }
        let id_of = |set: &[&Host]| {
            set.iter()
                .find_map(|host| host.instance_id.clone())
                .map(|id| id.0)
        };
        let instances: BTreeSet<&str> = self
            .group
            .instances
            .iter()
            .filter(|instance| instance.private_ip.parse() == Ok(address))
            .map(|instance| instance.id.as_str())
            .collect();
        let named: Vec<String> = sets.iter().filter_map(|set| id_of(set)).collect();
        let unnamed: Vec<&str> = instances
            .iter()
            .copied()
            .filter(|id| !named.contains(&(*id).to_owned()))
            .collect();
        // The sets without an instance id: those that run first, then by identifier, and a set without one last.
        let identifier = |set: &[&Host]| set.iter().find_map(|host| host.machine_identifier.clone());
        let mut anonymous: Vec<_> = sets.iter().filter(|set| id_of(set).is_none()).cloned().collect();
        anonymous.sort_by_key(|set| (identifier(set).is_none(), identifier(set)));
        let running: Vec<_> = anonymous
            .iter()
            .filter(|set| set.iter().any(|host| runs(host)))
            .cloned()
            .collect();
        let newest = anonymous
            .iter()
            .max_by_key(|set| set.iter().map(|host| (host.added_time, host.id)).max());
        let elected = running.first().or(newest).cloned();
        sets.into_iter()
            .map(|set| {
                let is_elected = elected.as_ref() == Some(&set);
                let instance = match id_of(&set) {
                    Some(id) => instances.contains(id.as_str()).then_some(id),
                    None if is_elected => unnamed.first().map(|id| (*id).to_owned()),
                    None => None,
                };
                let is_one_of_several = running.len() > 1 && running.contains(&set);
                let (leftovers, hosts) = set.iter().copied().partition(|host| is_leftover(host, &set));
                OracleMachine {
                    hosts,
                    leftovers,
                    instance,
                    ambiguous: is_one_of_several || (is_elected && unnamed.len() > 1),
                }
            })
            .filter(|machine| self.group.role == Role::Backend || machine.instance.is_some())
            .collect()
    }

    pub(crate) fn refuses(&self) -> bool {
        let container = |host: &Host| {
            host.mode == Mode::Backend && host.container_name.as_deref().unwrap_or("").contains("drive")
        };
        self.lists.status.io_status != "STARTED"
            || self.lists.status.upgrade.is_some()
            || self.lists.overrides.0.contains(&"skip_scale_down".to_owned())
            || !self.lists.hosts.0.iter().any(container)
    }

    /// The number of the machine that a container belongs to.
    pub(crate) fn number_of(&self, id: HostId) -> Option<usize> {
        self.machines
            .iter()
            .position(|machine| machine.all().any(|host| host.id == id))
    }

    fn drives_of(&self, hosts: &[&Host]) -> Vec<&'a Drive> {
        let is_here = |drive: &&Drive| hosts.iter().any(|host| drive.host == DriveHost::Host(host.id));
        self.lists.drives.0.iter().filter(is_here).collect()
    }

    pub(crate) fn is_clear(&self, machine: &OracleMachine<'_>) -> bool {
        let members: Vec<_> = machine
            .hosts
            .iter()
            .filter(|host| !is_removed_host(host))
            .collect();
        let names: BTreeSet<_> = members
            .iter()
            .filter_map(|host| host.container_name.as_ref())
            .collect();
        let named = members
            .iter()
            .filter(|host| host.container_name.is_some())
            .count();
        let is_known = |host: &Host| {
            host.host_ip.is_some() && host.state != HostState::Unknown && host.state != HostState::Adding
        };
        let is_stopping = |host: &Host| host.state == HostState::Draining || host.state == HostState::Drained;
        !machine.ambiguous
            && machine.all().all(|host| host.mode != Mode::Unknown)
            && names.len() == named
            && members.iter().all(|host| is_known(host))
            && (self.is_draining(machine)
                || machine.instance.is_none()
                || !members.iter().any(|host| is_stopping(host)))
    }

    fn down_minutes(&self, host: &Host) -> Option<i64> {
        let mut shortest: Option<i64> = None;
        let is_management =
            |node: &&weka_types::lists::Node| node.host == Some(host.id) && node.id.is_management();
        for node in self.lists.nodes.0.iter().filter(is_management) {
            if node.status != NodeStatus::Down {
                return None;
            }
            let mut since = None;
            for (time, is_fencing) in [
                (host.last_failure_time, false),
                (host.state_changed_time, false),
                (node.last_fencing_time, true),
            ] {
                let is_before_start = |start: Option<Timestamp>| {
                    start.is_some() && if is_fencing { time < start } else { time <= start }
                };
                if time.is_some() && !is_before_start(host.start_time) && !is_before_start(node.up_since) {
                    since = time;
                }
            }
            // Rounded up, so that one second more than a limit exceeds it.
            let seconds = self.now.duration_since(since?).as_secs();
            let minutes = seconds.div_euclid(60) + i64::from(seconds.rem_euclid(60) > 0);
            shortest = Some(shortest.map_or(minutes, |other| other.min(minutes)));
        }
        shortest
    }

    fn container(&self, host: &Host) -> State {
        let drives = self.drives_of(&[host]);
        let deactivated = drives
            .iter()
            .filter(|drive| drive.should_be_active == Some(false))
            .count();
        if (deactivated > 0 && deactivated == drives.len())
            || is_removed_host(host)
            || host.state == HostState::Deactivating
        {
            return State::Deactivating;
        }
        let (limit, stopped): (i64, &[HostStatus]) = match self.group.role {
            Role::Backend => (120, &[HostStatus::Down, HostStatus::Degraded]),
            Role::Client => (30, &[HostStatus::Down]),
        };
        let is_down = stopped.contains(&host.status) && self.down_minutes(host).is_some_and(|m| m > limit);
        let is_old = match host.added_time {
            Some(added) => self.now.duration_since(added) > SignedDuration::from_mins(5),
            None => false,
        };
        let is_empty = |drive: &&Drive| {
            drive.status == DriveStatus::Inactive
                || (drive.status == DriveStatus::Failed && host.status != HostStatus::Down)
        };
        if is_down || (is_old && drives.iter().any(is_empty)) || deactivated > 0 {
            State::Unhealthy
        } else {
            State::Healthy
        }
    }

    pub(crate) fn state(&self, machine: &OracleMachine<'_>) -> State {
        let states: Vec<_> = machine.hosts.iter().map(|host| self.container(host)).collect();
        if states.contains(&State::Unhealthy) {
            State::Unhealthy
        } else if states.contains(&State::Deactivating) {
            State::Deactivating
        } else {
            State::Healthy
        }
    }

    /// The clear machines of the group, by number, in the order in which they drain.
    pub(crate) fn in_order(&self) -> Vec<usize> {
        let is_managed = |number: &usize| {
            let machine = &self.machines[*number];
            machine.instance.is_some() && self.is_clear(machine)
        };
        let mut managed: Vec<_> = (0..self.machines.len()).filter(is_managed).collect();
        let rank = |machine: &OracleMachine<'_>| match self.state(machine) {
            State::Deactivating => 0,
            State::Unhealthy => 1,
            State::Healthy if self.serves_files(machine) => 3,
            State::Healthy => 2,
        };
        let inactive = |machine: &OracleMachine<'_>| {
            let drives = self.drives_of(&machine.hosts);
            drives
                .iter()
                .filter(|drive| drive.status == DriveStatus::Inactive)
                .count()
        };
        let added =
            |machine: &OracleMachine<'_>| machine.hosts.iter().filter_map(|host| host.added_time).min();
        managed.sort_by(|a, b| {
            let (a, b) = (&self.machines[*a], &self.machines[*b]);
            rank(a)
                .cmp(&rank(b))
                .then_with(|| inactive(b).cmp(&inactive(a)))
                .then_with(|| match (added(a), added(b)) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => Ordering::Equal,
                })
                .then_with(|| a.first().cmp(&b.first()))
        });
        managed
    }

    /// Members of the group that are never chosen.
    pub(crate) fn skipped_members(&self) -> i64 {
        let is_member = |machine: &&OracleMachine<'_>| {
            machine.instance.is_some()
                && !self.is_clear(machine)
                && machine.all().any(|host| !is_removed_host(host))
        };
        i64::try_from(self.machines.iter().filter(is_member).count()).unwrap()
    }

    pub(crate) fn count(&self, state: State) -> i64 {
        let managed = self.in_order();
        let has_state = |number: &&usize| self.state(&self.machines[**number]) == state;
        i64::try_from(managed.iter().filter(has_state).count()).unwrap()
    }

    pub(crate) fn size(&self) -> i64 {
        i64::try_from(self.in_order().len()).unwrap() + self.skipped_members()
    }

    pub(crate) fn floor(&self) -> i64 {
        let status = &self.lists.status;
        match (
            self.group.role,
            status.stripe_data_drives,
            status.stripe_protection_drives,
        ) {
            (Role::Client, _, _) => 0,
            (Role::Backend, Some(data), Some(protection)) => i64::from(data + protection).max(5),
            (Role::Backend, _, _) => 5,
        }
    }

    /// The desired capacity, unless it is below the floor: then nothing healthy drains.
    pub(crate) fn target(&self) -> i64 {
        let desired = i64::from(self.group.desired);
        if desired < self.floor() {
            self.size().max(self.floor())
        } else {
            desired
        }
    }

    /// The formula of the specification.
    pub(crate) fn to_deactivate(&self) -> i64 {
        let (u, d) = (self.count(State::Unhealthy), self.count(State::Deactivating));
        [d, self.size() - self.target(), i64::min(2 - d, u)]
            .into_iter()
            .max()
            .unwrap()
    }

    /// Whether at least one of its containers is deactivating or has left.
    pub(crate) fn is_draining(&self, machine: &OracleMachine<'_>) -> bool {
        machine
            .hosts
            .iter()
            .any(|host| self.container(host) == State::Deactivating)
    }

    /// How many backends drain that are not instances of the group. Entries that a machine has left behind count as one.
    pub(crate) fn unmanaged_draining(&self) -> usize {
        if self.group.role != Role::Backend {
            return 0;
        }
        // A machine that is never chosen may be draining as well.
        let unmanaged = self.machines.iter().filter(|machine| {
            let is_other = machine.instance.is_none() || !self.is_clear(machine);
            is_other && self.is_draining(machine) && !machine.is_removed()
        });
        let leftovers = self.machines.iter().filter(|machine| {
            let is_leaving = |host: &&Host| self.container(host) == State::Deactivating;
            !self.is_draining(machine)
                && machine.leftovers.iter().any(is_leaving)
                && !machine.leftovers.iter().all(|host| is_removed_host(host))
        });
        unmanaged.count() + leftovers.count()
    }

    /// Whether all these containers are down or inactive, and have been for more than three hours.
    pub(crate) fn is_long_down(&self, hosts: &[&Host]) -> bool {
        let may_be_down = |host: &Host| host.status == HostStatus::Down || host.status == HostStatus::Drained;
        let down: Vec<_> = hosts.iter().filter(|host| may_be_down(host)).collect();
        let is_inactive = |host: &Host| host.status == HostStatus::Inactive || is_removed_host(host);
        let is_long = |host: &Host| self.down_minutes(host).is_some_and(|minutes| minutes > 180);
        // A container that has left and has no time counts only if its status is not DOWN.
        let counts = |host: &Host| {
            host.status == HostStatus::Down || !is_removed_host(host) || self.down_minutes(host).is_some()
        };
        !down.is_empty()
            && hosts.iter().all(|host| may_be_down(host) || is_inactive(host))
            && down.iter().filter(|host| counts(host)).all(|host| is_long(host))
            && down.iter().any(|host| is_long(host))
    }

    /// Whether one of its containers belongs to the S3 or the SMB cluster.
    pub(crate) fn serves_files(&self, machine: &OracleMachine<'_>) -> bool {
        let lists = [&self.lists.smb, &self.lists.s3];
        let serves = |host: &Host| {
            lists
                .iter()
                .any(|list| matches!(list, Optional::Read(hosts) if hosts.0.contains(&host.id)))
        };
        machine.all().any(serves)
    }

    /// Whether all data has all its copies, and what is needed to know it is known.
    pub(crate) fn may_lose_a_healthy_machine(&self) -> bool {
        if self.group.role == Role::Client {
            return true;
        }
        let is_protected = match &self.lists.status.rebuild {
            RebuildStatus::Unknown => true,
            RebuildStatus::Malformed(_) => false,
            RebuildStatus::Known(rebuild) => {
                let lost = rebuild.protection.iter().filter(|level| level.num_failures >= 1);
                lost.map(|level| level.percent.0).sum::<u32>() == 0
                    && rebuild.enough_active_fds != Some(false)
                    && rebuild.unavailable.is_none_or(|share| share.0 == 0)
            }
        };
        let is_known = self
            .lists
            .drives
            .0
            .iter()
            .all(|drive| drive.host != DriveHost::Unknown);
        is_protected && is_known && matches!(self.lists.interface_groups, Optional::Read(_))
    }
}

impl<'a> OracleMachine<'a> {
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Host> {
        self.hosts.iter().chain(&self.leftovers).copied()
    }

    fn first(&self) -> Option<HostId> {
        self.all().map(|host| host.id).min()
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.all().all(is_removed_host)
    }
}

/// Whether the entry does not run, and another one of the same name runs or is newer.
fn is_leftover(host: &Host, all: &[&Host]) -> bool {
    let is_better = |other: &&&Host| runs(other) || (other.added_time, other.id) > (host.added_time, host.id);
    let same = all
        .iter()
        .filter(|other| other.id != host.id && other.container_name == host.container_name);
    host.container_name.is_some() && !runs(host) && same.filter(is_better).count() > 0
}
