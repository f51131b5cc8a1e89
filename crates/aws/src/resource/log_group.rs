use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with};
use crate::cloud::Cloud;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::LogGroup;
use deployment::{FunctionType, HostGroup, Output, Tags};
use std::collections::HashMap;

impl Observe for LogGroup {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let name = name_of(inventory, key);
        let logs = &inventory.clients.logs;
        // The name determines the ARN, so the group and its tags are read concurrently.
        let arn = inventory
            .account()
            .await?
            .arn("logs", &format!("log-group:{name}"));
        let (found, tags) = tokio::join!(
            async {
                let request = logs.describe_log_groups().log_group_name_prefix(&name);
                request.send().await.context("logs DescribeLogGroups")
            },
            async {
                logs.list_tags_for_resource()
                    .resource_arn(&arn)
                    .send()
                    .await
                    .context("logs ListTagsForResource")
            },
        );
        let found = found?;
        // Groups are ordered by name: the group whose name is the prefix comes first.
        let Some(group) = found
            .log_groups()
            .iter()
            .find(|g| g.log_group_name() == Some(&name))
        else {
            return Ok(None);
        };
        Ok(Some(Actual {
            body: Self {
                retention_days: group.retention_in_days().unwrap_or(0),
            },
            tags: Some(Tags(tags?.tags.unwrap_or_default().into_iter().collect())),
            outputs: vec![(Output::Arn, arn)],
            name,
        }))
    }
}

impl Resource for LogGroup {
    type Key = (HostGroup, Option<FunctionType>);

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let logs = &cloud.clients.logs;
        let request = logs
            .create_log_group()
            .log_group_name(target.name)
            .set_tags(Some(tags(target.tags())));
        request.send().await.context("logs CreateLogGroup")?;
        set_retention(cloud, target.name, self.retention_days).await?;
        Ok(vec![(
            Output::Arn,
            cloud.account.arn("logs", &format!("log-group:{}", target.name)),
        )])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        if *self != current.body {
            set_retention(cloud, target.name, self.retention_days).await?;
        }
        let new = target.new_tags(current);
        if !new.is_empty() {
            let request = cloud
                .clients
                .logs
                .tag_resource()
                .resource_arn(current.output(Output::Arn));
            request
                .set_tags(Some(tags(new.into_iter())))
                .send()
                .await
                .context("logs TagResource")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for LogGroup {
    /// The request for its tags shows whether it exists.
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        let name = name_of(inventory, key);
        let arn = inventory
            .account()
            .await?
            .arn("logs", &format!("log-group:{name}"));
        let response = inventory
            .clients
            .logs
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await;
        let response = ignore_not_found(response.context("logs ListTagsForResource"))?;
        let tags = response.map(|response| Tags(response.tags.unwrap_or_default().into_iter().collect()));
        Ok(tags
            .map(|tags| FoundResource::named(name, Some(tags)))
            .into_iter()
            .collect())
    }
}

impl Delete for LogGroup {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        delete_with("logs DeleteLogGroup", &teardown.found, |found| {
            let request = cloud.clients.logs.delete_log_group();
            request.log_group_name(&found.handle).send()
        })
        .await
    }
}

fn name_of(inventory: &Inventory<'_>, (group, function): (HostGroup, Option<FunctionType>)) -> String {
    match function {
        Some(function) => inventory.names.function_log_group(group, function),
        None => inventory.names.state_machine_log_group(group),
    }
}

async fn set_retention(cloud: &Cloud, name: &str, days: i32) -> Result<()> {
    let request = cloud
        .clients
        .logs
        .put_retention_policy()
        .log_group_name(name)
        .retention_in_days(days);
    request.send().await.context("logs PutRetentionPolicy").map(drop)
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> HashMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
