use super::{From, Given, Left, Resource, Target, each};
use crate::cloud::Cloud;
use crate::error::{Asked, Error, Result, present};
use crate::look::Look;
use deployment::plan::Standing;
use deployment::removal::{Remnant, Step};
use deployment::resource::{LogGroup, ResourceId};
use deployment::{Output, Tags};
use std::collections::HashMap;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

impl Resource for LogGroup {
    async fn observe(look: &Look<'_>, id: ResourceId) -> Result<Option<Standing>> {
        let name = name_of(look, id)?;
        let logs = &look.clients.logs;
        // The ARN follows from the name: what stands and its tags are asked for side by side.
        let arn = look.account().await?.arn("logs", &format!("log-group:{name}"));
        let (found, tags) = tokio::join!(
            async {
                let ask = logs.describe_log_groups().log_group_name_prefix(&name);
                ask.send().await.asked("logs DescribeLogGroups")
            },
            async {
                logs.list_tags_for_resource()
                    .resource_arn(&arn)
                    .send()
                    .await
                    .asked("logs ListTagsForResource")
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
        Ok(Some(Standing {
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
        ask.send().await.asked("logs CreateLogGroup")?;
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
                .asked("logs TagResource")?;
        }
        Ok(from.given())
    }

    /// Its tags say whether it is there.
    async fn remnants(look: &Look<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let name = name_of(look, id)?;
        let arn = look.account().await?.arn("logs", &format!("log-group:{name}"));
        let answer = look
            .clients
            .logs
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await;
        let answer = present(answer.asked("logs ListTagsForResource"), ABSENT)?;
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
            present(ask.send().await.asked("logs DeleteLogGroup"), ABSENT).map(drop)
        })
        .await
    }
}

fn name_of(look: &Look<'_>, id: ResourceId) -> Result<String> {
    match id {
        ResourceId::LogGroup(group, Some(function)) => Ok(look.names.function_log_group(group, function)),
        ResourceId::LogGroup(group, None) => Ok(look.names.state_machine_log_group(group)),
        _ => Err(Error::other("logs DescribeLogGroups", "not a log group")),
    }
}

async fn set_retention(cloud: &Cloud, name: &str, days: i32) -> Result<()> {
    let ask = cloud
        .clients
        .logs
        .put_retention_policy()
        .log_group_name(name)
        .retention_in_days(days);
    ask.send().await.asked("logs PutRetentionPolicy").map(drop)
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> HashMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
