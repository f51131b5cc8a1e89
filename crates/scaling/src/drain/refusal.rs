//! Whether a run may change anything at all.

use weka_types::lists::{Lists, SKIP_SCALE_DOWN};

/// Why a run changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the cluster's I/O status is {0}, not STARTED")]
    NotStarted(String),
    /// Machines leave and rejoin the cluster during an upgrade.
    #[error("a cluster upgrade is in progress: {0}")]
    Upgrading(String),
    /// An operator stopped scaling.
    #[error("the manual override {SKIP_SCALE_DOWN} is set")]
    SkipScaleDown,
    /// wekactl cannot scale a cluster with one container for each machine.
    #[error("the cluster is not a multi-container cluster: no backend container's name contains 'drive'")]
    NotMultiContainer,
    /// A list contradicts itself.
    #[error("Weka lists {0} twice")]
    Duplicate(String),
}

impl Refusal {
    /// The stable name of this refusal, by which a state machine can distinguish it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotStarted(_) => "ClusterNotStarted",
            Self::Upgrading(_) => "ClusterUpgrading",
            Self::SkipScaleDown => "ScalingSkipped",
            Self::NotMultiContainer => "NotMultiContainer",
            Self::Duplicate(_) => "ContradictoryList",
        }
    }
}

/// Refuses the run if a precondition does not hold.
pub(super) fn check_preconditions(lists: &Lists) -> Result<(), Refusal> {
    if lists.status.io_status != "STARTED" {
        return Err(Refusal::NotStarted(lists.status.io_status.clone()));
    }
    if let Some(upgrade) = &lists.status.upgrade {
        return Err(Refusal::Upgrading(upgrade.clone()));
    }
    if lists.overrides.0.iter().any(|key| key == SKIP_SCALE_DOWN) {
        return Err(Refusal::SkipScaleDown);
    }
    if !lists.hosts.has_drive_containers() {
        return Err(Refusal::NotMultiContainer);
    }
    if let Some(host) = find_duplicate(lists.hosts.0.iter().map(|host| host.id)) {
        return Err(Refusal::Duplicate(host.to_string()));
    }
    if let Some(drive) = find_duplicate(lists.drives.0.iter().map(|drive| &drive.uuid)) {
        return Err(Refusal::Duplicate(format!("drive {drive}")));
    }
    Ok(())
}

/// The smallest id that occurs more than once.
fn find_duplicate<T: Ord + Copy>(ids: impl Iterator<Item = T>) -> Option<T> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    ids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
