//! A command's way to AWS.

use crate::failure::Failure;
use aws::cloud::Clients;
use aws::config::{self, Options};

/// Where a command wants to go.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
}

/// The clients for a region.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) clients: Clients,
    pub(crate) region: String,
}

impl Connect {
    /// # Errors
    /// There is no region, or one that cannot be one.
    pub(crate) async fn connect(self) -> Result<Session, Failure> {
        let config = config::load(Options {
            region: self.region,
            profile: self.profile,
        })
        .await;
        let region = config
            .region()
            .map(ToString::to_string)
            .filter(|region| !region.is_empty())
            .ok_or_else(|| {
                Failure::usage("there is no region: give --region, or set AWS_REGION or the profile's region")
            })?;
        // The region becomes part of host names.
        if !region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            || !region.contains('-')
        {
            return Err(Failure::usage(format!(
                "'{region}' is no region: one is written like eu-west-1"
            )));
        }
        Ok(Session {
            clients: Clients::new(&config),
            region,
        })
    }
}
