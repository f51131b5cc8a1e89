//! What a run is to reach, and the limits it keeps.

use crate::messages::{HostGroupInfo, Instance, Role};
use jiff::SignedDuration;
use weka_types::MINIMUM_BACKENDS;

/// How many machines may be on their way out at a time because they are unhealthy. Two is what a Weka cluster of the
/// usual protection survives.
pub const UNHEALTHY_AT_ONCE: usize = 2;

/// The most containers that a backend has: drives, compute, frontend.
pub const CONTAINERS_OF_A_BACKEND: usize = 3;

/// After how long what is not as it should be counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GracePeriods {
    /// How long the management process of a backend's container may be down before the backend counts as unhealthy.
    pub backend_down: SignedDuration,
    /// The same for a client.
    pub client_down: SignedDuration,
    /// How long after its container was added a drive may be inactive.
    pub drive_inactive: SignedDuration,
    /// How long a backend that is no instance of the group may be down before it is taken out of the cluster.
    pub leftover_down: SignedDuration,
}

impl Default for GracePeriods {
    fn default() -> Self {
        Self {
            backend_down: SignedDuration::from_mins(120),
            client_down: SignedDuration::from_mins(30),
            drive_inactive: SignedDuration::from_mins(5),
            leftover_down: SignedDuration::from_hours(3),
        }
    }
}

/// The group that a run scales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What its instances are in the cluster.
    pub role: Role,
    /// How many it is to have.
    pub desired: u32,
    /// Its instances.
    pub instances: Vec<Instance>,
    /// After how long what is not as it should be counts.
    pub patience: GracePeriods,
}

impl Group {
    /// The fewest machines that may remain: the target, and what Weka needs.
    pub fn floor(&self) -> usize {
        self.desired.max(self.minimum()) as usize
    }

    /// The fewest machines of this role that Weka can run with.
    pub fn minimum(&self) -> u32 {
        match self.role {
            Role::Backend => MINIMUM_BACKENDS,
            Role::Client => 0,
        }
    }

    /// How long a container of this role may be down.
    pub fn down(&self) -> SignedDuration {
        match self.role {
            Role::Backend => self.patience.backend_down,
            Role::Client => self.patience.client_down,
        }
    }
}

impl From<&HostGroupInfo> for Group {
    fn from(info: &HostGroupInfo) -> Self {
        Self {
            role: info.role,
            desired: info.desired_capacity,
            instances: info.instances.clone(),
            patience: GracePeriods::default(),
        }
    }
}
