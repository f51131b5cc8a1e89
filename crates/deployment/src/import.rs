//! From a running cluster to its settings: what was found, what is wrong with it, and what follows from it.

mod alias;
mod found;
mod network;
mod problem;

pub use alias::{alias_outside_zone, alias_ownership};
pub use found::{DiscoveredCluster, Instance, Source};
pub use network::{Endpoint, Network, RouteTable, Subnet};
pub use problem::ImportError;

use crate::account::Account;
use crate::desired::instance_tags;
use crate::host_name::HostName;
use crate::names::{ClusterName, HostGroup, Names};
use crate::plan::ActualResource;
use crate::resource::{AttachedInstances, Body, PreparedInstances, ResourceId};
use crate::settings::{GroupSettings, Settings, Volume};
use crate::tags::Tags;
use std::collections::{BTreeMap, BTreeSet};
use weka_types::{MINIMUM_BACKENDS, WekaProtocol};

/// The least size of a root volume, in GiB.
const MINIMUM_ROOT_GIB: u32 = 16;
/// How many times the imported number of backends their group may grow to.
const BACKENDS_GROWTH: usize = 7;
/// The clients' maximum is a multiple of this.
const CLIENTS_STEP: usize = 500;

/// What the user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// Tags beside wekactl's own.
    pub tags: Tags,
    /// `--private-subnet`.
    pub private_subnet: bool,
    /// `--additional-alb-subnet`.
    pub additional_subnet: Option<String>,
    /// `--dns-alias`.
    pub dns_alias: Option<HostName>,
    /// `--dns-zone-id`.
    pub dns_zone_id: Option<String>,
    /// `--use-dynamodb-endpoint`.
    pub use_dynamodb_endpoint: bool,
    /// `--weka-http`, or HTTPS.
    pub weka_protocol: WekaProtocol,
    /// The certificates of `--weka-ca`, in PEM.
    pub weka_ca: Option<String>,
    /// Whether clients get a host group: not with `--no-clients`.
    pub clients: bool,
    /// `--cores` and `--compute-memory`.
    pub profile: Option<instances::Profile>,
    /// The version of wekactl.
    pub build_version: String,
}

/// What stands of the imported instances: which of them are to be tagged, protected and attached yet.
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
    let detached = ids(&|instance| instance.auto_scaling_group.is_none());
    let unprotected = ids(&|instance| !instance.protected_from_scale_in);
    let to_tag = ids(&|instance| !tags.missing_in(&instance.tags).is_empty());
    let standing = |body: Body| ActualResource {
        name: Names::new(cluster.clone()).of(group),
        body,
        tags: None,
        outputs: Vec::new(),
    };
    [
        (
            ResourceId::PreparedInstances(group),
            standing(
                PreparedInstances {
                    to_tag,
                    to_protect: detached.clone(),
                }
                .into(),
            ),
        ),
        (
            ResourceId::AttachedInstances(group),
            standing(
                AttachedInstances {
                    to_attach: detached,
                    to_protect_from_scale_in: unprotected,
                }
                .into(),
            ),
        ),
    ]
}

impl Settings {
    /// The settings that follow from what was found and what the user asks for; `stored` are those of an earlier import,
    /// whose maximum stays: the groups may have grown or shrunk since.
    ///
    /// # Errors
    /// All that keeps the cluster from being imported.
    pub fn from_import(
        wish: &ImportRequest,
        found: &DiscoveredCluster,
        account: &Account,
        stored: Option<&Self>,
    ) -> Result<Self, Vec<ImportError>> {
        let mut problems = Vec::new();
        check_source(wish, found, &mut problems);
        let backends = group_settings(wish, found, account, HostGroup::Backends, stored, &mut problems);
        let clients = (wish.clients && !found.of_group(HostGroup::Clients).is_empty())
            .then(|| group_settings(wish, found, account, HostGroup::Clients, stored, &mut problems))
            .flatten();
        if wish.dns_alias.is_some() != wish.dns_zone_id.is_some() {
            problems.push(ImportError::HalfAnAlias);
        }
        if found.classic_load_balancers.len() > 1 {
            problems.push(ImportError::SeveralClassicLoadBalancers(
                found.classic_load_balancers.clone(),
            ));
        }
        let Some(backends) = backends else {
            return Err(problems);
        };
        let vpc_id = found
            .of_group(HostGroup::Backends)
            .first()
            .map(|i| i.vpc.clone())
            .unwrap_or_default();
        let additional = match (
            &wish.additional_subnet,
            stored.map(|s| s.additional_subnet.as_str()),
        ) {
            // The choice of an earlier import stays: another subnet that has come since would move the load balancer.
            (None, Some(earlier)) if !earlier.is_empty() => Ok(earlier.to_owned()),
            (wanted, _) => found
                .network
                .second_subnet(&backends.subnet, &vpc_id, wanted.as_deref()),
        };
        let additional_subnet = additional
            .map_err(|problem| problems.push(problem))
            .unwrap_or_default();
        if wish.private_subnet {
            problems.extend(found.network.check_private_api(
                &account.region,
                &vpc_id,
                &backends.security_groups_ids,
            ));
        }
        if wish.use_dynamodb_endpoint {
            problems.extend(found.network.check_dynamodb_endpoint(
                &account.region,
                &vpc_id,
                &backends.subnet,
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            subnet: backends.subnet.clone(),
            additional_subnet,
            vpc_id,
            tags_map: wish.tags.clone(),
            private_subnet: wish.private_subnet,
            stack_id: match &found.source {
                Source::Stack { id, .. } => Some(id.clone()),
                Source::InstanceIds(_) => None,
            },
            build_version: wish.build_version.clone(),
            dns_alias: wish.dns_alias.as_ref().map(ToString::to_string),
            dns_zone_id: wish.dns_zone_id.clone(),
            use_dynamodb_endpoint: wish.use_dynamodb_endpoint,
            weka_protocol: wish.weka_protocol,
            weka_ca: wish.weka_ca.clone(),
            classic_load_balancer: found.classic_load_balancers.first().cloned(),
            backends,
            clients,
            ..stored.cloned().unwrap_or_default()
        })
    }
}

fn check_source(wish: &ImportRequest, found: &DiscoveredCluster, problems: &mut Vec<ImportError>) {
    match &found.source {
        Source::Stack {
            status, description, ..
        } => {
            if !description.starts_with("[WekaIO]") {
                problems.push(ImportError::NotWeka {
                    stack: wish.cluster.to_string(),
                });
            }
            let complete = status.ends_with("_COMPLETE")
                && !status.starts_with("DELETE")
                && status != "ROLLBACK_COMPLETE"
                && !status.contains("IN_PROGRESS");
            if !complete {
                problems.push(ImportError::NotComplete {
                    stack: wish.cluster.to_string(),
                    status: status.clone(),
                });
            }
        }
        Source::InstanceIds(given) => {
            let there: BTreeSet<_> = found
                .instances
                .iter()
                .filter(|instance| !instance.is_gone())
                .map(|instance| instance.id.clone())
                .collect();
            let gone: Vec<_> = given.difference(&there).cloned().collect();
            if !gone.is_empty() {
                problems.push(ImportError::Gone(gone));
            }
        }
    }
}

fn group_settings(
    wish: &ImportRequest,
    found: &DiscoveredCluster,
    account: &Account,
    group: HostGroup,
    stored: Option<&Settings>,
    problems: &mut Vec<ImportError>,
) -> Option<GroupSettings> {
    let members = found.of_group(group);
    if group == HostGroup::Backends && members.len() < MINIMUM_BACKENDS as usize {
        problems.push(ImportError::TooFewBackends(members.len()));
    }
    let first = *members.first()?;
    check_members(wish, group, &members, problems);
    let stored = stored.and_then(|settings| settings.group(group));
    let profile = match group {
        HostGroup::Backends => wish.profile.clone(),
        HostGroup::Clients => None,
    };
    if group == HostGroup::Backends
        && profile.is_none()
        && instances::profile_of(&first.instance_type).is_none()
    {
        problems.push(ImportError::UnknownType(first.instance_type.clone()));
    }
    let Some(iam_arn) = first.profile_arn.clone() else {
        problems.push(ImportError::NoInstanceProfile(first.id.clone()));
        return None;
    };
    let imported_max = match group {
        HostGroup::Backends => members.len() * BACKENDS_GROWTH,
        HostGroup::Clients => members.len().div_ceil(CLIENTS_STEP) * CLIENTS_STEP,
    };
    Some(GroupSettings {
        security_groups_ids: first.security_groups.clone(),
        image_id: first.image_id.clone(),
        key_name: first.key_name.clone(),
        iam_arn,
        instance_type: first.instance_type.clone(),
        subnet: first.subnet.clone(),
        volumes_info: volumes(first, account),
        max_size: stored
            .map_or(0, |s| s.max_size)
            .max(u32::try_from(imported_max).unwrap_or(u32::MAX)),
        http_tokens: first.http_tokens.clone(),
        profile,
        ..stored.cloned().unwrap_or_default()
    })
}

fn volumes(instance: &Instance, account: &Account) -> Vec<Volume> {
    let mut volumes = instance.volumes.clone();
    for volume in &mut volumes {
        account.volume_type().clone_into(&mut volume.r#type);
    }
    if let Some(root) = volumes.first_mut() {
        root.size = root.size.max(MINIMUM_ROOT_GIB);
    }
    volumes
}

/// A launch template is one: what it copies must be the same on all.
fn check_members(
    wish: &ImportRequest,
    group: HostGroup,
    members: &[&Instance],
    problems: &mut Vec<ImportError>,
) {
    type Fact = fn(&Instance) -> String;
    let facts: [(&'static str, Fact); 5] = [
        ("instance type", |i| i.instance_type.clone()),
        ("VPC", |i| i.vpc.clone()),
        ("subnet", |i| i.subnet.clone()),
        ("image", |i| i.image_id.clone()),
        ("security groups", |i| i.security_groups.join("+")),
    ];
    for (fact, of) in facts {
        let mut count: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for member in members {
            count.entry(of(member)).or_default().push(member.id.clone());
        }
        if count.len() > 1 {
            problems.push(ImportError::Mixed {
                group,
                fact,
                values: count,
            });
        }
    }
    let own = Names::new(wish.cluster.clone()).of(group);
    for member in members {
        if let Some(other) = member.auto_scaling_group.as_ref().filter(|other| **other != own) {
            problems.push(ImportError::InAnotherGroup {
                instance: member.id.clone(),
                group: other.clone(),
            });
        }
        if let Some(other) = member.tags.get(crate::tags::CLUSTER_NAME)
            && other != wish.cluster.as_str()
        {
            problems.push(ImportError::OfAnotherCluster {
                instance: member.id.clone(),
                cluster: other.to_owned(),
            });
        }
    }
    let not_running: Vec<_> = members
        .iter()
        .filter(|i| i.state != "running")
        .map(|i| i.id.clone())
        .collect();
    if !not_running.is_empty() {
        problems.push(ImportError::NotRunning(not_running));
    }
}

#[cfg(test)]
mod tests;
