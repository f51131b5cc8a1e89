//! The imported instances. What stands of them was found with them: nothing is asked for anew.

mod removal;

use super::{From, Given, Left, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::is_group_busy;
use crate::inventory::Inventory;
use crate::requests::MAX_IN_FLIGHT;
use crate::retry;
use crate::termination::PROTECTION_BATCH;
use aws_sdk_ec2::types::{AttributeBooleanValue, Tag};
use backon::Retryable;
use deployment::plan::ActualResource;
use deployment::removal::{Step, Verb};
use deployment::resource::{AttachedInstances, PreparedInstances, ResourceId};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;

/// How many instances AttachInstances takes at once.
const ATTACHED_AT_ONCE: usize = 20;
/// How many resources CreateTags takes at once.
const TAGGED_AT_ONCE: usize = 1000;
/// How many instances are protected from termination side by side. They are a request each, and an import is as long as what else
/// it does in that time: a quarter of the requests is left to that.
const PROTECTED_AT_ONCE: usize = MAX_IN_FLIGHT / 4 * 3;

impl Resource for PreparedInstances {
    async fn observe(_look: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        Ok(None)
    }

    async fn create(&self, _cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        Err(Error::bug(
            "ec2 RunInstances",
            format!("{}: imported instances are not made", target.name),
        ))
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let ec2 = &cloud.clients.ec2;
        let tags: Vec<_> = target
            .tags()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let to_tag: Vec<_> = ids(from, "to_tag").into_iter().collect();
        let tagged = to_tag.chunks(TAGGED_AT_ONCE).map(|ids| {
            let ask = ec2
                .create_tags()
                .set_resources(Some(ids.to_vec()))
                .set_tags(Some(tags.clone()));
            async { ask.send().await.context("ec2 CreateTags") }
        });
        // The tags first: by them destroy finds whom to take the protection from.
        try_join_all(tagged).await?;
        let protected = stream::iter(ids(from, "to_protect").into_iter().map(|id| async {
            let on = AttributeBooleanValue::builder().value(true).build();
            let ask = ec2
                .modify_instance_attribute()
                .instance_id(id)
                .disable_api_termination(on);
            ask.send().await.context("ec2 ModifyInstanceAttribute").map(drop)
        }));
        protected
            .buffer_unordered(PROTECTED_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(Vec::new())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        if step.verb == Verb::Terminate {
            removal::terminate(cloud, step).await?;
        } else {
            removal::release(cloud, step).await?;
        }
        Ok(None)
    }
}

impl Resource for AttachedInstances {
    async fn observe(_look: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        Ok(None)
    }

    async fn create(&self, _cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        Err(Error::bug(
            "autoscaling AttachInstances",
            format!("{}: there are no instances", target.name),
        ))
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let to_attach: Vec<_> = ids(from, "to_attach").into_iter().collect();
        // One batch after the other: each raises the desired capacity by its size.
        for batch in to_attach.chunks(ATTACHED_AT_ONCE) {
            let attach = || async {
                let ask = cloud
                    .clients
                    .autoscaling
                    .attach_instances()
                    .auto_scaling_group_name(target.name);
                let ask = ask.set_instance_ids(Some(batch.to_vec()));
                ask.send().await.context("autoscaling AttachInstances")
            };
            attach.retry(retry::minutes()).when(is_group_busy).await?;
        }
        // The group's protection of new instances is said of those that it launches: of others it is set.
        let to_protect: Vec<_> = ids(from, "to_protect_from_scale_in").into_iter().collect();
        let protected = to_protect.chunks(PROTECTION_BATCH).map(|batch| {
            let protect = move || async move {
                let ask = cloud
                    .clients
                    .autoscaling
                    .set_instance_protection()
                    .auto_scaling_group_name(target.name);
                let ask = ask
                    .set_instance_ids(Some(batch.to_vec()))
                    .protected_from_scale_in(true);
                ask.send().await.context("autoscaling SetInstanceProtection")
            };
            protect.retry(retry::minutes()).when(is_group_busy)
        });
        try_join_all(protected).await?;
        Ok(Vec::new())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        removal::detach(cloud, step).await?;
        Ok(None)
    }
}

fn ids(from: &From<'_>, field: &str) -> BTreeSet<String> {
    let fields = from.standing.body.fields();
    let list = fields[field].as_array().into_iter().flatten();
    list.filter_map(|id| id.as_str().map(str::to_owned)).collect()
}
