use super::{From, Given, Left, Resource, Target, each, known, still_deleting, tags_from};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::is_group_not_found;
use crate::inventory::Inventory;
use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use deployment::plan::ActualResource;
use deployment::removal::{InstanceDisposition, Remnant, Step, Verb};
use deployment::resource::{AutoScalingGroup, ResourceId};
use deployment::{Output, Value};

impl Resource for AutoScalingGroup {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let group = id
            .group()
            .ok_or_else(|| Error::bug("autoscaling", "not of a host group"))?;
        let name = inventory.names.of(group);
        let ask = inventory
            .clients
            .autoscaling
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(&name);
        let answer = ask
            .send()
            .await
            .context("autoscaling DescribeAutoScalingGroups")?;
        let Some(found) = answer.auto_scaling_groups.unwrap_or_default().pop() else {
            return Ok(None);
        };
        // It has a status only while it is being deleted.
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
        Ok(Some(ActualResource {
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
            }
            .into(),
            tags: Some(tags_from(found.tags(), |tag| (tag.key(), tag.value()))),
            outputs: vec![(
                Output::Arn,
                found.auto_scaling_group_arn().unwrap_or_default().to_owned(),
            )],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        const ASK: &str = "autoscaling CreateAutoScalingGroup";
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
            .set_target_group_arns(not_empty(target_groups(self, ASK)?))
            .set_load_balancer_names(not_empty(self.classic_load_balancers.clone()))
            .set_tags(Some(tags(target.name, target.tags())))
            .send()
            .await
            .context(ASK)?;
        suspend(self, cloud, target.name).await?;
        Ok(Vec::new())
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let autoscaling = &cloud.clients.autoscaling;
        let fields = [
            "min_size",
            "max_size",
            "protected_from_scale_in",
            "subnet",
            "launch_template",
            "launch_template_version",
        ];
        if from.differs(&fields) {
            let ask = autoscaling
                .update_auto_scaling_group()
                .auto_scaling_group_name(target.name);
            let ask = ask
                .min_size(self.min_size)
                .max_size(self.max_size)
                .vpc_zone_identifier(&self.subnet);
            let ask = ask.new_instances_protected_from_scale_in(self.protected_from_scale_in);
            let ask = ask.launch_template(template(self));
            ask.send().await.context("autoscaling UpdateAutoScalingGroup")?;
        }
        if from.differs(&["suspended"]) {
            suspend(self, cloud, target.name).await?;
        }
        if from.differs(&["target_groups"]) {
            const ASK: &str = "autoscaling AttachLoadBalancerTargetGroups";
            let ask = autoscaling
                .attach_load_balancer_target_groups()
                .auto_scaling_group_name(target.name);
            ask.set_target_group_arns(Some(target_groups(self, ASK)?))
                .send()
                .await
                .context(ASK)?;
        }
        if from.differs(&["classic_load_balancers"]) {
            let ask = autoscaling
                .attach_load_balancers()
                .auto_scaling_group_name(target.name);
            let ask = ask.set_load_balancer_names(Some(self.classic_load_balancers.clone()));
            ask.send().await.context("autoscaling AttachLoadBalancers")?;
        }
        let new = from.new_tags(target);
        if !new.is_empty() {
            let ask = autoscaling
                .create_or_update_tags()
                .set_tags(Some(tags(target.name, new.into_iter())));
            ask.send().await.context("autoscaling CreateOrUpdateTags")?;
        }
        Ok(from.given())
    }

    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let name = id.group().map(|group| inventory.names.of(group));
        let found = inventory.groups().await?.iter();
        let found = found.filter(|group| group.auto_scaling_group_name() == name.as_deref());
        let remnant = |group: &aws_sdk_autoscaling::types::AutoScalingGroup| Remnant {
            // It has a status only while it is being deleted.
            going: group.status().is_some(),
            ..Remnant::named(
                group.auto_scaling_group_name().unwrap_or_default().to_owned(),
                Some(tags_from(group.tags(), |tag| (tag.key(), tag.value()))),
            )
        };
        Ok(found.map(remnant).collect())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        let autoscaling = &cloud.clients.autoscaling;
        each(step, async |group: &Remnant| {
            let name = &group.handle;
            let answer = if step.verb == Verb::SwitchOff {
                // All of them: nothing is launched, and nothing that may be kept is terminated.
                let answer = autoscaling
                    .suspend_processes()
                    .auto_scaling_group_name(name)
                    .send()
                    .await;
                answer.context("autoscaling SuspendProcesses").map(drop)
            } else {
                // Never by force where instances are to run on: AWS would terminate those that are still in the group.
                let force = step.fate == InstanceDisposition::Terminate;
                let ask = autoscaling
                    .delete_auto_scaling_group()
                    .auto_scaling_group_name(name);
                let answer = ask.set_force_delete(force.then_some(true)).send().await;
                answer.context("autoscaling DeleteAutoScalingGroup").map(drop)
            };
            match answer {
                Err(error) if is_group_not_found(&error) => Ok(()),
                answer => answer,
            }
        })
        .await
    }
}

async fn suspend(group: &AutoScalingGroup, cloud: &Cloud, name: &str) -> Result<()> {
    let ask = cloud
        .clients
        .autoscaling
        .suspend_processes()
        .auto_scaling_group_name(name);
    let ask = ask.set_scaling_processes(Some(group.suspended.clone()));
    ask.send().await.context("autoscaling SuspendProcesses").map(drop)
}

fn template(group: &AutoScalingGroup) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder()
        .launch_template_name(&group.launch_template)
        .version(&group.launch_template_version)
        .build()
}

fn target_groups(group: &AutoScalingGroup, ask: &'static str) -> Result<Vec<String>> {
    group
        .target_groups
        .iter()
        .map(|value| known(value, ask))
        .collect()
}

/// AWS refuses an empty list where it takes none at all.
fn not_empty(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

/// Not propagated: the launch template tags the instances.
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
