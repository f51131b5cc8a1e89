//! The clusters of a region: Weka's CloudFormation stacks and imported clusters.

use crate::cloud::Clients;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::pages::all;
use crate::table::{DESTROY_STARTED, item};
use aws_sdk_autoscaling::types::Filter;
use aws_sdk_cloudformation::types::StackStatus;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use deployment::tags;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An imported cluster, or a Weka stack that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterSummary {
    pub name: String,
    /// `stack`, or `instances` if the cluster was imported by instance ids.
    pub source: &'static str,
    /// `imported`, `destroying` after an incomplete destroy, or else the stack's status.
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
    let (stacks, groups, tables) =
        tokio::try_join!(stacks(clients), imported(clients), clusters_with_table(clients))?;
    let mut clusters = stacks;
    let mut of = |name: String, state: &str, backends, version| {
        let cluster = clusters.entry(name.clone()).or_insert_with(|| ClusterSummary {
            name,
            source: "instances",
            state: String::new(),
            backends: None,
            version: None,
            created: None,
        });
        state.clone_into(&mut cluster.state);
        cluster.backends = backends;
        cluster.version = version;
    };
    for name in tables.into_iter().filter(|name| !groups.contains_key(name)) {
        if let Settings::Destroying = stored_settings(clients, &name).await? {
            of(name, "destroying", None, None);
        }
    }
    for (name, size) in groups {
        let version = match stored_settings(clients, &name).await? {
            Settings::Of(version) => version,
            Settings::None | Settings::Destroying => None,
        };
        of(name, "imported", Some(size), version);
    }
    Ok(clusters.into_values().collect())
}

/// The clusters whose table exists, by the table's tag. AWS may still list a table that was just deleted.
async fn clusters_with_table(clients: &Clients) -> Result<BTreeSet<String>> {
    let filter = TagFilter::builder().key(tags::CLUSTER_NAME).build();
    let request = clients.tagging.get_resources();
    let request = request
        .resource_type_filters("dynamodb:table")
        .tag_filters(filter);
    let tables = all(request.into_paginator().items().send(), "tagging GetResources").await?;
    let cluster = |table: &ResourceTagMapping| {
        let mut tags = table.tags().iter();
        let tag = tags.find(|tag| tag.key() == tags::CLUSTER_NAME)?;
        Some(tag.value().to_owned())
    };
    Ok(tables.iter().filter_map(cluster).collect())
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
async fn imported(clients: &Clients) -> Result<BTreeMap<String, Size>> {
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
            clusters.insert(cluster, size);
        }
    }
    Ok(clusters)
}

/// What the list shows of a cluster's settings.
enum Settings {
    /// They do not exist.
    None,
    /// A destroy has started.
    Destroying,
    /// The version of wekactl that wrote them.
    Of(Option<String>),
}

async fn stored_settings(clients: &Clients, cluster: &str) -> Result<Settings> {
    let key = deployment::settings::SETTINGS_KEY;
    let item = item(&clients.dynamodb, &format!("wekactl-{cluster}"), key).await;
    let Some(item) = ignore_not_found(item)?.flatten() else {
        return Ok(Settings::None);
    };
    if item.contains_key(DESTROY_STARTED) {
        return Ok(Settings::Destroying);
    }
    let version = item
        .get("BuildVersion")
        .and_then(|value| value.get("S")?.as_str());
    Ok(Settings::Of(version.map(str::to_owned)))
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
