//! An Auto Scaling group as the functions read it.

use crate::backends::{RunningInstance, describe_instances, running_instances_of};
use crate::cloud::Clients;
use crate::error::{Context, Error, Result};
use crate::tags::tags_from;
use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};
use deployment::{HostGroup, Names, Tags, tags};
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// How many values an EC2 filter takes.
pub(crate) const FILTER_VALUES: usize = 200;

const ASK: &str = "autoscaling DescribeAutoScalingGroups";

/// An Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How many instances it is to have.
    pub desired_capacity: u32,
    /// The ids of those it has.
    pub instances: Vec<String>,
}

/// The group of this name.
///
/// # Errors
/// The request failed, or there is no such group: that is no reason to take it for an empty one.
pub async fn group(client: &aws_sdk_autoscaling::Client, name: &str) -> Result<Group> {
    let group = describe_group(client, name).await?;
    let desired_capacity = group
        .desired_capacity
        .and_then(|capacity| u32::try_from(capacity).ok())
        .ok_or_else(|| Error::missing_field(ASK, format!("desired capacity of group {name}")))?;
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

/// The group of this name, as EC2 Auto Scaling describes it.
pub(crate) async fn describe_group(
    client: &aws_sdk_autoscaling::Client,
    name: &str,
) -> Result<AutoScalingGroup> {
    let ask = client
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(name);
    let group = ask
        .send()
        .await
        .context(ASK)?
        .auto_scaling_groups
        .unwrap_or_default()
        .pop();
    group.ok_or_else(|| Error::invalid_state(ASK, format!("there is no group {name}")))
}

/// A host group's Auto Scaling group, with its instances.
#[derive(Debug, Clone)]
pub struct HostGroupInstances {
    /// The group's name.
    pub group: String,
    /// The cluster's.
    pub cluster: String,
    /// How many instances it is to have.
    pub desired_capacity: i32,
    /// Those it has.
    pub instances: Vec<aws_sdk_autoscaling::types::Instance>,
}

/// The groups of a cluster, or the one group that has this name itself (what the Go tool asked for). Only what wekactl has
/// tagged as its own counts.
///
/// # Errors
/// The request failed.
pub async fn find_groups(
    client: &aws_sdk_autoscaling::Client,
    name: &str,
) -> Result<Vec<HostGroupInstances>> {
    let of_cluster = HostGroup::ALL.map(|group| format!("wekactl-{name}-{group}"));
    let asked = of_cluster.iter().cloned().chain([name.to_owned()]).collect();
    let ask = client
        .describe_auto_scaling_groups()
        .set_auto_scaling_group_names(Some(asked));
    let groups = ask
        .send()
        .await
        .context(ASK)?
        .auto_scaling_groups
        .unwrap_or_default();
    let mut found: Vec<_> = groups
        .into_iter()
        .filter_map(|group| {
            let tag = group
                .tags()
                .iter()
                .find(|tag| tag.key() == Some(tags::CLUSTER_NAME));
            let cluster = tag?.value()?.to_owned();
            let found = HostGroupInstances {
                group: group.auto_scaling_group_name?,
                cluster,
                desired_capacity: group.desired_capacity.unwrap_or_default(),
                instances: group.instances.unwrap_or_default(),
            };
            (found.group == name || found.cluster == name).then_some(found)
        })
        .collect();
    found.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(found)
}

/// An instance of a cluster's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its host group.
    pub host_group: HostGroup,
    /// Its tags.
    pub tags: Tags,
}

/// The instances in a cluster's groups with their tags. One that is gone, or going, is left out.
///
/// # Errors
/// A request failed.
pub async fn members(clients: &Clients, names: &Names) -> Result<Vec<Member>> {
    let groups = find_groups(&clients.autoscaling, names.cluster().as_str()).await?;
    let mut host_groups = BTreeMap::new();
    for group in groups {
        let of = HostGroup::ALL.into_iter().find(|&of| names.of(of) == group.group);
        for id in group
            .instances
            .into_iter()
            .filter_map(|instance| instance.instance_id)
        {
            host_groups.extend(of.map(|of| (id, of)));
        }
    }
    let ids: Vec<_> = host_groups.keys().cloned().collect();
    let described = describe_instances_by_id(&clients.ec2, &ids).await?;
    let stays = described.into_iter().filter(|instance| !is_terminating(instance));
    let members = stays.filter_map(|instance| {
        let tags = tags_from(instance.tags(), |tag| (tag.key(), tag.value()));
        let id = instance.instance_id?;
        let host_group = *host_groups.get(&id)?;
        Some(Member { id, host_group, tags })
    });
    Ok(members.collect())
}

/// Whether an instance is gone, or going: EC2 describes it for an hour longer.
pub(crate) fn is_terminating(instance: &Instance) -> bool {
    let state = instance.state().and_then(|state| state.name());
    matches!(
        state,
        Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated)
    )
}

/// The addresses of instances, ordered by id. One that has none (it is gone, or not up yet) is left out.
///
/// # Errors
/// The request failed.
pub async fn addresses(client: &aws_sdk_ec2::Client, instances: &[String]) -> Result<Vec<RunningInstance>> {
    Ok(running_instances_of(
        describe_instances_by_id(client, instances).await?,
    ))
}

/// Instances by their ids. One that EC2 does not know is left out.
///
/// # Errors
/// A request failed.
pub async fn describe_instances_by_id(client: &aws_sdk_ec2::Client, ids: &[String]) -> Result<Vec<Instance>> {
    // By filter and not by id: an id that is already forgotten would fail the request for all.
    let batches = ids.chunks(FILTER_VALUES).map(|ids| {
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
    async fn reads_capacity_and_members() {
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
    async fn a_group_that_is_not_there_is_no_empty_one() {
        let client = aws_sdk_autoscaling::Client::new(&config(replay([groups("")])));
        let error = group(&client, "g").await.unwrap_err();
        assert!(error.to_string().ends_with("there is no group g"), "{error}");
    }

    #[tokio::test]
    async fn asks_for_addresses_in_batches_of_what_a_filter_takes() {
        let none = || {
            xml_response(
                200,
                "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>",
            )
        };
        let replay = replay([none(), none()]);
        let ids: Vec<_> = (0..201).map(|n| format!("i-{n}")).collect();
        addresses(&aws_sdk_ec2::Client::new(&config(replay.clone())), &ids)
            .await
            .unwrap();
        let forms: Vec<_> = replay.actual_requests().map(form_of).collect();
        assert_eq!(forms[0]["Filter.1.Value.200"], "i-199");
        assert_eq!(forms[1]["Filter.1.Value.1"], "i-200");
    }
}
