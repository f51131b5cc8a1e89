use super::Credentials;
use jiff::Timestamp;
use std::time::Duration;

/// The cluster's properties, and how long its operations take by its own clock.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The initial time of the cluster's clock.
    pub start: Timestamp,
    /// The user that can log in.
    pub credentials: Credentials,
    /// The release that `client_query_backend` returns.
    pub release: String,
    /// The minimum number of machines with active drives that a call can leave.
    pub min_backends: usize,
    /// Bytes per drive.
    pub drive_capacity: u64,
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
    pub access_token_lifetime: Duration,
    pub refresh_token_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            // 2026-01-01. A fixed time makes runs reproducible.
            start: Timestamp::constant(1_767_225_600, 0),
            credentials: Credentials::default(),
            release: "4.2.9".to_owned(),
            min_backends: weka_types::MINIMUM_BACKENDS as usize,
            drive_capacity: 2_500_000_000_000,
            phase_in: minutes(2),
            phase_out: minutes(10),
            rebuild_delay: minutes(1),
            failure_timeout: minutes(5),
            deactivation: minutes(1),
            stop_delay: Duration::from_secs(30),
            removal: Duration::ZERO,
            access_token_lifetime: minutes(5),
            refresh_token_lifetime: minutes(60 * 24),
        }
    }
}
