use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_each, resolved, still_deleting,
};
use crate::cloud::Cloud;
use crate::error::{Context, Result};
use crate::error_codes::is_group_not_found;
use crate::inventory::Inventory;
use crate::tags::tags_from;
use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::ownership::InstanceDisposition;
use deployment::plan::{Teardown, TeardownAction};
use deployment::resource::AutoScalingGroup;
use deployment::{HostGroup, Output, Value};

impl Observe for AutoScalingGroup {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let name = inventory.names.of(key);
        let request = inventory
            .clients
            .autoscaling
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(&name);
        let response = request
            .send()
            .await
            .context("autoscaling DescribeAutoScalingGroups")?;
        let Some(found) = response.auto_scaling_groups.unwrap_or_default().pop() else {
            return Ok(None);
        };
        // A group has a status only while it is being deleted.
        if found.status().is_some() {
            let what = format!("Auto Scaling group {name}");
            return Err(still_deleting("autoscaling DescribeAutoScalingGroups", &what));
        }
        let template = found.launch_template();
        let mut suspended: Vec<_> = found
            .suspended_processes()
            .iter()
            .filter_map(|process| process.process_name().map(str::to_owned))
            .collect();
        suspended.sort();
        Ok(Some(Actual {
            name,
            body: Self {
                min_size: found.min_size().unwrap_or_default(),
                max_size: found.max_size().unwrap_or_default(),
                protected_from_scale_in: found.new_instances_protected_from_scale_in() == Some(true),
                suspended,
                subnet: found.vpc_zone_identifier().unwrap_or_default().to_owned(),
                launch_template: template
                    .and_then(|t| t.launch_template_name())
                    .unwrap_or_default()
                    .to_owned(),
                launch_template_version: template.and_then(|t| t.version()).unwrap_or_default().to_owned(),
                target_groups: found
                    .target_group_arns()
                    .iter()
                    .map(|arn| Value::from(arn.as_str()))
                    .collect(),
                classic_load_balancers: found.load_balancer_names().to_vec(),
            },
            tags: Some(tags_from(found.tags(), |tag| (tag.key(), tag.value()))),
            outputs: vec![(
                Output::Arn,
                found.auto_scaling_group_arn().unwrap_or_default().to_owned(),
            )],
        }))
    }
}

impl Resource for AutoScalingGroup {
    type Key = HostGroup;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        const OPERATION: &str = "autoscaling CreateAutoScalingGroup";
        cloud
            .clients
            .autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(target.name)
            .min_size(self.min_size)
            .max_size(self.max_size)
            .desired_capacity(0)
            .new_instances_protected_from_scale_in(self.protected_from_scale_in)
            .vpc_zone_identifier(&self.subnet)
            .launch_template(template(self))
            .set_target_group_arns(not_empty(target_groups(self, OPERATION)?))
            .set_load_balancer_names(not_empty(self.classic_load_balancers.clone()))
            .set_tags(Some(tags(target.name, target.tags())))
            .send()
            .await
            .context(OPERATION)?;
        suspend(self, cloud, target.name).await?;
        Ok(Vec::new())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let autoscaling = &cloud.clients.autoscaling;
        // These have calls of their own.
        let others = Self {
            suspended: current.body.suspended.clone(),
            target_groups: current.body.target_groups.clone(),
            classic_load_balancers: current.body.classic_load_balancers.clone(),
            ..self.clone()
        };
        if others != current.body {
            let request = autoscaling
                .update_auto_scaling_group()
                .auto_scaling_group_name(target.name);
            let request = request
                .min_size(self.min_size)
                .max_size(self.max_size)
                .vpc_zone_identifier(&self.subnet);
            let request = request.new_instances_protected_from_scale_in(self.protected_from_scale_in);
            let request = request.launch_template(template(self));
            request
                .send()
                .await
                .context("autoscaling UpdateAutoScalingGroup")?;
        }
        if !contains_all(&current.body.suspended, &self.suspended) {
            suspend(self, cloud, target.name).await?;
        }
        if !contains_all(&current.body.target_groups, &self.target_groups) {
            const OPERATION: &str = "autoscaling AttachLoadBalancerTargetGroups";
            let request = autoscaling
                .attach_load_balancer_target_groups()
                .auto_scaling_group_name(target.name);
            request
                .set_target_group_arns(Some(target_groups(self, OPERATION)?))
                .send()
                .await
                .context(OPERATION)?;
        }
        if !contains_all(&current.body.classic_load_balancers, &self.classic_load_balancers) {
            let request = autoscaling
                .attach_load_balancers()
                .auto_scaling_group_name(target.name);
            let request = request.set_load_balancer_names(Some(self.classic_load_balancers.clone()));
            request.send().await.context("autoscaling AttachLoadBalancers")?;
        }
        let new = target.new_tags(current);
        if !new.is_empty() {
            let request = autoscaling
                .create_or_update_tags()
                .set_tags(Some(tags(target.name, new.into_iter())));
            request.send().await.context("autoscaling CreateOrUpdateTags")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for AutoScalingGroup {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        let name = inventory.names.of(key);
        let found = inventory.groups().await?.iter();
        let found = found.filter(|group| group.auto_scaling_group_name() == Some(&name));
        let found_group = |group: &aws_sdk_autoscaling::types::AutoScalingGroup| FoundResource {
            // A group has a status only while it is being deleted.
            is_deleting: group.status().is_some(),
            ..FoundResource::named(
                group.auto_scaling_group_name().unwrap_or_default().to_owned(),
                Some(tags_from(group.tags(), |tag| (tag.key(), tag.value()))),
            )
        };
        Ok(found.map(found_group).collect())
    }
}

impl Delete for AutoScalingGroup {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let autoscaling = &cloud.clients.autoscaling;
        delete_each(&teardown.found, async |group: &FoundResource| {
            let name = &group.handle;
            let response = if teardown.action == TeardownAction::Disable {
                // Suspends all processes: the group launches nothing and terminates nothing that may be kept.
                let response = autoscaling
                    .suspend_processes()
                    .auto_scaling_group_name(name)
                    .send()
                    .await;
                response.context("autoscaling SuspendProcesses").map(drop)
            } else {
                // Never force the deletion if instances are kept: AWS would terminate the members.
                let force = teardown.instances == InstanceDisposition::Terminate;
                let request = autoscaling
                    .delete_auto_scaling_group()
                    .auto_scaling_group_name(name);
                let response = request.set_force_delete(force.then_some(true)).send().await;
                response.context("autoscaling DeleteAutoScalingGroup").map(drop)
            };
            match response {
                Err(error) if is_group_not_found(&error) => Ok(()),
                response => response,
            }
        })
        .await
    }
}

async fn suspend(group: &AutoScalingGroup, cloud: &Cloud, name: &str) -> Result<()> {
    let request = cloud
        .clients
        .autoscaling
        .suspend_processes()
        .auto_scaling_group_name(name);
    let request = request.set_scaling_processes(Some(group.suspended.clone()));
    request
        .send()
        .await
        .context("autoscaling SuspendProcesses")
        .map(drop)
}

fn template(group: &AutoScalingGroup) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder()
        .launch_template_name(&group.launch_template)
        .version(&group.launch_template_version)
        .build()
}

fn target_groups(group: &AutoScalingGroup, operation: &'static str) -> Result<Vec<String>> {
    group
        .target_groups
        .iter()
        .map(|value| resolved(value, operation))
        .collect()
}

/// Users may add their own elements to some lists.
fn contains_all<T: PartialEq>(list: &[T], elements: &[T]) -> bool {
    elements.iter().all(|element| list.contains(element))
}

/// AWS rejects an empty list, but accepts none.
fn not_empty(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

/// Not propagated: the launch template has the tags of the instances.
fn tags<'a>(name: &str, tags: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    tags.map(|(key, value)| {
        Tag::builder()
            .resource_id(name)
            .resource_type("auto-scaling-group")
            .propagate_at_launch(false)
            .key(key)
            .value(value)
            .build()
    })
    .collect()
}
