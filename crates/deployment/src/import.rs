//! Derives the settings of a running cluster, or reports everything that prevents its import.

mod alias;
mod difference;
mod discovered;
mod error;
mod key;
mod launch;
mod network;
mod request;
mod volumes;

pub use alias::{alias_outside_zone, alias_ownership};
pub use difference::{Difference, differences};
pub use discovered::{DiscoveredCluster, Instance, Source};
pub use error::ImportError;
pub use key::KeyAccess;
pub use launch::{Image, launch_warnings};
pub use network::{Endpoint, Network, RouteTable, Subnet};
pub use request::ImportRequest;

use crate::account::Account;
use crate::actual::ActualResource;
use crate::desired::instance_tags;
use crate::id::ResourceId;
use crate::names::{ClusterName, HostGroup, Names};
use crate::policy::is_policy_of;
use crate::resource::{AttachedInstances, Body, PreparedInstances};
use crate::settings::{GroupSettings, Settings};
use crate::tags::Tags;
use difference::by_value;
use identity::certificate_of_region;
use launch::check_launch;
use std::collections::BTreeSet;
use volumes::volumes;
use weka_types::MINIMUM_BACKENDS;

/// The maximum size of the backends' group, as a multiple of the imported backends.
const BACKENDS_GROWTH: usize = 7;
/// The maximum size of the clients' group is a multiple of this.
const CLIENTS_STEP: usize = 500;

/// The actual state of the imported instances: which of them are already tagged, protected and attached.
pub fn actual_instances(
    cluster: &ClusterName,
    group: HostGroup,
    user_tags: &Tags,
    found: &DiscoveredCluster,
) -> [(ResourceId, ActualResource); 2] {
    let tags = instance_tags(cluster, group, user_tags);
    let ids = |of: &dyn Fn(&Instance) -> bool| {
        found
            .of_group(group)
            .into_iter()
            .filter(|i| of(i))
            .map(|i| i.id.clone())
            .collect::<BTreeSet<_>>()
    };
    let attached = ids(&|instance| instance.auto_scaling_group.is_some());
    let actual = |body: Body| ActualResource {
        name: Names::new(cluster.clone()).of(group),
        body,
        tags: None,
        outputs: Vec::new(),
    };
    [
        (
            ResourceId::PreparedInstances(group),
            actual(
                PreparedInstances {
                    tagged: ids(&|instance| tags.missing_in(&instance.tags).is_empty()),
                    // Import protects instances before it attaches them. A member that is being removed has lost its protection
                    // intentionally.
                    protected: Some(attached.clone()),
                }
                .into(),
            ),
        ),
        (
            ResourceId::AttachedInstances(group),
            actual(
                AttachedInstances {
                    attached,
                    protected_from_scale_in: ids(&|instance| instance.protected_from_scale_in),
                }
                .into(),
            ),
        ),
    ]
}

impl Settings {
    /// Derives the settings from the discovered cluster and the request. `stored` are the settings of an earlier import, whose
    /// maximum sizes are kept: the groups may have grown or shrunk since.
    ///
    /// # Errors
    /// Everything that prevents the import.
    pub fn from_import(
        request: &ImportRequest,
        found: &DiscoveredCluster,
        account: &Account,
        stored: Option<&Self>,
    ) -> Result<Self, Vec<ImportError>> {
        let mut errors = Vec::new();
        check_source(request, found, &mut errors);
        let backends = group_settings(request, found, account, HostGroup::Backends, stored, &mut errors);
        let clients = (request.clients && !found.of_group(HostGroup::Clients).is_empty())
            .then(|| group_settings(request, found, account, HostGroup::Clients, stored, &mut errors))
            .flatten();
        if clients.is_none() && !request.client_mounts.is_empty() {
            errors.push(ImportError::NoClientsToMount);
        }
        if request.dns_alias.is_some() != request.dns_zone_id.is_some() {
            errors.push(ImportError::HalfAnAlias);
        }
        let identity_certificate = request
            .identity_certificate
            .clone()
            .or_else(|| stored.and_then(|stored| stored.identity_certificate.clone()));
        errors.extend(check_identity_certificate(identity_certificate.as_deref(), account).err());
        if let Some(boundary) = &request.permissions_boundary
            && !is_policy_of(boundary, account)
        {
            errors.push(ImportError::ForeignBoundary {
                boundary: boundary.clone(),
                account: account.id.clone(),
            });
        }
        if found.classic_load_balancers.len() > 1 {
            errors.push(ImportError::SeveralClassicLoadBalancers(
                found.classic_load_balancers.clone(),
            ));
        }
        let Some(backends) = backends else {
            return Err(errors);
        };
        let vpc_id = found
            .of_group(HostGroup::Backends)
            .first()
            .map(|i| i.vpc.clone())
            .unwrap_or_default();
        if found.network.dedicated_vpcs.contains(&vpc_id) {
            errors.push(ImportError::DedicatedVpc(vpc_id.clone()));
        }
        let additional = match (
            &request.additional_subnet,
            stored.map(|s| s.additional_subnet.as_str()),
        ) {
            // Keep the subnet of an earlier import: a subnet created since then would move the load balancer.
            (None, Some(earlier)) if !earlier.is_empty() => Ok(earlier.to_owned()),
            (wanted, _) => found
                .network
                .second_subnet(&backends.subnet, &vpc_id, wanted.as_deref()),
        };
        let additional_subnet = additional.map_err(|error| errors.push(error)).unwrap_or_default();
        errors.extend(if request.private_subnet {
            found.network.check_private_api(
                &account.region,
                &vpc_id,
                &backends.subnet,
                &backends.security_groups_ids,
            )
        } else {
            found.network.check_regional_api(&account.region, &vpc_id)
        });
        if request.use_dynamodb_endpoint {
            errors.extend(
                found
                    .network
                    .check_dynamodb_endpoint(&account.region, &vpc_id, &backends.subnet),
            );
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            subnet: backends.subnet.clone(),
            additional_subnet,
            vpc_id,
            tags_map: request.tags.clone(),
            private_subnet: request.private_subnet,
            stack_id: match &found.source {
                Source::Stack { id, .. } => Some(id.clone()),
                Source::InstanceIds(_) => None,
            },
            build_version: request.build_version.clone(),
            dns_alias: request.dns_alias.as_ref().map(ToString::to_string),
            dns_zone_id: request.dns_zone_id.clone(),
            use_dynamodb_endpoint: request.use_dynamodb_endpoint,
            weka_protocol: request.weka_protocol,
            weka_ca: request.weka_ca.clone(),
            classic_load_balancer: found.classic_load_balancers.first().cloned(),
            backends,
            clients,
            permissions_boundary: request
                .permissions_boundary
                .clone()
                .or_else(|| stored.and_then(|stored| stored.permissions_boundary.clone())),
            identity_certificate,
            client_mounts: match stored {
                Some(stored) if request.client_mounts.is_empty() => stored.client_mounts.clone(),
                _ => request.client_mounts.clone(),
            },
            ..stored.cloned().unwrap_or_default()
        })
    }
}

/// Whether the join function can verify the identity of new instances: with the given certificate, or that of the region.
///
/// # Errors
/// wekactl knows no certificate for the region, and none is given.
pub fn check_identity_certificate(given: Option<&str>, account: &Account) -> Result<(), ImportError> {
    if given.is_none() && certificate_of_region(&account.region).is_none() {
        return Err(ImportError::NoIdentityCertificate(account.region.clone()));
    }
    Ok(())
}

fn check_source(request: &ImportRequest, found: &DiscoveredCluster, errors: &mut Vec<ImportError>) {
    match &found.source {
        Source::Stack {
            status, description, ..
        } => {
            if !description.starts_with("[WekaIO]") {
                errors.push(ImportError::NotWeka {
                    stack: request.cluster.to_string(),
                });
            }
            let complete = status.ends_with("_COMPLETE")
                && !status.starts_with("DELETE")
                && status != "ROLLBACK_COMPLETE"
                && !status.contains("IN_PROGRESS");
            if !complete {
                errors.push(ImportError::NotComplete {
                    stack: request.cluster.to_string(),
                    status: status.clone(),
                });
            }
        }
        Source::InstanceIds(given) => {
            let present: BTreeSet<_> = found
                .instances
                .iter()
                .filter(|instance| !instance.is_gone())
                .map(|instance| instance.id.clone())
                .collect();
            let missing: Vec<_> = given.difference(&present).cloned().collect();
            if !missing.is_empty() {
                errors.push(ImportError::MissingInstances(missing));
            }
        }
    }
}

fn group_settings(
    request: &ImportRequest,
    found: &DiscoveredCluster,
    account: &Account,
    group: HostGroup,
    stored: Option<&Settings>,
    errors: &mut Vec<ImportError>,
) -> Option<GroupSettings> {
    let members = found.of_group(group);
    if group == HostGroup::Backends && members.len() < MINIMUM_BACKENDS as usize {
        errors.push(ImportError::TooFewBackends(members.len()));
    }
    let first = *members.first()?;
    check_members(request, group, &members, errors);
    check_launch(request, found, account, group, first, errors);
    let stored = stored.and_then(|settings| settings.group(group));
    let profile = match group {
        HostGroup::Backends => request.profile.clone(),
        HostGroup::Clients => None,
    };
    if group == HostGroup::Backends
        && profile.is_none()
        && instances::profile_of(&first.instance_type).is_none()
    {
        errors.push(ImportError::UnknownType(first.instance_type.clone()));
    }
    let Some(iam_arn) = first.profile_arn.clone() else {
        errors.push(ImportError::NoInstanceProfile(first.id.clone()));
        return None;
    };
    let imported_max = match group {
        HostGroup::Backends => members.len() * BACKENDS_GROWTH,
        HostGroup::Clients => members.len().div_ceil(CLIENTS_STEP) * CLIENTS_STEP,
    };
    Some(GroupSettings {
        security_groups_ids: first.security_groups.clone(),
        image_id: request.image_id.clone().unwrap_or_else(|| first.image_id.clone()),
        key_name: first.key_name.clone(),
        iam_arn,
        instance_type: first.instance_type.clone(),
        subnet: first.subnet.clone(),
        volumes_info: volumes(first, account, group),
        max_size: stored
            .map_or(0, |s| s.max_size)
            .max(u32::try_from(imported_max).unwrap_or(u32::MAX)),
        http_tokens: request.http_tokens.clone(),
        placement_group: first.placement_group.clone(),
        capacity_reservation: first.capacity_reservation.clone(),
        detailed_monitoring: first.detailed_monitoring,
        stop_protection: first.stop_protection,
        profile,
        ..stored.cloned().unwrap_or_default()
    })
}

/// The host group has one launch template: the settings that it copies must be the same on all instances.
fn check_members(
    request: &ImportRequest,
    group: HostGroup,
    members: &[&Instance],
    errors: &mut Vec<ImportError>,
) {
    type Fact = fn(&Instance) -> String;
    let facts: [(&'static str, Fact); 5] = [
        ("instance type", |i| i.instance_type.clone()),
        ("VPC", |i| i.vpc.clone()),
        ("subnet", |i| i.subnet.clone()),
        ("image", |i| i.image_id.clone()),
        ("security groups", |i| i.security_groups.join("+")),
    ];
    // With --image-id, new instances do not get the AMI of the imported ones.
    let differs = |fact: &&'static str| *fact != "image" || request.image_id.is_none();
    for (fact, of) in facts.into_iter().filter(|(fact, _)| differs(fact)) {
        let values = by_value(members, of);
        if values.len() > 1 {
            errors.push(ImportError::Mixed { group, fact, values });
        }
    }
    let own = Names::new(request.cluster.clone()).of(group);
    for member in members {
        if let Some(other) = member.auto_scaling_group.as_ref().filter(|other| **other != own) {
            errors.push(ImportError::InAnotherGroup {
                instance: member.id.clone(),
                group: other.clone(),
            });
        }
        if let Some(other) = member.tags.get(crate::tags::CLUSTER_NAME)
            && other != request.cluster.as_str()
        {
            errors.push(ImportError::OfAnotherCluster {
                instance: member.id.clone(),
                cluster: other.to_owned(),
            });
        }
    }
    let ids = |of: fn(&Instance) -> bool| -> Vec<String> {
        let members = members.iter().filter(|member| of(member));
        members.map(|member| member.id.clone()).collect()
    };
    let not_running = ids(|instance| instance.state != "running");
    if !not_running.is_empty() {
        errors.push(ImportError::NotRunning(not_running));
    }
    let metadata_tags = ids(|instance| instance.metadata_tags);
    if !metadata_tags.is_empty() {
        errors.push(ImportError::MetadataTags(metadata_tags));
    }
}

#[cfg(test)]
mod tests;
