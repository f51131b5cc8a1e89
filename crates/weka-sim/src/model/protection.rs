//! The capacity, and how well the data is protected: both follow from the drives.

use super::{ApiVersion, Drive, DriveStatus, Model};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Model {
    /// The capacity of the drives in use in bytes, without the hot spare. Unlike Weka's, it does not subtract the protection.
    pub fn capacity(&self) -> u64 {
        self.capacity_without(&BTreeSet::new())
    }

    /// The same, if these drives were not in use.
    pub(super) fn capacity_without(&self, removed: &BTreeSet<u32>) -> u64 {
        let drives = || {
            self.drives
                .values()
                .filter(|drive| drive.is_in_use() && !removed.contains(&drive.id))
        };
        let machines = drives()
            .filter_map(|drive| self.machine_of(drive))
            .collect::<BTreeSet<_>>()
            .len();
        let hot_spare = self.settings.hot_spare as usize;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let raw = self
            .settings
            .drive_capacity
            .saturating_mul(count(drives().count()));
        match count(machines) {
            0 => 0,
            machines => raw / machines * machines.saturating_sub(count(hot_spare)),
        }
    }

    /// The index of the machine of a drive.
    pub(super) fn machine_of(&self, drive: &Drive) -> Option<usize> {
        Some(self.containers.get(&drive.container?)?.machine)
    }

    /// Whether the data on the drive cannot be read, and has not yet been rebuilt on other drives.
    fn is_lost(&self, drive: &Drive) -> bool {
        let runs = self
            .machine_of(drive)
            .is_none_or(|machine| self.machines[machine].running);
        drive.status != DriveStatus::Inactive
            && (drive.broken || !runs || drive.status == DriveStatus::Failed)
    }

    /// The field `rebuild` of `status`.
    pub(super) fn rebuild(&self) -> Value {
        let lost = || self.drives.values().filter(|drive| self.is_lost(drive));
        let failures = lost()
            .filter_map(|drive| self.machine_of(drive))
            .collect::<BTreeSet<_>>()
            .len();
        let all = self.drives.len().max(1);
        let share = if failures == 0 {
            0.0
        } else {
            percent(lost().count(), all)
        };
        let protection = self.settings.stripe_protection_drives as usize;
        let unavailable = if failures > protection { share } else { 0.0 };
        let level = |number: usize| {
            let is_this = number == failures.min(protection);
            let percent = match number {
                0 => 100.0 - share,
                _ if is_this => share,
                _ => 0.0,
            };
            json!({ "MiB": 0, "numFailures": number, "percent": percent })
        };
        let in_use = self
            .drives
            .values()
            .filter(|drive| drive.is_in_use() && !self.is_lost(drive));
        let active = in_use
            .filter_map(|drive| self.machine_of(drive))
            .collect::<BTreeSet<_>>()
            .len();
        let required = self.settings.stripe_data_drives as usize;
        let moving = self.moving();
        let mut fields = json!({
            "enoughActiveFDs": active >= required,
            "numActiveFDs": active,
            "progressPercent": self.progress(&moving),
            "protectionState": (0..=protection).map(level).collect::<Vec<_>>(),
            "requiredFDsForRebuild": required,
            "stripeDisks": self.settings.stripe_data_drives + self.settings.stripe_protection_drives,
            "totalCopiesDoneMiB": 0,
            "totalCopiesMiB": 0,
            "unavailableMiB": 0,
            "unavailablePercent": unavailable,
        });
        if self.settings.api == ApiVersion::V4_4 {
            fields["movingData"] = (!moving.is_empty()).into();
            fields["potentialResilience"] = protection.saturating_sub(failures).into();
        }
        fields
    }

    /// The drives whose data is being moved to others.
    fn moving(&self) -> Vec<&Drive> {
        let drives = self.drives.values();
        drives
            .filter(|drive| drive.status == DriveStatus::PhasingOut)
            .collect()
    }

    /// How much of the data that is being moved to other drives has been moved, in percent; `None` if none is being moved.
    pub fn moved_percent(&self) -> Option<f64> {
        let moving = self.moving();
        (!moving.is_empty()).then(|| self.progress(&moving))
    }

    /// How much of the data on these drives has been moved, in percent.
    fn progress(&self, moving: &[&Drive]) -> f64 {
        if moving.is_empty() {
            return 0.0;
        }
        let total = self.settings.phase_out.as_secs_f64().max(1.0);
        let moved = moving.iter().map(|drive| {
            let left = drive
                .due
                .map_or(0.0, |due| due.duration_since(self.now).as_secs_f64());
            (1.0 - left / total).clamp(0.0, 1.0)
        });
        #[expect(clippy::cast_precision_loss, reason = "a number of drives")]
        let number = moving.len() as f64;
        (100.0 * moved.sum::<f64>() / number).floor()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of drives")]
fn percent(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all as f64
}
