use super::{DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target};
use crate::cloud::{Clients, Cloud};
use crate::error::{Context, Error, Result, required_field};
use crate::error_codes::{ignore, ignore_not_found, is_key_deleted, is_not_found};
use crate::inventory::Inventory;
use crate::once::{created_or_found, once};
use crate::pages::all;
use crate::retry;
use crate::tags::tags_from;
use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use backon::Retryable;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::KmsKey;
use deployment::{Names, Output, Tags, tags as tag_names};
use futures::future::try_join_all;

/// How long a deletion can be cancelled: the minimum of KMS.
const DAYS_TO_DELETION: i32 = 7;

/// A key of the cluster, or the foreign key that has its alias.
struct Existing {
    key: KeyMetadata,
    has_alias: bool,
}

/// The key with the cluster's alias, and keys with the cluster's tag: an import that is interrupted between two requests leaves a key
/// without an alias. Keys that are pending deletion are included only if they have the alias.
///
/// The Resource Groups Tagging API finds candidates with one call per page; the key's own tags confirm them, because it also returns
/// deleted resources and former tags:
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>.
async fn existing(clients: &Clients, names: &Names) -> Result<Vec<Existing>> {
    let describe = |id: String| async move {
        let response = clients.kms.describe_key().key_id(id).send().await;
        let response = ignore_not_found(response.context("kms DescribeKey"))?;
        let key = response.map(|response| required_field(response.key_metadata, "kms DescribeKey", "key"));
        key.transpose()
    };
    let filter = TagFilter::builder()
        .key(tag_names::CLUSTER_NAME)
        .values(names.cluster().as_str())
        .build();
    let request = clients
        .tagging
        .get_resources()
        .resource_type_filters("kms:key")
        .tag_filters(filter);
    let pages = request.into_paginator().items().send();
    let (aliased, tagged) =
        tokio::try_join!(describe(names.key_alias()), all(pages, "tagging GetResources"))?;
    let arns = tagged.into_iter().filter_map(|resource| resource.resource_arn);
    let others = arns.filter(|arn| aliased.as_ref().is_none_or(|key| key.arn() != Some(arn)));
    let others = others.map(|arn| async {
        let Some(key) = describe(arn).await? else {
            return Ok(None);
        };
        if key.key_state() == Some(&KeyState::PendingDeletion) {
            return Ok(None);
        }
        let is_ours = tags_of(clients, key.key_id()).await?.are_of(names.cluster());
        Ok::<_, Error>(is_ours.then_some(key))
    });
    let mut others: Vec<_> = try_join_all(others).await?.into_iter().flatten().collect();
    others.sort_by_key(|key| key.creation_date().map(aws_smithy_types::DateTime::as_nanos));
    let aliased = aliased.into_iter().map(|key| Existing { key, has_alias: true });
    let others = others.into_iter().map(|key| Existing {
        key,
        has_alias: false,
    });
    Ok(aliased.chain(others).collect())
}

async fn tags_of(clients: &Clients, id: &str) -> Result<Tags> {
    let response = clients.kms.list_resource_tags().key_id(id).send().await;
    let response = response.context("kms ListResourceTags")?;
    Ok(tags_from(response.tags(), |tag| {
        (Some(tag.tag_key()), Some(tag.tag_value()))
    }))
}

impl Observe for KmsKey {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let (clients, alias) = (inventory.clients, inventory.names.key_alias());
        let existing = existing(clients, inventory.names).await?;
        let Some(Existing { key, has_alias }) = existing.into_iter().next() else {
            return Ok(None);
        };
        let (tags, rotation) = tokio::try_join!(tags_of(clients, key.key_id()), async {
            let request = clients.kms.get_key_rotation_status().key_id(key.key_id());
            request.send().await.context("kms GetKeyRotationStatus")
        })?;
        Ok(Some(Actual {
            body: Self {
                alias: if has_alias { alias.clone() } else { String::new() },
                state: key
                    .key_state()
                    .map_or_else(String::new, |state| state.as_str().to_owned()),
                rotation: rotation.key_rotation_enabled(),
            },
            name: alias,
            tags: Some(tags),
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
        let request = kms
            .create_key()
            .description(format!(
                "wekactl: settings of the Weka cluster {}",
                cloud.names.cluster()
            ))
            .set_tags(Some(tags(target.tags())?));
        let created = once!(request, aws_sdk_kms, create_key::CreateKeyError).await;
        let key = created_or_found(
            "kms CreateKey",
            created.map(|created| created.key_metadata),
            async || {
                let existing = existing(&cloud.clients, &cloud.names).await?;
                let new = existing.into_iter().find(|existing| !existing.has_alias);
                Ok(new.map(|existing| Some(existing.key)))
            },
        );
        let key = required_field(key.await?, "kms CreateKey", "key")?;
        let id = key.key_id;
        // A new key is visible everywhere in KMS only after some seconds.
        let name = || set_alias(cloud, target.name, &id);
        let rotate = || enable_rotation(cloud, &id);
        let (named, rotated) = tokio::join!(
            name.retry(retry::seconds()).when(is_not_found),
            rotate.retry(retry::seconds()).when(is_not_found),
        );
        named?;
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
        if self.alias != current.body.alias {
            set_alias(cloud, &self.alias, id).await?;
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
        let existing = existing(inventory.clients, inventory.names).await?;
        let found = existing.into_iter().map(|existing| async move {
            let id = existing.key.key_id;
            let tags = tags_of(inventory.clients, &id).await?;
            let name = if existing.has_alias {
                inventory.names.key_alias()
            } else {
                id.clone()
            };
            Ok(FoundResource::named(name, Some(tags)).with_handle(id))
        });
        try_join_all(found).await
    }
}

impl Delete for KmsKey {
    /// Deletes the alias last: an interrupted teardown finds a key that is pending deletion only by its alias.
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        let kms = &cloud.clients.kms;
        let mut deferred = Vec::new();
        for key in &teardown.found {
            let request = kms.schedule_key_deletion().key_id(&key.handle);
            let scheduled = request.pending_window_in_days(DAYS_TO_DELETION).send().await;
            // A key whose deletion is already scheduled is in an invalid state.
            let scheduled = ignore(scheduled.context("kms ScheduleKeyDeletion"), is_key_deleted)?;
            if key.name != key.handle {
                let request = kms.delete_alias().alias_name(&key.name).send().await;
                ignore_not_found(request.context("kms DeleteAlias"))?;
            }
            let date = scheduled.and_then(|scheduled| scheduled.deletion_date);
            let date = date.and_then(|date| jiff::Timestamp::from_second(date.secs()).ok());
            let when = date.map_or_else(
                || "on the date that is already set".to_owned(),
                |date| format!("on {}", date.strftime("%Y-%m-%d")),
            );
            // A cancelled key is disabled.
            let (id, region) = (&key.handle, &cloud.account.region);
            deferred.push(format!(
                "KMS key {id}: AWS deletes it {when}; to keep it: aws kms cancel-key-deletion --region {region} --key-id {id}, \
                 then aws kms enable-key --region {region} --key-id {id}"
            ));
        }
        Ok((!deferred.is_empty()).then(|| deferred.join("; ")))
    }
}

async fn set_alias(cloud: &Cloud, alias: &str, id: &str) -> Result<()> {
    let request = cloud.clients.kms.create_alias().alias_name(alias);
    let response = request.target_key_id(id).send().await;
    response.context("kms CreateAlias").map(drop)
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
