//! What a run asks Weka to change.

use crate::ids::{DriveUuid, HostId};

/// A call that changes something in the Weka cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// `cluster_deactivate_drives`: move the data off these drives.
    DeactivateDrives(Vec<DriveUuid>),
    /// `cluster_remove_drives`: forget these drives, which hold nothing.
    RemoveDrives(Vec<DriveUuid>),
    /// `cluster_deactivate_hosts`: take these containers out of the cluster. Weka checks that the rest suffices.
    DeactivateHosts(Vec<HostId>),
    /// `cluster_remove_host`: forget this container, which is out of the cluster.
    RemoveHost(HostId),
    /// `events_trigger_custom`: say in Weka's event log what is done and why.
    Event(String),
}

impl Call {
    /// Weka's name of the method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::DeactivateDrives(_) => "cluster_deactivate_drives",
            Self::RemoveDrives(_) => "cluster_remove_drives",
            Self::DeactivateHosts(_) => "cluster_deactivate_hosts",
            Self::RemoveHost(_) => "cluster_remove_host",
            Self::Event(_) => "events_trigger_custom",
        }
    }

    /// Whether its failure is no error: nothing depends on it.
    pub fn is_best_effort(&self) -> bool {
        matches!(self, Self::Event(_))
    }
}
