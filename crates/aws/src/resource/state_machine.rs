use super::{From, Given, Resource, Target, known, tags_from};
use crate::cloud::Cloud;
use crate::error::{Asked, Error, Result};
use crate::look::Look;
use crate::patience::{self, COMES_WITH_ITS_ROLE};
use aws_sdk_sfn::types::{CloudWatchLogsLogGroup, LogDestination, LogLevel, LoggingConfiguration, Tag};
use backon::Retryable;
use deployment::plan::Standing;
use deployment::resource::{ResourceId, StateMachine};
use deployment::{Output, Value};

impl Resource for StateMachine {
    async fn observe(look: &Look<'_>, id: ResourceId) -> Result<Option<Standing>> {
        let group = id
            .group()
            .ok_or_else(|| Error::other("states DescribeStateMachine", "not of a host group"))?;
        let name = look.names.state_machine(group);
        let arn = look
            .account()
            .await?
            .arn("states", &format!("stateMachine:{name}"));
        let (found, tags) = tokio::join!(look.state_machine(group), async {
            let ask = look.clients.sfn.list_tags_for_resource().resource_arn(&arn);
            ask.send().await.asked("states ListTagsForResource")
        });
        let Some(found) = found? else {
            return Ok(None);
        };
        let logging = found.logging_configuration.as_ref();
        let log_group = logging
            .and_then(|logging| logging.destinations().first())
            .and_then(|destination| destination.cloud_watch_logs_log_group())
            .and_then(|group| group.log_group_arn());
        Ok(Some(Standing {
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
            ask.send().await.asked("states CreateStateMachine")
        };
        let made = ask
            .retry(patience::role_propagation())
            .when(COMES_WITH_ITS_ROLE)
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
                ask.send().await.asked("states UpdateStateMachine")
            };
            ask.retry(patience::role_propagation())
                .when(COMES_WITH_ITS_ROLE)
                .await?;
        }
        let new: Vec<_> = from.new_tags(target).into_iter().map(tag).collect();
        if !new.is_empty() {
            let ask = sfn.tag_resource().resource_arn(arn).set_tags(Some(new));
            ask.send().await.asked("states TagResource")?;
        }
        Ok(from.given())
    }
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
