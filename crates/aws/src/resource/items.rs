//! The two items of the table.

use super::{Observe, Outputs, Resource, Target};
use crate::cloud::Cloud;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::inventory::Inventory;
use crate::table;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::Secret;
use deployment::actual::Actual;
use deployment::resource::{Credentials, SettingsItem};
use deployment::settings::{CREDENTIALS_KEY, SETTINGS_KEY};
use serde_json::{Map, Value as Json, json};

/// An item of the table; `None` also if the table does not exist.
async fn find(inventory: &Inventory<'_>, key: &str) -> Result<Option<Map<String, Json>>> {
    let item = table::item(&inventory.clients.dynamodb, &inventory.names.base(), key).await;
    Ok(ignore_not_found(item)?.flatten())
}

async fn put(cloud: &Cloud, item: &Map<String, Json>) -> Result<Outputs> {
    let item = table::attributes(item)?;
    let request = cloud
        .clients
        .dynamodb
        .put_item()
        .table_name(cloud.names.base())
        .set_item(Some(item));
    request.send().await.context("dynamodb PutItem")?;
    Ok(Vec::new())
}

impl Observe for SettingsItem {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        Ok(find(inventory, SETTINGS_KEY).await?.map(|attributes| Actual {
            name: SETTINGS_KEY.to_owned(),
            body: Self { attributes },
            tags: None,
            outputs: Vec::new(),
        }))
    }
}

impl Resource for SettingsItem {
    type Key = ();

    async fn create(&self, cloud: &Cloud, _target: &Target<'_, Self::Key>) -> Result<Outputs> {
        put(cloud, &self.attributes).await
    }

    async fn update(
        &self,
        cloud: &Cloud,
        _target: &Target<'_, Self::Key>,
        _current: &Actual<Self>,
    ) -> Result<Outputs> {
        put(cloud, &self.attributes).await
    }
}

impl Observe for Credentials {
    async fn observe(inventory: &Inventory<'_>, _key: Self::Key) -> Result<Option<Actual<Self>>> {
        let Some(item) = find(inventory, CREDENTIALS_KEY).await? else {
            return Ok(None);
        };
        // Unreadable values differ from the desired ones and are replaced.
        let text = |name: &str| {
            let encoded = item.get(name)?.get("S")?.as_str()?;
            String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()
        };
        Ok(Some(Actual {
            name: CREDENTIALS_KEY.to_owned(),
            body: Self {
                username: text("Username").unwrap_or_default(),
                password: Secret::new(text("Password").unwrap_or_default()),
            },
            tags: None,
            outputs: Vec::new(),
        }))
    }
}

impl Resource for Credentials {
    type Key = ();

    async fn create(&self, cloud: &Cloud, _target: &Target<'_, Self::Key>) -> Result<Outputs> {
        let attribute = |text: &str| json!({ "S": text });
        let item = [
            ("Key", attribute(CREDENTIALS_KEY)),
            ("Username", attribute(&BASE64_STANDARD.encode(&self.username))),
            (
                "Password",
                attribute(&BASE64_STANDARD.encode(self.password.reveal())),
            ),
        ];
        let item = item.into_iter().map(|(name, value)| (name.to_owned(), value));
        put(cloud, &item.collect()).await
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target<'_, Self::Key>,
        _current: &Actual<Self>,
    ) -> Result<Outputs> {
        self.create(cloud, target).await
    }
}
