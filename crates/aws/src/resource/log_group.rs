use super::{From, Given, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Asked, Error, Result};
use crate::look::Look;
use deployment::plan::Standing;
use deployment::resource::{LogGroup, ResourceId};
use deployment::{Output, Tags};
use std::collections::HashMap;

impl Resource for LogGroup {
    async fn observe(look: &Look<'_>, id: ResourceId) -> Result<Option<Standing>> {
        let ResourceId::LogGroup(group, function) = id else {
            return Err(Error::other("logs DescribeLogGroups", "not a log group"));
        };
        let name = match function {
            Some(function) => look.names.function_log_group(group, function),
            None => look.names.state_machine_log_group(group),
        };
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
