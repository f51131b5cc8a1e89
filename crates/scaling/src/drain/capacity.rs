//! Whether the SSD capacity that remains after a drain holds what is provisioned.

use crate::cluster_view::Machine;
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;
use weka_types::ids::HostId;
use weka_types::lists::{Drive, DriveHost, DriveStatus, Lists};

/// The capacity of the cluster, and the share of it that remains. All sizes are in bytes.
///
/// The net capacity is raw x (N - hot spare)/N x D/(D+P) x 0.9, with N failure domains (Weka's documentation, "SSD capacity
/// management"). Only the first two factors change in a scale-in.
#[derive(Debug)]
pub(super) struct CapacityBudget {
    /// The net capacity that Weka reports.
    total: u64,
    required: u64,
    hot_spare: u64,
    before: Raw,
    remaining: Raw,
}

/// Drives that hold data.
#[derive(Debug, Clone, Copy, Default)]
struct Raw {
    bytes: u64,
    machines: u64,
}

impl CapacityBudget {
    /// Returns `None` if one of the numbers is unknown.
    ///
    /// It is unknown whether Weka's total includes drives that are phasing out. They count here as part of the total but not of
    /// what remains: the result is too small rather than too large until they have phased out.
    pub(super) fn new(lists: &Lists) -> Option<Self> {
        let capacity = lists.status.capacity;
        let total = capacity.total_bytes?;
        let provisioned = || Some(total.saturating_sub(capacity.unprovisioned_bytes?));
        let required = lists
            .filesystems
            .read()
            .and_then(|list| list.required_ssd())
            .or_else(provisioned)?;
        let address: FxHashMap<HostId, IpAddr> = lists
            .hosts
            .0
            .iter()
            .filter_map(|host| Some((host.id, host.host_ip?)))
            .collect();
        let (mut before, mut remaining) = (Raw::default(), Raw::default());
        let [mut machines_before, mut machines_remaining] = [const { Vec::new() }; 2];
        for drive in lists.drives.0.iter().filter(|drive| holds_data(drive)) {
            let bytes = drive.size_bytes?;
            let machine = match drive.host {
                DriveHost::Host(id) => address.get(&id),
                DriveHost::None | DriveHost::Unknown => None,
            };
            before.bytes = before.bytes.checked_add(bytes)?;
            machines_before.extend(machine);
            if is_kept(drive) {
                remaining.bytes += bytes;
                machines_remaining.extend(machine);
            }
        }
        let count = |machines: Vec<&IpAddr>| machines.into_iter().collect::<FxHashSet<_>>().len() as u64;
        before.machines = count(machines_before);
        remaining.machines = count(machines_remaining);
        Some(Self {
            total,
            required,
            hot_spare: lists.status.hot_spare.unwrap_or_default().into(),
            before,
            remaining,
        })
    }

    /// How many bytes would be missing without this machine; `None` if the capacity suffices.
    pub(super) fn missing_without(&self, machine: &Machine<'_>) -> Option<u64> {
        let without = self.without(machine);
        if without.bytes == self.remaining.bytes {
            return None;
        }
        self.required
            .checked_sub(self.net(without))
            .filter(|missing| *missing > 0)
    }

    pub(super) fn remove(&mut self, machine: &Machine<'_>) {
        self.remaining = self.without(machine);
    }

    fn without(&self, machine: &Machine<'_>) -> Raw {
        let kept = machine.entries().flat_map(|container| &container.drives);
        let kept = kept.filter(|drive| holds_data(drive) && is_kept(drive));
        let bytes: u64 = kept.filter_map(|drive| drive.size_bytes).sum();
        Raw {
            bytes: self.remaining.bytes.saturating_sub(bytes),
            machines: self.remaining.machines.saturating_sub(u64::from(bytes > 0)),
        }
    }

    fn net(&self, raw: Raw) -> u64 {
        let not_spare = |machines: u64| u128::from(machines.saturating_sub(self.hot_spare));
        let divisor = u128::from(raw.machines) * not_spare(self.before.machines);
        if self.before.bytes == 0 || divisor == 0 {
            return 0;
        }
        let share = u128::from(self.total) * u128::from(raw.bytes) / u128::from(self.before.bytes);
        let net = share * not_spare(raw.machines) * u128::from(self.before.machines) / divisor;
        u64::try_from(net).unwrap_or(u64::MAX)
    }
}

fn holds_data(drive: &Drive) -> bool {
    !matches!(drive.status, DriveStatus::Inactive | DriveStatus::Failed)
}

fn is_kept(drive: &Drive) -> bool {
    drive.should_be_active != Some(false)
}
