//! Checks a plan against the invariants before it is executed.
//!
//! It is written independently of the planner: it starts from the calls, looks up in the lists what each of them would do,
//! and knows neither the formula nor the order. A violation is a bug in the planner; the run then changes nothing.

mod machines;

use super::plan::Plan;
use crate::messages::Role;
use crate::policy::{Group, MAX_UNHEALTHY_DRAINING};
use jiff::Timestamp;
use machines::{Entries, is_removed, machines};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{
    DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, NodeStatus, Percent, RebuildStatus,
};

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
    OtherHost(HostId),
    /// A call changes a drive of another machine than the task's.
    #[error("drive {0} must not be changed by this run")]
    OtherDrive(DriveUuid),
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
    OtherTerminated(String),
    /// I2.
    #[error("{machines} machines would drain concurrently, but at most {limit} may")]
    TooMany { machines: usize, limit: usize },
    /// I3.
    #[error("{remain} machines would remain, but at least {minimum} must")]
    TooFew { remain: usize, minimum: usize },
    /// I9.
    #[error("{0}, which is healthy, would start to drain, but the data is not fully protected")]
    NotProtected(IpAddr),
    /// A container is deactivated, or its drive, and it would still serve clients.
    #[error("{0} would be deactivated, but serves NFS, SMB or S3")]
    Serving(HostId),
}

/// Checks a plan against the lists that it was made from.
///
/// # Errors
/// The first [`Violation`] found.
pub fn check(plan: &Plan, lists: &Lists, group: &Group, now: Timestamp) -> Result<(), Violation> {
    if plan.tasks.is_empty() {
        return Ok(());
    }
    let index = Index::new(plan, lists, group, now);
    let mut started = Started::default();
    for task in &plan.tasks {
        // All calls of a task change the same machine.
        let mut machine: Option<usize> = None;
        let mut removed: HashSet<HostId> = HashSet::default();
        let mut freed_ports = 0;
        for call in &task.calls {
            match call {
                Call::DeleteInterfacePort { group, port } => {
                    index.host(port.host_id, task.address, &mut machine)?;
                    let is_listed = index
                        .nfs_ports
                        .get(&port.host_id)
                        .is_some_and(|ports| ports.contains(&(group.as_str(), port.port.as_str())));
                    if !is_listed {
                        return Err(Violation::OtherHost(port.host_id));
                    }
                    freed_ports += 1;
                }
                Call::DeactivateHosts(ids) => {
                    for id in ids {
                        started.add(&index, *id, index.host(*id, task.address, &mut machine)?);
                    }
                    index.check_serving(machine, freed_ports)?;
                }
                Call::DeactivateDrives(uuids) => {
                    for uuid in uuids {
                        let (host, number) = index.drive_of(uuid, task.address, &mut machine)?;
                        started.add(&index, host, number);
                    }
                    index.check_serving(machine, freed_ports)?;
                }
                Call::RemoveHost(id) => {
                    index.host(*id, task.address, &mut machine)?;
                    let host = find(&index.hosts, *id).ok_or(Violation::UnknownHost(*id))?;
                    if (host.state, host.status) != (HostState::Inactive, HostStatus::Inactive) {
                        return Err(Violation::MemberRemoved(*id));
                    }
                    removed.insert(*id);
                }
                Call::RemoveDrives(uuids) => {
                    for uuid in uuids {
                        index.check_removable(uuid, task.address, &removed)?;
                    }
                }
                Call::Event(_) => {}
            }
        }
        if let Some(instance) = &task.then_terminate {
            index.check_nothing_remains_on(&instance.id, &instance.private_ip, task.address, &removed)?;
        }
    }
    index.check_counts(&started, lists, group, now)
}

/// Finds a container in a list that is sorted by id.
fn find<'a>(hosts: &[&'a Host], id: HostId) -> Option<&'a Host> {
    let index = hosts.binary_search_by_key(&id, |host| host.id).ok()?;
    Some(hosts[index])
}

/// The machines that a plan deactivates, at least in part.
#[derive(Default)]
struct Started {
    machines: HashSet<usize>,
    /// Machines of which an older entry is deactivated.
    leftovers: HashSet<usize>,
}

impl Started {
    fn add(&mut self, index: &Index<'_>, host: HostId, machine: usize) {
        let is_leftover = index.machines[machine]
            .leftovers
            .iter()
            .any(|other| other.id == host);
        let set = if is_leftover {
            &mut self.leftovers
        } else {
            &mut self.machines
        };
        set.insert(machine);
    }
}

struct Index<'a> {
    role: Mode,
    /// Sorted by id.
    hosts: Vec<&'a Host>,
    /// The drives that the plan names.
    drives: HashMap<&'a DriveUuid, (DriveHost, DriveStatus)>,
    machines: Vec<Entries<'a>>,
    machine_of: HashMap<HostId, usize>,
    /// The interface group and the port.
    nfs_ports: HashMap<HostId, Vec<(&'a str, &'a str)>>,
    with_drives: HashSet<HostId>,
    /// Containers with a drive that was not deactivated.
    with_wanted_drive: HashSet<HostId>,
    /// Containers with a drive that was deactivated.
    with_unwanted_drive: HashSet<HostId>,
    /// Containers with a drive that holds no data.
    with_inactive_drive: HashSet<HostId>,
    /// Containers with a broken drive.
    with_failed_drive: HashSet<HostId>,
    /// Containers whose management process has been down for longer than the grace period.
    down: HashSet<HostId>,
    /// The containers of the SMB and S3 clusters.
    serving: HashSet<HostId>,
}

impl<'a> Index<'a> {
    fn new(plan: &Plan, lists: &'a Lists, group: &'a Group, now: Timestamp) -> Self {
        let role = match group.role {
            Role::Backend => Mode::Backend,
            Role::Client => Mode::Client,
        };
        let mut hosts: Vec<&Host> = lists.hosts.0.iter().collect();
        hosts.sort_by_key(|host| host.id);
        let machines = machines(&hosts, role, group);
        let machine_of = machines
            .iter()
            .enumerate()
            .flat_map(|(index, machine)| machine.all().map(move |host| (host.id, index)))
            .collect();
        let mut nfs_ports: HashMap<HostId, Vec<_>> = HashMap::default();
        let groups = lists
            .interface_groups
            .read()
            .into_iter()
            .flat_map(|groups| &groups.0);
        for group in groups.filter(|group| group.kind.to_uppercase() == "NFS") {
            for port in &group.ports {
                let ports = nfs_ports.entry(port.host_id).or_default();
                ports.push((group.name.as_str(), port.port.as_str()));
            }
        }
        let [
            mut with_drives,
            mut with_wanted_drive,
            mut with_unwanted_drive,
            mut with_inactive_drive,
            mut with_failed_drive,
            mut down,
        ] = [const { Vec::new() }; 6];
        for drive in &lists.drives.0 {
            if let DriveHost::Host(host) = drive.host {
                with_drives.push(host);
                let is_wanted = drive.should_be_active != Some(false);
                if is_wanted {
                    with_wanted_drive.push(host);
                } else {
                    with_unwanted_drive.push(host);
                }
                match drive.status {
                    DriveStatus::Inactive => with_inactive_drive.push(host),
                    DriveStatus::Failed => with_failed_drive.push(host),
                    _ => {}
                }
            }
        }
        let stopped = lists
            .nodes
            .0
            .iter()
            .filter(|node| node.status == NodeStatus::Down);
        for node in stopped.filter(|node| node.id.0 % 20 == 0) {
            let Some(host) = node.host.and_then(|id| find(&hosts, id)) else {
                continue;
            };
            let is_in_downtime = |since: &Timestamp| {
                host.start_time.is_none_or(|start| start < *since)
                    && node.up_since.is_none_or(|up| up < *since)
            };
            let is_at_start = |since: &Timestamp| Some(*since) == host.start_time.max(node.up_since);
            let fenced = node.last_fencing_time;
            let since = fenced.filter(|since| is_at_start(since) || is_in_downtime(since));
            let since = since.or_else(|| host.state_changed_time.filter(is_in_downtime));
            let since = since.or_else(|| host.last_failure_time.filter(is_in_downtime));
            if since.is_some_and(|since| now.duration_since(since) > group.down_grace_period()) {
                down.push(host.id);
            }
        }
        let calls = plan.tasks.iter().flat_map(|task| &task.calls);
        let named: HashSet<&DriveUuid> = calls
            .flat_map(|call| match call {
                Call::DeactivateDrives(uuids) | Call::RemoveDrives(uuids) => uuids.as_slice(),
                _ => &[],
            })
            .collect();
        let set = |hosts: Vec<HostId>| hosts.into_iter().collect();
        let serving = [&lists.smb, &lists.s3].into_iter().filter_map(|list| list.read());
        Self {
            role,
            drives: lists
                .drives
                .0
                .iter()
                .filter(|drive| named.contains(&drive.uuid))
                .map(|drive| (&drive.uuid, (drive.host, drive.status)))
                .collect(),
            machines,
            machine_of,
            nfs_ports,
            with_drives: set(with_drives),
            with_wanted_drive: set(with_wanted_drive),
            with_unwanted_drive: set(with_unwanted_drive),
            with_inactive_drive: set(with_inactive_drive),
            with_failed_drive: set(with_failed_drive),
            down: set(down),
            serving: serving.flat_map(|list| list.0.iter().copied()).collect(),
            hosts,
        }
    }

    /// The machine of a container, if it has this run's role and is on the task's machine.
    fn host(
        &self,
        id: HostId,
        address: Option<IpAddr>,
        machine: &mut Option<usize>,
    ) -> Result<usize, Violation> {
        let host = find(&self.hosts, id).ok_or(Violation::UnknownHost(id))?;
        let other = Violation::OtherHost(id);
        let Some(index) = self.machine_of.get(&id).copied() else {
            return Err(other);
        };
        let entries = &self.machines[index];
        let is_unmanaged_client = host.mode == Mode::Client && entries.managed.is_none();
        let is_here = address == Some(entries.address) && host.mode == self.role;
        if !is_here || is_unmanaged_client || machine.is_some_and(|other| other != index) {
            return Err(other);
        }
        *machine = Some(index);
        Ok(index)
    }

    fn drive_of(
        &self,
        uuid: &DriveUuid,
        address: Option<IpAddr>,
        machine: &mut Option<usize>,
    ) -> Result<(HostId, usize), Violation> {
        let (host, _) = self
            .drives
            .get(uuid)
            .ok_or_else(|| Violation::UnknownDrive(uuid.clone()))?;
        let DriveHost::Host(id) = host else {
            return Err(Violation::OtherDrive(uuid.clone()));
        };
        match self.host(*id, address, machine) {
            Ok(index) => Ok((*id, index)),
            Err(_) => Err(Violation::OtherDrive(uuid.clone())),
        }
    }

    /// Before the first drive of a machine is deactivated, it serves no protocol.
    fn check_serving(&self, machine: Option<usize>, freed_ports: usize) -> Result<(), Violation> {
        let Some(index) = machine else { return Ok(()) };
        let hosts = || self.machines[index].all();
        let is_draining = hosts().any(|host| self.is_draining(host));
        if let Some(host) = hosts().find(|host| self.serving.contains(&host.id) && !is_draining) {
            return Err(Violation::Serving(host.id));
        }
        let ports = |host: &Host| self.nfs_ports.get(&host.id).map_or(0, Vec::len);
        let number: usize = hosts().map(ports).sum();
        match hosts().find(|host| ports(host) > 0) {
            Some(host) if freed_ports < number => Err(Violation::Serving(host.id)),
            _ => Ok(()),
        }
    }

    /// A drive may be deregistered if it holds no data and its container has left, or is deregistered before it.
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
        let is_removing = |id| {
            let is_here = |index: &usize| address == Some(self.machines[*index].address);
            self.machine_of.get(&id).is_some_and(is_here)
                && find(&self.hosts, id).is_some_and(|host| host.state == HostState::Removing)
        };
        match host {
            DriveHost::None if address.is_none() => Ok(()),
            DriveHost::Host(id) if removed.contains(id) || is_removing(*id) => Ok(()),
            _ => Err(Violation::OtherDrive(uuid.clone())),
        }
    }

    fn check_nothing_remains_on(
        &self,
        id: &str,
        private_ip: &str,
        address: Option<IpAddr>,
        removed: &HashSet<HostId>,
    ) -> Result<(), Violation> {
        let mut here = self
            .machines
            .iter()
            .filter(|machine| Some(machine.address) == address);
        let is_managed = here.any(|machine| machine.managed == Some(id));
        if private_ip.parse().ok() != address || !is_managed {
            return Err(Violation::OtherTerminated(id.to_owned()));
        }
        let on_instance = self.machines.iter().filter(|machine| machine.managed == Some(id));
        let remaining = on_instance
            .flat_map(Entries::all)
            .find(|host| !removed.contains(&host.id) && host.state != HostState::Removing);
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

    fn is_unclear(&self, machine: &Entries<'_>) -> bool {
        let members = || machine.hosts.iter().filter(|host| !is_removed(host));
        let is_unclear = |host: &&Host| {
            [HostState::Unknown, HostState::Adding].contains(&host.state)
                || host.host_ip.is_none()
                || members().any(|other| {
                    other.id != host.id
                        && other.container_name == host.container_name
                        && host.container_name.is_some()
                })
        };
        let mut stopping =
            members().filter(|host| [HostState::Draining, HostState::Drained].contains(&host.state));
        let is_leaving = machine.hosts.iter().any(|host| self.is_draining(host));
        machine.is_ambiguous
            || machine.all().any(|host| host.mode == Mode::Unknown)
            || members().any(is_unclear)
            || (stopping.next().is_some() && machine.managed.is_some() && !is_leaving)
    }

    /// I2, I3 and I9. A run that starts to drain nothing breaks none of them.
    fn check_counts(
        &self,
        started: &Started,
        lists: &Lists,
        group: &Group,
        now: Timestamp,
    ) -> Result<(), Violation> {
        let (mut size, mut draining, mut healthy) = (0, 0, 0);
        let (mut started_managed, mut started_unmanaged, mut started_healthy) = (0, 0, Vec::new());
        let mut unmanaged_draining = 0;
        for (index, machine) in self.machines.iter().enumerate() {
            let starts = started.machines.contains(&index);
            let is_member = machine.all().any(|host| !is_removed(host));
            let is_draining = machine.hosts.iter().any(|host| self.is_draining(host));
            if !is_draining {
                // The entries of a machine that is gone count like a machine that is not in the group.
                let mut leftovers = machine.leftovers.iter().filter(|host| !is_removed(host));
                let is_leftover_draining = leftovers.any(|host| self.is_draining(host));
                unmanaged_draining += usize::from(is_leftover_draining && self.role == Mode::Backend);
                let only_leftovers = started.leftovers.contains(&index) && !starts;
                started_unmanaged += usize::from(only_leftovers && !is_leftover_draining);
            }
            if self.is_unclear(machine) {
                if let Some(host) = machine.hosts.iter().find(|_| starts) {
                    return Err(Violation::OtherHost(host.id));
                }
                size += usize::from(is_member && machine.managed.is_some());
                unmanaged_draining += usize::from(is_draining && is_member && self.role == Mode::Backend);
                continue;
            }
            let starts = starts && !is_draining;
            if machine.managed.is_none() {
                started_unmanaged += usize::from(starts);
                // A machine that has left only waits to be deregistered.
                unmanaged_draining += usize::from(is_draining && is_member && self.role == Mode::Backend);
                continue;
            }
            size += 1;
            draining += usize::from(is_draining);
            started_managed += usize::from(starts);
            let is_healthy =
                !is_draining && machine.hosts.iter().all(|host| self.is_healthy(host, group, now));
            healthy += usize::from(is_healthy);
            if starts && is_healthy {
                started_healthy.push(machine.address);
            }
        }
        if started_managed + started_unmanaged == 0 {
            return Ok(());
        }
        let floor = group.floor(&lists.status);
        let target = match group.desired as usize {
            desired if desired < floor => floor.max(size),
            desired => desired,
        };
        let excess = usize::saturating_sub(size, target);
        let (machines, limit) = (
            draining + unmanaged_draining + started_managed + started_unmanaged,
            excess.max(MAX_UNHEALTHY_DRAINING),
        );
        if machines > limit {
            return Err(Violation::TooMany { machines, limit });
        }
        let (remain, minimum) = (size - draining - started_managed, target.max(floor));
        let exceptions = started_managed - started_healthy.len();
        if remain < minimum && (!started_healthy.is_empty() || exceptions > MAX_UNHEALTHY_DRAINING) {
            return Err(Violation::TooFew { remain, minimum });
        }
        let remain = healthy - started_healthy.len();
        if remain < floor && !started_healthy.is_empty() {
            return Err(Violation::TooFew {
                remain,
                minimum: floor,
            });
        }
        match started_healthy.first() {
            Some(address) if self.role == Mode::Backend && !is_protected(&lists.status.rebuild) => {
                Err(Violation::NotProtected(*address))
            }
            _ => Ok(()),
        }
    }

    /// Whether a container has no problem: it runs or has not been down for long, and its drives hold data or it is new.
    fn is_healthy(&self, host: &Host, group: &Group, now: Timestamp) -> bool {
        let is_new = host
            .added_time
            .is_none_or(|added| added + group.grace_periods.drive_inactive >= now);
        let stopped = matches!(host.status, HostStatus::Down | HostStatus::Degraded);
        let is_down = stopped && self.down.contains(&host.id);
        let is_broken = host.status != HostStatus::Down && self.with_failed_drive.contains(&host.id);
        let is_empty = !is_new && (is_broken || self.with_inactive_drive.contains(&host.id));
        !is_down && !is_empty && !self.with_unwanted_drive.contains(&host.id)
    }
}

/// No data has lost a copy, and Weka has enough failure domains. If Weka does not report it, Weka itself decides.
fn is_protected(rebuild: &RebuildStatus) -> bool {
    match rebuild {
        RebuildStatus::Unknown => true,
        RebuildStatus::Malformed(_) => false,
        RebuildStatus::Known(rebuild) => {
            let is_complete = rebuild
                .protection
                .iter()
                .all(|level| level.num_failures == 0 || level.percent == Percent(0));
            is_complete
                && rebuild.enough_active_fds.unwrap_or(true)
                && rebuild.unavailable.unwrap_or_default() == Percent(0)
        }
    }
}
