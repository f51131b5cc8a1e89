//! The capacity, and how well the data is protected: both follow from the drives.

use super::{ApiVersion, Drive, DriveStatus, Model};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weka_types::lists::{Percent, ProtectionLevel, Rebuild, RebuildStatus};

/// How well the data is protected, and how much of it is moving.
struct Protection {
    /// Failure domains whose data is lost until it is rebuilt.
    failures: usize,
    /// The lost data in percent.
    share: f64,
    /// Failure domains with drives in use.
    active: usize,
    is_moving: bool,
    /// In percent.
    progress: f64,
}

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

    fn protection(&self) -> Protection {
        let lost = || self.drives.values().filter(|drive| self.is_lost(drive));
        let number_of_machines = |drives: &mut dyn Iterator<Item = &Drive>| {
            drives
                .filter_map(|drive| self.machine_of(drive))
                .collect::<BTreeSet<_>>()
                .len()
        };
        let failures = number_of_machines(&mut lost());
        let share = if failures == 0 {
            0.0
        } else {
            percent(lost().count(), self.drives.len().max(1))
        };
        let mut in_use = self
            .drives
            .values()
            .filter(|drive| drive.is_in_use() && !self.is_lost(drive));
        let moving = self.moving();
        Protection {
            failures,
            share,
            active: number_of_machines(&mut in_use),
            is_moving: !moving.is_empty(),
            progress: self.progress(&moving),
        }
    }

    /// The shares of the data that have lost no copy, one copy, and so on.
    fn levels(&self, protection: &Protection) -> Vec<f64> {
        let drives = self.settings.stripe_protection_drives as usize;
        let level = |number: usize| match number {
            0 => 100.0 - protection.share,
            _ if number == protection.failures.min(drives) => protection.share,
            _ => 0.0,
        };
        (0..=drives).map(level).collect()
    }

    fn unavailable(&self, protection: &Protection) -> f64 {
        if protection.failures > self.settings.stripe_protection_drives as usize {
            protection.share
        } else {
            0.0
        }
    }

    /// The field `rebuild` of `status`, as the typed lists have it.
    pub(super) fn typed_rebuild(&self) -> RebuildStatus {
        let protection = self.protection();
        let levels = (0..).zip(self.levels(&protection));
        let levels = levels.filter_map(|(num_failures, percent)| {
            Some(ProtectionLevel {
                num_failures,
                percent: Percent::new(percent)?,
            })
        });
        RebuildStatus::Known(Rebuild {
            protection: levels.collect(),
            enough_active_fds: Some(protection.active >= self.settings.stripe_data_drives as usize),
            unavailable: Percent::new(self.unavailable(&protection)),
            moving_data: (self.settings.api == ApiVersion::V4_4).then_some(protection.is_moving),
            progress: Percent::new(protection.progress),
        })
    }

    /// The field `rebuild` of `status`.
    pub(super) fn rebuild(&self) -> Value {
        let protection = self.protection();
        let levels = self.levels(&protection).into_iter().enumerate();
        let levels =
            levels.map(|(number, percent)| json!({ "MiB": 0, "numFailures": number, "percent": percent }));
        let required = self.settings.stripe_data_drives;
        let drives = self.settings.stripe_protection_drives;
        let mut fields = json!({
            "enoughActiveFDs": protection.active >= required as usize,
            "numActiveFDs": protection.active,
            "progressPercent": protection.progress,
            "protectionState": levels.collect::<Vec<_>>(),
            "requiredFDsForRebuild": required,
            "stripeDisks": required + drives,
            "totalCopiesDoneMiB": 0,
            "totalCopiesMiB": 0,
            "unavailableMiB": 0,
            "unavailablePercent": self.unavailable(&protection),
        });
        if self.settings.api == ApiVersion::V4_4 {
            fields["movingData"] = protection.is_moving.into();
            fields["potentialResilience"] = (drives as usize).saturating_sub(protection.failures).into();
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
