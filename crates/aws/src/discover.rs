//! Finding a running cluster: the stack or the given instances, and the network around them.

mod network;

use crate::backends::describe_instances;
use crate::cloud::Clients;
use crate::error::{Context, Error, Result};
use crate::error_codes::{ignore_not_found, is_stack_not_found};
use crate::group::{FILTER_VALUES, describe_instances_by_id, is_terminating};
use crate::pages::all;
use crate::tags::tags_from;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_ec2::types::{Filter, Instance as Found};
use deployment::ClusterName;
use deployment::import::{DiscoveredCluster, Instance, Network, Source};
use deployment::settings::Volume;
use futures::future::try_join_all;
use network::network;
use std::collections::{BTreeMap, BTreeSet};

/// How many instances DescribeAutoScalingInstances takes.
const GROUP_MEMBERS: usize = 50;

/// What keeps a cluster from being found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// There is no such stack.
    #[error(
        "there is no CloudFormation stack '{0}' in this region: `wekactl cluster list` shows the Weka stacks, --region names another"
    )]
    Stack(ClusterName),
    /// A request failed.
    #[error(transparent)]
    Aws(#[from] Error),
}

/// The instances of a cluster, found before what is around them: by them alone is known what else there is to look for.
#[derive(Debug)]
pub struct Members {
    found: Vec<Found>,
    imported: DiscoveredCluster,
}

/// Finds the instances of a stack, and its classic load balancers.
///
/// # Errors
/// There is no such stack, or a request failed.
pub async fn of_stack(clients: &Clients, name: &ClusterName) -> Result<Members, NotFound> {
    let cloudformation = &clients.cloudformation;
    let (stack, resources, tagged) = tokio::join!(
        async {
            let ask = cloudformation.describe_stacks().stack_name(name.as_str());
            ask.send().await.context("cloudformation DescribeStacks")
        },
        stack_resources(clients, name),
        tagged_with_stack(clients, name),
    );
    let stack = match stack {
        Err(error) => return Err(not_found(name, error)),
        answer => answer?
            .stacks
            .unwrap_or_default()
            .pop()
            .ok_or_else(|| NotFound::Stack(name.clone()))?,
    };
    let resources = resources?;
    let of_type = |kind: &str| {
        let of = resources
            .iter()
            .filter(|resource| resource.resource_type() == Some(kind));
        of.filter_map(|resource| resource.physical_resource_id().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let source = Source::Stack {
        id: stack.stack_id.unwrap_or_default(),
        status: stack
            .stack_status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        description: stack.description.unwrap_or_default(),
    };
    let ids = of_type("AWS::EC2::Instance");
    let mut tagged: BTreeMap<_, _> = tagged?
        .into_iter()
        .filter_map(|instance| Some((instance.instance_id.clone()?, instance)))
        .collect();
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for id in ids {
        match tagged.remove(&id) {
            Some(instance) => found.push(instance),
            None => others.push(id),
        }
    }
    found.extend(describe_instances_by_id(&clients.ec2, &others).await?);
    Ok(Members::new(
        source,
        found,
        of_type("AWS::ElasticLoadBalancing::LoadBalancer"),
    ))
}

/// The instances that CloudFormation has tagged with the name of a stack: its own, asked for before it is known which they are, and
/// those of groups that the stack has made.
async fn tagged_with_stack(clients: &Clients, name: &ClusterName) -> Result<Vec<Found>> {
    let filter = Filter::builder()
        .name("tag:aws:cloudformation:stack-name")
        .values(name.as_str())
        .build();
    describe_instances(&clients.ec2, vec![filter]).await
}

/// Finds instances by their ids. Those that are not there are missing in what is found.
///
/// # Errors
/// A request failed.
pub async fn of_instances(clients: &Clients, ids: BTreeSet<String>) -> Result<Members> {
    let list: Vec<_> = ids.iter().cloned().collect();
    let found = describe_instances_by_id(&clients.ec2, &list).await?;
    Ok(Members::new(Source::InstanceIds(ids), found, Vec::new()))
}

/// The name of a hosted zone, if there is one of this id.
///
/// # Errors
/// The request failed.
pub async fn zone_name(clients: &Clients, id: &str) -> Result<Option<String>> {
    let ask = clients.route53.get_hosted_zone().id(id);
    let found = ignore_not_found(ask.send().await.context("route53 GetHostedZone"))?;
    Ok(found.and_then(|found| found.hosted_zone).map(|zone| zone.name))
}

impl Members {
    fn new(source: Source, found: Vec<Found>, classic_load_balancers: Vec<String>) -> Self {
        let mut found: Vec<_> = found.into_iter().filter(|found| !is_terminating(found)).collect();
        found.sort_by(|a, b| a.instance_id.cmp(&b.instance_id));
        let imported = DiscoveredCluster {
            source,
            instances: found.iter().map(instance).collect(),
            classic_load_balancers,
            network: Network::default(),
        };
        Self { found, imported }
    }

    /// What is known of the cluster: all but volumes, Auto Scaling groups and the network.
    pub fn discovered(&self) -> &DiscoveredCluster {
        &self.imported
    }

    /// Looks at what is around the instances.
    ///
    /// # Errors
    /// A request failed.
    pub async fn complete(self, clients: &Clients) -> Result<DiscoveredCluster> {
        let Self { found, mut imported } = self;
        let ids: Vec<_> = found
            .iter()
            .filter_map(|found| found.instance_id.clone())
            .collect();
        let vpcs: BTreeSet<_> = found.iter().filter_map(|found| found.vpc_id.clone()).collect();
        // A template is made after the first instance of its host group: the volumes of the others are not asked for.
        let mut profiles = BTreeSet::new();
        let firsts = found.iter().filter(|found| {
            let profile = found.iam_instance_profile().and_then(|profile| profile.arn());
            profiles.insert(profile)
        });
        let attached = firsts.flat_map(volume_ids).collect::<Vec<_>>();
        let (sizes, memberships, network) = tokio::try_join!(
            volumes(clients, &attached),
            memberships(clients, &ids),
            network(clients, &vpcs),
        )?;
        for (instance, found) in imported.instances.iter_mut().zip(&found) {
            instance.volumes = volumes_of(found, &sizes);
            let membership = memberships.get(&instance.id);
            instance.auto_scaling_group = membership.map(|of| of.group.clone());
            instance.protected_from_scale_in = membership.is_some_and(|of| of.protected_from_scale_in);
        }
        Ok(DiscoveredCluster { network, ..imported })
    }
}

async fn stack_resources(clients: &Clients, name: &ClusterName) -> Result<Vec<StackResourceSummary>> {
    let ask = clients
        .cloudformation
        .list_stack_resources()
        .stack_name(name.as_str());
    let pages = ask.into_paginator().items().send();
    all(pages, "cloudformation ListStackResources").await
}

/// A stack that is not there is a ValidationError, as is every other bad argument; the name is checked already.
fn not_found(name: &ClusterName, error: Error) -> NotFound {
    if is_stack_not_found(&error) {
        NotFound::Stack(name.clone())
    } else {
        NotFound::Aws(error)
    }
}

/// The instances of a stack that EC2 still knows, ordered by id.
///
/// # Errors
/// There is no such stack, or a request failed.
pub async fn stack_instances(clients: &Clients, name: &ClusterName) -> Result<Vec<Found>, NotFound> {
    let resources = stack_resources(clients, name).await;
    let resources = resources.map_err(|error| not_found(name, error))?;
    let ids: Vec<_> = resources
        .into_iter()
        .filter(|resource| resource.resource_type() == Some("AWS::EC2::Instance"))
        .filter_map(|resource| resource.physical_resource_id)
        .collect();
    let mut instances = describe_instances_by_id(&clients.ec2, &ids).await?;
    instances.sort_by(|a, b| a.instance_id.cmp(&b.instance_id));
    Ok(instances)
}

/// An instance's place in an Auto Scaling group.
struct Membership {
    group: String,
    protected_from_scale_in: bool,
}

/// The place of each instance that is in an Auto Scaling group.
async fn memberships(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, Membership>> {
    let batches = ids.chunks(GROUP_MEMBERS).map(|ids| async {
        let ask = clients
            .autoscaling
            .describe_auto_scaling_instances()
            .set_instance_ids(Some(ids.to_vec()));
        let pages = ask.into_paginator().items().send();
        all(pages, "autoscaling DescribeAutoScalingInstances").await
    });
    let members = try_join_all(batches).await?.into_iter().flatten();
    Ok(members
        .filter_map(|member| {
            let membership = Membership {
                group: member.auto_scaling_group_name?,
                protected_from_scale_in: member.protected_from_scale_in == Some(true),
            };
            Some((member.instance_id?, membership))
        })
        .collect())
}

/// The size of each volume, in GiB.
async fn volumes(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, i32>> {
    let batches = ids.chunks(FILTER_VALUES).map(|ids| async {
        let filter = Filter::builder()
            .name("volume-id")
            .set_values(Some(ids.to_vec()))
            .build();
        let pages = clients
            .ec2
            .describe_volumes()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        all(pages, "ec2 DescribeVolumes").await
    });
    let volumes = try_join_all(batches).await?.into_iter().flatten();
    Ok(volumes
        .filter_map(|volume| Some((volume.volume_id?, volume.size?)))
        .collect())
}

fn volume_ids(found: &Found) -> Vec<String> {
    let mappings = found.block_device_mappings().iter();
    mappings
        .filter_map(|mapping| mapping.ebs()?.volume_id().map(str::to_owned))
        .collect()
}

/// An instance's volumes whose sizes are known, the root's first.
fn volumes_of(found: &Found, sizes: &BTreeMap<String, i32>) -> Vec<Volume> {
    let root = found.root_device_name();
    let mut volumes: Vec<_> = found
        .block_device_mappings()
        .iter()
        .filter_map(|mapping| {
            let size = sizes.get(mapping.ebs()?.volume_id()?)?;
            Some(Volume {
                name: mapping.device_name()?.to_owned(),
                r#type: String::new(),
                size: u32::try_from(*size).ok()?,
            })
        })
        .collect();
    volumes.sort_by(|a, b| {
        (Some(a.name.as_str()) != root, &a.name).cmp(&(Some(b.name.as_str()) != root, &b.name))
    });
    volumes
}

/// What EC2 tells of an instance by itself.
fn instance(found: &Found) -> Instance {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let mut security_groups: Vec<_> = found
        .security_groups()
        .iter()
        .filter_map(|group| group.group_id().map(str::to_owned))
        .collect();
    security_groups.sort();
    Instance {
        id: text(found.instance_id()),
        state: text(
            found
                .state()
                .and_then(|state| state.name())
                .map(|name| name.as_str()),
        ),
        image_id: text(found.image_id()),
        instance_type: text(found.instance_type().map(|kind| kind.as_str())),
        key_name: found.key_name().map(str::to_owned),
        profile_arn: found
            .iam_instance_profile()
            .and_then(|profile| profile.arn().map(str::to_owned)),
        security_groups,
        subnet: text(found.subnet_id()),
        vpc: text(found.vpc_id()),
        http_tokens: found
            .metadata_options()
            .and_then(|options| options.http_tokens())
            .map_or("optional", |tokens| tokens.as_str())
            .to_owned(),
        address: found.private_ip_address().map(str::to_owned),
        tags: tags_from(found.tags(), |tag| (tag.key(), tag.value())),
        ..Instance::default()
    }
}
