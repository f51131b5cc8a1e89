//! Discovers a running cluster: its stack or given instances, and their network.

mod launch;
mod network;

use crate::backends::describe_instances;
use crate::cloud::Clients;
use crate::error::{Context, Error, Result};
use crate::error_codes::{ignore_not_found, is_stack_not_found};
use crate::group::{MAX_FILTER_VALUES, describe_instances_by_id, is_terminating};
use crate::pages::all;
use crate::placement::{capacity_reservation, placement_group};
use crate::tags::tags_from;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_ec2::types::{
    Filter, Instance as Ec2Instance, InstanceAttributeName, InstanceMetadataTagsState, MonitoringState,
    Volume as Ec2Volume, VolumeType,
};
use deployment::ClusterName;
use deployment::import::{DiscoveredCluster, Instance, Network, Source};
use deployment::settings::Volume;
use futures::future::try_join_all;
use network::network;
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of instance ids of DescribeAutoScalingInstances.
const MAX_GROUP_MEMBERS: usize = 50;

/// Why a cluster was not found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    #[error(
        "CloudFormation stack '{0}' does not exist in this region: `wekactl cluster list` shows the Weka stacks, --region selects another region"
    )]
    Stack(ClusterName),
    #[error(transparent)]
    Aws(#[from] Error),
}

/// The instances of a cluster. They are discovered first, because they determine what else to look for.
#[derive(Debug)]
pub struct Members {
    instances: Vec<Ec2Instance>,
    cluster: DiscoveredCluster,
}

/// Finds the instances of a stack, and its classic load balancers.
///
/// # Errors
/// The stack does not exist, or a request failed.
pub async fn of_stack(clients: &Clients, name: &ClusterName) -> Result<Members, NotFound> {
    let cloudformation = &clients.cloudformation;
    let (stack, resources, tagged) = tokio::join!(
        async {
            let request = cloudformation.describe_stacks().stack_name(name.as_str());
            request.send().await.context("cloudformation DescribeStacks")
        },
        stack_resources(clients, name),
        tagged_with_stack(clients, name),
    );
    let stack = match stack {
        Err(error) => return Err(not_found(name, error)),
        response => response?
            .stacks
            .unwrap_or_default()
            .pop()
            .ok_or_else(|| NotFound::Stack(name.clone()))?,
    };
    let resources = resources?;
    let of_type = |kind: &str| {
        let matching = resources
            .iter()
            .filter(|resource| resource.resource_type() == Some(kind));
        matching
            .filter_map(|resource| resource.physical_resource_id().map(str::to_owned))
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
    let (mut instances, mut untagged) = (Vec::new(), Vec::new());
    for id in ids {
        match tagged.remove(&id) {
            Some(instance) => instances.push(instance),
            None => untagged.push(id),
        }
    }
    instances.extend(describe_instances_by_id(&clients.ec2, &untagged).await?);
    Ok(Members::new(
        source,
        instances,
        of_type("AWS::ElasticLoadBalancing::LoadBalancer"),
    ))
}

/// The instances that CloudFormation tagged with the stack's name: the stack's own instances and those of its Auto Scaling groups.
/// This request does not need the list of the stack's resources, so both run concurrently.
async fn tagged_with_stack(clients: &Clients, name: &ClusterName) -> Result<Vec<Ec2Instance>> {
    let filter = Filter::builder()
        .name("tag:aws:cloudformation:stack-name")
        .values(name.as_str())
        .build();
    describe_instances(&clients.ec2, vec![filter]).await
}

/// Finds instances by their ids. Instances that do not exist are omitted.
///
/// # Errors
/// A request failed.
pub async fn of_instances(clients: &Clients, ids: BTreeSet<String>) -> Result<Members> {
    let list: Vec<_> = ids.iter().cloned().collect();
    let instances = describe_instances_by_id(&clients.ec2, &list).await?;
    Ok(Members::new(Source::InstanceIds(ids), instances, Vec::new()))
}

/// The name of a hosted zone; `None` if it does not exist.
///
/// # Errors
/// The request failed.
pub async fn zone_name(clients: &Clients, id: &str) -> Result<Option<String>> {
    let request = clients.route53.get_hosted_zone().id(id);
    let response = ignore_not_found(request.send().await.context("route53 GetHostedZone"))?;
    Ok(response
        .and_then(|response| response.hosted_zone)
        .map(|zone| zone.name))
}

impl Members {
    fn new(source: Source, instances: Vec<Ec2Instance>, classic_load_balancers: Vec<String>) -> Self {
        let mut instances: Vec<_> = instances
            .into_iter()
            .filter(|instance| !is_terminating(instance))
            .collect();
        instances.sort_by(|a, b| a.instance_id.cmp(&b.instance_id));
        let cluster = DiscoveredCluster {
            source,
            instances: instances.iter().map(instance).collect(),
            classic_load_balancers,
            network: Network::default(),
            images: BTreeMap::new(),
            keys: BTreeMap::new(),
            key_pairs: BTreeSet::new(),
        };
        Self { instances, cluster }
    }

    /// The cluster as discovered so far: without volumes, Auto Scaling groups and the network.
    pub fn discovered(&self) -> &DiscoveredCluster {
        &self.cluster
    }

    /// Adds the instances' volumes, Auto Scaling groups and network, and what a launch needs. `image` is the AMI that the user
    /// requests for new instances.
    ///
    /// # Errors
    /// A request failed.
    pub async fn complete(self, clients: &Clients, image: Option<&str>) -> Result<DiscoveredCluster> {
        let Self {
            instances,
            mut cluster,
        } = self;
        let ids: Vec<_> = instances
            .iter()
            .filter_map(|instance| instance.instance_id.clone())
            .collect();
        let vpcs: BTreeSet<_> = instances
            .iter()
            .filter_map(|instance| instance.vpc_id.clone())
            .collect();
        // A launch template is created from the first instance of its host group: the volumes and the stop protection of the
        // other instances are not read.
        let mut profiles = BTreeSet::new();
        let first_instances: Vec<_> = instances
            .iter()
            .filter(|instance| {
                let profile = instance.iam_instance_profile().and_then(|profile| profile.arn());
                profiles.insert(profile)
            })
            .collect();
        let attached: Vec<_> = first_instances.iter().copied().flat_map(volume_ids).collect();
        let first_ids = first_instances
            .iter()
            .filter_map(|instance| instance.instance_id());
        let image_ids = first_instances
            .iter()
            .filter_map(|instance| instance.image_id())
            .chain(image)
            .collect();
        let key_names = first_instances
            .iter()
            .filter_map(|instance| instance.key_name())
            .collect();
        let volumes_and_keys = async {
            let found = volumes(clients, &attached).await?;
            let encrypted = found.values().filter(|volume| volume.encrypted() == Some(true));
            let keys = encrypted.filter_map(|volume| volume.kms_key_id().map(str::to_owned));
            let keys = launch::key_access(clients, keys.collect()).await;
            Ok::<_, Error>((found, keys))
        };
        let ((found_volumes, keys), stop_protected, memberships, network, images, key_pairs) = tokio::try_join!(
            volumes_and_keys,
            stop_protected(clients, first_ids),
            memberships(clients, &ids),
            network(clients, &vpcs),
            launch::images(clients, image_ids),
            launch::key_pairs(clients, key_names),
        )?;
        for (instance, ec2_instance) in cluster.instances.iter_mut().zip(&instances) {
            instance.volumes = volumes_of(ec2_instance, &found_volumes);
            instance.stop_protection = stop_protected.contains(&instance.id);
            let membership = memberships.get(&instance.id);
            instance.auto_scaling_group = membership.map(|membership| membership.group.clone());
            instance.protected_from_scale_in =
                membership.is_some_and(|membership| membership.protected_from_scale_in);
        }
        Ok(DiscoveredCluster {
            network,
            images,
            keys,
            key_pairs,
            ..cluster
        })
    }
}

async fn stack_resources(clients: &Clients, name: &ClusterName) -> Result<Vec<StackResourceSummary>> {
    let request = clients
        .cloudformation
        .list_stack_resources()
        .stack_name(name.as_str());
    let pages = request.into_paginator().items().send();
    all(pages, "cloudformation ListStackResources").await
}

/// The stack's name is already validated, so a `ValidationError` means that the stack does not exist.
fn not_found(name: &ClusterName, error: Error) -> NotFound {
    if is_stack_not_found(&error) {
        NotFound::Stack(name.clone())
    } else {
        NotFound::Aws(error)
    }
}

/// The instances of a stack that EC2 still lists, ordered by id.
///
/// # Errors
/// The stack does not exist, or a request failed.
pub async fn stack_instances(clients: &Clients, name: &ClusterName) -> Result<Vec<Ec2Instance>, NotFound> {
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

struct Membership {
    group: String,
    protected_from_scale_in: bool,
}

/// The membership of each instance that is in an Auto Scaling group, by instance id.
async fn memberships(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, Membership>> {
    let batches = ids.chunks(MAX_GROUP_MEMBERS).map(|ids| async {
        let request = clients
            .autoscaling
            .describe_auto_scaling_instances()
            .set_instance_ids(Some(ids.to_vec()));
        let pages = request.into_paginator().items().send();
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

/// Those of the instances that EC2 refuses to stop. DescribeInstances does not return it.
async fn stop_protected<'a>(
    clients: &Clients,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<String>> {
    let protection = ids.map(|id| async move {
        let request = clients
            .ec2
            .describe_instance_attribute()
            .instance_id(id)
            .attribute(InstanceAttributeName::DisableApiStop);
        let response = request.send().await.context("ec2 DescribeInstanceAttribute")?;
        let value = response.disable_api_stop().and_then(|stop| stop.value());
        Ok::<_, Error>((value == Some(true)).then(|| id.to_owned()))
    });
    Ok(try_join_all(protection).await?.into_iter().flatten().collect())
}

/// The volumes by id.
async fn volumes(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, Ec2Volume>> {
    let batches = ids.chunks(MAX_FILTER_VALUES).map(|ids| async {
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
        .filter_map(|volume| Some((volume.volume_id.clone()?, volume)))
        .collect())
}

fn volume_ids(instance: &Ec2Instance) -> Vec<String> {
    let mappings = instance.block_device_mappings().iter();
    mappings
        .filter_map(|mapping| mapping.ebs()?.volume_id().map(str::to_owned))
        .collect()
}

/// An instance's volumes, the root volume first. Volumes of unknown size are omitted.
fn volumes_of(instance: &Ec2Instance, volumes: &BTreeMap<String, Ec2Volume>) -> Vec<Volume> {
    let root = instance.root_device_name();
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let mut volumes: Vec<_> = instance
        .block_device_mappings()
        .iter()
        .filter_map(|mapping| {
            let volume = volumes.get(mapping.ebs()?.volume_id()?)?;
            Some(Volume {
                name: mapping.device_name()?.to_owned(),
                r#type: volume.volume_type().map_or("", VolumeType::as_str).to_owned(),
                size: number(volume.size())?,
                encrypted: volume.encrypted() == Some(true),
                kms_key: volume.kms_key_id().map(str::to_owned),
                iops: number(volume.iops()),
                throughput: number(volume.throughput()),
            })
        })
        .collect();
    volumes.sort_by(|a, b| {
        (Some(a.name.as_str()) != root, &a.name).cmp(&(Some(b.name.as_str()) != root, &b.name))
    });
    volumes
}

/// An instance with the fields that EC2 returns for the instance itself.
fn instance(found: &Ec2Instance) -> Instance {
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
        architecture: text(found.architecture().map(|architecture| architecture.as_str())),
        key_name: found.key_name().map(str::to_owned),
        profile_arn: found
            .iam_instance_profile()
            .and_then(|profile| profile.arn().map(str::to_owned)),
        security_groups,
        subnet: text(found.subnet_id()),
        vpc: text(found.vpc_id()),
        placement_group: found
            .placement()
            .and_then(|placement| placement_group(placement.group_id(), placement.group_name())),
        capacity_reservation: found
            .capacity_reservation_specification()
            .and_then(|specification| {
                let target = specification.capacity_reservation_target();
                capacity_reservation(target, specification.capacity_reservation_preference())
            }),
        detailed_monitoring: matches!(
            found.monitoring().and_then(|monitoring| monitoring.state()),
            Some(MonitoringState::Enabled | MonitoringState::Pending)
        ),
        metadata_tags: found
            .metadata_options()
            .and_then(|options| options.instance_metadata_tags())
            == Some(&InstanceMetadataTagsState::Enabled),
        address: found.private_ip_address().map(str::to_owned),
        tags: tags_from(found.tags(), |tag| (tag.key(), tag.value())),
        ..Instance::default()
    }
}
