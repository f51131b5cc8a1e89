//! Calls of the Weka management API that change the cluster.

use crate::ids::{DriveUuid, HostId};
use crate::lists::InterfacePort;

/// A call that changes something in the Weka cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// `interface_group_delete_port`: take this network port of a container out of an interface group. It no longer serves
    /// NFS.
    DeleteInterfacePort { group: String, port: InterfacePort },
    /// `cluster_deactivate_drives`: move the data off these drives.
    DeactivateDrives(Vec<DriveUuid>),
    /// `cluster_remove_drives`: deregister these drives, which hold no data.
    RemoveDrives(Vec<DriveUuid>),
    /// `cluster_deactivate_hosts`: take these containers out of the cluster. Weka checks that the remaining resources
    /// suffice.
    DeactivateHosts(Vec<HostId>),
    /// `cluster_remove_host`: deregister this container, which is inactive.
    RemoveHost(HostId),
    /// `events_trigger_custom`: record an action and its reason in Weka's event log.
    Event(String),
}

impl Call {
    /// The name of the API method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::DeleteInterfacePort { .. } => "interface_group_delete_port",
            Self::DeactivateDrives(_) => "cluster_deactivate_drives",
            Self::RemoveDrives(_) => "cluster_remove_drives",
            Self::DeactivateHosts(_) => "cluster_deactivate_hosts",
            Self::RemoveHost(_) => "cluster_remove_host",
            Self::Event(_) => "events_trigger_custom",
        }
    }

    /// Whether a failure of this call can be ignored, because no other call depends on it.
    pub fn is_best_effort(&self) -> bool {
        matches!(self, Self::Event(_))
    }
}
