use super::Credentials;
use jiff::Timestamp;
use std::time::Duration;

/// The Weka release whose format the responses have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// `status` has `upgrade`, and `rebuild` does not tell whether data is moving.
    V4_2,
    /// `status` has `upgrade_info`.
    V4_4,
}

/// The cluster's properties, and how long its operations take by its own clock.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The initial time of the cluster's clock.
    pub start: Timestamp,
    /// The user that can log in.
    pub credentials: Credentials,
    /// The release that `client_query_backend` and `status` return; `None`: a release with the format of the responses.
    pub release: Option<String>,
    /// The format of the responses.
    pub api: ApiVersion,
    /// Data drives of a stripe.
    pub stripe_data_drives: u32,
    /// Protection drives of a stripe: how many failure domains can fail without a loss of data.
    pub stripe_protection_drives: u32,
    /// The number of failure domains whose capacity is reserved for failures.
    pub hot_spare: u32,
    /// Whether a broken drive is listed as ACTIVE with the flag `isFailed`, instead of as FAILED.
    pub lists_failed_flag: bool,
    /// The minimum number of machines with active drives that a call can leave.
    pub min_backends: usize,
    /// Bytes per drive.
    pub drive_capacity: u64,
    /// How long a new container is `ADDING`.
    pub adding: Duration,
    /// How long a container is `DRAINING` before it is `DRAINED`.
    pub draining: Duration,
    /// How long a new drive is `PHASING_IN`.
    pub phase_in: Duration,
    /// How long a drive is `PHASING_OUT`.
    pub phase_out: Duration,
    /// How long a drive is `FAILED` before Weka phases it out.
    pub rebuild_delay: Duration,
    /// How long a machine can be down before Weka marks its drives as failed.
    pub failure_timeout: Duration,
    /// How long a container without active drives stays `DEACTIVATING`.
    pub deactivation: Duration,
    /// The delay between a container's state `INACTIVE` and its status `INACTIVE`.
    pub stop_delay: Duration,
    /// How long a container that is removed with `no_wait` is `REMOVING`. Zero removes it immediately.
    pub removal: Duration,
    /// How many failed logins lock a user.
    pub lockout_attempts: u32,
    pub lockout_duration: Duration,
    pub access_token_lifetime: Duration,
    pub refresh_token_lifetime: Duration,
}

impl ApiVersion {
    /// A release with this format.
    pub fn release(self) -> &'static str {
        match self {
            Self::V4_2 => "4.2.9",
            Self::V4_4 => "4.4.2",
        }
    }
}

impl Settings {
    /// The release of the cluster.
    pub fn release(&self) -> &str {
        self.release.as_deref().unwrap_or(self.api.release())
    }
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            // 2026-01-01. A fixed time makes runs reproducible.
            start: Timestamp::constant(1_767_225_600, 0),
            credentials: Credentials::default(),
            release: None,
            min_backends: weka_types::MINIMUM_BACKENDS as usize,
            api: ApiVersion::V4_4,
            stripe_data_drives: 3,
            stripe_protection_drives: 2,
            hot_spare: 0,
            lists_failed_flag: false,
            drive_capacity: 2_500_000_000_000,
            adding: Duration::ZERO,
            draining: minutes(1),
            phase_in: minutes(2),
            phase_out: minutes(10),
            rebuild_delay: minutes(1),
            failure_timeout: minutes(5),
            deactivation: minutes(1),
            stop_delay: Duration::from_secs(30),
            removal: minutes(2),
            // Weka's defaults: see docs/weka-compatibility.md, "Logging in".
            lockout_attempts: 5,
            lockout_duration: minutes(2),
            access_token_lifetime: minutes(5),
            refresh_token_lifetime: minutes(60 * 24),
        }
    }
}
