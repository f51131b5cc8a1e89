use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_each, resolved, still_deleting,
};
use crate::cloud::Cloud;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::pages::all;
use crate::retry;
use crate::tags::tags_from;
use aws_sdk_sfn::types::{
    CloudWatchLogsLogGroup, ExecutionStatus, LogDestination, LogLevel, LoggingConfiguration,
    StateMachineStatus, Tag,
};
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::StateMachine;
use deployment::{HostGroup, Output, Value};
use futures::future::try_join_all;

impl Observe for StateMachine {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let (name, arn) = named(inventory, key).await?;
        let (found, tags) = tokio::join!(inventory.state_machine(key), async {
            let request = inventory.clients.sfn.list_tags_for_resource().resource_arn(&arn);
            request.send().await.context("states ListTagsForResource")
        });
        let Some(found) = found? else {
            return Ok(None);
        };
        if found.status == Some(StateMachineStatus::Deleting) {
            let what = format!("state machine {name}");
            return Err(still_deleting("states DescribeStateMachine", &what));
        }
        let logging = found.logging_configuration.as_ref();
        let log_group = logging
            .and_then(|logging| logging.destinations().first())
            .and_then(|destination| destination.cloud_watch_logs_log_group())
            .and_then(|group| group.log_group_arn());
        Ok(Some(Actual {
            name,
            body: Self {
                definition: serde_json::from_str(&found.definition).unwrap_or_default(),
                role: Value::from(found.role_arn()),
                log_level: logging
                    .and_then(|logging| logging.level())
                    .map_or("OFF", LogLevel::as_str)
                    .to_owned(),
                log_group: log_group.map(str::to_owned),
            },
            tags: Some(tags_from(tags?.tags(), |tag| (tag.key(), tag.value()))),
            outputs: vec![(Output::Arn, arn)],
        }))
    }
}

impl Resource for StateMachine {
    type Key = HostGroup;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let role = resolved(&self.role, "states CreateStateMachine")?;
        let request = || async {
            let request = cloud
                .clients
                .sfn
                .create_state_machine()
                .name(target.name)
                .role_arn(&role);
            let request = request
                .definition(self.definition.to_string())
                .logging_configuration(self.logging());
            let request = request.set_tags(Some(target.tags().map(tag).collect()));
            request.send().await.context("states CreateStateMachine")
        };
        let created = retry::until_role_works(request).await?;
        Ok(vec![(Output::Arn, created.state_machine_arn)])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let sfn = &cloud.clients.sfn;
        let arn = current.output(Output::Arn);
        if *self != current.body {
            let role = resolved(&self.role, "states UpdateStateMachine")?;
            let request = || async {
                let request = sfn.update_state_machine().state_machine_arn(arn).role_arn(&role);
                let request = request
                    .definition(self.definition.to_string())
                    .logging_configuration(self.logging());
                request.send().await.context("states UpdateStateMachine")
            };
            retry::until_role_works(request).await?;
        }
        let new: Vec<_> = target.new_tags(current).into_iter().map(tag).collect();
        if !new.is_empty() {
            let request = sfn.tag_resource().resource_arn(arn).set_tags(Some(new));
            request.send().await.context("states TagResource")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for StateMachine {
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        let (name, arn) = named(inventory, key).await?;
        let sfn = &inventory.clients.sfn;
        let (found, tags) = tokio::join!(
            sfn.describe_state_machine().state_machine_arn(&arn).send(),
            sfn.list_tags_for_resource().resource_arn(&arn).send(),
        );
        let Some(found) = ignore_not_found(found.context("states DescribeStateMachine"))? else {
            return Ok(Vec::new());
        };
        let tags = ignore_not_found(tags.context("states ListTagsForResource"))?;
        let tags = tags.and_then(|response| response.tags).unwrap_or_default();
        let tags = tags_from(&tags, |tag| (tag.key(), tag.value()));
        Ok(vec![FoundResource {
            is_deleting: found.status == Some(StateMachineStatus::Deleting),
            ..FoundResource::named(name, Some(tags)).with_handle(arn)
        }])
    }
}

impl Delete for StateMachine {
    /// Also stops the execution in progress: executions of a deleted state machine continue, and this one would scale a cluster
    /// that is being deleted.
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let sfn = &cloud.clients.sfn;
        delete_each(&teardown.found, async |machine: &FoundResource| {
            let request = sfn.list_executions().state_machine_arn(&machine.handle);
            let request = request
                .status_filter(ExecutionStatus::Running)
                .into_paginator()
                .items();
            let running = all(request.send(), "states ListExecutions").await;
            let running = ignore_not_found(running)?.unwrap_or_default();
            let stop = running.iter().map(|run| async {
                let request = sfn.stop_execution().execution_arn(run.execution_arn());
                let stopped = request.cause("wekactl cluster destroy").send().await;
                ignore_not_found(stopped.context("states StopExecution")).map(drop)
            });
            try_join_all(stop).await?;
            let request = sfn.delete_state_machine().state_machine_arn(&machine.handle);
            ignore_not_found(request.send().await.context("states DeleteStateMachine")).map(drop)
        })
        .await
    }
}

/// The name and the ARN.
async fn named(inventory: &Inventory<'_>, group: HostGroup) -> Result<(String, String)> {
    let name = inventory.names.state_machine(group);
    let account = inventory.account().await?;
    let arn = account.arn("states", &format!("stateMachine:{name}"));
    Ok((name, arn))
}

trait Logging {
    fn logging(&self) -> LoggingConfiguration;
}

impl Logging for StateMachine {
    /// Without execution data, which contains the sealed credentials.
    fn logging(&self) -> LoggingConfiguration {
        let group = CloudWatchLogsLogGroup::builder()
            .set_log_group_arn(self.log_group.clone())
            .build();
        LoggingConfiguration::builder()
            .level(LogLevel::from(self.log_level.as_str()))
            .include_execution_data(false)
            .destinations(
                LogDestination::builder()
                    .cloud_watch_logs_log_group(group)
                    .build(),
            )
            .build()
    }
}

fn tag((key, value): (&str, &str)) -> Tag {
    Tag::builder().key(key).value(value).build()
}
