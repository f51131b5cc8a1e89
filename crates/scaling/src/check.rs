//! Holds a plan against the invariants before it is carried out.
//!
//! Written another way than the planner: it starts from the calls and looks up in the lists what each would do, and knows
//! neither the formula nor the order. What it refuses is a defect of the planner; the run then changes nothing.

use crate::messages::Role;
use crate::plan::Plan;
use crate::policy::{CONTAINERS_OF_A_BACKEND, Group, UNHEALTHY_AT_ONCE};
use jiff::Timestamp;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, NodeStatus};

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A call names a container that Weka does not list.
    #[error("{0} is not listed")]
    UnknownHost(HostId),
    /// A call names a drive that Weka does not list.
    #[error("drive {0} is not listed")]
    UnknownDrive(DriveUuid),
    /// A call is about a container that is none of the run's role, or of another machine than the task's.
    #[error("{0} is not for this run to change")]
    ForeignHost(HostId),
    /// A call is about a drive of another machine than the task's.
    #[error("drive {0} is not for this run to change")]
    ForeignDrive(DriveUuid),
    /// A container is forgotten that is still a member, or still runs.
    #[error("{0} is removed, but is not inactive")]
    MemberRemoved(HostId),
    /// A drive is forgotten that holds data.
    #[error("drive {0} is removed, but is not inactive")]
    DriveRemoved(DriveUuid),
    /// An instance is let go that something of the cluster would be left on.
    #[error("instance {0} is terminated, but {1} would be left on it")]
    MemberTerminated(String, HostId),
    /// An instance is let go that is none of the group at this address.
    #[error("instance {0} is terminated, but is not the group's instance there")]
    ForeignTerminated(String),
    /// I2.
    #[error("{machines} machines would be on their way out, at most {limit} may be")]
    TooMany {
        /// How many would be.
        machines: usize,
        /// How many may.
        limit: usize,
    },
    /// I3.
    #[error("{remain} machines would remain, at least {floor} must")]
    TooFew {
        /// How many would remain.
        remain: usize,
        /// How many must.
        floor: usize,
    },
}

/// Checks a plan against the lists that it was made of.
///
/// # Errors
/// The first [`Violation`] found.
pub fn check(plan: &Plan, lists: &Lists, group: &Group, now: Timestamp) -> Result<(), Violation> {
    if plan.tasks.is_empty() {
        return Ok(());
    }
    let facts = Facts::new(plan, lists, group, now);
    let mut begun: HashSet<IpAddr> = HashSet::default();
    for task in &plan.tasks {
        let mut removed: HashSet<HostId> = HashSet::default();
        for call in &task.calls {
            match call {
                Call::DeactivateHosts(ids) => {
                    for id in ids {
                        let host = facts.ours(*id, task.address)?;
                        begun.extend(host.host_ip);
                    }
                }
                Call::DeactivateDrives(uuids) => {
                    for uuid in uuids {
                        begun.insert(facts.drive_of(uuid, task.address)?);
                    }
                }
                Call::RemoveHost(id) => {
                    let host = facts.ours(*id, task.address)?;
                    if (host.state, host.status) != (HostState::Inactive, HostStatus::Inactive) {
                        return Err(Violation::MemberRemoved(*id));
                    }
                    removed.insert(*id);
                }
                Call::RemoveDrives(uuids) => {
                    for uuid in uuids {
                        facts.removable(uuid, task.address, &removed)?;
                    }
                }
                Call::Event(_) => {}
            }
        }
        if let Some(instance) = &task.then_terminate {
            facts.nothing_left_on(&instance.id, &instance.private_ip, task.address, &removed)?;
        }
    }
    facts.count(&begun, group, now)
}

/// A container among those that are sorted by id.
fn find<'a>(hosts: &[&'a Host], id: HostId) -> Option<&'a Host> {
    let place = hosts.binary_search_by_key(&id, |host| host.id).ok()?;
    Some(hosts[place])
}

struct Facts<'a> {
    role: Mode,
    /// By id.
    hosts: Vec<&'a Host>,
    /// Those that the plan names.
    drives: HashMap<&'a DriveUuid, (DriveHost, DriveStatus)>,
    /// Those with an address, by it: those of a machine stand together.
    placed: Vec<(IpAddr, &'a Host)>,
    /// Containers with drives; with one at least that is to hold data; that is not to; that holds none.
    with_drives: HashSet<HostId>,
    wanted: HashSet<HostId>,
    unwanted: HashSet<HostId>,
    empty: HashSet<HostId>,
    /// Containers whose management process is down for as long as counts.
    down: HashSet<HostId>,
    instances: HashMap<IpAddr, &'a str>,
}

impl<'a> Facts<'a> {
    fn new(plan: &Plan, lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let placed = lists
            .hosts
            .0
            .iter()
            .filter_map(|host| Some((host.host_ip?, host)));
        let mut placed: Vec<_> = placed.collect();
        placed.sort_by_key(|(address, _)| *address);
        let mut hosts: Vec<&Host> = lists.hosts.0.iter().collect();
        hosts.sort_by_key(|host| host.id);
        let [mut with_drives, mut wanted, mut unwanted, mut empty, mut down] = [const { Vec::new() }; 5];
        for drive in &lists.drives.0 {
            if let DriveHost::Host(host) = drive.host {
                with_drives.push(host);
                let keeps = drive.should_be_active != Some(false);
                if keeps { &mut wanted } else { &mut unwanted }.push(host);
                if drive.status == DriveStatus::Inactive {
                    empty.push(host);
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
                && now.duration_since(since) > group.down()
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
            placed,
            with_drives: set(with_drives),
            wanted: set(wanted),
            unwanted: set(unwanted),
            empty: set(empty),
            down: set(down),
            instances: group
                .instances
                .iter()
                .filter_map(|instance| Some((instance.private_ip.parse().ok()?, instance.id.as_str())))
                .collect(),
        }
    }

    /// The container, if it is one of this run's role on the task's machine.
    fn ours(&self, id: HostId, address: Option<IpAddr>) -> Result<&'a Host, Violation> {
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
    fn at(&self, address: IpAddr) -> impl Iterator<Item = &'a Host> {
        let first = self.placed.partition_point(|(other, _)| *other < address);
        let here = self.placed[first..].iter();
        here.take_while(move |(other, _)| *other == address)
            .map(|(_, host)| *host)
    }

    /// The group's instance at an address, unless Weka says that another one's containers are there.
    fn instance_at(&self, address: Option<IpAddr>) -> Option<&'a str> {
        let id = *self.instances.get(&address?)?;
        let others = self.at(address?).filter(|host| host.mode == self.role);
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
            .ours(*id, address)
            .map_err(|_| Violation::ForeignDrive(uuid.clone()))?;
        host.host_ip.ok_or_else(|| Violation::ForeignDrive(uuid.clone()))
    }

    /// A drive may be forgotten that holds nothing, and whose container is forgotten before it or was before this run.
    fn removable(
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

    fn nothing_left_on(
        &self,
        id: &str,
        private_ip: &str,
        address: Option<IpAddr>,
        removed: &HashSet<HostId>,
    ) -> Result<(), Violation> {
        if address.is_none() || private_ip.parse().ok() != address || self.instance_at(address) != Some(id) {
            return Err(Violation::ForeignTerminated(id.to_owned()));
        }
        let here = address.into_iter().flat_map(|address| self.at(address));
        let left = here
            .filter(|host| host.mode == self.role)
            .find(|host| !removed.contains(&host.id));
        match left {
            Some(host) => Err(Violation::MemberTerminated(id.to_owned(), host.id)),
            None => Ok(()),
        }
    }

    fn is_under_way(&self, host: &Host) -> bool {
        let leaves =
            [HostState::Deactivating, HostState::Removing, HostState::Inactive].contains(&host.state);
        leaves || (self.with_drives.contains(&host.id) && !self.wanted.contains(&host.id))
    }

    /// I2 and I3 over the group's machines, as far as they are sound; a run that begins nothing breaks neither.
    fn count(&self, begun: &HashSet<IpAddr>, group: &Group, now: Timestamp) -> Result<(), Violation> {
        let mut size = 0;
        let mut under_way = 0;
        let mut begun_here = 0;
        let mut begun_elsewhere = 0;
        let mut elsewhere = 0;
        let mut begun_well = 0;
        for machine in self.placed.chunk_by(|(one, _), (other, _)| one == other) {
            let address = &machine[0].0;
            let hosts = machine.iter().map(|(_, host)| *host);
            let hosts: Vec<&Host> = hosts.filter(|host| host.mode == self.role).collect();
            if hosts.is_empty() {
                continue;
            }
            let mut identifiers = hosts.iter().filter_map(|host| host.machine_identifier.as_deref());
            let first = identifiers.next();
            let several = identifiers.any(|other| Some(other) != first);
            let too_many = self.role == Mode::Backend && hosts.len() > CONTAINERS_OF_A_BACKEND;
            if too_many || several || hosts.iter().any(|host| host.state == HostState::Unknown) {
                if let Some(host) = hosts.iter().find(|_| begun.contains(address)) {
                    return Err(Violation::ForeignHost(host.id));
                }
                continue;
            }
            let is_under_way = hosts.iter().any(|host| self.is_under_way(host));
            let begins = begun.contains(address) && !is_under_way;
            if self.instance_at(Some(*address)).is_none() {
                begun_elsewhere += usize::from(begins);
                // One that has left waits for nothing but to be forgotten.
                let leaves = is_under_way && hosts.iter().any(|host| host.state != HostState::Inactive);
                elsewhere += usize::from(leaves && self.role == Mode::Backend);
                continue;
            }
            size += 1;
            under_way += usize::from(is_under_way);
            begun_here += usize::from(begins);
            begun_well += usize::from(begins && hosts.iter().all(|host| self.is_well(host, group, now)));
        }
        if begun_here + begun_elsewhere == 0 {
            return Ok(());
        }
        let excess = usize::saturating_sub(size, group.desired as usize);
        let (machines, limit) = (
            under_way + elsewhere + begun_here + begun_elsewhere,
            excess.max(UNHEALTHY_AT_ONCE),
        );
        if machines > limit {
            return Err(Violation::TooMany { machines, limit });
        }
        let (remain, floor) = (size - under_way - begun_here, group.floor());
        let exceptions = begun_here - begun_well;
        if remain < floor && (begun_well > 0 || exceptions > UNHEALTHY_AT_ONCE) {
            return Err(Violation::TooFew { remain, floor });
        }
        Ok(())
    }

    /// Whether nothing speaks against a container: it runs, or not for long; its drives hold data, or it is young.
    fn is_well(&self, host: &Host, group: &Group, now: Timestamp) -> bool {
        let young = host
            .added_time
            .is_none_or(|added| added + group.patience.drive_inactive >= now);
        let stopped = matches!(host.status, HostStatus::Down | HostStatus::Degraded);
        let is_down = stopped && self.down.contains(&host.id);
        let is_empty = !young && self.empty.contains(&host.id);
        !is_down && !is_empty && !self.unwanted.contains(&host.id)
    }
}
