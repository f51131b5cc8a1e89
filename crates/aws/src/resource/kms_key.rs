use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Result, required_field};
use crate::error_codes::{ignore, ignore_not_found, is_key_deleted, is_not_found};
use crate::inventory::Inventory;
use crate::retry;
use crate::tags::tags_from;
use aws_sdk_kms::types::{KeyState, Tag};
use backon::Retryable;
use deployment::Output;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::KmsKey;

/// How long a deletion can be cancelled: the minimum of KMS.
const DAYS_TO_DELETION: i32 = 7;

impl Observe for KmsKey {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let kms = &inventory.clients.kms;
        let alias = inventory.names.key_alias();
        let response = kms
            .describe_key()
            .key_id(&alias)
            .send()
            .await
            .context("kms DescribeKey");
        let Some(response) = ignore_not_found(response)? else {
            return Ok(None);
        };
        let key = required_field(response.key_metadata, "kms DescribeKey", "key")?;
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
        Ok(Some(Actual {
            name: alias,
            body: Self {
                state: key.key_state().map_or("", KeyState::as_str).to_owned(),
                rotation: rotation.key_rotation_enabled(),
            },
            tags: Some(tags_from(tags.tags(), |tag| {
                (Some(tag.tag_key()), Some(tag.tag_value()))
            })),
            outputs: vec![
                (Output::Arn, required_field(key.arn, "kms DescribeKey", "ARN")?),
                (Output::Id, key.key_id),
            ],
        }))
    }
}

impl Resource for KmsKey {
    type Key = ();

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let kms = &cloud.clients.kms;
        let created = kms
            .create_key()
            .description(format!(
                "wekactl: settings of the Weka cluster {}",
                cloud.names.cluster()
            ))
            .set_tags(Some(tags(target.tags())?))
            .send()
            .await
            .context("kms CreateKey")?;
        let key = required_field(created.key_metadata, "kms CreateKey", "key")?;
        let id = key.key_id;
        let set_alias = || async {
            let request = kms.create_alias().alias_name(target.name).target_key_id(&id);
            request.send().await.context("kms CreateAlias")
        };
        // A new key is visible everywhere in KMS only after some seconds.
        let rotate = || enable_rotation(cloud, &id);
        let (named, rotated) = tokio::join!(
            set_alias.retry(retry::seconds()).when(is_not_found),
            rotate.retry(retry::seconds()).when(is_not_found),
        );
        if let Err(error) = named {
            // Only the alias identifies the key. A key without it must not be left behind.
            let undo = kms
                .schedule_key_deletion()
                .key_id(&id)
                .pending_window_in_days(DAYS_TO_DELETION)
                .send()
                .await;
            return Err(match undo.context("kms ScheduleKeyDeletion") {
                Ok(_) => error,
                Err(undo) => error.with_subject(&format!(
                    "the new key {id} got no alias and could not be deleted; delete it manually ({undo})"
                )),
            });
        }
        rotated?;
        Ok(vec![
            (Output::Arn, required_field(key.arn, "kms CreateKey", "ARN")?),
            (Output::Id, id),
        ])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let kms = &cloud.clients.kms;
        let id = current.output(Output::Id);
        if self.state != current.body.state {
            if current.body.state == KeyState::PendingDeletion.as_str() {
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
        if self.rotation != current.body.rotation {
            enable_rotation(cloud, id).await?;
        }
        let new = target.new_tags(current);
        if !new.is_empty() {
            let new = tags(new.into_iter())?;
            kms.tag_resource()
                .key_id(id)
                .set_tags(Some(new))
                .send()
                .await
                .context("kms TagResource")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for KmsKey {
    async fn find(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Vec<FoundResource>> {
        let kms = &inventory.clients.kms;
        let alias = inventory.names.key_alias();
        let response = kms.describe_key().key_id(&alias).send().await;
        let Some(response) = ignore_not_found(response.context("kms DescribeKey"))? else {
            return Ok(Vec::new());
        };
        let key = required_field(response.key_metadata, "kms DescribeKey", "key")?;
        let request = kms.list_resource_tags().key_id(key.key_id());
        let tags = request.send().await.context("kms ListResourceTags")?;
        let tags = tags_from(tags.tags(), |tag| (Some(tag.tag_key()), Some(tag.tag_value())));
        Ok(vec![
            FoundResource::named(alias, Some(tags)).with_handle(key.key_id),
        ])
    }
}

impl Delete for KmsKey {
    /// Deletes the alias last: only the alias identifies the key.
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let kms = &cloud.clients.kms;
        let mut deferred = None;
        for key in &teardown.found {
            let request = kms.schedule_key_deletion().key_id(&key.handle);
            let scheduled = request.pending_window_in_days(DAYS_TO_DELETION).send().await;
            // A key whose deletion is already scheduled is in an invalid state.
            let scheduled = ignore(scheduled.context("kms ScheduleKeyDeletion"), is_key_deleted)?;
            let request = kms.delete_alias().alias_name(&key.name).send().await;
            ignore_not_found(request.context("kms DeleteAlias"))?;
            let date = scheduled.and_then(|scheduled| scheduled.deletion_date);
            let date = date.and_then(|date| jiff::Timestamp::from_second(date.secs()).ok());
            let when = date.map_or_else(
                || "on the date that is already set".to_owned(),
                |date| format!("on {}", date.strftime("%Y-%m-%d")),
            );
            deferred = Some(format!("KMS key {}: AWS deletes it {when}", key.handle));
        }
        Ok(deferred)
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
