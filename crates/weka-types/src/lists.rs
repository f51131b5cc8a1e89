//! Weka's lists, limited to the fields that the scaling loop needs.
//!
//! A missing or null field is *unknown* and never gets a default value: the planner skips a machine with an unknown fact.
//! An invalid field is an error, and then the run changes nothing. A value that only a later Weka release has (another
//! status, another mode) is also unknown.

mod read;

use crate::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use jiff::Timestamp;
use serde::Deserialize;
use std::net::IpAddr;

/// All the lists of one run. They are read concurrently, and if one cannot be read, the run has none (invariant I4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    pub status: Status,
    pub hosts: Hosts,
    pub drives: Drives,
    pub nodes: Nodes,
    pub overrides: Overrides,
}

/// The result of `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// `STARTED` if the cluster serves I/O.
    pub io_status: String,
    /// The upgrade in progress, if any: `upgrade` of Weka up to 4.3, or the phase in `upgrade_info` of Weka 4.4.
    pub upgrade: Option<String>,
    /// Whether the response has neither `upgrade` nor a valid `upgrade_info`: then no upgrade can be detected.
    pub is_upgrade_unknown: bool,
}

/// The result of `hosts_list`: the containers of backends and clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<Host>);

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
    /// The address of the machine that it runs on.
    pub host_ip: Option<IpAddr>,
    /// `aws.instance_id`: the instance that it runs on.
    pub instance_id: Option<InstanceId>,
    /// `drives0`, `compute0`, `frontend0`, or a client's name.
    pub container_name: Option<String>,
    /// The same for all containers of one machine.
    pub machine_identifier: Option<String>,
    /// When it was added to the cluster.
    pub added_time: Option<Timestamp>,
    /// When its state last changed.
    pub state_changed_time: Option<Timestamp>,
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read::word(deserializer, Self::from_api)
            }
        }
    };
}

api_enum!(
    /// The membership of a container in the cluster.
    HostState {
        /// A member.
        Active = "ACTIVE",
        /// Its data and its processes are moving to other containers.
        Deactivating = "DEACTIVATING",
        /// It is being removed.
        Removing = "REMOVING",
        /// No longer a member: it holds no data.
        Inactive = "INACTIVE",
    }
);
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
        /// It is broken.
        Failed = "FAILED",
    }
);
api_enum!(
    NodeStatus {
        Up = "UP",
        Down = "DOWN",
    }
);

/// The key of the manual override that stops scaling.
pub const SKIP_SCALE_DOWN: &str = "skip_scale_down";
