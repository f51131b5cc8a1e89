//! What clusters a region has: Weka's stacks, and those imported.

use crate::cloud::Clients;
use crate::error::{Context, Result};
use crate::pages::all;
use aws_sdk_autoscaling::types::Filter;
use aws_sdk_cloudformation::types::StackStatus;
use deployment::tags;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// A cluster, or a stack that could become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterSummary {
    /// Its name.
    pub name: String,
    /// `stack`, or `instances` for one imported by instance ids.
    pub source: &'static str,
    /// `imported`, else the stack's status.
    pub state: String,
    /// How many backends its group has, and is to have.
    pub backends: Option<Size>,
    /// The version of wekactl that its functions are of.
    pub version: Option<String>,
    /// When the stack was made, in UTC.
    pub created: Option<String>,
}

/// A group's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Instances in the group.
    pub in_group: usize,
    /// The desired capacity.
    pub desired: i32,
}

/// The clusters of the region, by name.
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

/// The backends' groups, by the cluster that their tag names: all of them in as many requests as there are pages.
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
    let mut found = BTreeMap::new();
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
            found.insert(cluster.clone(), (size, build_version(clients, &cluster).await?));
        }
    }
    Ok(found)
}

/// The version that the cluster's settings were written by; none where they are gone.
async fn build_version(clients: &Clients, cluster: &str) -> Result<Option<String>> {
    let key = deployment::settings::SETTINGS_KEY;
    let item = crate::table::item(&clients.dynamodb, &format!("wekactl-{cluster}"), key).await;
    let item = crate::error_codes::ignore_not_found(item)?.flatten();
    let version = item
        .as_ref()
        .and_then(|item| item.get("BuildVersion")?.get("S")?.as_str());
    Ok(version.map(str::to_owned))
}

/// The sizes of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSizes {
    /// The minimum.
    pub min: i32,
    /// The desired capacity.
    pub desired: i32,
    /// The maximum.
    pub max: i32,
    /// How many instances are in service.
    pub in_service: usize,
}

/// The sizes of groups, by name; one that is not there is left out.
///
/// # Errors
/// The request failed.
pub async fn group_sizes(
    client: &aws_sdk_autoscaling::Client,
    names: &[String],
) -> Result<BTreeMap<String, GroupSizes>> {
    let ask = client
        .describe_auto_scaling_groups()
        .set_auto_scaling_group_names(Some(names.to_vec()));
    let groups = ask
        .send()
        .await
        .context("autoscaling DescribeAutoScalingGroups")?
        .auto_scaling_groups;
    let of = |group: &aws_sdk_autoscaling::types::AutoScalingGroup| {
        let serving = |state: Option<&aws_sdk_autoscaling::types::LifecycleState>| {
            state.is_some_and(|state| state.as_str() == "InService")
        };
        GroupSizes {
            min: group.min_size().unwrap_or_default(),
            desired: group.desired_capacity().unwrap_or_default(),
            max: group.max_size().unwrap_or_default(),
            in_service: group
                .instances()
                .iter()
                .filter(|instance| serving(instance.lifecycle_state()))
                .count(),
        }
    };
    let groups = groups.unwrap_or_default().into_iter();
    Ok(groups
        .filter_map(|group| Some((group.auto_scaling_group_name.clone()?, of(&group))))
        .collect())
}
