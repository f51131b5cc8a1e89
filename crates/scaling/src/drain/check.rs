//! Checks a plan against the invariants before it is executed.
//!
//! It is written independently of the planner: it starts from the calls, looks up in the lists what each of them would do,
//! and knows neither the formula nor the order. A violation is a bug in the planner; the run then changes nothing.

use super::plan::Plan;
use crate::messages::Role;
use crate::policy::{Group, MAX_BACKEND_CONTAINERS, MAX_UNHEALTHY_DRAINING};
use jiff::Timestamp;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, NodeStatus};

/// An invariant that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A call names a container that Weka does not list.
    #[error("{0} is not listed")]
    UnknownHost(HostId),
    /// A call names a drive that Weka does not list.
    #[error("drive {0} is not listed")]
    UnknownDrive(DriveUuid),
    /// A call changes a container of another role, or of another machine than the task's.
    #[error("{0} must not be changed by this run")]
    ForeignHost(HostId),
    /// A call changes a drive of another machine than the task's.
    #[error("drive {0} must not be changed by this run")]
    ForeignDrive(DriveUuid),
    /// A container is deregistered that is still a member, or still runs.
    #[error("{0} is deregistered, but is not inactive")]
    MemberRemoved(HostId),
    /// A drive is deregistered that holds data.
    #[error("drive {0} is deregistered, but is not inactive")]
    DriveRemoved(DriveUuid),
    /// An instance is terminated on which a container would remain.
    #[error("instance {0} is terminated, but {1} would remain on it")]
    MemberTerminated(String, HostId),
    /// An instance is terminated that is not the group's instance at this address.
    #[error("instance {0} is terminated, but is not the group's instance at this address")]
    ForeignTerminated(String),
    /// I2.
    #[error("{machines} machines would drain concurrently, but at most {limit} may")]
    TooMany { machines: usize, limit: usize },
    /// I3.
    #[error("{remain} machines would remain, but at least {minimum} must")]
    TooFew { remain: usize, minimum: usize },
}

/// Checks a plan against the lists that it was made from.
///
/// # Errors
/// The first [`Violation`] found.
pub fn check(plan: &Plan, lists: &Lists, group: &Group, now: Timestamp) -> Result<(), Violation> {
    if plan.tasks.is_empty() {
        return Ok(());
    }
    let facts = Facts::new(plan, lists, group, now);
    let mut started: HashSet<IpAddr> = HashSet::default();
    for task in &plan.tasks {
        let mut removed: HashSet<HostId> = HashSet::default();
        for call in &task.calls {
            match call {
                Call::DeactivateHosts(ids) => {
                    for id in ids {
                        let host = facts.host(*id, task.address)?;
                        started.extend(host.host_ip);
                    }
                }
                Call::DeactivateDrives(uuids) => {
                    for uuid in uuids {
                        started.insert(facts.drive_of(uuid, task.address)?);
                    }
                }
                Call::RemoveHost(id) => {
                    let host = facts.host(*id, task.address)?;
                    if (host.state, host.status) != (HostState::Inactive, HostStatus::Inactive) {
                        return Err(Violation::MemberRemoved(*id));
                    }
                    removed.insert(*id);
                }
                Call::RemoveDrives(uuids) => {
                    for uuid in uuids {
                        facts.check_removable(uuid, task.address, &removed)?;
                    }
                }
                Call::Event(_) => {}
            }
        }
        if let Some(instance) = &task.then_terminate {
            facts.check_nothing_remains_on(&instance.id, &instance.private_ip, task.address, &removed)?;
        }
    }
    facts.check_counts(&started, group, now)
}

/// Finds a container in a list that is sorted by id.
fn find<'a>(hosts: &[&'a Host], id: HostId) -> Option<&'a Host> {
    let index = hosts.binary_search_by_key(&id, |host| host.id).ok()?;
    Some(hosts[index])
}

struct Facts<'a> {
    role: Mode,
    /// Sorted by id.
    hosts: Vec<&'a Host>,
    /// The drives that the plan names.
    drives: HashMap<&'a DriveUuid, (DriveHost, DriveStatus)>,
    /// The containers with an address, sorted by it: those of a machine are adjacent.
    by_address: Vec<(IpAddr, &'a Host)>,
    with_drives: HashSet<HostId>,
    /// Containers with a drive that was not deactivated.
    with_wanted_drive: HashSet<HostId>,
    /// Containers with a drive that was deactivated.
    with_unwanted_drive: HashSet<HostId>,
    /// Containers with a drive that holds no data.
    with_inactive_drive: HashSet<HostId>,
    /// Containers whose management process has been down for longer than the grace period.
    down: HashSet<HostId>,
    instances: HashMap<IpAddr, &'a str>,
}

impl<'a> Facts<'a> {
    fn new(plan: &Plan, lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let by_address = lists
            .hosts
            .0
            .iter()
            .filter_map(|host| Some((host.host_ip?, host)));
        let mut by_address: Vec<_> = by_address.collect();
        by_address.sort_by_key(|(address, _)| *address);
        let mut hosts: Vec<&Host> = lists.hosts.0.iter().collect();
        hosts.sort_by_key(|host| host.id);
        let [
            mut with_drives,
            mut with_wanted_drive,
            mut with_unwanted_drive,
            mut with_inactive_drive,
            mut down,
        ] = [const { Vec::new() }; 5];
        for drive in &lists.drives.0 {
            if let DriveHost::Host(host) = drive.host {
                with_drives.push(host);
                let is_wanted = drive.should_be_active != Some(false);
                if is_wanted {
                    with_wanted_drive.push(host);
                } else {
                    with_unwanted_drive.push(host);
                }
                if drive.status == DriveStatus::Inactive {
                    with_inactive_drive.push(host);
                }
            }
        }
        let stopped = lists
            .nodes
            .0
            .iter()
            .filter(|node| node.status == NodeStatus::Down);
        for node in stopped.filter(|node| node.id.0 % 20 == 0) {
            let host = node.host.and_then(|id| find(&hosts, id));
            let since = host.and_then(|host| {
                node.last_fencing_time
                    .or(host.state_changed_time)
                    .map(|t| (host.id, t))
            });
            if let Some((id, since)) = since
                && now.duration_since(since) > group.down_grace_period()
            {
                down.push(id);
            }
        }
        let calls = plan.tasks.iter().flat_map(|task| &task.calls);
        let named: HashSet<&DriveUuid> = calls
            .flat_map(|call| match call {
                Call::DeactivateDrives(uuids) | Call::RemoveDrives(uuids) => uuids.as_slice(),
                Call::DeactivateHosts(_) | Call::RemoveHost(_) | Call::Event(_) => &[],
            })
            .collect();
        let set = |ids: Vec<HostId>| ids.into_iter().collect::<HashSet<_>>();
        Self {
            role: if group.role == Role::Backend {
                Mode::Backend
            } else {
                Mode::Client
            },
            hosts,
            drives: lists
                .drives
                .0
                .iter()
                .filter(|drive| named.contains(&drive.uuid))
                .map(|drive| (&drive.uuid, (drive.host, drive.status)))
                .collect(),
            by_address,
            with_drives: set(with_drives),
            with_wanted_drive: set(with_wanted_drive),
            with_unwanted_drive: set(with_unwanted_drive),
            with_inactive_drive: set(with_inactive_drive),
            down: set(down),
            instances: group
                .instances
                .iter()
                .filter_map(|instance| Some((instance.private_ip.parse().ok()?, instance.id.as_str())))
                .collect(),
        }
    }

    /// The container, if it has this run's role and is on the task's machine.
    fn host(&self, id: HostId, address: Option<IpAddr>) -> Result<&'a Host, Violation> {
        let host = find(&self.hosts, id).ok_or(Violation::UnknownHost(id))?;
        if host.mode != self.role || host.host_ip.is_none() || host.host_ip != address {
            return Err(Violation::ForeignHost(id));
        }
        if host.mode == Mode::Client && self.instance_at(host.host_ip).is_none() {
            return Err(Violation::ForeignHost(id));
        }
        Ok(host)
    }

    /// The containers at an address.
    fn hosts_at(&self, address: IpAddr) -> impl Iterator<Item = &'a Host> {
        let first = self.by_address.partition_point(|(other, _)| *other < address);
        let here = self.by_address[first..].iter();
        here.take_while(move |(other, _)| *other == address)
            .map(|(_, host)| *host)
    }

    /// The group's instance at an address, unless Weka reports that the containers there run on another one.
    fn instance_at(&self, address: Option<IpAddr>) -> Option<&'a str> {
        let id = *self.instances.get(&address?)?;
        let others = self.hosts_at(address?).filter(|host| host.mode == self.role);
        others
            .filter_map(|host| host.instance_id.as_ref())
            .all(|other| other.as_str() == id)
            .then_some(id)
    }

    fn drive_of(&self, uuid: &DriveUuid, address: Option<IpAddr>) -> Result<IpAddr, Violation> {
        let (host, _) = self
            .drives
            .get(uuid)
            .ok_or_else(|| Violation::UnknownDrive(uuid.clone()))?;
        let DriveHost::Host(id) = host else {
            return Err(Violation::ForeignDrive(uuid.clone()));
        };
        let host = self
            .host(*id, address)
            .map_err(|_| Violation::ForeignDrive(uuid.clone()))?;
        host.host_ip.ok_or_else(|| Violation::ForeignDrive(uuid.clone()))
    }

    /// A drive may be deregistered if it holds no data and its container is deregistered before it or was before this run.
    fn check_removable(
        &self,
        uuid: &DriveUuid,
        address: Option<IpAddr>,
        removed: &HashSet<HostId>,
    ) -> Result<(), Violation> {
        let (host, status) = self
            .drives
            .get(uuid)
            .ok_or_else(|| Violation::UnknownDrive(uuid.clone()))?;
        if *status != DriveStatus::Inactive {
            return Err(Violation::DriveRemoved(uuid.clone()));
        }
        match host {
            DriveHost::None if address.is_none() => Ok(()),
            DriveHost::Host(id) if removed.contains(id) => Ok(()),
            _ => Err(Violation::ForeignDrive(uuid.clone())),
        }
    }

    fn check_nothing_remains_on(
        &self,
        id: &str,
        private_ip: &str,
        address: Option<IpAddr>,
        removed: &HashSet<HostId>,
    ) -> Result<(), Violation> {
        if address.is_none() || private_ip.parse().ok() != address || self.instance_at(address) != Some(id) {
            return Err(Violation::ForeignTerminated(id.to_owned()));
        }
        let here = address.into_iter().flat_map(|address| self.hosts_at(address));
        let remaining = here
            .filter(|host| host.mode == self.role)
            .find(|host| !removed.contains(&host.id));
        match remaining {
            Some(host) => Err(Violation::MemberTerminated(id.to_owned(), host.id)),
            None => Ok(()),
        }
    }

    fn is_draining(&self, host: &Host) -> bool {
        let is_leaving =
            [HostState::Deactivating, HostState::Removing, HostState::Inactive].contains(&host.state);
        is_leaving || (self.with_drives.contains(&host.id) && !self.with_wanted_drive.contains(&host.id))
    }

    /// I2 and I3 for the consistent machines of the group. A run that starts to drain nothing breaks neither.
    fn check_counts(
        &self,
        started: &HashSet<IpAddr>,
        group: &Group,
        now: Timestamp,
    ) -> Result<(), Violation> {
        let mut size = 0;
        let mut draining = 0;
        let mut started_managed = 0;
        let mut started_unmanaged = 0;
        let mut unmanaged_draining = 0;
        let mut started_healthy = 0;
        for machine in self.by_address.chunk_by(|(one, _), (other, _)| one == other) {
            let address = &machine[0].0;
            let hosts = machine.iter().map(|(_, host)| *host);
            let hosts: Vec<&Host> = hosts.filter(|host| host.mode == self.role).collect();
            if hosts.is_empty() {
                continue;
            }
            let mut identifiers = hosts.iter().filter_map(|host| host.machine_identifier.as_deref());
            let first = identifiers.next();
            let has_several_identifiers = identifiers.any(|other| Some(other) != first);
            let too_many = self.role == Mode::Backend && hosts.len() > MAX_BACKEND_CONTAINERS;
            if too_many
                || has_several_identifiers
                || hosts.iter().any(|host| host.state == HostState::Unknown)
            {
                if let Some(host) = hosts.iter().find(|_| started.contains(address)) {
                    return Err(Violation::ForeignHost(host.id));
                }
                continue;
            }
            let is_draining = hosts.iter().any(|host| self.is_draining(host));
            let starts = started.contains(address) && !is_draining;
            if self.instance_at(Some(*address)).is_none() {
                started_unmanaged += usize::from(starts);
                // A machine that has left only waits to be deregistered.
                let is_leaving = is_draining && hosts.iter().any(|host| host.state != HostState::Inactive);
                unmanaged_draining += usize::from(is_leaving && self.role == Mode::Backend);
                continue;
            }
            size += 1;
            draining += usize::from(is_draining);
            started_managed += usize::from(starts);
            started_healthy +=
                usize::from(starts && hosts.iter().all(|host| self.is_healthy(host, group, now)));
        }
        if started_managed + started_unmanaged == 0 {
            return Ok(());
        }
        let excess = usize::saturating_sub(size, group.desired as usize);
        let (machines, limit) = (
            draining + unmanaged_draining + started_managed + started_unmanaged,
            excess.max(MAX_UNHEALTHY_DRAINING),
        );
        if machines > limit {
            return Err(Violation::TooMany { machines, limit });
        }
        let (remain, minimum) = (size - draining - started_managed, group.min_remaining());
        let exceptions = started_managed - started_healthy;
        if remain < minimum && (started_healthy > 0 || exceptions > MAX_UNHEALTHY_DRAINING) {
            return Err(Violation::TooFew { remain, minimum });
        }
        Ok(())
    }

    /// Whether a container has no problem: it runs or has not been down for long, and its drives hold data or it is new.
    fn is_healthy(&self, host: &Host, group: &Group, now: Timestamp) -> bool {
        let is_new = host
            .added_time
            .is_none_or(|added| added + group.grace_periods.drive_inactive >= now);
        let stopped = matches!(host.status, HostStatus::Down | HostStatus::Degraded);
        let is_down = stopped && self.down.contains(&host.id);
        let is_empty = !is_new && self.with_inactive_drive.contains(&host.id);
        !is_down && !is_empty && !self.with_unwanted_drive.contains(&host.id)
    }
}
