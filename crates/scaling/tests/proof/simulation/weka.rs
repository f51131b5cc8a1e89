//! The simulated Weka cluster: the effects of calls and of time on its lists.

use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use weka_types::lists::{
    Drive, DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode, Node, NodeStatus, Status,
};

/// Weka refuses to go below this number of machines.
const FAILURE_DOMAINS: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Weka {
    pub(super) lists: Lists,
    /// When a drive has finished phasing out.
    phasing: BTreeMap<DriveUuid, Timestamp>,
    next_host: u32,
    next_drive: u32,
    /// How many drives the data needs.
    pub(super) used: usize,
}

impl Weka {
    pub(super) fn new() -> Self {
        let status = Status {
            io_status: "STARTED".into(),
            upgrade: None,
        };
        Self {
            lists: Lists {
                status,
                ..Lists::default()
            },
            phasing: BTreeMap::new(),
            next_host: 0,
            next_drive: 0,
            used: 0,
        }
    }

    pub(super) fn join(&mut self, address: IpAddr, instance: &str, now: Timestamp) {
        for name in ["drives0", "compute0", "frontend0"] {
            let id = HostId(self.next_host);
            self.next_host += 1;
            self.lists.hosts.0.push(Host {
                id,
                state: HostState::Active,
                status: HostStatus::Up,
                mode: Mode::Backend,
                host_ip: Some(address),
                instance_id: Some(InstanceId::from(instance)),
                container_name: Some(name.into()),
                machine_identifier: Some(instance.to_owned()),
                added_time: Some(now),
                state_changed_time: Some(now),
            });
            self.lists.nodes.0.push(Node {
                id: NodeId(20 * id.0),
                host: Some(id),
                status: NodeStatus::Up,
                last_fencing_time: None,
                up_since: Some(now),
            });
            for _ in 0..(if name == "drives0" { 2 } else { 0 }) {
                let number = self.next_drive;
                self.next_drive += 1;
                self.lists.drives.0.push(Drive {
                    id: DiskId(number),
                    host: DriveHost::Host(id),
                    status: DriveStatus::Active,
                    uuid: DriveUuid(format!("drive-{number:04}")),
                    should_be_active: Some(true),
                });
            }
        }
    }

    /// Advances the clock.
    pub(super) fn advance(&mut self, now: Timestamp) {
        for drive in &mut self.lists.drives.0 {
            if self.phasing.get(&drive.uuid).is_some_and(|end| *end <= now) {
                drive.status = DriveStatus::Inactive;
                self.phasing.remove(&drive.uuid);
            }
        }
        let busy: BTreeSet<HostId> = self
            .lists
            .drives
            .0
            .iter()
            .filter(|drive| drive.status != DriveStatus::Inactive)
            .filter_map(|drive| match drive.host {
                DriveHost::Host(id) => Some(id),
                _ => None,
            })
            .collect();
        for host in &mut self.lists.hosts.0 {
            if host.state == HostState::Deactivating && !busy.contains(&host.id) {
                host.state = HostState::Inactive;
                host.status = HostStatus::Inactive;
                host.state_changed_time = Some(now);
            }
        }
    }

    /// Turns a machine off or on.
    pub(super) fn set_power(&mut self, address: IpAddr, up: bool, now: Timestamp) {
        let mut ids = BTreeSet::new();
        for host in self
            .lists
            .hosts
            .0
            .iter_mut()
            .filter(|host| host.host_ip == Some(address))
        {
            ids.insert(host.id);
            if host.state != HostState::Inactive {
                host.status = if up { HostStatus::Up } else { HostStatus::Down };
            }
        }
        for node in self
            .lists
            .nodes
            .0
            .iter_mut()
            .filter(|node| node.host.is_some_and(|id| ids.contains(&id)))
        {
            if up {
                (node.status, node.up_since) = (NodeStatus::Up, Some(now));
            } else {
                (node.status, node.last_fencing_time) = (NodeStatus::Down, Some(now));
            }
        }
    }

    /// Breaks a drive; its data is rebuilt on others.
    pub(super) fn break_drive(&mut self, uuid: &DriveUuid, now: Timestamp) {
        for drive in self.lists.drives.0.iter_mut().filter(|drive| drive.uuid == *uuid) {
            if drive.status == DriveStatus::Active {
                drive.status = DriveStatus::Failed;
                self.phasing
                    .insert(uuid.clone(), now + SignedDuration::from_mins(10));
            }
        }
    }

    pub(super) fn at(&self, address: IpAddr) -> impl Iterator<Item = &Host> {
        self.lists
            .hosts
            .0
            .iter()
            .filter(move |host| host.host_ip == Some(address))
    }

    pub(super) fn call(&mut self, call: &Call, now: Timestamp, minutes: u32) -> Result<(), &'static str> {
        match call {
            Call::DeactivateDrives(uuids) => self.deactivate_drives(uuids, now, minutes),
            Call::RemoveDrives(uuids) => self.remove_drives(uuids),
            Call::DeactivateHosts(ids) => self.deactivate_hosts(ids, now),
            Call::RemoveHost(id) => self.remove_host(*id),
            Call::Event(_) => Ok(()),
        }
    }

    fn deactivate_drives(
        &mut self,
        uuids: &[DriveUuid],
        now: Timestamp,
        minutes: u32,
    ) -> Result<(), &'static str> {
        let drives = &mut self.lists.drives.0;
        if uuids
            .iter()
            .any(|uuid| !drives.iter().any(|drive| drive.uuid == *uuid))
        {
            return Err("no such drive");
        }
        let remain = drives
            .iter()
            .filter(|d| d.should_be_active == Some(true) && !uuids.contains(&d.uuid))
            .count();
        if remain < self.used {
            return Err("not enough capacity");
        }
        for drive in drives.iter_mut().filter(|drive| uuids.contains(&drive.uuid)) {
            drive.should_be_active = Some(false);
            if drive.status != DriveStatus::Inactive {
                drive.status = DriveStatus::PhasingOut;
                let end = now + SignedDuration::from_mins(i64::from(minutes));
                self.phasing.entry(drive.uuid.clone()).or_insert(end);
            }
        }
        Ok(())
    }

    fn remove_drives(&mut self, uuids: &[DriveUuid]) -> Result<(), &'static str> {
        let drives = &mut self.lists.drives.0;
        let removable = |uuid: &DriveUuid| {
            drives
                .iter()
                .any(|drive: &Drive| drive.uuid == *uuid && drive.status == DriveStatus::Inactive)
        };
        if !uuids.iter().all(removable) {
            return Err("no such drive, or one that is not inactive");
        }
        drives.retain(|drive| !uuids.contains(&drive.uuid));
        Ok(())
    }

    fn deactivate_hosts(&mut self, ids: &[HostId], now: Timestamp) -> Result<(), &'static str> {
        let hosts = &mut self.lists.hosts.0;
        if ids.iter().any(|id| !hosts.iter().any(|host| host.id == *id)) {
            return Err("no such host");
        }
        let remain: BTreeSet<_> = hosts
            .iter()
            .filter(|host| host.state == HostState::Active && !ids.contains(&host.id))
            .map(|host| host.host_ip)
            .collect();
        if remain.len() < FAILURE_DOMAINS {
            return Err("not enough failure domains");
        }
        for host in hosts.iter_mut().filter(|host| ids.contains(&host.id)) {
            if host.state == HostState::Active {
                host.state = HostState::Deactivating;
                host.state_changed_time = Some(now);
            }
        }
        Ok(())
    }

    fn remove_host(&mut self, id: HostId) -> Result<(), &'static str> {
        let hosts = &mut self.lists.hosts.0;
        let Some(place) = hosts.iter().position(|host| host.id == id) else {
            return Err("no such host");
        };
        if (hosts[place].state, hosts[place].status) != (HostState::Inactive, HostStatus::Inactive) {
            return Err("not inactive");
        }
        hosts.remove(place);
        self.lists.nodes.0.retain(|node| node.host != Some(id));
        for drive in self
            .lists
            .drives
            .0
            .iter_mut()
            .filter(|drive| drive.host == DriveHost::Host(id))
        {
            drive.host = DriveHost::None;
        }
        Ok(())
    }
}
