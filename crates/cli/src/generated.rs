//! Random values for new resources.

use crate::failure::Failure;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::desired::MAX_ROLES;
use deployment::{HostGroup, Secret, Settings};
use std::collections::BTreeMap;
use uuid::{Builder, Uuid};

/// Random values for resources to create; resources that exist keep theirs.
#[derive(Debug)]
pub(crate) struct Generated {
    /// Parts of the names of roles.
    pub(crate) uuids: Vec<Uuid>,
    /// A seal key for each host group: 32 bytes in base64.
    pub(crate) seal_keys: BTreeMap<HostGroup, Secret>,
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
        Ok(Self { uuids, seal_keys })
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::plain(format!("the operating system returned no random bytes: {error}")))?;
    Ok(bytes)
}
