//! What Weka's lists say, to the field, and no more of them than the loop needs.
//!
//! A field that is missing or null is *unknown*, never a default: the planner takes an unknown fact for a reason to
//! leave a machine alone. A field that is there and makes no sense is an error, and then the run does nothing. Words of
//! a later Weka (another status, another mode) are unknown too.

mod read;

use crate::ids::{DiskId, DriveUuid, HostId, InstanceId, NodeId};
use jiff::Timestamp;
use serde::Deserialize;
use std::net::IpAddr;

/// Everything a run looks at, read side by side; a run that could not read one of them has none (invariant I4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// `status`.
    pub status: Status,
    /// `hosts_list`.
    pub hosts: Hosts,
    /// `disks_list`.
    pub drives: Drives,
    /// `nodes_list`.
    pub nodes: Nodes,
    /// `manual_override_list`.
    pub overrides: Overrides,
}

/// The answer of `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// `STARTED` where the cluster serves.
    pub io_status: String,
    /// What upgrade is running; none where Weka says null or nothing.
    #[serde(deserialize_with = "read::upgrade")]
    pub upgrade: Option<String>,
}

/// The answer of `hosts_list`: the containers, backends and clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<Host>);

/// The answer of `disks_list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drives(pub Vec<Drive>);

/// The answer of `nodes_list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes(pub Vec<Node>);

/// The answer of `manual_override_list`: the keys that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(pub Vec<String>);

/// A container. Weka's API calls it a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// Whether it is a member of the cluster.
    pub state: HostState,
    /// Whether it runs.
    pub status: HostStatus,
    /// What it is.
    pub mode: Mode,
    /// The address of its machine.
    pub host_ip: Option<IpAddr>,
    /// `aws.instance_id`: the instance that it runs on.
    pub instance_id: Option<InstanceId>,
    /// `drives0`, `compute0`, `frontend0`, or a client's.
    pub container_name: Option<String>,
    /// The same for all containers of one machine.
    pub machine_identifier: Option<String>,
    /// When it was added to the cluster.
    pub added_time: Option<Timestamp>,
    /// When its state changed last.
    pub state_changed_time: Option<Timestamp>,
}

/// A drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Its place in Weka's list.
    pub id: DiskId,
    /// The container that it belongs to.
    pub host: DriveHost,
    /// What it does.
    pub status: DriveStatus,
    /// By what calls name it.
    pub uuid: DriveUuid,
    /// Whether it is to hold data.
    pub should_be_active: Option<bool>,
}

/// Whose a drive is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DriveHost {
    /// A container's.
    Host(HostId),
    /// `HostId<INVALID>`: its container was removed.
    None,
    /// Weka does not say.
    #[default]
    Unknown,
}

/// A process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id, which tells whether it is the management process.
    pub id: NodeId,
    /// Its container.
    pub host: Option<HostId>,
    /// Whether it runs.
    pub status: NodeStatus,
    /// When it was last shut out of the cluster.
    pub last_fencing_time: Option<Timestamp>,
    /// Since when it runs.
    pub up_since: Option<Timestamp>,
}

macro_rules! words {
    ($(#[$docs:meta])* $name:ident { $($(#[$variant_docs:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_docs])* $variant,)*
            /// Not said, or a word that this version does not know.
            #[default]
            Unknown,
        }

        impl $name {
            /// Every word that Weka has for it, the unknown one left out.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Weka's word.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Unknown => "unknown",
                }
            }

            fn of(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read::word(deserializer, Self::of)
            }
        }
    };
}

words!(
    /// Whether a container is a member of the cluster.
    HostState {
        /// A member.
        Active = "ACTIVE",
        /// On its way out.
        Deactivating = "DEACTIVATING",
        /// Being removed.
        Removing = "REMOVING",
        /// A member no more: it holds nothing.
        Inactive = "INACTIVE",
    }
);
words!(
    /// Whether a container runs.
    HostStatus {
        /// All of it runs.
        Up = "UP",
        /// It does not.
        Down = "DOWN",
        /// Part of it does.
        Degraded = "DEGRADED",
        /// It was stopped after it had been deactivated.
        Inactive = "INACTIVE",
    }
);
words!(
    /// What a container is.
    Mode {
        /// It holds or serves data.
        Backend = "backend",
        /// It uses data.
        Client = "client",
    }
);
words!(
    /// What a drive does.
    DriveStatus {
        /// It holds data.
        Active = "ACTIVE",
        /// It holds none.
        Inactive = "INACTIVE",
        /// Its data is moved away.
        PhasingOut = "PHASING_OUT",
        /// Data is moved to it.
        PhasingIn = "PHASING_IN",
        /// It broke.
        Failed = "FAILED",
    }
);
words!(
    /// Whether a process runs.
    NodeStatus {
        /// It does.
        Up = "UP",
        /// It does not.
        Down = "DOWN",
    }
);

/// The key of the manual override that stops scaling.
pub const SKIP_SCALE_DOWN: &str = "skip_scale_down";
