//! The two items of the table.

use super::{From, Given, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::table;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::Secret;
use deployment::plan::ActualResource;
use deployment::resource::{Credentials, ResourceId, SettingsItem};
use deployment::settings::{CREDENTIALS_KEY, SETTINGS_KEY};
use serde_json::{Map, Value as Json, json};

/// An item of a table that is not there is not there.
async fn find(inventory: &Inventory<'_>, key: &str) -> Result<Option<Map<String, Json>>> {
    let item = table::item(&inventory.clients.dynamodb, &inventory.names.base(), key).await;
    Ok(ignore_not_found(item)?.flatten())
}

async fn put(cloud: &Cloud, item: &Map<String, Json>) -> Result<Given> {
    let item = table::attributes(item)?;
    let ask = cloud
        .clients
        .dynamodb
        .put_item()
        .table_name(cloud.names.base())
        .set_item(Some(item));
    ask.send().await.context("dynamodb PutItem")?;
    Ok(Vec::new())
}

impl Resource for SettingsItem {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        Ok(find(inventory, SETTINGS_KEY)
            .await?
            .map(|attributes| ActualResource {
                name: SETTINGS_KEY.to_owned(),
                body: Self { attributes }.into(),
                tags: None,
                outputs: Vec::new(),
            }))
    }

    async fn create(&self, cloud: &Cloud, _target: &Target<'_>) -> Result<Given> {
        put(cloud, &self.attributes).await
    }

    async fn update(&self, cloud: &Cloud, _target: &Target<'_>, _from: &From<'_>) -> Result<Given> {
        put(cloud, &self.attributes).await
    }
}

impl Resource for Credentials {
    async fn observe(inventory: &Inventory<'_>, _id: ResourceId) -> Result<Option<ActualResource>> {
        let Some(item) = find(inventory, CREDENTIALS_KEY).await? else {
            return Ok(None);
        };
        // What cannot be read is not what was given, and is written anew.
        let text = |name: &str| {
            let encoded = item.get(name)?.get("S")?.as_str()?;
            String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()
        };
        Ok(Some(ActualResource {
            name: CREDENTIALS_KEY.to_owned(),
            body: Self {
                username: text("Username").unwrap_or_default(),
                password: Secret::new(text("Password").unwrap_or_default()),
            }
            .into(),
            tags: None,
            outputs: Vec::new(),
        }))
    }

    async fn create(&self, cloud: &Cloud, _target: &Target<'_>) -> Result<Given> {
        let item = json!({
            "Key": { "S": CREDENTIALS_KEY },
            "Username": { "S": BASE64_STANDARD.encode(&self.username) },
            "Password": { "S": BASE64_STANDARD.encode(self.password.reveal()) },
        });
        match item {
            Json::Object(item) => put(cloud, &item).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn update(&self, cloud: &Cloud, target: &Target<'_>, _from: &From<'_>) -> Result<Given> {
        self.create(cloud, target).await
    }
}
