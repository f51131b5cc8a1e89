//! What the management API changes, and what it refuses.

use super::{Container, DriveStatus, Mode, Model, Refusal, State, Status};
use std::collections::BTreeSet;

impl Model {
    /// `cluster_deactivate_drives`: moves the data off these drives.
    ///
    /// # Errors
    /// One is unknown, or what is left would not suffice; then nothing is changed.
    pub fn deactivate_drives(&mut self, uuids: &[String]) -> Result<(), Refusal> {
        let ids = self.drive_ids(uuids)?;
        self.check_rest(&ids)?;
        self.phase_out(&ids);
        Ok(())
    }

    /// `cluster_remove_drives`: forgets these drives.
    ///
    /// # Errors
    /// One is unknown or not `INACTIVE`; then nothing is changed.
    pub fn remove_drives(&mut self, uuids: &[String]) -> Result<(), Refusal> {
        let ids = self.drive_ids(uuids)?;
        for id in &ids {
            let drive = &self.drives[id];
            if drive.status != DriveStatus::Inactive {
                return Err(Refusal::refused(format!("drive {} is not inactive", drive.uuid)));
            }
        }
        self.drives.retain(|id, _| !ids.contains(id));
        Ok(())
    }

    /// `cluster_deactivate_hosts`: takes these containers out, with what drives they have.
    ///
    /// # Errors
    /// One is unknown, or what is left would not suffice, unless `skip_resource_validation`; then nothing is changed.
    pub fn deactivate_containers(
        &mut self,
        ids: &[u32],
        skip_resource_validation: bool,
    ) -> Result<(), Refusal> {
        for id in ids {
            self.container(*id)?;
        }
        let of = |container: Option<u32>| container.is_some_and(|id| ids.contains(&id));
        let drives: BTreeSet<u32> = self
            .drives
            .values()
            .filter(|drive| of(drive.container))
            .map(|drive| drive.id)
            .collect();
        if !skip_resource_validation {
            self.check_rest(&drives)?;
        }
        self.phase_out(&drives);
        let now = self.now;
        for id in ids {
            let container = self.container_mut(*id)?;
            if container.state == State::Active {
                container.state = State::Deactivating;
                container.state_changed = now;
                container.due = None;
            }
        }
        self.settle();
        Ok(())
    }

    /// `cluster_remove_host`: forgets a container. Its drives then belong to none.
    ///
    /// # Errors
    /// It is unknown, not `INACTIVE`, or still runs.
    pub fn remove_container(&mut self, id: u32, no_wait: bool) -> Result<(), Refusal> {
        let due = self.now + self.settings.remove;
        let container = self.container_mut(id)?;
        if container.state != State::Inactive {
            return Err(Refusal::refused(format!("HostId<{id}> is not inactive")));
        }
        if matches!(container.status(), Status::Up | Status::Degraded) {
            return Err(Refusal::refused(format!("HostId<{id}> still runs")));
        }
        if no_wait && due > self.now {
            let container = self.container_mut(id)?;
            container.state = State::Removing;
            container.due = Some(due);
        } else {
            self.forget(id);
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, id: u32) {
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

    /// Refuses what would leave too little, unless it takes nothing away.
    fn check_rest(&self, without: &BTreeSet<u32>) -> Result<(), Refusal> {
        let in_use = || self.drives.values().filter(|drive| drive.is_in_use());
        let left = || in_use().filter(|drive| !without.contains(&drive.id));
        let machine = |container: Option<u32>| container.map(|id| self.containers[&id].machine);
        let before: BTreeSet<_> = in_use().filter_map(|drive| machine(drive.container)).collect();
        let after: BTreeSet<_> = left().filter_map(|drive| machine(drive.container)).collect();
        let minimum = self.settings.minimum;
        if after.len() < before.len() && after.len() < minimum {
            return Err(Refusal::refused(format!(
                "not enough failure domains: {} backends with active drives would be left, at least {minimum} are needed",
                after.len()
            )));
        }
        let drives = left().count();
        let capacity = self.settings.drive_capacity * u64::try_from(drives).unwrap_or(u64::MAX);
        if drives < in_use().count() && capacity < self.used_capacity {
            return Err(Refusal::refused(format!(
                "not enough capacity: {capacity} bytes would be left, {} are used",
                self.used_capacity
            )));
        }
        Ok(())
    }

    /// The active container of this name on the machine that has this address now.
    pub fn container_named(&self, address: std::net::IpAddr, name: &str) -> Option<&Container> {
        let machine = self.machine_at(address)?;
        self.containers.values().rev().find(|container| {
            container.machine == machine && container.name == name && container.state == State::Active
        })
    }

    pub(super) fn container(&self, id: u32) -> Result<&Container, Refusal> {
        self.containers.get(&id).ok_or_else(|| unknown_container(id))
    }

    pub(super) fn container_mut(&mut self, id: u32) -> Result<&mut Container, Refusal> {
        self.containers.get_mut(&id).ok_or_else(|| unknown_container(id))
    }

    pub(super) fn drive_id(&self, uuid: &str) -> Result<u32, Refusal> {
        let drive = self.drives.values().find(|drive| drive.uuid == uuid);
        drive
            .map(|drive| drive.id)
            .ok_or_else(|| Refusal::refused(format!("there is no drive {uuid}")))
    }

    fn drive_ids(&self, uuids: &[String]) -> Result<BTreeSet<u32>, Refusal> {
        uuids.iter().map(|uuid| self.drive_id(uuid)).collect()
    }

    /// How many machines have a backend container that is a member.
    pub fn active_backends(&self) -> usize {
        let active = self
            .containers
            .values()
            .filter(|container| container.mode == Mode::Backend && container.state == State::Active);
        active
            .map(|container| container.machine)
            .collect::<BTreeSet<_>>()
            .len()
    }
}

fn unknown_container(id: u32) -> Refusal {
    Refusal::refused(format!("there is no HostId<{id}>"))
}
