//! How the cluster is made.

use super::Credentials;
use jiff::Timestamp;
use std::time::Duration;

/// How the cluster is made and how long things take in it, by its own clock.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What its clock shows at first.
    pub start: Timestamp,
    /// Who may log in.
    pub credentials: Credentials,
    /// What `client_query_backend` tells.
    pub release: String,
    /// The fewest machines with active drives that a call may leave. Weka runs with no fewer than 5.
    pub minimum: usize,
    /// Of each drive, in bytes.
    pub drive_capacity: u64,
    /// How long a new drive is `PHASING_IN`.
    pub phase_in: Duration,
    /// How long a drive is `PHASING_OUT`.
    pub phase_out: Duration,
    /// How long a drive is `FAILED` before Weka phases it out.
    pub failed: Duration,
    /// How long a machine may be away before Weka takes its drives for failed.
    pub away: Duration,
    /// How long a container without active drives is still `DEACTIVATING`.
    pub leave: Duration,
    /// How long after its state is `INACTIVE` a container's status is so too.
    pub stop: Duration,
    /// How long a container is `REMOVING` that is removed with `no_wait`; with none it is gone at once.
    pub remove: Duration,
    /// How long an access token is good.
    pub access_token: Duration,
    /// How long a refresh token is good.
    pub refresh_token: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            // Any would do; a fixed one makes runs alike.
            start: Timestamp::constant(1_767_225_600, 0),
            credentials: Credentials::default(),
            release: "4.2.9".to_owned(),
            minimum: 5,
            drive_capacity: 2_500_000_000_000,
            phase_in: minutes(2),
            phase_out: minutes(10),
            failed: minutes(1),
            away: minutes(5),
            leave: minutes(1),
            stop: Duration::from_secs(30),
            remove: Duration::ZERO,
            access_token: minutes(5),
            refresh_token: minutes(60 * 24),
        }
    }
}
