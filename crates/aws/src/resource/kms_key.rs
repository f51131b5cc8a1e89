use super::{From, Given, Left, Resource, Target, tags_from};
use crate::cloud::Cloud;
use crate::error::{Context, Result, required_field};
use crate::error_codes::{ignore, ignore_not_found, is_key_deleted, is_not_found};
use crate::inventory::Inventory;
use crate::retry;
use aws_sdk_kms::types::{KeyState, Tag};
use backon::Retryable;
use deployment::Output;
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{KmsKey, ResourceId};

/// For how long a deletion can still be called off: the least that AWS takes.
const DAYS_TO_DELETION: i32 = 7;

/// A key that was made just now is not known everywhere in KMS yet.
impl Resource for KmsKey {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let kms = &inventory.clients.kms;
        let alias = inventory.names.key_alias();
        let answer = kms
            .describe_key()
            .key_id(&alias)
            .send()
            .await
            .context("kms DescribeKey");
        let Some(answer) = ignore_not_found(answer)? else {
            return Ok(None);
        };
        let key = required_field(answer.key_metadata, "kms DescribeKey", "key")?;
        let id = key.key_id();
        let (tags, rotation) = tokio::try_join!(
            async {
                kms.list_resource_tags()
                    .key_id(id)
                    .send()
                    .await
                    .context("kms ListResourceTags")
            },
            async {
                kms.get_key_rotation_status()
                    .key_id(id)
                    .send()
                    .await
                    .context("kms GetKeyRotationStatus")
            },
        )?;
        Ok(Some(ActualResource {
            name: alias,
            body: Self {
                state: key.key_state().map_or("", KeyState::as_str).to_owned(),
                rotation: rotation.key_rotation_enabled(),
            }
            .into(),
            tags: Some(tags_from(tags.tags(), |tag| {
                (Some(tag.tag_key()), Some(tag.tag_value()))
            })),
            outputs: vec![
                (Output::Arn, required_field(key.arn, "kms DescribeKey", "ARN")?),
                (Output::Id, key.key_id),
            ],
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let kms = &cloud.clients.kms;
        let made = kms
            .create_key()
            .description(format!(
                "wekactl: settings of the Weka cluster {}",
                cloud.names.cluster()
            ))
            .set_tags(Some(tags(target.tags())?))
            .send()
            .await
            .context("kms CreateKey")?;
        let key = required_field(made.key_metadata, "kms CreateKey", "key")?;
        let id = key.key_id;
        let name = || async {
            let ask = kms.create_alias().alias_name(target.name).target_key_id(&id);
            ask.send().await.context("kms CreateAlias")
        };
        let rotate = || enable_rotation(cloud, &id);
        let (named, rotated) = tokio::join!(
            name.retry(retry::seconds()).when(is_not_found),
            rotate.retry(retry::seconds()).when(is_not_found),
        );
        if let Err(error) = named {
            // A key without its alias would never be found again: it is not left behind.
            let undo = kms
                .schedule_key_deletion()
                .key_id(&id)
                .pending_window_in_days(DAYS_TO_DELETION)
                .send()
                .await;
            return Err(match undo.context("kms ScheduleKeyDeletion") {
                Ok(_) => error,
                Err(undo) => error.with_subject(&format!(
                    "the new key {id} got no alias and could not be deleted, delete it by hand ({undo})"
                )),
            });
        }
        rotated?;
        Ok(vec![
            (Output::Arn, required_field(key.arn, "kms CreateKey", "ARN")?),
            (Output::Id, id),
        ])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let kms = &cloud.clients.kms;
        let id = from.output(Output::Id);
        if from.differs(&["state"]) {
            if from.standing.body.fields()["state"] == "PendingDeletion" {
                kms.cancel_key_deletion()
                    .key_id(id)
                    .send()
                    .await
                    .context("kms CancelKeyDeletion")?;
            }
            kms.enable_key()
                .key_id(id)
                .send()
                .await
                .context("kms EnableKey")?;
        }
        if from.differs(&["rotation"]) {
            enable_rotation(cloud, id).await?;
        }
        let new = from.new_tags(target);
        if !new.is_empty() {
            let new = tags(new.into_iter())?;
            kms.tag_resource()
                .key_id(id)
                .set_tags(Some(new))
                .send()
                .await
                .context("kms TagResource")?;
        }
        Ok(from.given())
    }

    async fn remnants(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Vec<Remnant>> {
        let kms = &inventory.clients.kms;
        let alias = inventory.names.key_alias();
        let answer = kms.describe_key().key_id(&alias).send().await;
        let Some(answer) = ignore_not_found(answer.context("kms DescribeKey"))? else {
            return Ok(Vec::new());
        };
        let key = required_field(answer.key_metadata, "kms DescribeKey", "key")?;
        let ask = kms.list_resource_tags().key_id(key.key_id());
        let tags = ask.send().await.context("kms ListResourceTags")?;
        let tags = tags_from(tags.tags(), |tag| (Some(tag.tag_key()), Some(tag.tag_value())));
        Ok(vec![Remnant::named(alias, Some(tags)).by(key.key_id)])
    }

    /// The alias last: it is by the alias that the key is found again.
    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        let kms = &cloud.clients.kms;
        let mut left = None;
        for key in &step.remnants {
            let ask = kms.schedule_key_deletion().key_id(&key.handle);
            let scheduled = ask.pending_window_in_days(DAYS_TO_DELETION).send().await;
            // A key that waits for its deletion already is in a state that AWS refuses.
            let scheduled = ignore(scheduled.context("kms ScheduleKeyDeletion"), is_key_deleted)?;
            let ask = kms.delete_alias().alias_name(&key.name).send().await;
            ignore_not_found(ask.context("kms DeleteAlias"))?;
            let date = scheduled.and_then(|scheduled| scheduled.deletion_date);
            let date = date.and_then(|date| jiff::Timestamp::from_second(date.secs()).ok());
            let when = date.map_or_else(
                || "at the date that it has already".to_owned(),
                |date| format!("on {}", date.strftime("%Y-%m-%d")),
            );
            left = Some(format!("KMS key {}: AWS deletes it {when}", key.handle));
        }
        Ok(left)
    }
}

async fn enable_rotation(cloud: &Cloud, id: &str) -> Result<()> {
    let kms = &cloud.clients.kms;
    kms.enable_key_rotation()
        .key_id(id)
        .send()
        .await
        .context("kms EnableKeyRotation")
        .map(drop)
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    tags.map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| crate::Error::bug("kms TagResource", error.to_string()))
}
