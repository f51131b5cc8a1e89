use super::Inventory;
use crate::error::{Context, Result};
use crate::error_codes::ignore_not_found;
use crate::table::is_key_unavailable;
use aws_sdk_dynamodb::types::AttributeValue;
use deployment::settings::SETTINGS_KEY;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    alias: OnceCell<StoredAlias>,
}

/// The DNS alias according to the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredAlias {
    /// There is no alias, or no table.
    None,
    /// Hosted zone and name.
    Record(String, String),
    /// The settings cannot be read.
    Unreadable(String),
}

impl Inventory<'_> {
    /// The DNS alias. It is read separately from the other settings, which may be invalid.
    pub(crate) async fn stored_alias(&self) -> Result<&StoredAlias> {
        let alias = self.dynamodb.alias.get_or_try_init(|| async {
            let request = self.clients.dynamodb.get_item().table_name(self.names.base());
            let request = request.key("Key", AttributeValue::S(SETTINGS_KEY.to_owned()));
            let response = request.consistent_read(true).send().await;
            let item = match ignore_not_found(response.context("dynamodb GetItem")) {
                Ok(response) => response.and_then(|response| response.item).unwrap_or_default(),
                Err(error) if is_key_unavailable(&error) => {
                    return Ok(StoredAlias::Unreadable(error.to_string()));
                }
                Err(error) => return Err(error),
            };
            let text = |name: &str| match item.get(name) {
                None | Some(AttributeValue::Null(_)) => Ok(None),
                Some(AttributeValue::S(text)) if text.is_empty() => Ok(None),
                Some(AttributeValue::S(text)) => Ok(Some(text.clone())),
                Some(_) => Err(format!("{name} is not text")),
            };
            Ok(match (text("DnsZoneId"), text("DnsAlias")) {
                (Ok(Some(zone)), Ok(Some(alias))) => StoredAlias::Record(zone, alias),
                (Ok(_), Ok(_)) => StoredAlias::None,
                (Err(reason), _) | (_, Err(reason)) => StoredAlias::Unreadable(reason),
            })
        });
        alias.await
    }
}
