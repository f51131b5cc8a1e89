use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_each, resolved};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::tags::tags_from;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{RuleState, Tag, Target as RuleTarget};
use deployment::actual::Actual;
use deployment::found::{Details, FoundResource};
use deployment::plan::{Teardown, TeardownAction};
use deployment::resource::Rule;
use deployment::{HostGroup, Output, Value};

impl Observe for Rule {
    async fn observe(inventory: &Inventory<'_>, key: Self::Key) -> Result<Option<Actual<Self>>> {
        let (name, arn) = named(inventory, key).await?;
        let events = &inventory.clients.events;
        let (rule, targets, tags) = tokio::join!(
            async {
                events
                    .describe_rule()
                    .name(&name)
                    .send()
                    .await
                    .context("events DescribeRule")
            },
            inventory.targets(key),
            async {
                events
                    .list_tags_for_resource()
                    .resource_arn(&arn)
                    .send()
                    .await
                    .context("events ListTagsForResource")
            },
        );
        let Some(rule) = ignore_not_found(rule)? else {
            return Ok(None);
        };
        let targets = targets?;
        let ours = targets.iter().find(|target| target.id() == OURS);
        Ok(Some(Actual {
            name,
            body: Self {
                schedule: rule.schedule_expression().unwrap_or_default().to_owned(),
                state: rule.state().map_or("", RuleState::as_str).to_owned(),
                target_id: ours.map(|target| target.id().to_owned()).unwrap_or_default(),
                target_arn: ours.map(|target| target.arn().to_owned()).unwrap_or_default(),
                role: Value::from(ours.and_then(|target| target.role_arn()).unwrap_or_default()),
                other_targets: targets
                    .iter()
                    .map(|t| t.id().to_owned())
                    .filter(|id| id != OURS)
                    .collect(),
            },
            tags: Some(tags_from(tags?.tags(), |tag| {
                (Some(tag.key()), Some(tag.value()))
            })),
            outputs: vec![(Output::Arn, arn)],
        }))
    }
}

impl Resource for Rule {
    type Key = HostGroup;

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let created = put_rule(self, cloud, target.name, Some(tags(target.tags())?)).await?;
        put_target(self, cloud, target.name).await?;
        Ok(vec![(Output::Arn, created)])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let events = &cloud.clients.events;
        if self.schedule != current.body.schedule || self.state != current.body.state {
            put_rule(self, cloud, target.name, None).await?;
        }
        // The rule is never without a target: ours is added before the others are removed. Only targets that exceed the limit
        // together with ours are removed first; the remaining ones start the state machine as well.
        let others = &current.body.other_targets;
        let limit = if current.body.target_id == OURS {
            MAX_TARGETS
        } else {
            MAX_TARGETS - 1
        };
        let (before, after) = others.split_at(others.len().saturating_sub(limit));
        remove_targets(events, target.name, before.to_vec()).await?;
        if (&self.target_id, &self.target_arn, &self.role)
            != (
                &current.body.target_id,
                &current.body.target_arn,
                &current.body.role,
            )
        {
            put_target(self, cloud, target.name).await?;
        }
        remove_targets(events, target.name, after.to_vec()).await?;
        let new = target.new_tags(current);
        if !new.is_empty() {
            let request = events.tag_resource().resource_arn(current.output(Output::Arn));
            request
                .set_tags(Some(tags(new.into_iter())?))
                .send()
                .await
                .context("events TagResource")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for Rule {
    /// The request for its tags shows whether it exists.
    async fn find(inventory: &Inventory<'_>, key: Self::Key) -> Result<Vec<FoundResource>> {
        let (name, arn) = named(inventory, key).await?;
        let events = &inventory.clients.events;
        let (targets, tags) = tokio::join!(
            events.list_targets_by_rule().rule(&name).send(),
            events.list_tags_for_resource().resource_arn(&arn).send(),
        );
        let Some(tags) = ignore_not_found(tags.context("events ListTagsForResource"))? else {
            return Ok(Vec::new());
        };
        let targets = ignore_not_found(targets.context("events ListTargetsByRule"))?;
        let targets = targets.and_then(|response| response.targets).unwrap_or_default();
        let targets = targets.iter().map(|target| target.id().to_owned()).collect();
        let tags = tags_from(tags.tags(), |tag| (Some(tag.key()), Some(tag.value())));
        Ok(vec![
            FoundResource::named(name, Some(tags)).with(Details::Targets(targets)),
        ])
    }
}

impl Delete for Rule {
    /// Switched off, it has no target; that is response for before it can be deleted in any case.
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let events = &cloud.clients.events;
        delete_each(&teardown.found, async |rule: &FoundResource| {
            if teardown.action == TeardownAction::Disable {
                let Details::Targets(ids) = &rule.details else {
                    return Ok(());
                };
                return remove_targets(events, &rule.handle, ids.clone()).await;
            }
            let response = events.delete_rule().name(&rule.handle).send().await;
            ignore_not_found(response.context("events DeleteRule")).map(drop)
        })
        .await
    }
}

/// The id of our target. wekactl 1.x used random ids.
const OURS: &str = "state-machine";

/// Limit of EventBridge.
const MAX_TARGETS: usize = 5;

/// The name and the ARN.
async fn named(inventory: &Inventory<'_>, group: HostGroup) -> Result<(String, String)> {
    let name = inventory.names.rule(group);
    let arn = inventory.account().await?.arn("events", &format!("rule/{name}"));
    Ok((name, arn))
}

async fn remove_targets(events: &Client, rule: &str, ids: Vec<String>) -> Result<()> {
    const OPERATION: &str = "events RemoveTargets";
    if ids.is_empty() {
        return Ok(());
    }
    let removed = events.remove_targets().rule(rule).set_ids(Some(ids)).send().await;
    let failed = ignore_not_found(removed.context(OPERATION))?.and_then(|response| response.failed_entries);
    let failed = failed.unwrap_or_default();
    check_failed_entry(OPERATION, failed.first().and_then(|entry| entry.error_message()))
}

async fn put_rule(rule: &Rule, cloud: &Cloud, name: &str, tags: Option<Vec<Tag>>) -> Result<String> {
    let request = cloud
        .clients
        .events
        .put_rule()
        .name(name)
        .schedule_expression(&rule.schedule);
    let request = request.state(RuleState::from(rule.state.as_str())).set_tags(tags);
    let created = request.send().await.context("events PutRule")?;
    Ok(created.rule_arn.unwrap_or_default())
}

async fn put_target(rule: &Rule, cloud: &Cloud, name: &str) -> Result<()> {
    const OPERATION: &str = "events PutTargets";
    let target = RuleTarget::builder()
        .id(&rule.target_id)
        .arn(&rule.target_arn)
        .role_arn(resolved(&rule.role, OPERATION)?)
        .build()
        .map_err(|error| Error::bug(OPERATION, error.to_string()))?;
    let response = cloud
        .clients
        .events
        .put_targets()
        .rule(name)
        .targets(target)
        .send()
        .await
        .context(OPERATION)?;
    check_failed_entry(
        OPERATION,
        response
            .failed_entries()
            .first()
            .and_then(|entry| entry.error_message()),
    )
}

/// EventBridge answers with success even where it refused an entry.
fn check_failed_entry(request: &'static str, message: Option<&str>) -> Result<()> {
    message.map_or(Ok(()), |message| {
        Err(Error::Service {
            operation: request,
            code: None,
            message: message.to_owned(),
            request_id: None,
        })
    })
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| Error::bug("events TagResource", error.to_string()))
}
