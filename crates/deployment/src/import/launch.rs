//! What EC2 needs to launch new instances from the template that import creates.

use super::key::{KeyAccess, launch_role, may_use};
use super::{DiscoveredCluster, ImportError, ImportRequest, Instance};
use crate::account::Account;
use crate::names::HostGroup;
use std::collections::BTreeSet;

/// The state of an AMI that can be launched.
const AVAILABLE: &str = "available";

/// An AMI, as EC2 describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// `available`, `pending`, `deregistered`, `disabled`, ...
    pub state: String,
    /// `x86_64`, `arm64`, ...; empty if it is unknown.
    pub architecture: String,
}

/// Checks the AMI, the key pair and the KMS keys of a host group's launch template, which copies `first`.
pub(super) fn check_launch(
    request: &ImportRequest,
    found: &DiscoveredCluster,
    account: &Account,
    group: HostGroup,
    first: &Instance,
    errors: &mut Vec<ImportError>,
) {
    let role = launch_role(account);
    for key in encryption_keys(first) {
        if let Some(KeyAccess::Read { policy, grantees }) = found.keys.get(key)
            && !may_use(&role, policy, grantees)
        {
            errors.push(ImportError::KeyRefusesAutoScaling {
                group,
                key: key.to_owned(),
            });
        }
    }
    match &request.image_id {
        Some(image) => errors.extend(requested_image(found, group, first, image)),
        None => errors.extend(
            unusable(found, &first.image_id).map(|problem| ImportError::NoImage {
                group,
                image: first.image_id.clone(),
                problem,
            }),
        ),
    }
    if let Some(key) = first
        .key_name
        .as_ref()
        .filter(|key| !found.key_pairs.contains(*key))
    {
        errors.push(ImportError::NoKeyPair {
            group,
            key: key.clone(),
        });
    }
}

fn encryption_keys(instance: &Instance) -> BTreeSet<&str> {
    let encrypted = instance.volumes.iter().filter(|volume| volume.encrypted);
    encrypted.filter_map(|volume| volume.kms_key.as_deref()).collect()
}

/// Why the AMI of `--image-id` cannot be used. All instances of a host group have the same type, and so the same architecture.
fn requested_image(
    found: &DiscoveredCluster,
    group: HostGroup,
    first: &Instance,
    image: &str,
) -> Option<ImportError> {
    let problem = unusable(found, image).or_else(|| {
        let (new, current) = (&found.images.get(image)?.architecture, &first.architecture);
        let is_known = !new.is_empty() && !current.is_empty();
        (is_known && new != current).then(|| {
            format!(
                "is for {new}, and the {} instances ({}) are {current}",
                group.role(),
                first.instance_type
            )
        })
    })?;
    Some(ImportError::InvalidImage {
        image: image.to_owned(),
        problem,
    })
}

/// Why an AMI cannot be launched. EC2 returns a deregistered AMI for a short time, and no AMI after that
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>).
fn unusable(found: &DiscoveredCluster, image: &str) -> Option<String> {
    match found.images.get(image) {
        None => Some("does not exist in this region, or is not shared with this account".to_owned()),
        Some(found) if found.state != AVAILABLE => Some(format!("is {}, not available", found.state)),
        Some(_) => None,
    }
}

/// What may prevent that instances are attached or launched, one line each.
pub fn launch_warnings(request: &ImportRequest, found: &DiscoveredCluster) -> Vec<String> {
    let groups = HostGroup::ALL.into_iter();
    let firsts = groups
        .filter(|&group| request.clients || group == HostGroup::Backends)
        .filter_map(|group| Some((group, *found.of_group(group).first()?)));
    let mut warnings = Vec::new();
    for (group, first) in firsts {
        // The user guide of EC2 Auto Scaling requires that the AMI of an attached instance exists ("Detach or attach instances").
        if request.image_id.is_some()
            && let Some(problem) = unusable(found, &first.image_id)
        {
            warnings.push(format!(
                "{}, the AMI of the {} instances, {problem}: EC2 Auto Scaling may refuse to attach them",
                first.image_id,
                group.role()
            ));
        }
        for key in encryption_keys(first) {
            if let Some(KeyAccess::Unknown(reason)) = found.keys.get(key) {
                warnings.push(format!(
                    "{key}, which encrypts the volumes of the {} instances, must allow EC2 Auto Scaling to use it; its policy cannot be read: {reason}",
                    group.role()
                ));
            }
        }
    }
    warnings
}
