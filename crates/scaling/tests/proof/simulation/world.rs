//! The simulated world and what is checked of it after each step.

use super::group::{Ec2State, Group, id};
use super::random::Random;
use super::weka::Weka;
use crate::cluster::address;
use jiff::{SignedDuration, Timestamp};
use scaling::policy::UNHEALTHY_AT_ONCE;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{DriveHost, DriveStatus, HostState, HostStatus, Hosts, Lists};

/// In how long steps time passes, and how old a list may be that a backend gives.
const MINUTES: u32 = 5;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It fails and did nothing.
    Before,
    /// It was carried out, and the answer was lost.
    After,
}

/// What a run saw, for the checks.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The target and the sound machines of the group as the run saw them.
    pub(super) desired: u32,
    pub(super) size: usize,
    /// Whether what the run saw is what was, at the time.
    pub(super) fresh: bool,
    /// Members of the group that the run did not find healthy.
    pub(super) ailing: BTreeSet<IpAddr>,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) random: Random,
    pub(super) weka: Weka,
    pub(super) group: Group,
    pub(super) powered_off: BTreeSet<IpAddr>,
    /// Whether things still go wrong.
    pub(super) faults: bool,
    /// How many runs are under way at this moment.
    pub(super) runs: u32,
    /// The lists of a while ago.
    pub(super) lists_before: Option<Lists>,
    pub(super) log: Vec<String>,
    pub(super) changes: u32,
    pub(super) terminated: u32,
    /// How many instances an operator had to terminate.
    pub(super) operated: u32,
    /// The first promise that was broken: it ends the seed.
    pub(super) broken: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let machines = random.of(5..10);
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut world = Self {
            now,
            random,
            weka: Weka::new(),
            group: Group::new(machines),
            powered_off: BTreeSet::new(),
            faults: true,
            runs: 0,
            lists_before: None,
            log: Vec::new(),
            changes: 0,
            terminated: 0,
            operated: 0,
            broken: None,
        };
        for _ in 0..machines {
            let number = world.group.launch(now, None);
            world.weka.join(address(number), &id(number), now);
        }
        world.now += SignedDuration::from_hours(24);
        world
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if std::option_env!("WEKACTL_SIMULATION_LOG").is_some() || self.log.capacity() > 0 {
            let line = format!("{:.0} {}", self.now, text());
            self.log.push(line);
        }
    }

    pub(super) fn promise(&mut self, kept: bool, what: impl FnOnce() -> String) {
        if !kept && self.broken.is_none() {
            let what = what();
            self.note(|| format!("BROKEN: {what}"));
            self.broken = Some(what);
        }
    }

    pub(super) fn fault(&mut self) -> Fault {
        if !self.faults {
            return Fault::None;
        }
        match self.random.of(0..20) {
            0 => Fault::Before,
            1 => Fault::After,
            _ => Fault::None,
        }
    }

    /// Time passes, and with it what does not wait for anybody.
    pub(super) fn pass(&mut self, minutes: u32) {
        for _ in 0..minutes.div_ceil(MINUTES) {
            self.pass_some(minutes.min(MINUTES));
        }
    }

    fn pass_some(&mut self, minutes: u32) {
        self.lists_before = self.random.once_in(3).then(|| self.weka.lists.clone());
        self.now += SignedDuration::from_mins(i64::from(minutes));
        self.weka.pass(self.now);
        for id in self.group.notice() {
            self.note(|| format!("the group scales in {id}"));
            self.terminated(&id, "the group");
        }
        while self.group.is_short() {
            let never = self.faults && self.random.once_in(8);
            let minutes = i64::from(self.random.of(3..15));
            let joins = (!never).then(|| self.now + SignedDuration::from_mins(minutes));
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
            self.weka.join(address(number), &id(number), self.now);
        }
    }

    pub(super) fn power_off(&mut self, number: u32, state: Ec2State) {
        if let Some(ec2) = self.group.instances.get_mut(&id(number)) {
            if ec2.state == Ec2State::Terminated {
                return;
            }
            ec2.state = state;
        }
        self.note(|| format!("i-{number:04} goes down: {state:?}"));
        self.powered_off.insert(address(number));
        self.weka.power(address(number), false, self.now);
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
        self.weka.power(address(number), true, self.now);
    }

    /// An instance is gone for good: nothing on it may have been a member of the cluster (I1).
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
        self.weka.power(address(number), false, self.now);
        self.note(|| format!("{id} is terminated by {by}"));
    }

    /// The lists, as a run gets them: all, or none; or those of a while ago.
    pub(super) fn snapshot(&mut self) -> Result<(Lists, bool), ()> {
        if self.faults && self.random.once_in(15) {
            return Err(());
        }
        if self.faults
            && self.random.once_in(15)
            && let Some(lists) = self.lists_before.clone()
        {
            return Ok((lists, false));
        }
        Ok((self.weka.lists.clone(), true))
    }

    pub(super) fn hosts(&mut self) -> Result<Hosts, ()> {
        if self.faults && self.random.once_in(15) {
            return Err(());
        }
        Ok(self.weka.lists.hosts.clone())
    }

    /// A call of a run arrives.
    pub(super) fn call(&mut self, call: &Call, seen: &Seen) -> Result<(), String> {
        let fault = self.fault();
        if fault == Fault::Before {
            self.note(|| format!("{call:?} fails before"));
            return Err("no answer".into());
        }
        let before = self.under_way();
        let minutes = self.random.of(1..30);
        let result = self.weka.call(call, self.now, minutes);
        self.note(|| format!("{call:?}: {result:?}, fault {fault:?}"));
        if result.is_ok() && !call.is_best_effort() {
            self.changes += 1;
        }
        let after = self.under_way();
        for address in after.difference(&before) {
            self.begun(*address, &after, seen);
        }
        if fault == Fault::After {
            return Err("the connection broke".into());
        }
        result.map_err(str::to_owned)
    }

    /// A machine begins to leave because of a run (I2 and I3).
    fn begun(&mut self, address: IpAddr, under_way: &BTreeSet<IpAddr>, seen: &Seen) {
        // Runs that overlap, and lists of a while ago, see less than there is: then the run's own view counts, which the
        // checker held the plan against.
        if self.runs > 1 || !seen.fresh {
            return;
        }
        let excess = seen.size.saturating_sub(seen.desired as usize);
        let limit = excess.max(UNHEALTHY_AT_ONCE);
        let ours: BTreeSet<IpAddr> = self
            .group
            .addressed()
            .iter()
            .map(|instance| instance.private_ip.parse().unwrap())
            .collect();
        // Of the group until it is forgotten, of others until it has left.
        let is_removed = |ip: &IpAddr| self.weka.at(*ip).all(|host| host.state == HostState::Inactive);
        let counts = |ip: &&IpAddr| ours.contains(ip) || !is_removed(ip);
        let going = under_way.iter().filter(counts).count();
        self.promise(going <= limit, || {
            format!("I2: {going} machines on their way out, {limit} may be")
        });
        if !ours.contains(&address) {
            return;
        }
        let remain = seen.size
            - under_way
                .iter()
                .filter(|ip| ours.contains(ip))
                .count()
                .min(seen.size);
        let floor = seen.desired.max(5) as usize;
        let exceptions = under_way.iter().filter(|ip| seen.ailing.contains(ip)).count();
        let kept = remain >= floor
            || (seen.ailing.contains(&address) && exceptions <= UNHEALTHY_AT_ONCE.max(excess));
        self.promise(kept, || {
            format!("I3: {remain} machines remain when {address} goes, {floor} must")
        });
    }

    /// Machines that are on their way out or have left, and are still listed.
    pub(super) fn under_way(&self) -> BTreeSet<IpAddr> {
        under_way(&self.weka.lists)
    }

    /// Every instance that may not be terminated, by the hosts that a run read last.
    pub(super) fn may_go(&mut self, instance: &str, address: IpAddr, last: &Hosts) {
        let member = last
            .0
            .iter()
            .find(|host| host.host_ip == Some(address) && host.state != HostState::Inactive);
        let member = member.map(|host| host.id);
        self.promise(member.is_none(), || {
            format!("I1: {instance} is terminated with {member:?} on it")
        });
    }

    /// What holds at every moment: whoever may be removed by the group itself, or by anybody, has left the cluster.
    pub(super) fn check(&mut self) {
        let bare: Vec<(String, IpAddr)> = self
            .group
            .members
            .iter()
            .filter(|(_, member)| !member.protected)
            .map(|(id, _)| (id.clone(), address(self.group.instances[id].number)))
            .collect();
        for (id, address) in bare {
            let running = self.group.instances[&id].state == Ec2State::Running;
            let member = self
                .weka
                .at(address)
                .any(|host| host.state != HostState::Inactive);
            // One that joins after half an hour, in the very minute in which it is given up, is nobody's fault.
            let late = self
                .weka
                .at(address)
                .any(|host| host.added_time == Some(self.now));
            self.promise(!running || !member || late, || {
                format!("I1: {id} is unprotected and a member")
            });
        }
    }

    /// The group and the machines of the cluster, for people.
    pub(super) fn state(&self) -> String {
        let members = self.group.members.iter().map(|(id, member)| {
            let state = self.group.instances[id].state;
            format!(
                "{id} {state:?} healthy {} protected {}",
                member.healthy, member.protected
            )
        });
        let hosts = self.weka.lists.hosts.0.iter().map(|host| {
            let ip = host.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
            format!("{ip} {} {} {}", host.id, host.state, host.status)
        });
        let all: Vec<_> = members.chain(hosts).collect();
        format!("desired {}: {}", self.group.desired, all.join("; "))
    }

    /// Whether the group is as large as it is to be, all of it is in the cluster and well, and nothing else is.
    pub(super) fn is_settled(&self) -> bool {
        let mut addresses = BTreeSet::new();
        let all_well = self.group.members.keys().all(|id| {
            let ec2 = &self.group.instances[id];
            let here = address(ec2.number);
            addresses.insert(here);
            ec2.state == Ec2State::Running
                && self.weka.at(here).count() == 3
                && self
                    .weka
                    .at(here)
                    .all(|host| (host.state, host.status) == (HostState::Active, HostStatus::Up))
        });
        let desired = self.group.desired as usize;
        let nothing_else = self
            .weka
            .lists
            .hosts
            .0
            .iter()
            .all(|host| host.host_ip.is_some_and(|ip| addresses.contains(&ip)));
        let sound = (Some(true), DriveStatus::Active);
        let drives = &self.weka.lists.drives.0;
        let drives = drives
            .iter()
            .all(|drive| (drive.should_be_active, drive.status) == sound);
        all_well && nothing_else && drives && self.group.members.len() == desired
    }
}

/// Machines of which a container is on its way out or has left.
pub(super) fn under_way(lists: &Lists) -> BTreeSet<IpAddr> {
    let mut wanted: BTreeMap<HostId, bool> = BTreeMap::new();
    for drive in &lists.drives.0 {
        if let DriveHost::Host(id) = drive.host {
            *wanted.entry(id).or_default() |= drive.should_be_active != Some(false);
        }
    }
    let leaves = |host: &&weka_types::lists::Host| {
        host.state != HostState::Active || wanted.get(&host.id) == Some(&false)
    };
    lists
        .hosts
        .0
        .iter()
        .filter(leaves)
        .filter_map(|host| host.host_ip)
        .collect()
}
