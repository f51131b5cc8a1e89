//! What time does: drives phase in and out, containers leave, tokens run out.

use super::{DriveStatus, Model, State};
use jiff::Timestamp;
use std::time::Duration;

impl Model {
    /// Moves the clock on. What falls due in between happens in its turn, at its time.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        self.settle();
        while let Some(next) = self.next_due().filter(|next| *next <= end) {
            self.now = next;
            self.drives_due();
            self.containers_due();
            self.settle();
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
                // Its machine stayed away for too long.
                DriveStatus::Active => (DriveStatus::Failed, Some(now + self.settings.failed)),
                // Weka moves what it held to the others, from their copies.
                DriveStatus::Failed => (DriveStatus::PhasingOut, Some(now + self.settings.phase_out)),
                DriveStatus::PhasingOut | DriveStatus::Inactive => (DriveStatus::Inactive, None),
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
                State::Deactivating => {
                    container.state = State::Inactive;
                    container.state_changed = now;
                    container.due = Some(now + self.settings.stop);
                }
                State::Inactive => {
                    container.stopped = true;
                    self.shut_out(&[id]);
                }
                // An active one is a client that stayed away for too long.
                State::Removing | State::Active => self.forget(id),
            }
        }
    }

    /// A container leaves once its drives hold nothing, and not before.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        for container in self.containers.values_mut() {
            let mut drives = self.drives.values();
            let leaves = container.state == State::Deactivating
                && container.due.is_none()
                && drives.all(|drive| {
                    drive.container != Some(container.id) || drive.status == DriveStatus::Inactive
                });
            if leaves {
                container.due = Some(now + self.settings.leave);
            }
        }
    }
}
