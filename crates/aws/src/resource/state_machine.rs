use super::{From, Given, Left, Resource, Target, each, known, still_deleting, tags_from};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::{ignore_not_found, is_role_propagation_error};
use crate::inventory::Inventory;
use crate::pages::all;
use crate::retry;
use aws_sdk_sfn::types::{
    CloudWatchLogsLogGroup, ExecutionStatus, LogDestination, LogLevel, LoggingConfiguration,
    StateMachineStatus, Tag,
};
use backon::Retryable;
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{ResourceId, StateMachine};
use deployment::{HostGroup, Output, Value};
use futures::future::try_join_all;

impl Resource for StateMachine {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let (name, arn) = named(inventory, id).await?;
        let (found, tags) = tokio::join!(inventory.state_machine(group_of(id)?), async {
            let ask = inventory.clients.sfn.list_tags_for_resource().resource_arn(&arn);
            ask.send().await.context("states ListTagsForResource")
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
        Ok(Some(ActualResource {
            name,
            body: Self {
                definition: serde_json::from_str(&found.definition).unwrap_or_default(),
                role: Value::from(found.role_arn()),
                log_level: logging
                    .and_then(|logging| logging.level())
                    .map_or("OFF", LogLevel::as_str)
                    .to_owned(),
                log_group: log_group.map(str::to_owned),
            }
            .into(),
            tags: Some(tags_from(tags?.tags(), |tag| (tag.key(), tag.value()))),
            outputs: vec![(Output::Arn, arn)],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let role = known(&self.role, "states CreateStateMachine")?;
        let ask = || async {
            let ask = cloud
                .clients
                .sfn
                .create_state_machine()
                .name(target.name)
                .role_arn(&role);
            let ask = ask
                .definition(self.definition.to_string())
                .logging_configuration(self.logging());
            let ask = ask.set_tags(Some(target.tags().map(tag).collect()));
            ask.send().await.context("states CreateStateMachine")
        };
        let made = ask
            .retry(retry::role_propagation())
            .when(is_role_propagation_error)
            .await?;
        Ok(vec![(Output::Arn, made.state_machine_arn)])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let sfn = &cloud.clients.sfn;
        let arn = from.output(Output::Arn);
        if from.body_differs() {
            let role = known(&self.role, "states UpdateStateMachine")?;
            let ask = || async {
                let ask = sfn.update_state_machine().state_machine_arn(arn).role_arn(&role);
                let ask = ask
                    .definition(self.definition.to_string())
                    .logging_configuration(self.logging());
                ask.send().await.context("states UpdateStateMachine")
            };
            ask.retry(retry::role_propagation())
                .when(is_role_propagation_error)
                .await?;
        }
        let new: Vec<_> = from.new_tags(target).into_iter().map(tag).collect();
        if !new.is_empty() {
            let ask = sfn.tag_resource().resource_arn(arn).set_tags(Some(new));
            ask.send().await.context("states TagResource")?;
        }
        Ok(from.given())
    }

    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let (name, arn) = named(inventory, id).await?;
        let sfn = &inventory.clients.sfn;
        let (found, tags) = tokio::join!(
            sfn.describe_state_machine().state_machine_arn(&arn).send(),
            sfn.list_tags_for_resource().resource_arn(&arn).send(),
        );
        let Some(found) = ignore_not_found(found.context("states DescribeStateMachine"))? else {
            return Ok(Vec::new());
        };
        let tags = ignore_not_found(tags.context("states ListTagsForResource"))?;
        let tags = tags.and_then(|answer| answer.tags).unwrap_or_default();
        let tags = tags_from(&tags, |tag| (tag.key(), tag.value()));
        Ok(vec![Remnant {
            going: found.status == Some(StateMachineStatus::Deleting),
            ..Remnant::named(name, Some(tags)).by(arn)
        }])
    }

    /// With the run that may be under way: AWS lets runs of a deleted machine go on, and this one would scale a cluster whose
    /// parts are going.
    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        let sfn = &cloud.clients.sfn;
        each(step, async |machine: &Remnant| {
            let ask = sfn.list_executions().state_machine_arn(&machine.handle);
            let ask = ask
                .status_filter(ExecutionStatus::Running)
                .into_paginator()
                .items();
            let running = all(ask.send(), "states ListExecutions").await;
            let running = ignore_not_found(running)?.unwrap_or_default();
            let stop = running.iter().map(|run| async {
                let ask = sfn.stop_execution().execution_arn(run.execution_arn());
                let stopped = ask.cause("wekactl cluster destroy").send().await;
                ignore_not_found(stopped.context("states StopExecution")).map(drop)
            });
            try_join_all(stop).await?;
            let ask = sfn.delete_state_machine().state_machine_arn(&machine.handle);
            ignore_not_found(ask.send().await.context("states DeleteStateMachine")).map(drop)
        })
        .await
    }
}

fn group_of(id: ResourceId) -> Result<HostGroup> {
    id.group()
        .ok_or_else(|| Error::bug("states DescribeStateMachine", "not of a host group"))
}

/// The name and the ARN.
async fn named(inventory: &Inventory<'_>, id: ResourceId) -> Result<(String, String)> {
    let name = inventory.names.state_machine(group_of(id)?);
    let account = inventory.account().await?;
    let arn = account.arn("states", &format!("stateMachine:{name}"));
    Ok((name, arn))
}

trait Logging {
    fn logging(&self) -> LoggingConfiguration;
}

impl Logging for StateMachine {
    /// Without the execution's data: it carries the credentials, sealed or not.
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
