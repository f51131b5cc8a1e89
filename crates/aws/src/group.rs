//! Auto Scaling groups and their instances.

use crate::backends::{RunningInstance, describe_instances, running_instances_of};
use crate::cloud::Clients;
use crate::error::{Context, Error, Result};
use crate::tags::tags_from;
use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};
use deployment::{HostGroup, Names, Tags, tags};
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// The maximum number of values of an EC2 filter.
pub(crate) const MAX_FILTER_VALUES: usize = 200;

const OPERATION: &str = "autoscaling DescribeAutoScalingGroups";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub desired_capacity: u32,
    /// Instance ids.
    pub instances: Vec<String>,
}

/// The Auto Scaling group `name`.
///
/// # Errors
/// The request failed, or the group does not exist: a missing group is an error, never an empty group.
pub async fn group(client: &aws_sdk_autoscaling::Client, name: &str) -> Result<Group> {
    let group = describe_group(client, name).await?;
    let desired_capacity = group
        .desired_capacity
        .and_then(|capacity| u32::try_from(capacity).ok())
        .ok_or_else(|| Error::missing_field(OPERATION, format!("desired capacity of group {name}")))?;
    let instances = group
        .instances
        .unwrap_or_default()
        .into_iter()
        .filter_map(|instance| instance.instance_id);
    Ok(Group {
        desired_capacity,
        instances: instances.collect(),
    })
}

/// The Auto Scaling group `name`, as AWS returns it.
///
/// # Errors
/// The request failed, or the group does not exist.
pub(crate) async fn describe_group(
    client: &aws_sdk_autoscaling::Client,
    name: &str,
) -> Result<AutoScalingGroup> {
    let request = client
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(name);
    let group = request
        .send()
        .await
        .context(OPERATION)?
        .auto_scaling_groups
        .unwrap_or_default()
        .pop();
    group.ok_or_else(|| Error::invalid_state(OPERATION, format!("Auto Scaling group {name} does not exist")))
}

/// A host group's Auto Scaling group, with its instances.
#[derive(Debug, Clone)]
pub struct HostGroupInstances {
    /// The group's name.
    pub group: String,
    pub cluster: String,
    pub desired_capacity: i32,
    pub instances: Vec<aws_sdk_autoscaling::types::Instance>,
}

/// The groups of the cluster `name`, or the group `name` itself, which wekactl 1.x (Go) expected. Groups without wekactl's tags
/// are ignored.
///
/// # Errors
/// The request failed.
pub async fn find_groups(
    client: &aws_sdk_autoscaling::Client,
    name: &str,
) -> Result<Vec<HostGroupInstances>> {
    let groups_of_cluster = HostGroup::ALL.map(|group| format!("wekactl-{name}-{group}"));
    let names = groups_of_cluster
        .iter()
        .cloned()
        .chain([name.to_owned()])
        .collect();
    let request = client
        .describe_auto_scaling_groups()
        .set_auto_scaling_group_names(Some(names));
    let groups = request
        .send()
        .await
        .context(OPERATION)?
        .auto_scaling_groups
        .unwrap_or_default();
    let mut matching: Vec<_> = groups
        .into_iter()
        .filter_map(|group| {
            let tag = group
                .tags()
                .iter()
                .find(|tag| tag.key() == Some(tags::CLUSTER_NAME));
            let cluster = tag?.value()?.to_owned();
            let group = HostGroupInstances {
                group: group.auto_scaling_group_name?,
                cluster,
                desired_capacity: group.desired_capacity.unwrap_or_default(),
                instances: group.instances.unwrap_or_default(),
            };
            (group.group == name || group.cluster == name).then_some(group)
        })
        .collect();
    matching.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(matching)
}

/// An instance in one of a cluster's Auto Scaling groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    pub host_group: HostGroup,
    pub tags: Tags,
}

/// The instances in a cluster's groups with their tags. Instances that are terminated or shutting down are omitted.
///
/// # Errors
/// A request failed.
pub async fn members(clients: &Clients, names: &Names) -> Result<Vec<Member>> {
    let groups = find_groups(&clients.autoscaling, names.cluster().as_str()).await?;
    let mut host_groups = BTreeMap::new();
    for group in groups {
        let host_group = HostGroup::ALL
            .into_iter()
            .find(|&host_group| names.of(host_group) == group.group);
        for id in group
            .instances
            .into_iter()
            .filter_map(|instance| instance.instance_id)
        {
            host_groups.extend(host_group.map(|host_group| (id, host_group)));
        }
    }
    let ids: Vec<_> = host_groups.keys().cloned().collect();
    let instances = describe_instances_by_id(&clients.ec2, &ids).await?;
    let alive = instances.into_iter().filter(|instance| !is_terminating(instance));
    let members = alive.filter_map(|instance| {
        let tags = tags_from(instance.tags(), |tag| (tag.key(), tag.value()));
        let id = instance.instance_id?;
        let host_group = *host_groups.get(&id)?;
        Some(Member { id, host_group, tags })
    });
    Ok(members.collect())
}

/// Whether an instance is terminated or shutting down. EC2 lists a terminated instance for about an hour.
pub(crate) fn is_terminating(instance: &Instance) -> bool {
    let state = instance.state().and_then(|state| state.name());
    matches!(
        state,
        Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated)
    )
}

/// The addresses of instances, ordered by id. Instances without an address (terminated, or still starting) are omitted.
///
/// # Errors
/// The request failed.
pub async fn addresses(client: &aws_sdk_ec2::Client, instances: &[String]) -> Result<Vec<RunningInstance>> {
    Ok(running_instances_of(
        describe_instances_by_id(client, instances).await?,
    ))
}

/// Instances by their ids. Instances that EC2 no longer lists are omitted.
///
/// # Errors
/// A request failed.
pub async fn describe_instances_by_id(client: &aws_sdk_ec2::Client, ids: &[String]) -> Result<Vec<Instance>> {
    // A filter, not the parameter InstanceIds: one unknown id there would fail the whole request.
    let batches = ids.chunks(MAX_FILTER_VALUES).map(|ids| {
        let filter = Filter::builder()
            .name("instance-id")
            .set_values(Some(ids.to_vec()))
            .build();
        describe_instances(client, vec![filter])
    });
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, form_of, replay, xml_response};

    fn groups(body: &str) -> aws_smithy_runtime_api::client::orchestrator::HttpResponse {
        xml_response(
            200,
            &format!(
                "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups>{body}\
             </AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn desired_capacity_and_instances_are_read() {
        let replay = replay([groups(
            "<member><DesiredCapacity>2</DesiredCapacity><Instances><member><InstanceId>i-1</InstanceId></member>\
             </Instances></member>",
        )]);
        let group = group(&aws_sdk_autoscaling::Client::new(&config(replay)), "g")
            .await
            .unwrap();
        assert_eq!(
            group,
            Group {
                desired_capacity: 2,
                instances: vec!["i-1".to_owned()]
            }
        );
    }

    #[tokio::test]
    async fn missing_group_is_an_error() {
        let client = aws_sdk_autoscaling::Client::new(&config(replay([groups("")])));
        let error = group(&client, "g").await.unwrap_err();
        assert!(
            error.to_string().ends_with("Auto Scaling group g does not exist"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn addresses_are_requested_in_batches_of_the_filter_limit() {
        let no_instances = || {
            xml_response(
                200,
                "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>",
            )
        };
        let replay = replay([no_instances(), no_instances()]);
        let ids: Vec<_> = (0..201).map(|n| format!("i-{n}")).collect();
        addresses(&aws_sdk_ec2::Client::new(&config(replay.clone())), &ids)
            .await
            .unwrap();
        let forms: Vec<_> = replay.actual_requests().map(form_of).collect();
        assert_eq!(forms[0]["Filter.1.Value.200"], "i-199");
        assert_eq!(forms[1]["Filter.1.Value.1"], "i-200");
    }
}
