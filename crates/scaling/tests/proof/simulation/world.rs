//! The simulated world, and the invariants that are checked after each step.

use super::group::{Ec2State, Group, id};
use super::random::Random;
use crate::cluster::address;
use jiff::{SignedDuration, Timestamp};
use scaling::policy::MAX_UNHEALTHY_DRAINING;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use weka_sim::{Container, Model, NewBackend, Settings};
use weka_types::calls::Call;
use weka_types::lists::{DriveStatus, HostState, HostStatus, Hosts, Lists};

/// Weka refuses to go below this number of machines. Lower than the real minimum, so that Weka does not prevent what the
/// checks must find.
const MIN_BACKENDS: usize = 4;
/// The number of drives of a machine.
const DRIVES: u32 = 2;
/// The step of the clock, and the maximum age of a stale list, in minutes.
const MINUTES: u32 = 5;

/// The fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// The call fails and has no effect.
    Before,
    /// The call takes effect, but its response is lost.
    After,
}

/// What a run observed, for the checks.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    /// The target: the desired capacity, unless it is below the floor.
    pub(super) target: usize,
    /// The number of machines of the group.
    pub(super) size: usize,
    /// Whether all data had all its copies.
    pub(super) is_protected: bool,
    /// Whether the lists were current.
    pub(super) is_current: bool,
    /// The values of [`World::overlaps`] and [`World::injected_faults`] at that time.
    pub(super) overlaps: u32,
    pub(super) injected_faults: u32,
    /// Machines of the group that were not healthy.
    pub(super) not_healthy: BTreeSet<IpAddr>,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) random: Random,
    pub(super) weka: Model,
    pub(super) group: Group,
    pub(super) powered_off: BTreeSet<IpAddr>,
    /// Whether faults still happen.
    pub(super) faults: bool,
    /// How many runs are in progress.
    pub(super) runs: u32,
    /// How many steps were made while runs overlapped.
    pub(super) overlaps: u32,
    /// How many faults changed the cluster.
    pub(super) injected_faults: u32,
    /// Stale lists.
    pub(super) stale_lists: Option<Lists>,
    pub(super) log: Vec<String>,
    pub(super) changes: u32,
    pub(super) terminated: u32,
    /// How many instances an operator had to terminate.
    pub(super) terminated_by_operator: u32,
    /// The first invariant that was violation: it ends the seed.
    pub(super) violation: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let machines = random.in_range(5..10);
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let settings = Settings {
            start: now,
            min_backends: MIN_BACKENDS,
            adding: minutes_long(*random.pick(&[0, 2]).unwrap()),
            removal: minutes_long(*random.pick(&[0, 2, 30]).unwrap()),
            lists_failed_flag: random.once_in(2),
            ..Settings::default()
        };
        let mut world = Self {
            now,
            random,
            weka: Model::new(settings),
            group: Group::new(machines),
            powered_off: BTreeSet::new(),
            faults: true,
            runs: 0,
            overlaps: 0,
            injected_faults: 0,
            stale_lists: None,
            log: Vec::new(),
            changes: 0,
            terminated: 0,
            terminated_by_operator: 0,
            violation: None,
        };
        for _ in 0..machines {
            let number = world.group.launch(now, None);
            world.weka.add_backend(&backend(number));
        }
        if world.random.once_in(3) {
            // The frontend of the first machine serves NFS.
            world.weka.add_nfs_port("group", 2, "eth1");
        }
        world.now += SignedDuration::from_hours(24);
        world.weka.advance(Duration::from_secs(24 * 3600));
        world
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if std::option_env!("WEKACTL_SIMULATION_LOG").is_some() || self.log.capacity() > 0 {
            let line = format!("{:.0} {}", self.now, text());
            self.log.push(line);
        }
    }

    pub(super) fn require(&mut self, holds: bool, description: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            let description = description();
            self.note(|| format!("VIOLATION: {description}"));
            self.violation = Some(description);
        }
    }

    pub(super) fn fault(&mut self) -> Fault {
        if !self.faults {
            return Fault::None;
        }
        match self.random.in_range(0..20) {
            0 => Fault::Before,
            1 => Fault::After,
            _ => Fault::None,
        }
    }

    /// Advances the clock.
    pub(super) fn advance(&mut self, minutes: u32) {
        for _ in 0..minutes.div_ceil(MINUTES) {
            self.advance_step(minutes.min(MINUTES));
        }
    }

    fn advance_step(&mut self, minutes: u32) {
        let keeps_lists = self.faults && self.random.once_in(3);
        self.stale_lists = keeps_lists.then(|| self.weka.lists());
        self.now += SignedDuration::from_mins(i64::from(minutes));
        self.weka.advance(minutes_long(minutes));
        for id in self.group.advance() {
            self.note(|| format!("the group scales in {id}"));
            self.terminated(&id, "the group");
        }
        while self.group.is_below_desired() {
            let never_joins = self.faults && self.random.once_in(8);
            let minutes = i64::from(self.random.in_range(3..15));
            let joins = (!never_joins).then(|| self.now + SignedDuration::from_mins(minutes));
            let number = self.group.launch(self.now, joins);
            self.note(|| format!("i-{number:04} is launched"));
        }
        let joining: Vec<u32> = self
            .group
            .instances
            .values()
            .filter(|ec2| ec2.state == Ec2State::Running && ec2.joins.is_some_and(|at| at <= self.now))
            .map(|ec2| ec2.number)
            .collect();
        for number in joining {
            if let Some(ec2) = self.group.instances.get_mut(&id(number)) {
                ec2.joins = None;
            }
            self.note(|| format!("i-{number:04} joins"));
            self.weka.join_backend(&backend(number));
        }
    }

    /// An operator prepares the machine for maintenance. Its instance stays.
    pub(super) fn start_maintenance(&mut self, number: u32) {
        self.note(|| format!("maintenance of i-{number:04} starts"));
        self.weka.start_maintenance(address(number));
    }

    /// An operator ends all maintenance.
    pub(super) fn end_maintenance(&mut self) {
        let numbers: Vec<u32> = self.group.instances.values().map(|ec2| ec2.number).collect();
        for number in numbers
            .into_iter()
            .filter(|number| self.is_in_maintenance(*number))
            .collect::<Vec<_>>()
        {
            self.power_on(number);
        }
    }

    fn is_in_maintenance(&self, number: u32) -> bool {
        let mut containers = self.weka.containers_of(address(number));
        containers.any(|container| container.state.is_in_maintenance())
    }

    pub(super) fn power_off(&mut self, number: u32, state: Ec2State) {
        if state == Ec2State::Terminated && self.is_in_maintenance(number) {
            return;
        }
        if let Some(ec2) = self.group.instances.get_mut(&id(number)) {
            if ec2.state == Ec2State::Terminated {
                return;
            }
            ec2.state = state;
        }
        self.note(|| format!("i-{number:04} goes down: {state:?}"));
        self.powered_off.insert(address(number));
        self.weka.machine_down(address(number));
    }

    pub(super) fn power_on(&mut self, number: u32) {
        let Some(ec2) = self.group.instances.get_mut(&id(number)) else {
            return;
        };
        if ec2.state == Ec2State::Terminated {
            return;
        }
        ec2.state = Ec2State::Running;
        self.note(|| format!("i-{number:04} comes back"));
        self.powered_off.remove(&address(number));
        self.weka.machine_up(address(number));
    }

    /// Enables or disables scale-in protection of a member of the group.
    pub(super) fn set_protected(&mut self, id: &str, protected: bool) {
        if let Some(member) = self.group.members.get_mut(id) {
            member.protected = protected;
        }
    }

    /// Terminates an instance.
    pub(super) fn terminated(&mut self, id: &str, by: &str) {
        let Some(ec2) = self.group.instances.get_mut(id) else {
            return;
        };
        if ec2.state == Ec2State::Terminated {
            return;
        }
        ec2.state = Ec2State::Terminated;
        let number = ec2.number;
        self.terminated += 1;
        self.powered_off.insert(address(number));
        self.weka.machine_down(address(number));
        self.note(|| format!("{id} is terminated by {by}"));
    }

    /// The lists that a run reads: current or stale ones, or none.
    pub(super) fn snapshot(&mut self) -> Result<(Lists, bool), ()> {
        if self.faults && self.random.once_in(15) {
            return Err(());
        }
        if self.faults
            && self.random.once_in(15)
            && let Some(lists) = self.stale_lists.clone()
        {
            return Ok((lists, false));
        }
        Ok((self.weka.lists(), true))
    }

    pub(super) fn hosts(&mut self) -> Result<Hosts, ()> {
        if self.faults && self.random.once_in(15) {
            return Err(());
        }
        Ok(self.weka.hosts())
    }

    /// Handles a call of a run.
    pub(super) fn call(&mut self, call: &Call, observed: &Observed) -> Result<(), String> {
        let fault = self.fault();
        if fault == Fault::Before {
            self.note(|| format!("{call:?} fails without effect"));
            return Err("no answer".into());
        }
        let before = self.draining();
        self.weka.settings_mut().phase_out = minutes_long(self.random.in_range(1..30));
        let result = self.weka.execute(call).map_err(|error| error.to_string());
        self.note(|| format!("{call:?}: {result:?}, fault {fault:?}"));
        if result.is_ok() && !call.is_best_effort() {
            self.changes += 1;
        }
        let after = self.draining();
        for address in after.difference(&before) {
            self.check_started(*address, &after, observed);
        }
        if fault == Fault::After {
            return Err("the connection broke".into());
        }
        result
    }

    /// Whether another run was in progress at any time since this observation, and may have changed what the run saw.
    pub(super) fn has_overlapped(&self, observed: &Observed) -> bool {
        self.runs > 1 || self.overlaps != observed.overlaps
    }

    /// Checks I2 and I3 when a run starts to drain a machine.
    fn check_started(&mut self, address: IpAddr, draining: &BTreeSet<IpAddr>, observed: &Observed) {
        // Overlapping runs and stale lists do not show the whole state. Then the checker's verification against the run's own
        // view must suffice.
        if self.has_overlapped(observed) || !observed.is_current {
            return;
        }
        let excess = observed.size.saturating_sub(observed.target);
        let limit = excess.max(MAX_UNHEALTHY_DRAINING);
        let managed: BTreeSet<IpAddr> = self
            .group
            .with_address()
            .iter()
            .map(|instance| instance.private_ip.parse().unwrap())
            .collect();
        // A machine of the group counts until it is deregistered; any other machine until it has left.
        let is_removed = |ip: &IpAddr| {
            self.weka
                .containers_of(*ip)
                .all(|container| container.state.is_removed())
        };
        let counts = |ip: &&IpAddr| managed.contains(ip) || !is_removed(ip);
        let number = draining.iter().filter(counts).count();
        self.require(number <= limit, || {
            format!("I2: {number} machines are draining, but at most {limit} may")
        });
        if !managed.contains(&address) {
            return;
        }
        let remain = observed.size
            - draining
                .iter()
                .filter(|ip| managed.contains(ip))
                .count()
                .min(observed.size);
        let minimum = observed.target;
        let exceptions = draining
            .iter()
            .filter(|ip| observed.not_healthy.contains(ip))
            .count();
        let holds = remain >= minimum
            || (observed.not_healthy.contains(&address) && exceptions <= MAX_UNHEALTHY_DRAINING.max(excess));
        self.require(holds, || {
            format!("I3: {remain} machines remain when {address} drains, but at least {minimum} must")
        });
        let is_allowed = observed.is_protected || observed.not_healthy.contains(&address);
        self.require(is_allowed, || {
            format!("I9: {address} is healthy and drains while data is being rebuilt")
        });
    }

    /// Machines with a container that is deactivating or has left.
    pub(super) fn draining(&self) -> BTreeSet<IpAddr> {
        // A container leaves if all its drives were deactivated.
        let mut wanted: BTreeMap<u32, bool> = BTreeMap::new();
        for drive in self.weka.drives() {
            if let Some(id) = drive.container {
                *wanted.entry(id).or_default() |= drive.should_be_active;
            }
        }
        let is_leaving = |container: &&Container| {
            let has_started = container.state == HostState::Deactivating || container.state.is_removed();
            has_started || wanted.get(&container.id) == Some(&false)
        };
        let leaving = self.weka.containers().filter(is_leaving);
        leaving.map(|container| self.weka.address_of(container)).collect()
    }

    /// Checks I1 against the hosts that the run read last.
    pub(super) fn check_may_terminate(&mut self, instance: &str, address: IpAddr, last_hosts: &Hosts) {
        let member = last_hosts
            .0
            .iter()
            .find(|host| host.host_ip == Some(address) && !host.state.is_removed());
        let member = member.map(|host| host.id);
        self.require(member.is_none(), || {
            format!("I1: {instance} is terminated with {member:?} on it")
        });
    }

    /// Checks the invariant that holds at every moment: an instance without scale-in protection has left the cluster.
    pub(super) fn check(&mut self) {
        let unprotected: Vec<(String, IpAddr)> = self
            .group
            .members
            .iter()
            .filter(|(_, member)| !member.protected)
            .map(|(id, _)| (id.clone(), address(self.group.instances[id].number)))
            .collect();
        for (id, address) in unprotected {
            let running = self.group.instances[&id].state == Ec2State::Running;
            let member = self
                .weka
                .containers_of(address)
                .any(|container| !container.state.is_removed());
            // An instance may join in the same minute in which its join timeout ends.
            let has_just_joined = self
                .weka
                .containers_of(address)
                .any(|container| container.added == self.now);
            self.require(!running || !member || has_just_joined, || {
                format!("I1: {id} is unprotected and a member")
            });
        }
    }

    /// A description of the group and the cluster.
    pub(super) fn state(&self) -> String {
        let members = self.group.members.iter().map(|(id, member)| {
            let state = self.group.instances[id].state;
            format!(
                "{id} {state:?} healthy {} protected {}",
                member.healthy, member.protected
            )
        });
        let hosts = self.weka.hosts();
        let hosts = hosts.0.iter().map(|host| {
            let ip = host.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
            format!("{ip} {} {} {}", host.id, host.state, host.status)
        });
        let all: Vec<_> = members.chain(hosts).collect();
        format!("desired {}: {}", self.group.desired, all.join("; "))
    }

    /// Whether the group has its desired capacity, all its machines are healthy members, and the cluster has no others.
    pub(super) fn is_settled(&self) -> bool {
        let mut addresses = BTreeSet::new();
        let all_healthy = self.group.members.keys().all(|id| {
            let ec2 = &self.group.instances[id];
            let address = address(ec2.number);
            addresses.insert(address);
            ec2.state == Ec2State::Running
                && self.weka.containers_of(address).count() == 3
                && self.weka.containers_of(address).all(|container| {
                    (container.state, container.status()) == (HostState::Active, HostStatus::Up)
                })
        });
        let desired = self.group.desired as usize;
        let expected: usize = addresses
            .iter()
            .map(|address| self.weka.containers_of(*address).count())
            .sum();
        let nothing_else = self.weka.containers().count() == expected;
        let healthy = (true, DriveStatus::Active);
        let drives = self
            .weka
            .drives()
            .all(|drive| (drive.should_be_active, drive.status) == healthy);
        all_healthy && nothing_else && drives && self.group.members.len() == desired
    }
}

fn backend(number: u32) -> NewBackend {
    NewBackend {
        drives: DRIVES,
        ..NewBackend::new(address(number), &id(number))
    }
}

fn minutes_long(minutes: u32) -> Duration {
    Duration::from_secs(60 * u64::from(minutes))
}
