//! The clusters of a region: Weka's CloudFormation stacks and imported clusters.

use crate::cloud::Clients;
use crate::error::{Context, Result};
use crate::pages::all;
use aws_sdk_autoscaling::types::Filter;
use aws_sdk_cloudformation::types::StackStatus;
use deployment::tags;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// An imported cluster, or a Weka stack that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterSummary {
    pub name: String,
    /// `stack`, or `instances` if the cluster was imported by instance ids.
    pub source: &'static str,
    /// `imported`, or else the stack's status.
    pub state: String,
    /// The size of the backends' group.
    pub backends: Option<Size>,
    /// The version of wekactl that last wrote the cluster's settings.
    pub version: Option<String>,
    /// Creation time of the stack, in UTC.
    pub created: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    pub in_group: usize,
    /// The desired capacity.
    pub desired: i32,
}

/// The clusters of the region, ordered by name.
///
/// # Errors
/// A request failed.
pub async fn list(clients: &Clients) -> Result<Vec<ClusterSummary>> {
    let (stacks, groups) = tokio::try_join!(stacks(clients), imported(clients))?;
    let mut clusters = stacks;
    for (name, (size, version)) in groups {
        let cluster = clusters.entry(name.clone()).or_insert_with(|| ClusterSummary {
            name,
            source: "instances",
            state: String::new(),
            backends: None,
            version: None,
            created: None,
        });
        "imported".clone_into(&mut cluster.state);
        cluster.backends = Some(size);
        cluster.version = version;
    }
    Ok(clusters.into_values().collect())
}

async fn stacks(clients: &Clients) -> Result<BTreeMap<String, ClusterSummary>> {
    let pages = clients
        .cloudformation
        .describe_stacks()
        .into_paginator()
        .items()
        .send();
    let stacks = all(pages, "cloudformation DescribeStacks").await?;
    let weka = stacks.into_iter().filter(|stack| {
        stack
            .description()
            .is_some_and(|description| description.starts_with("[WekaIO]"))
            && stack.stack_status() != Some(&StackStatus::DeleteComplete)
    });
    Ok(weka
        .filter_map(|stack| {
            let name = stack.stack_name?;
            let created = stack
                .creation_time
                .and_then(|time| Timestamp::from_second(time.secs()).ok());
            Some((
                name.clone(),
                ClusterSummary {
                    name,
                    source: "stack",
                    state: stack
                        .stack_status
                        .map(|status| status.as_str().to_owned())
                        .unwrap_or_default(),
                    backends: None,
                    version: None,
                    created: created.map(|time| time.to_string()),
                },
            ))
        })
        .collect())
}

/// The backends' Auto Scaling groups, by the cluster's name in their tag.
async fn imported(clients: &Clients) -> Result<BTreeMap<String, (Size, Option<String>)>> {
    let filter = Filter::builder()
        .name(format!("tag:{}", tags::HOSTGROUP_TYPE))
        .values("backend")
        .build();
    let pages = clients
        .autoscaling
        .describe_auto_scaling_groups()
        .filters(filter)
        .into_paginator()
        .items()
        .send();
    let groups = all(pages, "autoscaling DescribeAutoScalingGroups").await?;
    let mut clusters = BTreeMap::new();
    for group in groups {
        let tag = |key: &str| {
            group
                .tags()
                .iter()
                .find(|tag| tag.key() == Some(key))
                .and_then(|tag| tag.value().map(str::to_owned))
        };
        if let Some(cluster) = tag(tags::CLUSTER_NAME) {
            let size = Size {
                in_group: group.instances().len(),
                desired: group.desired_capacity().unwrap_or_default(),
            };
            clusters.insert(cluster.clone(), (size, build_version(clients, &cluster).await?));
        }
    }
    Ok(clusters)
}

/// The version of wekactl that wrote the cluster's settings; `None` if the settings do not exist.
async fn build_version(clients: &Clients, cluster: &str) -> Result<Option<String>> {
    let key = deployment::settings::SETTINGS_KEY;
    let item = crate::table::item(&clients.dynamodb, &format!("wekactl-{cluster}"), key).await;
    let item = crate::error_codes::ignore_not_found(item)?.flatten();
    let version = item
        .as_ref()
        .and_then(|item| item.get("BuildVersion")?.get("S")?.as_str());
    Ok(version.map(str::to_owned))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSizes {
    pub min: i32,
    pub desired: i32,
    pub max: i32,
    /// The number of instances in the state `InService`.
    pub in_service: usize,
}

/// The sizes of groups, by name. A group that does not exist is omitted.
///
/// # Errors
/// The request failed.
pub async fn group_sizes(
    client: &aws_sdk_autoscaling::Client,
    names: &[String],
) -> Result<BTreeMap<String, GroupSizes>> {
    let request = client
        .describe_auto_scaling_groups()
        .set_auto_scaling_group_names(Some(names.to_vec()));
    let groups = request
        .send()
        .await
        .context("autoscaling DescribeAutoScalingGroups")?
        .auto_scaling_groups;
    let sizes = |group: &aws_sdk_autoscaling::types::AutoScalingGroup| {
        let is_in_service = |state: Option<&aws_sdk_autoscaling::types::LifecycleState>| {
            state.is_some_and(|state| state.as_str() == "InService")
        };
        GroupSizes {
            min: group.min_size().unwrap_or_default(),
            desired: group.desired_capacity().unwrap_or_default(),
            max: group.max_size().unwrap_or_default(),
            in_service: group
                .instances()
                .iter()
                .filter(|instance| is_in_service(instance.lifecycle_state()))
                .count(),
        }
    };
    let groups = groups.unwrap_or_default().into_iter();
    Ok(groups
        .filter_map(|group| Some((group.auto_scaling_group_name.clone()?, sizes(&group))))
        .collect())
}
