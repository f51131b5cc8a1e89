//! The imported instances. Their actual state comes from discovery: no further requests are needed.

mod teardown;

use super::{DeferredCleanup, Delete, Outputs, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::is_group_busy;
use crate::requests::MAX_IN_FLIGHT;
use crate::retry;
use crate::termination::PROTECTION_BATCH;
use aws_sdk_ec2::types::{AttributeBooleanValue, Tag};
use deployment::HostGroup;
use deployment::actual::Actual;
use deployment::plan::{Teardown, TeardownAction};
use deployment::resource::{AttachedInstances, PreparedInstances};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;

/// Limit of AttachInstances.
const MAX_ATTACHED: usize = 20;
/// Limit of CreateTags.
const MAX_TAGGED: usize = 1000;
/// At most this many instances are protected from termination concurrently, with one request each. A quarter of all requests is
/// left to the rest of the import, which takes as long.
const MAX_CONCURRENT_PROTECTIONS: usize = MAX_IN_FLIGHT / 4 * 3;

/// The ids that the actual state lacks.
fn missing(desired: &BTreeSet<String>, actual: &BTreeSet<String>) -> Vec<String> {
    desired.difference(actual).cloned().collect()
}

impl Resource for PreparedInstances {
    type Key = HostGroup;

    async fn create(&self, _cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let message = format!("{}: imported instances are not created", target.name);
        Err(Error::bug("ec2 RunInstances", message))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let ec2 = &cloud.clients.ec2;
        let tags: Vec<_> = target
            .tags()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let to_tag = missing(&self.tagged, &current.body.tagged);
        let tagged = to_tag.chunks(MAX_TAGGED).map(|ids| {
            let request = ec2
                .create_tags()
                .set_resources(Some(ids.to_vec()))
                .set_tags(Some(tags.clone()));
            retry::until_accepted(move || {
                let request = request.clone();
                async move { request.send().await.context("ec2 CreateTags") }
            })
        });
        // The tags come first: destroy uses them to find the instances whose protection it removes.
        try_join_all(tagged).await?;
        let to_protect = match (&self.protected, &current.body.protected) {
            (Some(desired), Some(actual)) => missing(desired, actual),
            _ => Vec::new(),
        };
        let protected = stream::iter(to_protect.into_iter().map(|id| async move {
            let on = AttributeBooleanValue::builder().value(true).build();
            let request = ec2
                .modify_instance_attribute()
                .instance_id(id)
                .disable_api_termination(on);
            let protect = || async {
                request
                    .clone()
                    .send()
                    .await
                    .context("ec2 ModifyInstanceAttribute")
            };
            retry::until_accepted(protect).await.map(drop)
        }));
        protected
            .buffer_unordered(MAX_CONCURRENT_PROTECTIONS)
            .try_collect::<()>()
            .await?;
        Ok(Vec::new())
    }
}

impl Delete for PreparedInstances {
    async fn delete(cloud: &Cloud, key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        if teardown.action == TeardownAction::Terminate {
            teardown::terminate(cloud, key).await?;
        } else {
            teardown::untag(cloud, key).await?;
        }
        Ok(None)
    }
}

impl Resource for AttachedInstances {
    type Key = HostGroup;

    async fn create(&self, _cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let message = format!("{}: there are no instances", target.name);
        Err(Error::bug("autoscaling AttachInstances", message))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let autoscaling = &cloud.clients.autoscaling;
        let to_attach = missing(&self.attached, &current.body.attached);
        // One batch after the other: each raises the desired capacity by its size.
        for batch in to_attach.chunks(MAX_ATTACHED) {
            let attach = || async {
                let request = autoscaling
                    .attach_instances()
                    .auto_scaling_group_name(target.name);
                let request = request.set_instance_ids(Some(batch.to_vec()));
                request.send().await.context("autoscaling AttachInstances")
            };
            retry::until_accepted_or(is_group_busy, attach).await?;
        }
        // The group protects the instances that it launches. Others must be protected explicitly.
        let to_protect = missing(
            &self.protected_from_scale_in,
            &current.body.protected_from_scale_in,
        );
        let protected = to_protect.chunks(PROTECTION_BATCH).map(|batch| {
            let protect = move || async move {
                let request = autoscaling
                    .set_instance_protection()
                    .auto_scaling_group_name(target.name);
                let request = request
                    .set_instance_ids(Some(batch.to_vec()))
                    .protected_from_scale_in(true);
                request.send().await.context("autoscaling SetInstanceProtection")
            };
            retry::until_accepted_or(is_group_busy, protect)
        });
        try_join_all(protected).await?;
        Ok(Vec::new())
    }
}

impl Delete for AttachedInstances {
    async fn delete(cloud: &Cloud, key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        teardown::detach(cloud, key, teardown.instances).await?;
        Ok(None)
    }
}
