use super::{From, Given, Left, Resource, Target, each, known, tags_from};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{RuleState, Tag, Target as RuleTarget};
use deployment::plan::ActualResource;
use deployment::removal::{Facts, Remnant, Step, Verb};
use deployment::resource::{ResourceId, Rule};
use deployment::{HostGroup, Output, Value};

impl Resource for Rule {
    async fn observe(inventory: &Inventory<'_>, id: ResourceId) -> Result<Option<ActualResource>> {
        let (name, arn) = named(inventory, id).await?;
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
            inventory.targets(group_of(id)?),
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
        Ok(Some(ActualResource {
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
            }
            .into(),
            tags: Some(tags_from(tags?.tags(), |tag| {
                (Some(tag.key()), Some(tag.value()))
            })),
            outputs: vec![(Output::Arn, arn)],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let made = put_rule(self, cloud, target.name, Some(tags(target.tags())?)).await?;
        put_target(self, cloud, target.name).await?;
        Ok(vec![(Output::Arn, made)])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let events = &cloud.clients.events;
        if from.differs(&["schedule", "state"]) {
            put_rule(self, cloud, target.name, None).await?;
        }
        let fields = from.standing.body.fields();
        let others = fields["other_targets"].as_array().into_iter().flatten();
        let others: Vec<_> = others.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        // Ours first, then the others go: there is no minute without a target. Only those for which ours would be one too
        // many go before, and the rest of them starts the state machine as well.
        let most = if fields["target_id"] == OURS {
            MOST
        } else {
            MOST - 1
        };
        let (before, after) = others.split_at(others.len().saturating_sub(most));
        remove_targets(events, target.name, before.to_vec()).await?;
        if from.differs(&["target_id", "target_arn", "role"]) {
            put_target(self, cloud, target.name).await?;
        }
        remove_targets(events, target.name, after.to_vec()).await?;
        let new = from.new_tags(target);
        if !new.is_empty() {
            let ask = events.tag_resource().resource_arn(from.output(Output::Arn));
            ask.set_tags(Some(tags(new.into_iter())?))
                .send()
                .await
                .context("events TagResource")?;
        }
        Ok(from.given())
    }

    /// Its tags say whether it is there.
    async fn remnants(inventory: &Inventory<'_>, id: ResourceId) -> Result<Vec<Remnant>> {
        let (name, arn) = named(inventory, id).await?;
        let events = &inventory.clients.events;
        let (targets, tags) = tokio::join!(
            events.list_targets_by_rule().rule(&name).send(),
            events.list_tags_for_resource().resource_arn(&arn).send(),
        );
        let Some(tags) = ignore_not_found(tags.context("events ListTagsForResource"))? else {
            return Ok(Vec::new());
        };
        let targets = ignore_not_found(targets.context("events ListTargetsByRule"))?;
        let targets = targets.and_then(|answer| answer.targets).unwrap_or_default();
        let targets = targets.iter().map(|target| target.id().to_owned()).collect();
        let tags = tags_from(tags.tags(), |tag| (Some(tag.key()), Some(tag.value())));
        Ok(vec![
            Remnant::named(name, Some(tags)).with(Facts::Targets(targets)),
        ])
    }

    /// Switched off, it has no target; that is asked for before it can be deleted in any case.
    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        let events = &cloud.clients.events;
        each(step, async |rule: &Remnant| {
            if step.verb == Verb::SwitchOff {
                let Facts::Targets(ids) = &rule.facts else {
                    return Ok(());
                };
                return remove_targets(events, &rule.handle, ids.clone()).await;
            }
            let answer = events.delete_rule().name(&rule.handle).send().await;
            ignore_not_found(answer.context("events DeleteRule")).map(drop)
        })
        .await
    }
}

/// The id of our target; the Go tool gave its targets random ones.
const OURS: &str = "state-machine";

/// How many targets a rule can have.
const MOST: usize = 5;

fn group_of(id: ResourceId) -> Result<HostGroup> {
    id.group()
        .ok_or_else(|| Error::bug("events DescribeRule", "not of a host group"))
}

/// The name and the ARN.
async fn named(inventory: &Inventory<'_>, id: ResourceId) -> Result<(String, String)> {
    let name = inventory.names.rule(group_of(id)?);
    let arn = inventory.account().await?.arn("events", &format!("rule/{name}"));
    Ok((name, arn))
}

async fn remove_targets(events: &Client, rule: &str, ids: Vec<String>) -> Result<()> {
    const ASK: &str = "events RemoveTargets";
    if ids.is_empty() {
        return Ok(());
    }
    let removed = events.remove_targets().rule(rule).set_ids(Some(ids)).send().await;
    let failed = ignore_not_found(removed.context(ASK))?.and_then(|answer| answer.failed_entries);
    let failed = failed.unwrap_or_default();
    none_failed(ASK, failed.first().and_then(|entry| entry.error_message()))
}

async fn put_rule(rule: &Rule, cloud: &Cloud, name: &str, tags: Option<Vec<Tag>>) -> Result<String> {
    let ask = cloud
        .clients
        .events
        .put_rule()
        .name(name)
        .schedule_expression(&rule.schedule);
    let ask = ask.state(RuleState::from(rule.state.as_str())).set_tags(tags);
    let made = ask.send().await.context("events PutRule")?;
    Ok(made.rule_arn.unwrap_or_default())
}

async fn put_target(rule: &Rule, cloud: &Cloud, name: &str) -> Result<()> {
    const ASK: &str = "events PutTargets";
    let target = RuleTarget::builder()
        .id(&rule.target_id)
        .arn(&rule.target_arn)
        .role_arn(known(&rule.role, ASK)?)
        .build()
        .map_err(|error| Error::bug(ASK, error.to_string()))?;
    let answer = cloud
        .clients
        .events
        .put_targets()
        .rule(name)
        .targets(target)
        .send()
        .await
        .context(ASK)?;
    none_failed(
        ASK,
        answer
            .failed_entries()
            .first()
            .and_then(|entry| entry.error_message()),
    )
}

/// EventBridge answers with success even where it refused an entry.
fn none_failed(ask: &'static str, message: Option<&str>) -> Result<()> {
    message.map_or(Ok(()), |message| {
        Err(Error::Service {
            operation: ask,
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
