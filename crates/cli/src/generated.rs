//! Random values and times for new resources.

use crate::failure::Failure;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::desired::MAX_ROLES;
use deployment::{HostGroup, Secret, Settings};
use identity::JOIN_TIMEOUT;
use jiff::Timestamp;
use std::collections::BTreeMap;
use uuid::{Builder, Uuid};

/// Random values for resources to create; resources that exist keep theirs.
#[derive(Debug)]
pub(crate) struct Generated {
    /// Parts of the names of roles.
    pub(crate) uuids: Vec<Uuid>,
    /// A seal key for each host group: 32 bytes in base64.
    pub(crate) seal_keys: BTreeMap<HostGroup, Secret>,
    /// Until when instances of an older version of the launch template may join without identity, if this run is the first to
    /// require it: as long as an instance may take to join.
    pub(crate) identity_required_after: String,
}

impl Generated {
    /// Enough values for any cluster with these settings.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let uuids = (0..MAX_ROLES)
            .map(|_| Ok(Builder::from_random_bytes(random()?).into_uuid()))
            .collect::<Result<_, Failure>>()?;
        let seal_keys = settings
            .groups()
            .map(|group| Ok((group, Secret::new(BASE64_STANDARD.encode(random::<32>()?)))))
            .collect::<Result<_, Failure>>()?;
        Ok(Self {
            uuids,
            seal_keys,
            identity_required_after: (Timestamp::now() + JOIN_TIMEOUT)
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
        })
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::plain(format!("the operating system returned no random bytes: {error}")))?;
    Ok(bytes)
}
