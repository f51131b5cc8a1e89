//! The management API calls that change the cluster. A rejected call changes nothing.

use super::{Container, DriveStatus, HostState, HostStatus, Mode, Model, RpcError};
use std::collections::BTreeSet;
use weka_types::calls::Call;
use weka_types::ids::DriveUuid;

impl Model {
    /// Executes a call that a scaling run decided on.
    ///
    /// # Errors
    /// The cluster rejects the call.
    pub fn execute(&mut self, call: &Call) -> Result<(), RpcError> {
        let uuids = |drives: &[DriveUuid]| drives.iter().map(|uuid| uuid.0.clone()).collect::<Vec<_>>();
        match call {
            Call::DeleteInterfacePort { group, port } => {
                self.delete_interface_port(group, port.host_id.0, &port.port)
            }
            Call::DeactivateDrives(drives) => self.deactivate_drives(&uuids(drives)),
            Call::RemoveDrives(drives) => self.remove_drives(&uuids(drives)),
            Call::DeactivateHosts(hosts) => {
                let ids: Vec<u32> = hosts.iter().map(|host| host.0).collect();
                self.deactivate_containers(&ids, false)
            }
            Call::RemoveHost(host) => self.remove_container(host.0, true),
            Call::Event(message) => {
                self.log_event(message.clone());
                Ok(())
            }
        }
    }

    /// `cluster_deactivate_drives`: moves the data to other drives.
    ///
    /// # Errors
    /// A drive is unknown, or the remaining drives are not sufficient.
    pub fn deactivate_drives(&mut self, uuids: &[String]) -> Result<(), RpcError> {
        let ids = self.drive_ids(uuids)?;
        self.check_remaining_capacity(&ids)?;
        self.phase_out(&ids);
        Ok(())
    }

    /// `cluster_remove_drives`.
    ///
    /// # Errors
    /// A drive is unknown or not `INACTIVE`.
    pub fn remove_drives(&mut self, uuids: &[String]) -> Result<(), RpcError> {
        let ids = self.drive_ids(uuids)?;
        for id in &ids {
            let drive = &self.drives[id];
            if drive.status != DriveStatus::Inactive {
                return Err(RpcError::rejected(format!(
                    "drive {} is not inactive",
                    drive.uuid
                )));
            }
        }
        self.drives.retain(|id, _| !ids.contains(id));
        Ok(())
    }

    /// `cluster_deactivate_hosts`: deactivates containers and their drives.
    ///
    /// # Errors
    /// A container is unknown, or the remaining drives are not sufficient and `skip_resource_validation` is false.
    pub fn deactivate_containers(
        &mut self,
        ids: &[u32],
        skip_resource_validation: bool,
    ) -> Result<(), RpcError> {
        for id in ids {
            self.container(*id)?;
            self.check_serves_nothing(*id)?;
        }
        let drives: BTreeSet<u32> = self
            .drives
            .values()
            .filter(|drive| drive.container.is_some_and(|id| ids.contains(&id)))
            .map(|drive| drive.id)
            .collect();
        if !skip_resource_validation {
            self.check_remaining_capacity(&drives)?;
        }
        self.phase_out(&drives);
        let now = self.now;
        for id in ids {
            let container = self.container_mut(*id)?;
            if container.state == HostState::Active || container.state.is_in_maintenance() {
                container.set_state(HostState::Deactivating, now);
                container.due = None;
            }
        }
        self.schedule_deactivations();
        Ok(())
    }

    /// `cluster_remove_host`. The container's drives stay, without a container.
    ///
    /// # Errors
    /// The container is unknown, not `INACTIVE`, or still runs.
    pub fn remove_container(&mut self, id: u32, no_wait: bool) -> Result<(), RpcError> {
        let now = self.now;
        let due = now + self.settings.removal;
        let container = self.container_mut(id)?;
        if container.state != HostState::Inactive {
            return Err(RpcError::rejected(format!("HostId<{id}> is not inactive")));
        }
        if matches!(container.status(), HostStatus::Up | HostStatus::Degraded) {
            return Err(RpcError::rejected(format!("HostId<{id}> still runs")));
        }
        if no_wait && due > now {
            let container = self.container_mut(id)?;
            container.set_state(HostState::Removing, now);
            container.due = Some(due);
        } else {
            self.delete_container(id);
        }
        Ok(())
    }

    pub(super) fn delete_container(&mut self, id: u32) {
        self.containers.remove(&id);
        for drive in self
            .drives
            .values_mut()
            .filter(|drive| drive.container == Some(id))
        {
            drive.container = None;
        }
    }

    fn phase_out(&mut self, drives: &BTreeSet<u32>) {
        let due = self.now + self.settings.phase_out;
        for drive in self
            .drives
            .values_mut()
            .filter(|drive| drives.contains(&drive.id))
        {
            drive.should_be_active = false;
            if matches!(drive.status, DriveStatus::Active | DriveStatus::PhasingIn) {
                (drive.status, drive.due) = (DriveStatus::PhasingOut, Some(due));
            }
        }
    }

    /// Checks the minimum number of backends and the used capacity. A change that reduces neither is allowed.
    fn check_remaining_capacity(&self, removed: &BTreeSet<u32>) -> Result<(), RpcError> {
        let in_use = || self.drives.values().filter(|drive| drive.is_in_use());
        let remaining = || in_use().filter(|drive| !removed.contains(&drive.id));
        let before: BTreeSet<_> = in_use().filter_map(|drive| self.machine_of(drive)).collect();
        let after: BTreeSet<_> = remaining().filter_map(|drive| self.machine_of(drive)).collect();
        let minimum = self.settings.min_backends;
        if after.len() < before.len() && after.len() < minimum {
            return Err(RpcError::rejected(format!(
                "not enough failure domains: {} backends with active drives would remain, the minimum is {minimum}",
                after.len()
            )));
        }
        let (capacity, before) = (self.capacity_without(removed), self.capacity());
        if capacity < before && capacity < self.used_capacity {
            return Err(RpcError::rejected(format!(
                "the remaining capacity of {capacity} bytes is less than the total budget for filesystems of {} bytes (rc50)",
                self.used_capacity
            )));
        }
        Ok(())
    }

    /// The active container with this name on the machine that currently has this address.
    pub fn container_named(&self, address: std::net::IpAddr, name: &str) -> Option<&Container> {
        let machine = self.machine_at(address)?;
        self.containers.values().rev().find(|container| {
            container.machine == machine && container.name == name && container.state == HostState::Active
        })
    }

    pub(super) fn container(&self, id: u32) -> Result<&Container, RpcError> {
        self.containers.get(&id).ok_or_else(|| unknown_container(id))
    }

    pub(super) fn container_mut(&mut self, id: u32) -> Result<&mut Container, RpcError> {
        self.containers.get_mut(&id).ok_or_else(|| unknown_container(id))
    }

    pub(super) fn drive_id(&self, uuid: &str) -> Result<u32, RpcError> {
        let drive = self.drives.values().find(|drive| drive.uuid == uuid);
        drive
            .map(|drive| drive.id)
            .ok_or_else(|| RpcError::rejected(format!("drive {uuid} not found")))
    }

    fn drive_ids(&self, uuids: &[String]) -> Result<BTreeSet<u32>, RpcError> {
        uuids.iter().map(|uuid| self.drive_id(uuid)).collect()
    }

    /// The number of machines with an active backend container.
    pub fn active_backends(&self) -> usize {
        let active = self
            .containers
            .values()
            .filter(|container| container.mode == Mode::Backend && container.state == HostState::Active);
        active
            .map(|container| container.machine)
            .collect::<BTreeSet<_>>()
            .len()
    }
}

fn unknown_container(id: u32) -> RpcError {
    RpcError::rejected(format!("HostId<{id}> not found"))
}
