//! Changes that happen as time passes: drives phase in and out, containers are deactivated.

use super::{DriveStatus, HostState, Model};
use jiff::Timestamp;
use std::time::Duration;

impl Model {
    /// Advances the clock. All changes that become due happen in order, each at its own time.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        self.schedule_deactivations();
        while let Some(next) = self.next_due().filter(|next| *next <= end) {
            self.now = next;
            self.drives_due();
            self.containers_due();
            self.schedule_deactivations();
        }
        self.now = end;
    }

    fn next_due(&self) -> Option<Timestamp> {
        let drives = self.drives.values().filter_map(|drive| drive.due);
        let containers = self.containers.values().filter_map(|container| container.due);
        drives.chain(containers).min()
    }

    fn drives_due(&mut self) {
        let now = self.now;
        for drive in self.drives.values_mut() {
            if drive.due.is_none_or(|due| due > now) {
                continue;
            }
            (drive.status, drive.due) = match drive.status {
                DriveStatus::PhasingIn => (DriveStatus::Active, None),
                // Its machine was down for too long.
                DriveStatus::Active => (DriveStatus::Failed, Some(now + self.settings.rebuild_delay)),
                // Weka rebuilds its data on the other drives.
                DriveStatus::Failed => (DriveStatus::PhasingOut, Some(now + self.settings.phase_out)),
                DriveStatus::PhasingOut | DriveStatus::Inactive => (DriveStatus::Inactive, None),
                DriveStatus::Unknown => (DriveStatus::Unknown, None),
            };
        }
    }

    fn containers_due(&mut self) {
        let now = self.now;
        let due: Vec<u32> = self
            .containers
            .values()
            .filter(|container| container.due.is_some_and(|due| due <= now))
            .map(|container| container.id)
            .collect();
        for id in due {
            let Some(container) = self.containers.get_mut(&id) else {
                continue;
            };
            container.due = None;
            match container.state {
                HostState::Adding => container.set_state(HostState::Active, now),
                HostState::Draining => container.set_state(HostState::Drained, now),
                HostState::Deactivating => {
                    container.set_state(HostState::Inactive, now);
                    container.due = Some(now + self.settings.stop_delay);
                }
                HostState::Inactive => {
                    container.stopped = true;
                    self.stop_processes(&[id]);
                }
                // An active container with a due time is a client that was down for too long.
                HostState::Removing | HostState::Active => self.delete_container(id),
                HostState::Drained | HostState::Unknown => {}
            }
        }
    }

    /// A container becomes inactive only after all of its drives are.
    pub(super) fn schedule_deactivations(&mut self) {
        let now = self.now;
        for container in self.containers.values_mut() {
            let mut drives = self.drives.values();
            let ready = container.state == HostState::Deactivating
                && container.due.is_none()
                && drives.all(|drive| {
                    drive.container != Some(container.id) || drive.status == DriveStatus::Inactive
                });
            if ready {
                container.due = Some(now + self.settings.deactivation);
            }
        }
    }
}
