use super::{From, Given, Left, Resource, Target, each};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{LogGroup, ResourceId};
use deployment::{Output, Tags};
use std::collections::HashMap;

impl Resource for LogGroup {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let name = name_of(inventory, id)?;
        let logs = &inventory.clients.logs;
        // The ARN follows from the name: what stands and its tags are asked for side by side.
        let arn = inventory
            .account()
            .await?
            .arn("logs", &format!("log-group:{name}"));
        let (found, tags) = tokio::join!(
            async {
                let ask = logs.describe_log_groups().log_group_name_prefix(&name);
                ask.send().await.context("logs DescribeLogGroups")
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
        // Groups come in the order of their names: the one that is the prefix itself comes first.
        let Some(standing) = found
            .log_groups()
            .iter()
            .find(|g| g.log_group_name() == Some(&name))
        else {
            return Ok(None);
        };
        Ok(Some(ActualResource {
            body: Self {
                retention_days: standing.retention_in_days().unwrap_or(0),
            }
            .into(),
            tags: Some(Tags(tags?.tags.unwrap_or_default().into_iter().collect())),
            outputs: vec![(Output::Arn, arn)],
            name,
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let logs = &cloud.clients.logs;
        let ask = logs
            .create_log_group()
            .log_group_name(target.name)
            .set_tags(Some(tags(target.tags())));
        ask.send().await.context("logs CreateLogGroup")?;
        set_retention(cloud, target.name, self.retention_days).await?;
        Ok(vec![(
            Output::Arn,
            cloud.account.arn("logs", &format!("log-group:{}", target.name)),
        )])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        if from.body_differs() {
            set_retention(cloud, target.name, self.retention_days).await?;
        }
        let new = from.new_tags(target);
        if !new.is_empty() {
            let ask = cloud
                .clients
                .logs
                .tag_resource()
                .resource_arn(from.output(Output::Arn));
            ask.set_tags(Some(tags(new.into_iter())))
                .send()
                .await
                .context("logs TagResource")?;
        }
        Ok(from.given())
    }

    /// Its tags say whether it is there.
    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let name = name_of(inventory, id)?;
        let arn = inventory
            .account()
            .await?
            .arn("logs", &format!("log-group:{name}"));
        let answer = inventory
            .clients
            .logs
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await;
        let answer = ignore_not_found(answer.context("logs ListTagsForResource"))?;
        let tags = answer.map(|answer| Tags(answer.tags.unwrap_or_default().into_iter().collect()));
        Ok(tags
            .map(|tags| Remnant::named(name, Some(tags)))
            .into_iter()
            .collect())
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        each(step, async |group: &Remnant| {
            let ask = cloud
                .clients
                .logs
                .delete_log_group()
                .log_group_name(&group.handle);
            ignore_not_found(ask.send().await.context("logs DeleteLogGroup")).map(drop)
        })
        .await
    }
}

fn name_of(inventory: &Inventory<'_>, id: ResourceId) -> Result<String> {
    match id {
        ResourceId::LogGroup(group, Some(function)) => {
            Ok(inventory.names.function_log_group(group, function))
        }
        ResourceId::LogGroup(group, None) => Ok(inventory.names.state_machine_log_group(group)),
        _ => Err(Error::bug("logs DescribeLogGroups", "not a log group")),
    }
}

async fn set_retention(cloud: &Cloud, name: &str, days: i32) -> Result<()> {
    let ask = cloud
        .clients
        .logs
        .put_retention_policy()
        .log_group_name(name)
        .retention_in_days(days);
    ask.send().await.context("logs PutRetentionPolicy").map(drop)
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> HashMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
