//! The capacity of the cluster, and what is provisioned of it. All sizes are in bytes.

use super::read::{Ignored, entries};
use serde::de::{Deserialize, Deserializer};

/// The field `capacity` of `status`. `unprovisioned_bytes` is null for minutes after a cluster is created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capacity {
    /// The net SSD capacity.
    pub total_bytes: Option<u64>,
    pub unprovisioned_bytes: Option<u64>,
}

/// The result of `filesystems_list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filesystems(pub Vec<Filesystem>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Filesystem {
    /// The SSD capacity that is reserved for the filesystem.
    #[serde(default)]
    pub ssd_budget: Option<u64>,
    #[serde(default)]
    pub used_ssd: Option<u64>,
    #[serde(default)]
    pub is_thinly_provisioned: Option<bool>,
    #[serde(default)]
    pub thin_provisioning_min_ssd: Option<u64>,
}

impl Filesystem {
    /// The SSD capacity that must remain for the filesystem; `None` if it is unknown. For a thinly provisioned filesystem,
    /// this is what it uses, but at least its minimum.
    pub fn required_ssd(&self) -> Option<u64> {
        if self.is_thinly_provisioned == Some(true) {
            self.used_ssd.max(self.thin_provisioning_min_ssd)
        } else {
            self.ssd_budget
        }
    }
}

impl Filesystems {
    /// The SSD capacity that must remain for all filesystems; `None` if it is unknown for one of them.
    pub fn required_ssd(&self) -> Option<u64> {
        self.0
            .iter()
            .map(Filesystem::required_ssd)
            .try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?))
    }
}

impl<'de> Deserialize<'de> for Filesystems {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer, |_: Ignored, filesystem: Filesystem| filesystem).map(Self)
    }
}
