//! Weka's lists, limited to the fields that the scaling loop needs.
//!
//! A missing or null field is *unknown* and never gets a default value: the planner skips a machine with an unknown fact.
//! An invalid field is an error, and then the run changes nothing. A value that only a later Weka release has (another
//! status, another mode) is also unknown, and is kept as an [`UnknownValue`], so that it can be reported.
//!
//! `docs/weka-compatibility.md` has the source of each field.

mod capacity;
mod protocols;
mod read;
mod status;

pub use capacity::{Capacity, Filesystem, Filesystems};
pub use protocols::{InterfaceGroup, InterfaceGroups, InterfacePort, ServingHosts};
pub use status::{Percent, ProtectionLevel, Rebuild, RebuildStatus, Status};

use crate::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use jiff::Timestamp;
use std::net::IpAddr;

/// All the lists of one run. They are read concurrently. If one that is not [`Optional`] cannot be read, the run has none
/// (invariant I4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    pub status: Status,
    pub hosts: Hosts,
    pub drives: Drives,
    pub nodes: Nodes,
    pub overrides: Overrides,
    pub filesystems: Optional<Filesystems>,
    pub interface_groups: Optional<InterfaceGroups>,
    /// The containers of the SMB cluster.
    pub smb: Optional<ServingHosts>,
    /// The containers of the S3 cluster.
    pub s3: Optional<ServingHosts>,
}

/// The result of a call that may fail: only what needs the result stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Optional<T> {
    Read(T),
    /// The reason.
    Failed(String),
}

impl<T: Default> Default for Optional<T> {
    fn default() -> Self {
        Self::Read(T::default())
    }
}

impl<T> Optional<T> {
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(result) => Some(result),
            Self::Failed(_) => None,
        }
    }
}

/// A value of an enumeration that this version does not know. A later Weka release may have added it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownValue {
    pub field: &'static str,
    /// At most 40 characters.
    pub value: String,
}

/// The result of `hosts_list`: the containers of backends and clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<Host>);

impl Hosts {
    /// Whether a backend has a container for drives only: then the cluster is a multi-container cluster.
    pub fn has_drive_containers(&self) -> bool {
        let mut backends = self.0.iter().filter(|host| host.mode == Mode::Backend);
        let holds_drives = |name: &str| name.contains("drive");
        backends.any(|host| host.container_name.as_deref().is_some_and(holds_drives))
    }
}

/// The result of `disks_list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drives(pub Vec<Drive>);

/// The result of `nodes_list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes(pub Vec<Node>);

/// The result of `manual_override_list`: the keys that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(pub Vec<String>);

/// A container, which the API calls a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub id: HostId,
    pub state: HostState,
    pub status: HostStatus,
    pub mode: Mode,
    /// `host_ip`, or else `container_ip`: the address of the machine that it runs on.
    pub host_ip: Option<IpAddr>,
    /// `aws.instance_id`, or else `cloud.instance_id`: the instance that it runs on.
    pub instance_id: Option<InstanceId>,
    /// `drives0`, `compute0`, `frontend0`, or a client's name.
    pub container_name: Option<String>,
    /// The same for all containers of one machine.
    pub machine_identifier: Option<String>,
    /// When it was added to the cluster.
    pub added_time: Option<Timestamp>,
    /// When its state last changed. Null in a real response of a container that is up.
    pub state_changed_time: Option<Timestamp>,
    /// When its processes last started.
    pub start_time: Option<Timestamp>,
    pub last_failure_time: Option<Timestamp>,
    /// How long a client can be down before Weka removes it, in seconds. Zero means never.
    pub auto_remove_timeout: Option<u64>,
    pub unknown_values: Vec<UnknownValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// The key in `disks_list`.
    pub id: DiskId,
    pub host: DriveHost,
    pub status: DriveStatus,
    pub uuid: DriveUuid,
    /// Whether it is meant to hold data; `false` once it was deactivated.
    pub should_be_active: Option<bool>,
    /// The raw capacity in bytes.
    pub size_bytes: Option<u64>,
    pub unknown_values: Vec<UnknownValue>,
}

/// The container that a drive belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DriveHost {
    Host(HostId),
    /// `HostId<INVALID>`: the container was removed.
    None,
    /// The field is missing or null.
    #[default]
    Unknown,
}

/// A process of a container, which the API calls a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    pub host: Option<HostId>,
    pub status: NodeStatus,
    /// When it was last fenced, that is, excluded from the cluster.
    pub last_fencing_time: Option<Timestamp>,
    /// When it last came up.
    pub up_since: Option<Timestamp>,
    pub unknown_values: Vec<UnknownValue>,
}

macro_rules! api_enum {
    ($(#[$docs:meta])* $name:ident { $($(#[$variant_docs:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_docs])* $variant,)*
            /// Missing, null, or a value that this version does not know.
            #[default]
            Unknown,
        }

        impl $name {
            /// All known values, without [`Unknown`](Self::Unknown).
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The value in the API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Unknown => "unknown",
                }
            }

            fn from_api(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }
        }

        impl read::ApiEnum for $name {
            fn from_api(word: &str) -> Self {
                Self::from_api(word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

    };
}

api_enum!(
    /// The membership of a container in the cluster.
    HostState {
        /// A member.
        Active = "ACTIVE",
        /// It joins for the first time.
        Adding = "ADDING",
        /// Its data and its processes are moving to other containers.
        Deactivating = "DEACTIVATING",
        /// Its work is moving to other containers, because it is about to stop, restart or upgrade. It stays a member.
        Draining = "DRAINING",
        /// It has no work, and can stop for maintenance. It stays a member.
        Drained = "DRAINED",
        /// No longer a member: it is being deregistered, and holds no data.
        Removing = "REMOVING",
        /// No longer a member: it holds no data.
        Inactive = "INACTIVE",
    }
);

impl HostState {
    /// Whether the container has left the cluster: it holds no data and serves nothing. After `cluster_remove_host`,
    /// a container can stay REMOVING for a while.
    pub fn is_removed(self) -> bool {
        matches!(self, Self::Removing | Self::Inactive)
    }

    /// Whether the container is a member that is prepared or stopped for maintenance.
    pub fn is_in_maintenance(self) -> bool {
        matches!(self, Self::Draining | Self::Drained)
    }
}

api_enum!(
    /// Whether a container runs.
    HostStatus {
        /// All its processes run.
        Up = "UP",
        /// It does not run.
        Down = "DOWN",
        /// Some of its processes run.
        Degraded = "DEGRADED",
        /// It stopped after it had been deactivated.
        Inactive = "INACTIVE",
        // The others repeat the state: they report nothing about the processes.
        Adding = "ADDING",
        Deactivating = "DEACTIVATING",
        Draining = "DRAINING",
        /// Also `DRAINED (UP)`, `DRAINED (DEGRADED)` and `DRAINED (DOWN)`.
        Drained = "DRAINED",
        Removing = "REMOVING",
    }
);
api_enum!(
    /// The role of a container.
    Mode {
        /// It holds or serves data.
        Backend = "backend",
        /// It uses data.
        Client = "client",
    }
);
api_enum!(
    DriveStatus {
        /// It holds data.
        Active = "ACTIVE",
        /// It holds no data.
        Inactive = "INACTIVE",
        /// Its data is moving to other drives.
        PhasingOut = "PHASING_OUT",
        /// Data is moving to it.
        PhasingIn = "PHASING_IN",
        /// It is broken, or the container that it belongs to does not run. Also a drive with the flag `isFailed`.
        Failed = "FAILED",
    }
);
api_enum!(
    NodeStatus {
        Up = "UP",
        Down = "DOWN",
        // Transitions between the two.
        Fencing = "FENCING",
        Joining = "JOINING",
        Syncing = "SYNCING",
    }
);

/// The key of the manual override that stops scaling.
pub const SKIP_SCALE_DOWN: &str = "skip_scale_down";
