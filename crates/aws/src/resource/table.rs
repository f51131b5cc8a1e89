use super::{
    DeferredCleanup, Delete, Find, Observe, Outputs, Resource, Target, delete_with, resolved, still_deleting,
};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result, required_field};
use crate::error_codes::{ignore_not_found, is_backup_unavailable, is_not_found, is_not_ready};
use crate::inventory::Inventory;
use crate::retry;
use crate::tags::tags_from;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    ScalarAttributeType, SseSpecification, SseType, TableStatus, Tag,
};
use backon::Retryable;
use deployment::actual::Actual;
use deployment::found::FoundResource;
use deployment::plan::Teardown;
use deployment::resource::Table;
use deployment::{Output, Value};

impl Observe for Table {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let dynamodb = &inventory.clients.dynamodb;
        let name = inventory.names.base();
        let arn = inventory
            .account()
            .await?
            .arn("dynamodb", &format!("table/{name}"));
        let (table, tags, backups) = tokio::join!(
            async {
                dynamodb
                    .describe_table()
                    .table_name(&name)
                    .send()
                    .await
                    .context("dynamodb DescribeTable")
            },
            async {
                dynamodb
                    .list_tags_of_resource()
                    .resource_arn(&arn)
                    .send()
                    .await
                    .context("dynamodb ListTagsOfResource")
            },
            async {
                let request = dynamodb.describe_continuous_backups().table_name(&name);
                request.send().await.context("dynamodb DescribeContinuousBackups")
            },
        );
        let Some(table) = ignore_not_found(table)? else {
            return Ok(None);
        };
        let table = required_field(table.table, "dynamodb DescribeTable", "table")?;
        if table.table_status == Some(TableStatus::Deleting) {
            return Err(still_deleting("dynamodb DescribeTable", &format!("table {name}")));
        }
        let tags = tags?;
        let recovery = backups?.continuous_backups_description;
        let hash_key = table
            .key_schema()
            .iter()
            .find(|key| *key.key_type() == KeyType::Hash);
        let key = table
            .sse_description()
            .and_then(|sse| sse.kms_master_key_arn())
            .unwrap_or_default();
        Ok(Some(Actual {
            body: Self {
                hash_key: hash_key
                    .map(|key| key.attribute_name())
                    .unwrap_or_default()
                    .to_owned(),
                billing_mode: table
                    .billing_mode_summary()
                    .and_then(|summary| summary.billing_mode())
                    .map_or("PROVISIONED", BillingMode::as_str)
                    .to_owned(),
                kms_key: Value::from(key),
                point_in_time_recovery: recovery
                    .as_ref()
                    .and_then(|backups| backups.point_in_time_recovery_description())
                    .and_then(|recovery| recovery.point_in_time_recovery_status())
                    .is_some_and(|status| status.as_str() == "ENABLED"),
            },
            tags: Some(tags_from(tags.tags(), |tag| (Some(tag.key()), Some(tag.value())))),
            outputs: vec![(Output::Arn, arn)],
            name,
        }))
    }
}

impl Resource for Table {
    type Key = ();

    async fn create(&self, cloud: &Cloud, target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let dynamodb = &cloud.clients.dynamodb;
        let created = dynamodb
            .create_table()
            .table_name(target.name)
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(&self.hash_key)
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .map_err(invalid_request)?,
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(&self.hash_key)
                    .key_type(KeyType::Hash)
                    .build()
                    .map_err(invalid_request)?,
            )
            .billing_mode(BillingMode::from(self.billing_mode.as_str()))
            .sse_specification(encryption(&resolved(&self.kms_key, "dynamodb CreateTable")?))
            .set_tags(Some(tags(target.tags())?))
            .send()
            .await
            .context("dynamodb CreateTable")?;
        let table = required_field(created.table_description, "dynamodb CreateTable", "table")?;
        let arn = required_field(table.table_arn, "dynamodb CreateTable", "ARN")?;
        if table.table_status != Some(TableStatus::Active) {
            wait(cloud, target.name).await?;
        }
        self.set_recovery(cloud, target.name).await?;
        Ok(vec![(Output::Arn, arn)])
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        current: &Actual<Self>,
    ) -> Result<Outputs> {
        let dynamodb = &cloud.clients.dynamodb;
        // An interrupted import may have left it CREATING.
        if *self != current.body {
            wait(cloud, target.name).await?;
        }
        // One at a time: DynamoDB rejects other changes while the encryption changes.
        let request = || dynamodb.update_table().table_name(target.name);
        let billing = (self.billing_mode != current.body.billing_mode)
            .then(|| request().billing_mode(BillingMode::from(self.billing_mode.as_str())));
        let key = (self.kms_key != current.body.kms_key)
            .then(|| resolved(&self.kms_key, "dynamodb UpdateTable"))
            .transpose()?;
        let key = key.map(|key| request().sse_specification(encryption(&key)));
        for change in [billing, key].into_iter().flatten() {
            change.send().await.context("dynamodb UpdateTable")?;
            wait(cloud, target.name).await?;
        }
        if self.point_in_time_recovery != current.body.point_in_time_recovery {
            self.set_recovery(cloud, target.name).await?;
        }
        let new = target.new_tags(current);
        if !new.is_empty() {
            dynamodb
                .tag_resource()
                .resource_arn(current.output(Output::Arn))
                .set_tags(Some(tags(new.into_iter())?))
                .send()
                .await
                .context("dynamodb TagResource")?;
        }
        Ok(current.outputs.clone())
    }
}

impl Find for Table {
    async fn find(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Vec<FoundResource>> {
        let dynamodb = &inventory.clients.dynamodb;
        let name = inventory.names.base();
        let arn = inventory
            .account()
            .await?
            .arn("dynamodb", &format!("table/{name}"));
        let (table, tags) = tokio::join!(
            dynamodb.describe_table().table_name(&name).send(),
            dynamodb.list_tags_of_resource().resource_arn(&arn).send(),
        );
        let Some(table) = ignore_not_found(table.context("dynamodb DescribeTable"))? else {
            return Ok(Vec::new());
        };
        let tags = ignore_not_found(tags.context("dynamodb ListTagsOfResource"))?;
        let tags = tags.and_then(|response| response.tags).unwrap_or_default();
        let tags = tags_from(&tags, |tag| (Some(tag.key()), Some(tag.value())));
        let status = table.table.and_then(|table| table.table_status);
        Ok(vec![FoundResource {
            is_deleting: status == Some(TableStatus::Deleting),
            ..FoundResource::named(name, Some(tags))
        }])
    }
}

impl Delete for Table {
    async fn delete(cloud: &Cloud, _key: Self::Key, teardown: &Teardown) -> Result<Option<DeferredCleanup>> {
        delete_with("dynamodb DeleteTable", &teardown.found, |found| {
            let request = cloud.clients.dynamodb.delete_table();
            request.table_name(&found.handle).send()
        })
        .await
    }
}

trait Recovery {
    async fn set_recovery(&self, cloud: &Cloud, name: &str) -> Result<()>;
}

impl Recovery for Table {
    /// Continuous backups are unavailable for some seconds after the table is active.
    async fn set_recovery(&self, cloud: &Cloud, name: &str) -> Result<()> {
        let recovery = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(self.point_in_time_recovery)
            .build()
            .map_err(invalid_request)?;
        let request = || async {
            let request = cloud
                .clients
                .dynamodb
                .update_continuous_backups()
                .table_name(name);
            let request = request.point_in_time_recovery_specification(recovery.clone());
            request.send().await.context("dynamodb UpdateContinuousBackups")
        };
        request
            .retry(retry::minutes())
            .when(is_backup_unavailable)
            .await
            .map(drop)
    }
}

/// Waits until the table is active, for some minutes at most.
async fn wait(cloud: &Cloud, name: &str) -> Result<()> {
    let request = || async {
        let response = cloud
            .clients
            .dynamodb
            .describe_table()
            .table_name(name)
            .send()
            .await;
        let table = response.context("dynamodb DescribeTable")?.table;
        match table.and_then(|table| table.table_status) {
            Some(TableStatus::Active) => Ok(()),
            status => Err(Error::not_ready(
                "dynamodb DescribeTable",
                format!(
                    "table {name} is {}",
                    status.as_ref().map_or("missing", TableStatus::as_str)
                ),
            )),
        }
    };
    request
        .retry(retry::minutes())
        .when(|error| is_not_ready(error) || is_not_found(error))
        .await
}

fn encryption(key: &str) -> SseSpecification {
    SseSpecification::builder()
        .enabled(true)
        .sse_type(SseType::Kms)
        .kms_master_key_id(key)
        .build()
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>> {
    tags.map(|(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .map_err(invalid_request)
    })
    .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid_request(error: BuildError) -> Error {
    Error::bug("dynamodb", error.to_string())
}
