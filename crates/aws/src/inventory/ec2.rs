use super::Inventory;
use crate::backends::describe_instances;
use crate::error::Result;
use crate::group::describe_instances_by_id;
use crate::pages::all;
use crate::tags::tags_from;
use aws_sdk_ec2::types::{Filter, LaunchTemplate};
use deployment::found::Instance;
use deployment::{HostGroup, tags};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::OnceCell;

/// The tag that EC2 Auto Scaling sets on members.
const MEMBER_OF: &str = "aws:autoscaling:groupName";
/// The states of an instance that is not terminated.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

#[derive(Debug, Default)]
pub(super) struct Cache {
    templates: OnceCell<Vec<LaunchTemplate>>,
}

impl Inventory<'_> {
    /// The launch templates with the names of the cluster's. Uses a filter: a request by name fails if one of them does not exist.
    pub(crate) async fn templates(&self) -> Result<&[LaunchTemplate]> {
        let templates = self.ec2.templates.get_or_try_init(|| async {
            let names = HostGroup::ALL.map(|group| self.names.launch_template(group));
            let filter = Filter::builder().name("launch-template-name");
            let filter = filter.set_values(Some(names.to_vec())).build();
            let request = self.clients.ec2.describe_launch_templates().filters(filter);
            all(
                request.into_paginator().items().send(),
                "ec2 DescribeLaunchTemplates",
            )
            .await
        });
        Ok(templates.await?)
    }

    /// The instances with the cluster's tag, and the members of its groups.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>> {
        let ec2 = &self.clients.ec2;
        let cluster = self.names.cluster();
        let filter = |name: &str, values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            Filter::builder().name(name).set_values(Some(values)).build()
        };
        let filters = vec![
            filter(&format!("tag:{}", tags::CLUSTER_NAME), &[cluster.as_str()]),
            filter("instance-state-name", &STATES),
        ];
        let (tagged, groups) = tokio::try_join!(describe_instances(ec2, filters), self.groups())?;
        let owned = groups
            .iter()
            .filter(|group| tags_from(group.tags(), |tag| (tag.key(), tag.value())).are_of(cluster));
        let members: BTreeMap<&str, &str> = owned
            .flat_map(|group| {
                let name = group.auto_scaling_group_name().unwrap_or_default();
                let ids = group.instances().iter().filter_map(|member| member.instance_id());
                ids.map(move |id| (id, name))
            })
            .collect();
        let known: BTreeSet<&str> = tagged
            .iter()
            .filter_map(|instance| instance.instance_id())
            .collect();
        // Members without the tag were attached manually.
        let others: Vec<String> = members
            .keys()
            .filter(|id| !known.contains(*id))
            .map(|&id| id.to_owned())
            .collect();
        let others = if others.is_empty() {
            Vec::new()
        } else {
            describe_instances_by_id(ec2, &others).await?
        };
        let exists = |instance: &aws_sdk_ec2::types::Instance| {
            let state = instance.state().and_then(|state| state.name());
            state.is_some_and(|state| STATES.contains(&state.as_str()))
        };
        let all = tagged.iter().chain(&others).filter(|instance| exists(instance));
        let mut found: Vec<_> = all.filter_map(|instance| read(instance, &members)).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }
}

fn read(instance: &aws_sdk_ec2::types::Instance, members: &BTreeMap<&str, &str>) -> Option<Instance> {
    let id = instance.instance_id()?.to_owned();
    let tags = tags_from(instance.tags(), |tag| (tag.key(), tag.value()));
    let member_of = members.get(id.as_str()).copied().or_else(|| tags.get(MEMBER_OF));
    let member_of = member_of.map(str::to_owned);
    let volumes = instance
        .block_device_mappings()
        .iter()
        .filter_map(|mapping| mapping.ebs()?.volume_id());
    let interfaces = instance
        .network_interfaces()
        .iter()
        .filter_map(|interface| interface.network_interface_id());
    Some(Instance {
        attached: volumes.chain(interfaces).map(str::to_owned).collect(),
        id,
        tags,
        member_of,
    })
}
