use super::{From, Given, Left, Resource, Target, each, known, still_deleting, tags_from};
use crate::cloud::Cloud;
use crate::error::{Context, Error, Result, required_field};
use crate::error_codes::{ignore_not_found, is_backup_unavailable, is_not_found, is_not_ready};
use crate::inventory::Inventory;
use crate::retry;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    ScalarAttributeType, SseSpecification, SseType, TableStatus, Tag,
};
use backon::Retryable;
use deployment::plan::ActualResource;
use deployment::removal::{Remnant, Step};
use deployment::resource::{ResourceId, Table};
use deployment::{Output, Value};

impl Resource for Table {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
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
                let ask = dynamodb.describe_continuous_backups().table_name(&name);
                ask.send().await.context("dynamodb DescribeContinuousBackups")
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
        Ok(Some(ActualResource {
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
            }
            .into(),
            tags: Some(tags_from(tags.tags(), |tag| (Some(tag.key()), Some(tag.value())))),
            outputs: vec![(Output::Arn, arn)],
            name,
        }))
    }

    async fn create(&self, cloud: &Cloud, target: &Target<'_>) -> Result<Given> {
        let dynamodb = &cloud.clients.dynamodb;
        let made = dynamodb
            .create_table()
            .table_name(target.name)
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(&self.hash_key)
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .map_err(unbuilt)?,
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(&self.hash_key)
                    .key_type(KeyType::Hash)
                    .build()
                    .map_err(unbuilt)?,
            )
            .billing_mode(BillingMode::from(self.billing_mode.as_str()))
            .sse_specification(encryption(&known(&self.kms_key, "dynamodb CreateTable")?))
            .set_tags(Some(tags(target.tags())?))
            .send()
            .await
            .context("dynamodb CreateTable")?;
        let table = required_field(made.table_description, "dynamodb CreateTable", "table")?;
        let arn = required_field(table.table_arn, "dynamodb CreateTable", "ARN")?;
        if table.table_status != Some(TableStatus::Active) {
            wait(cloud, target.name).await?;
        }
        self.set_recovery(cloud, target.name).await?;
        Ok(vec![(Output::Arn, arn)])
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, from: &From<'_>) -> Result<Given> {
        let dynamodb = &cloud.clients.dynamodb;
        // An import that was broken off may have left it CREATING.
        if from.body_differs() {
            wait(cloud, target.name).await?;
        }
        // One at a time: DynamoDB takes no other change beside one of the encryption.
        let ask = || dynamodb.update_table().table_name(target.name);
        let billing = from.differs(&["billing_mode"]);
        let billing = billing.then(|| ask().billing_mode(BillingMode::from(self.billing_mode.as_str())));
        let key = from.differs(&["kms_key"]);
        let key = key
            .then(|| known(&self.kms_key, "dynamodb UpdateTable"))
            .transpose()?;
        let key = key.map(|key| ask().sse_specification(encryption(&key)));
        for change in [billing, key].into_iter().flatten() {
            change.send().await.context("dynamodb UpdateTable")?;
            wait(cloud, target.name).await?;
        }
        if from.differs(&["point_in_time_recovery"]) {
            self.set_recovery(cloud, target.name).await?;
        }
        let new = from.new_tags(target);
        if !new.is_empty() {
            dynamodb
                .tag_resource()
                .resource_arn(from.output(Output::Arn))
                .set_tags(Some(tags(new.into_iter())?))
                .send()
                .await
                .context("dynamodb TagResource")?;
        }
        Ok(from.given())
    }

    async fn remnants(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Vec<Remnant>> {
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
        let tags = tags.and_then(|answer| answer.tags).unwrap_or_default();
        let tags = tags_from(&tags, |tag| (Some(tag.key()), Some(tag.value())));
        let status = table.table.and_then(|table| table.table_status);
        Ok(vec![Remnant {
            going: status == Some(TableStatus::Deleting),
            ..Remnant::named(name, Some(tags))
        }])
    }

    async fn delete(cloud: &Cloud, step: &Step) -> Result<Left> {
        each(step, async |table: &Remnant| {
            let ask = cloud.clients.dynamodb.delete_table().table_name(&table.handle);
            ignore_not_found(ask.send().await.context("dynamodb DeleteTable")).map(drop)
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
            .map_err(unbuilt)?;
        let ask = || async {
            let ask = cloud
                .clients
                .dynamodb
                .update_continuous_backups()
                .table_name(name);
            let ask = ask.point_in_time_recovery_specification(recovery.clone());
            ask.send().await.context("dynamodb UpdateContinuousBackups")
        };
        ask.retry(retry::minutes())
            .when(is_backup_unavailable)
            .await
            .map(drop)
    }
}

/// Waits until the table is active: for at most some minutes, asking more seldom as time passes.
async fn wait(cloud: &Cloud, name: &str) -> Result<()> {
    let ask = || async {
        let asked = cloud
            .clients
            .dynamodb
            .describe_table()
            .table_name(name)
            .send()
            .await;
        let table = asked.context("dynamodb DescribeTable")?.table;
        match table.and_then(|table| table.table_status) {
            Some(TableStatus::Active) => Ok(()),
            status => Err(Error::not_ready(
                "dynamodb DescribeTable",
                format!(
                    "table {name} is {}",
                    status.as_ref().map_or("not there", TableStatus::as_str)
                ),
            )),
        }
    };
    ask.retry(retry::minutes())
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
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(unbuilt))
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unbuilt(error: BuildError) -> Error {
    Error::bug("dynamodb", error.to_string())
}
