//! The cluster's DynamoDB table: items as DynamoDB JSON, settings and credentials.

use crate::error::{Context, Error, Result};
use crate::error_codes::is_not_found;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::Settings;
use deployment::settings::{CREDENTIALS_KEY, SETTINGS_KEY};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_dynamo::Item;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use weka_types::Credentials;

const GET_ITEM: &str = "dynamodb GetItem";

/// The field of the settings that [`mark_destroying`] writes. An import that runs later replaces the settings.
pub(crate) const DESTROY_STARTED: &str = "DestroyStarted";

/// An item as DynamoDB JSON, or `None` if the table has no item with this key.
///
/// # Errors
/// The table does not exist or cannot be read; an attribute has a type that wekactl never writes.
pub async fn item(client: &Client, table: &str, key: &str) -> Result<Option<Map<String, Json>>> {
    let request = client
        .get_item()
        .table_name(table)
        .key("Key", AttributeValue::S(key.to_owned()))
        .consistent_read(true);
    let response = request.send().await.context(GET_ITEM).map_err(|error| {
        if is_key_unavailable(&error) {
            let hint = "if it is disabled or scheduled for deletion, restore it (`aws kms cancel-key-deletion`, `aws kms enable-key`)";
            return error.with_subject(&format!("table {table} cannot be read without its KMS key; {hint}"));
        }
        error
    });
    let Some(item) = response?.item else {
        return Ok(None);
    };
    dynamodb_json(item).map(Some)
}

/// Whether a table cannot be read because its KMS key is deleted, disabled or scheduled for deletion. A missing permission to use
/// the key is a different error.
pub(crate) fn is_key_unavailable(error: &Error) -> bool {
    let message = error.message().to_ascii_lowercase();
    matches!(error, Error::Service { .. }) && message.contains("kms") && !message.contains("not authorized")
}

/// Reads the credentials.
///
/// # Errors
/// See [`item`]. The item is missing or unreadable; the error never contains its values.
pub async fn credentials(client: &Client, table: &str) -> Result<Credentials> {
    let item = item(client, table, CREDENTIALS_KEY).await?;
    let item = item.ok_or_else(|| {
        Error::invalid_state(GET_ITEM, format!("table {table} has no item {CREDENTIALS_KEY}"))
    })?;
    let text = |name: &str| {
        let encoded = item
            .get(name)
            .and_then(|value| value.get("S"))
            .and_then(Json::as_str);
        encoded
            .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|text| !text.is_empty())
            .ok_or_else(|| {
                Error::invalid_state(GET_ITEM, format!("item {CREDENTIALS_KEY} has no readable {name}"))
            })
    };
    Ok(Credentials {
        username: text("Username")?,
        password: SecretString::from(text("Password")?),
    })
}

/// Replaces the stored credentials. The update is atomic: after any error, either both fields are changed or none is.
///
/// # Errors
/// The table does not exist, or has no credentials (`ConditionalCheckFailedException`).
pub async fn change_credentials(client: &Client, table: &str, username: &str, password: &str) -> Result<()> {
    let text = |text: &str| AttributeValue::S(BASE64_STANDARD.encode(text));
    let request = client
        .update_item()
        .table_name(table)
        .key("Key", AttributeValue::S(CREDENTIALS_KEY.to_owned()))
        .update_expression("SET Username = :username, Password = :password")
        .condition_expression("attribute_exists(#key)")
        .expression_attribute_names("#key", "Key")
        .expression_attribute_values(":username", text(username))
        .expression_attribute_values(":password", text(password));
    request.send().await.context("dynamodb UpdateItem").map(drop)
}

/// Records in the settings that a destroy has started: until it is complete, `cluster list` shows the cluster as `destroying`.
///
/// # Errors
/// The settings exist and cannot be written.
pub async fn mark_destroying(client: &Client, table: &str, now: Timestamp) -> Result<()> {
    let request = client
        .update_item()
        .table_name(table)
        .key("Key", AttributeValue::S(SETTINGS_KEY.to_owned()))
        .update_expression("SET #started = :now")
        .condition_expression("attribute_exists(#key)")
        .expression_attribute_names("#key", "Key")
        .expression_attribute_names("#started", DESTROY_STARTED)
        .expression_attribute_values(":now", AttributeValue::S(format!("{now:.0}")));
    match request.send().await.context("dynamodb UpdateItem") {
        Err(error) if is_not_found(&error) || error.is(&["ConditionalCheckFailedException"]) => Ok(()),
        result => result.map(drop),
    }
}

/// Reads the cluster's settings.
///
/// # Errors
/// See [`item`]. The item is missing or unreadable.
pub async fn settings(client: &Client, table: &str) -> Result<Settings> {
    let item = item(client, table, SETTINGS_KEY).await?;
    let item = item
        .ok_or_else(|| Error::invalid_state(GET_ITEM, format!("table {table} has no item {SETTINGS_KEY}")))?;
    Settings::from_item(&item).map_err(|error| Error::invalid_state(GET_ITEM, error.to_string()))
}

/// Converts an item from DynamoDB JSON to the SDK's attributes.
///
/// # Errors
/// A value is not valid DynamoDB JSON.
pub fn attributes(item: &Map<String, Json>) -> Result<HashMap<String, AttributeValue>> {
    let item = serde_json::from_value::<Item>(Json::Object(item.clone()));
    // The cause may contain a secret value.
    let invalid = |_| Error::bug("dynamodb PutItem", "a value is not valid DynamoDB JSON");
    item.map(HashMap::from).map_err(invalid)
}

/// Converts an item from the SDK's attributes to DynamoDB JSON.
fn dynamodb_json(item: HashMap<String, AttributeValue>) -> Result<Map<String, Json>> {
    // Hazard: serde_dynamo panics on a type that this version of the SDK does not know.
    let json = if item.values().any(has_unknown_type) {
        None
    } else {
        serde_json::to_value(Item::from(item)).ok()
    };
    match json {
        Some(Json::Object(item)) => Ok(item),
        _ => Err(Error::invalid_state(
            GET_ITEM,
            "an attribute has a type that wekactl does not write",
        )),
    }
}

fn has_unknown_type(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::L(list) => list.iter().any(has_unknown_type),
        AttributeValue::M(map) => map.values().any(has_unknown_type),
        other => other.is_unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, json_response, replay};
    use secrecy::ExposeSecret;
    use serde_json::json;

    #[test]
    fn attributes_round_trip() {
        let item = json!({
            "Key": { "S": "k" }, "N": { "N": "42" }, "F": { "BOOL": false }, "Z": { "NULL": true }, "B": { "B": "AAE=" },
            "L": { "L": [{ "S": "a" }, { "M": { "x": { "SS": ["b"] } } }] },
        });
        let item = item.as_object().unwrap();
        assert_eq!(dynamodb_json(attributes(item).unwrap()).unwrap(), *item);
    }

    #[test]
    fn invalid_attribute_is_rejected() {
        for invalid in [
            json!("plain"),
            json!({}),
            json!({ "S": 1 }),
            json!({ "L": ["x"] }),
            json!({ "X": "y" }),
        ] {
            let item = Map::from_iter([("Field".to_owned(), invalid.clone())]);
            assert!(attributes(&item).is_err(), "{invalid}");
        }
    }

    fn dynamodb(response: &Json) -> (Client, aws_smithy_http_client::test_util::StaticReplayClient) {
        let replay = replay([json_response(200, response)]);
        (Client::new(&config(replay.clone())), replay)
    }

    #[tokio::test]
    async fn item_is_read_with_one_consistent_request() {
        let (client, replay) =
            dynamodb(&json!({ "Item": { "Key": { "S": "k" }, "Empty": { "NULL": true } } }));
        let item = item(&client, "wekactl-wk", "k").await.unwrap().unwrap();
        assert_eq!(
            Json::Object(item),
            json!({ "Key": { "S": "k" }, "Empty": { "NULL": true } })
        );
        let requests: Vec<_> = replay.actual_requests().collect();
        assert_eq!(requests.len(), 1);
        let body: Json = serde_json::from_slice(requests[0].body().bytes().unwrap()).unwrap();
        let expected =
            json!({ "TableName": "wekactl-wk", "Key": { "Key": { "S": "k" } }, "ConsistentRead": true });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn attribute_of_an_unknown_type_is_an_error() {
        for unknown in [
            json!({ "New": "x" }),
            json!({ "L": [{ "M": { "Deep": { "New": "x" } } }] }),
        ] {
            let (client, _) = dynamodb(&json!({ "Item": { "Field": unknown } }));
            let error = item(&client, "wekactl-wk", "k").await.unwrap_err().to_string();
            assert!(error.contains("a type that wekactl does not write"), "{error}");
        }
    }

    #[tokio::test]
    async fn missing_item_is_none_and_missing_table_is_an_error() {
        let (client, _) = dynamodb(&json!({}));
        assert_eq!(item(&client, "wekactl-wk", "k").await.unwrap(), None);
        let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no" });
        let replay = replay([json_response(400, &body)]);
        let error = item(&Client::new(&config(replay)), "t", "k").await.unwrap_err();
        assert_eq!(error.code(), Some("ResourceNotFoundException"));
        assert!(error.to_string().starts_with("dynamodb GetItem: "), "{error}");
    }

    #[tokio::test]
    async fn error_of_disabled_key_explains_how_to_restore_it() {
        let body = json!({ "__type": "ValidationException", "message": "KMS key disabled error: arn:k is disabled." });
        let replay = replay([json_response(400, &body)]);
        let error = item(&Client::new(&config(replay)), "t", "k").await.unwrap_err();
        assert!(error.to_string().contains("`aws kms enable-key`"), "{error}");
        assert!(error.to_string().contains("KMS key disabled error"), "{error}");
    }

    #[tokio::test]
    async fn settings_are_read_or_the_reason_is_named() {
        let (client, _) = dynamodb(&json!({ "Item": {
            "Key": { "S": "cluster-settings" }, "Backends": { "M": {} }, "WekaCA": { "S": "pem" },
        } }));
        let read = settings(&client, "wekactl-wk").await.unwrap();
        assert_eq!(read.weka_ca.as_deref(), Some("pem"));
        for (response, reason) in [
            (json!({}), "table wekactl-wk has no item cluster-settings"),
            (
                json!({ "Item": { "Key": { "S": "cluster-settings" } } }),
                "missing field `Backends`",
            ),
        ] {
            let error = settings(&dynamodb(&response).0, "wekactl-wk").await.unwrap_err();
            assert!(format!("{error:?} {error}").contains(reason), "{error:?}");
        }
    }

    #[tokio::test]
    async fn credentials_are_read_and_never_shown() {
        let (good, encoded) = (
            json!({ "S": BASE64_STANDARD.encode("hunter2") }),
            BASE64_STANDARD.encode("hunter2"),
        );
        let (client, _) = dynamodb(&json!({ "Item": { "Username": { "S": "YWRtaW4=" }, "Password": good } }));
        let read = credentials(&client, "wekactl-wk").await.unwrap();
        assert_eq!(
            (read.username.as_str(), read.password.expose_secret()),
            ("admin", "hunter2")
        );
        assert!(!format!("{read:?}").contains("hunter2"));
        for (response, reason) in [
            (json!({}), "table wekactl-wk has no item cluster-creds"),
            (json!({ "Item": { "Username": good } }), "no readable Password"),
            (
                json!({ "Item": { "Username": { "NULL": true }, "Password": good } }),
                "no readable Username",
            ),
            (
                json!({ "Item": { "Username": good, "Password": { "S": "hunter2!" } } }),
                "no readable Password",
            ),
            (
                json!({ "Item": { "Username": good, "Password": { "S": "//4=" } } }),
                "no readable Password",
            ),
        ] {
            let error = credentials(&dynamodb(&response).0, "wekactl-wk")
                .await
                .unwrap_err();
            let error = format!("{error:?} {error}");
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("hunter2") && !error.contains(&encoded), "{error}");
        }
    }
}
