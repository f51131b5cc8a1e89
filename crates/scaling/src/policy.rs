//! The target of a run and the limits that it must respect.

use crate::messages::{HostGroupInfo, Instance, Role};
use jiff::SignedDuration;
use weka_types::MINIMUM_BACKENDS;
use weka_types::lists::Status;

/// How many machines may drain concurrently because they are unhealthy. A Weka cluster with the usual protection level
/// survives the loss of two.
pub const MAX_UNHEALTHY_DRAINING: usize = 2;

/// How many instances a run terminates at most: as many as one call of each AWS API accepts, and few enough for an operator
/// to intervene.
pub const MAX_TERMINATIONS_PER_RUN: usize = 50;

/// How long an instance may take to join the cluster. Installing Weka takes minutes, and the join script retries for a
/// long time.
pub const JOIN_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);

/// How old an instance must be to count as terminated if EC2 does not list it. EC2's lists are eventually consistent for up to some
/// minutes: an instance that was just launched may be missing in them.
pub const VISIBLE_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How long a problem may last before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GracePeriods {
    /// How long the management process of a backend's container may be down before the backend is unhealthy.
    pub backend_down: SignedDuration,
    /// The same for a client.
    pub client_down: SignedDuration,
    /// How long a drive may be inactive after its container was added.
    pub drive_inactive: SignedDuration,
    /// How long a backend that is not an instance of the group may be down before it is removed from the cluster.
    pub unmanaged_down: SignedDuration,
}

impl Default for GracePeriods {
    fn default() -> Self {
        Self {
            backend_down: SignedDuration::from_mins(120),
            client_down: SignedDuration::from_mins(30),
            drive_inactive: SignedDuration::from_mins(5),
            unmanaged_down: SignedDuration::from_hours(3),
        }
    }
}

/// The Auto Scaling group that a run scales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub role: Role,
    /// The desired capacity.
    pub desired: u32,
    pub instances: Vec<Instance>,
    pub grace_periods: GracePeriods,
}

/// The smallest number of failure domains, that is, backends, with which the cluster runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    pub machines: u32,
    /// Whether Weka reports the width of a stripe. Without it, the floor is [`MINIMUM_BACKENDS`].
    pub is_known: bool,
}

impl Floor {
    /// A stripe needs one failure domain for each of its drives. Weka's leadership needs at least five containers.
    pub fn new(status: &Status) -> Self {
        let stripe = status
            .stripe_data_drives
            .zip(status.stripe_protection_drives)
            .map(|(data, protection)| data.saturating_add(protection));
        Self {
            machines: MINIMUM_BACKENDS.max(stripe.unwrap_or_default()),
            is_known: stripe.is_some(),
        }
    }
}

impl Group {
    /// The smallest number of machines of this role that must remain: the floor of the cluster for backends.
    pub fn floor(&self, status: &Status) -> usize {
        match self.role {
            Role::Backend => Floor::new(status).machines as usize,
            Role::Client => 0,
        }
    }

    /// How long a container of this role may be down before it is unhealthy.
    pub fn down_grace_period(&self) -> SignedDuration {
        match self.role {
            Role::Backend => self.grace_periods.backend_down,
            Role::Client => self.grace_periods.client_down,
        }
    }
}

impl From<&HostGroupInfo> for Group {
    fn from(info: &HostGroupInfo) -> Self {
        Self {
            role: info.role,
            desired: info.desired_capacity,
            instances: info.instances.clone(),
            grace_periods: GracePeriods::default(),
        }
    }
}

/// How many instances of a group of this size may be terminated in one run because they never joined (invariant I8).
pub fn never_joined_limit(group_size: usize) -> usize {
    (group_size / 10).clamp(2, MAX_TERMINATIONS_PER_RUN)
}
