//! What EC2 needs to launch new instances: AMIs, key pairs and KMS keys.

use crate::cloud::Clients;
use crate::error::{Context, Result};
use crate::error_codes::{ignore, is_image_not_found};
use crate::pages::all;
use aws_sdk_ec2::types::Filter;
use deployment::import::{Image, KeyAccess};
use futures::future::{join_all, try_join_all};
use std::collections::{BTreeMap, BTreeSet};

/// The AMIs that exist, by id. Each is requested by its id: a filter would search all public AMIs.
pub(super) async fn images(clients: &Clients, ids: BTreeSet<&str>) -> Result<BTreeMap<String, Image>> {
    let each = ids.into_iter().map(|id| async move {
        // Without the two flags, EC2 omits deprecated AMIs, which can be launched, and disabled ones, which can be named.
        let request = clients
            .ec2
            .describe_images()
            .image_ids(id)
            .include_deprecated(true)
            .include_disabled(true);
        let response = request.send().await.context("ec2 DescribeImages");
        ignore(response, is_image_not_found)
    });
    let responses = try_join_all(each).await?.into_iter().flatten();
    let images = responses.flat_map(|response| response.images.unwrap_or_default());
    Ok(images
        .filter_map(|image| {
            let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
            let found = Image {
                state: text(image.state().map(|state| state.as_str())),
                architecture: text(image.architecture().map(|architecture| architecture.as_str())),
            };
            Some((image.image_id?, found))
        })
        .collect())
}

/// The names of the key pairs that exist. A filter omits those that do not exist; requested by name, they would be an error.
pub(super) async fn key_pairs(clients: &Clients, names: BTreeSet<&str>) -> Result<BTreeSet<String>> {
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let filter = Filter::builder()
        .name("key-name")
        .set_values(Some(names.into_iter().map(str::to_owned).collect()))
        .build();
    let request = clients.ec2.describe_key_pairs().filters(filter);
    let response = request.send().await.context("ec2 DescribeKeyPairs")?;
    let pairs = response.key_pairs.unwrap_or_default().into_iter();
    Ok(pairs.filter_map(|pair| pair.key_name).collect())
}

/// Who may use these keys. The caller may lack the permission to read it, in particular for a key of another account.
pub(super) async fn key_access(clients: &Clients, keys: BTreeSet<String>) -> BTreeMap<String, KeyAccess> {
    let each = keys.into_iter().map(|key| async move {
        let policy = async {
            let request = clients.kms.get_key_policy().key_id(&key).policy_name("default");
            request.send().await.context("kms GetKeyPolicy")
        };
        let grants = clients.kms.list_grants().key_id(&key).into_paginator().items();
        let read = tokio::try_join!(policy, all(grants.send(), "kms ListGrants"));
        let access = match read {
            Ok((policy, grants)) => KeyAccess::Read {
                policy: policy.policy.unwrap_or_default(),
                grantees: grants
                    .into_iter()
                    .filter_map(|grant| grant.grantee_principal)
                    .collect(),
            },
            Err(error) => KeyAccess::Unknown(error.to_string()),
        };
        (key, access)
    });
    join_all(each).await.into_iter().collect()
}
