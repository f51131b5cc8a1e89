//! A connection to AWS, and the settings of an imported cluster.

use crate::failure::Failure;
use aws::cloud::Clients;
use aws::config::{self, Options};
use deployment::settings::SETTINGS_KEY;
use deployment::{Names, Settings};

/// The region and the profile that the user chose.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) clients: Clients,
    pub(crate) region: String,
}

impl Connect {
    /// # Errors
    /// No region is set, or it is not a valid one.
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
                Failure::usage(
                    "no AWS region is set: use --region, or set AWS_REGION or the region of the profile",
                )
            })?;
        // The region becomes part of host names.
        if !region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            || !region.contains('-')
        {
            return Err(Failure::usage(format!(
                "'{region}' is not an AWS region: use a name like eu-west-1"
            )));
        }
        Ok(Session {
            clients: Clients::new(&config),
            region,
        })
    }
}

impl Session {
    /// The settings of an imported cluster.
    ///
    /// # Errors
    /// The cluster is not imported, or its settings cannot be read.
    pub(crate) async fn settings(&self, names: &Names) -> Result<Settings, Failure> {
        let not_imported = || {
            Failure::plain(format!(
                "cluster '{}' is not imported in {}: `wekactl cluster list` lists the imported clusters",
                names.cluster(),
                self.region
            ))
        };
        match aws::table::item(&self.clients.dynamodb, &names.base(), SETTINGS_KEY).await {
            Ok(Some(item)) => Settings::from_item(&item)
                .map_err(|error| Failure::failed("reading the cluster's settings", &error)),
            Ok(None) => Err(not_imported()),
            Err(error) if aws::error_codes::is_not_found(&error) => Err(not_imported()),
            Err(error) => Err(Failure::aws("reading the cluster's settings", &error)),
        }
    }
}
