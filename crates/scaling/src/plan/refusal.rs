//! Whether a run may change anything at all.

use crate::policy::Group;
use weka_types::lists::{Lists, Mode, SKIP_SCALE_DOWN};

/// Reason a run changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The cluster does not serve.
    #[error("the cluster's io status is {0}, not STARTED")]
    NotStarted(String),
    /// Machines come and go while an upgrade runs.
    #[error("an upgrade of the cluster is running: {0}")]
    Upgrading(String),
    /// An operator stopped scaling.
    #[error("the manual override {SKIP_SCALE_DOWN} is set")]
    SkipScaleDown,
    /// It is of a kind that this program does not know how to scale.
    #[error("the cluster is not of the multi-container kind: no backend container's name contains 'drive'")]
    NotMultiContainer,
    /// Weka could not run with so few.
    #[error("desired capacity {desired} is below the minimum of {minimum} backends")]
    BelowMinimum {
        /// The group's desired capacity.
        desired: u32,
        /// The fewest.
        minimum: u32,
    },
    /// A list contradicts itself.
    #[error("Weka lists {0} twice")]
    Twice(String),
}

impl Refusal {
    /// The stable name by which a state machine may tell refusals apart.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotStarted(_) => "ClusterNotStarted",
            Self::Upgrading(_) => "ClusterUpgrading",
            Self::SkipScaleDown => "ScalingSkipped",
            Self::NotMultiContainer => "NotMultiContainer",
            Self::BelowMinimum { .. } => "BelowMinimum",
            Self::Twice(_) => "ContradictoryList",
        }
    }
}

/// Whether nothing speaks against a run.
pub(super) fn may_scale(lists: &Lists, group: &Group) -> Result<(), Refusal> {
    if lists.status.io_status != "STARTED" {
        return Err(Refusal::NotStarted(lists.status.io_status.clone()));
    }
    if let Some(upgrade) = &lists.status.upgrade {
        return Err(Refusal::Upgrading(upgrade.clone()));
    }
    if lists.overrides.0.iter().any(|key| key == SKIP_SCALE_DOWN) {
        return Err(Refusal::SkipScaleDown);
    }
    let has_drives = |name: &String| name.contains("drive");
    if !lists
        .hosts
        .0
        .iter()
        .any(|host| host.mode == Mode::Backend && host.container_name.as_ref().is_some_and(has_drives))
    {
        return Err(Refusal::NotMultiContainer);
    }
    if group.desired < group.minimum() {
        return Err(Refusal::BelowMinimum {
            desired: group.desired,
            minimum: group.minimum(),
        });
    }
    if let Some(host) = twice(lists.hosts.0.iter().map(|host| host.id)) {
        return Err(Refusal::Twice(host.to_string()));
    }
    if let Some(drive) = twice(lists.drives.0.iter().map(|drive| &drive.uuid)) {
        return Err(Refusal::Twice(format!("drive {drive}")));
    }
    Ok(())
}

/// The first, in their order, of the ids that come more than once.
fn twice<T: Ord + Copy>(ids: impl Iterator<Item = T>) -> Option<T> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    ids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
