//! The specification of the decisions, written independently of the planner: container by container, and every answer is
//! derived from the lists again.

use jiff::{SignedDuration, Timestamp};
use scaling::messages::Role;
use scaling::policy::Group;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::lists::{
    Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, NodeStatus,
};

pub(crate) struct Oracle<'a> {
    pub(crate) lists: &'a Lists,
    pub(crate) group: &'a Group,
    pub(crate) now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Healthy,
    Unhealthy,
    Deactivating,
}

impl Oracle<'_> {
    pub(crate) fn refuses(&self) -> bool {
        let container = |host: &Host| {
            host.mode == Mode::Backend && host.container_name.as_deref().unwrap_or("").contains("drive")
        };
        self.lists.status.io_status != "STARTED"
            || self.lists.status.upgrade.is_some()
            || self.lists.overrides.0.contains(&"skip_scale_down".to_owned())
            || !self.lists.hosts.0.iter().any(container)
            || (self.group.role == Role::Backend && self.group.desired < 5)
    }

    fn mode(&self) -> Mode {
        if self.group.role == Role::Client {
            Mode::Client
        } else {
            Mode::Backend
        }
    }

    pub(crate) fn hosts(&self, address: IpAddr) -> Vec<&Host> {
        let is_here = |host: &&Host| host.host_ip == Some(address) && host.mode == self.mode();
        self.lists.hosts.0.iter().filter(is_here).collect()
    }

    pub(crate) fn drives(&self, address: IpAddr) -> Vec<&Drive> {
        let hosts: Vec<_> = self
            .hosts(address)
            .iter()
            .map(|host| DriveHost::Host(host.id))
            .collect();
        self.lists
            .drives
            .0
            .iter()
            .filter(|drive| hosts.contains(&drive.host))
            .collect()
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let has_role = |host: &&Host| host.mode == self.mode();
        let all: BTreeSet<_> = self
            .lists
            .hosts
            .0
            .iter()
            .filter(has_role)
            .filter_map(|host| host.host_ip)
            .collect();
        all.into_iter().collect()
    }

    pub(crate) fn has_anomaly(&self, address: IpAddr) -> bool {
        let hosts = self.hosts(address);
        let identifiers: BTreeSet<_> = hosts
            .iter()
            .filter_map(|host| host.machine_identifier.clone())
            .collect();
        identifiers.len() > 1
            || (hosts.len() > 3 && self.group.role == Role::Backend)
            || hosts.iter().any(|host| host.state == HostState::Unknown)
    }

    pub(crate) fn is_managed(&self, address: IpAddr) -> bool {
        self.group.instances.iter().any(|instance| {
            instance.private_ip == address.to_string()
                && self.hosts(address).iter().all(|host| match &host.instance_id {
                    Some(id) => id.0 == instance.id,
                    None => true,
                })
        })
    }

    fn down_minutes(&self, host: &Host) -> Option<i64> {
        let mut shortest: Option<i64> = None;
        for node in self
            .lists
            .nodes
            .0
            .iter()
            .filter(|node| node.host == Some(host.id) && node.id.0 % 20 == 0)
        {
            if node.status != NodeStatus::Down {
                return None;
            }
            let mut since = match (node.last_fencing_time, host.state_changed_time) {
                (Some(time), _) | (None, Some(time)) => time,
                (None, None) => return None,
            };
            if let Some(up) = node.up_since
                && up > since
            {
                since = up;
            }
            // Rounded up, so that one second more than a limit exceeds it.
            let seconds = self.now.duration_since(since).as_secs();
            let minutes = seconds.div_euclid(60) + i64::from(seconds.rem_euclid(60) > 0);
            shortest = Some(shortest.map_or(minutes, |other| other.min(minutes)));
        }
        shortest
    }

    fn container(&self, host: &Host) -> State {
        let drives: Vec<_> = self
            .lists
            .drives
            .0
            .iter()
            .filter(|drive| drive.host == DriveHost::Host(host.id))
            .collect();
        let deactivated = drives
            .iter()
            .filter(|drive| drive.should_be_active == Some(false))
            .count();
        if deactivated > 0 && deactivated == drives.len() {
            return State::Deactivating;
        }
        match host.state {
            HostState::Deactivating | HostState::Removing | HostState::Inactive => {
                return State::Deactivating;
            }
            HostState::Active | HostState::Unknown => {}
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
        let has_inactive_drive = drives.iter().any(|drive| drive.status == DriveStatus::Inactive);
        if is_down || (is_old && has_inactive_drive) || deactivated > 0 {
            State::Unhealthy
        } else {
            State::Healthy
        }
    }

    pub(crate) fn state(&self, address: IpAddr) -> State {
        let states: Vec<_> = self
            .hosts(address)
            .iter()
            .map(|host| self.container(host))
            .collect();
        if states.contains(&State::Unhealthy) {
            State::Unhealthy
        } else if states.contains(&State::Deactivating) {
            State::Deactivating
        } else {
            State::Healthy
        }
    }

    /// The machines of the group without an anomaly, in the order in which they drain.
    pub(crate) fn in_order(&self) -> Vec<IpAddr> {
        let mut managed: Vec<_> = self
            .addresses()
            .into_iter()
            .filter(|ip| self.is_managed(*ip) && !self.has_anomaly(*ip))
            .collect();
        let rank = |state| match state {
            State::Deactivating => 0,
            State::Unhealthy => 1,
            State::Healthy => 2,
        };
        let inactive = |ip| {
            self.drives(ip)
                .iter()
                .filter(|drive| drive.status == DriveStatus::Inactive)
                .count()
        };
        let added = |ip| self.hosts(ip).iter().filter_map(|host| host.added_time).min();
        let first = |ip| self.hosts(ip).iter().map(|host| host.id).min();
        managed.sort_by(|a, b| {
            rank(self.state(*a))
                .cmp(&rank(self.state(*b)))
                .then_with(|| inactive(*b).cmp(&inactive(*a)))
                .then_with(|| match (added(*a), added(*b)) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => Ordering::Equal,
                })
                .then_with(|| first(*a).cmp(&first(*b)))
        });
        managed
    }

    pub(crate) fn count(&self, state: State) -> i64 {
        let managed = self.in_order();
        i64::try_from(managed.iter().filter(|ip| self.state(**ip) == state).count()).unwrap()
    }

    /// The formula of the specification.
    pub(crate) fn to_deactivate(&self) -> i64 {
        let (a, u, d) = (
            self.count(State::Healthy),
            self.count(State::Unhealthy),
            self.count(State::Deactivating),
        );
        let t = i64::from(self.group.desired);
        [d, a + u + d - t, i64::min(2 - d, u)].into_iter().max().unwrap()
    }

    /// Whether at least one of its containers is deactivating or has left.
    pub(crate) fn is_draining(&self, address: IpAddr) -> bool {
        self.hosts(address)
            .iter()
            .any(|host| self.container(host) == State::Deactivating)
    }

    /// How many backends drain that are not instances of the group.
    pub(crate) fn unmanaged_draining(&self) -> usize {
        if self.group.role != Role::Backend {
            return 0;
        }
        let hosts = self.lists.hosts.0.iter();
        let addresses: BTreeSet<_> = hosts
            .filter(|host| host.mode == Mode::Backend)
            .filter_map(|host| host.host_ip)
            .collect();
        let counts = |ip: &&IpAddr| !self.is_managed(**ip) && !self.has_anomaly(**ip);
        let is_leaving = |ip: &&IpAddr| self.is_draining(**ip) && !self.is_removed(**ip);
        addresses.iter().filter(counts).filter(is_leaving).count()
    }

    pub(crate) fn is_removed(&self, address: IpAddr) -> bool {
        self.hosts(address)
            .iter()
            .all(|host| host.state == HostState::Inactive)
    }

    /// Whether all its containers are down or inactive, and have been for more than three hours.
    pub(crate) fn is_long_down(&self, address: IpAddr) -> bool {
        let hosts = self.hosts(address);
        let inactive = |host: &Host| host.status == HostStatus::Inactive || host.state == HostState::Inactive;
        let down: Vec<_> = hosts
            .iter()
            .filter(|host| host.status == HostStatus::Down)
            .collect();
        !down.is_empty()
            && hosts
                .iter()
                .all(|host| host.status == HostStatus::Down || inactive(host))
            && down
                .iter()
                .all(|host| self.down_minutes(host).is_some_and(|m| m > 180))
    }
}
