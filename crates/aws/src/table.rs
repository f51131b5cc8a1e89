//! The cluster's DynamoDB table: items as DynamoDB JSON, settings and credentials.

use crate::error::{Context, Error, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::Settings;
use deployment::settings::{CREDENTIALS_KEY, SETTINGS_KEY};
use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use weka_types::Credentials;

const GET_ITEM: &str = "dynamodb GetItem";

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
    item.into_iter()
        .map(|(name, value)| Ok((name, to_json(value)?)))
        .collect::<Result<_>>()
        .map(Some)
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
    item.iter()
        .map(|(name, value)| Ok((name.clone(), from_json(value)?)))
        .collect()
}

fn from_json(value: &Json) -> Result<AttributeValue> {
    let invalid = || Error::bug("dynamodb PutItem", "a value is not valid DynamoDB JSON");
    let (kind, value) = value
        .as_object()
        .and_then(|object| object.iter().next())
        .ok_or_else(invalid)?;
    Ok(match (kind.as_str(), value) {
        ("S", Json::String(text)) => AttributeValue::S(text.clone()),
        ("N", Json::String(number)) => AttributeValue::N(number.clone()),
        ("BOOL", Json::Bool(flag)) => AttributeValue::Bool(*flag),
        ("NULL", _) => AttributeValue::Null(true),
        ("B", Json::String(encoded)) => {
            AttributeValue::B(Blob::new(BASE64_STANDARD.decode(encoded).map_err(|_| invalid())?))
        }
        ("L", Json::Array(list)) => AttributeValue::L(list.iter().map(from_json).collect::<Result<_>>()?),
        ("SS", Json::Array(list)) => AttributeValue::Ss(
            list.iter()
                .map(|text| text.as_str().map(str::to_owned).ok_or_else(invalid))
                .collect::<Result<_>>()?,
        ),
        ("M", Json::Object(map)) => AttributeValue::M(attributes(map)?),
        _ => return Err(invalid()),
    })
}

fn to_json(value: AttributeValue) -> Result<Json> {
    Ok(match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::B(bytes) => json!({ "B": BASE64_STANDARD.encode(bytes) }),
        AttributeValue::L(list) => json!({ "L": list.into_iter().map(to_json).collect::<Result<Vec<_>>>()? }),
        AttributeValue::Ss(list) => json!({ "SS": list }),
        AttributeValue::M(map) => {
            let map = map.into_iter().map(|(name, value)| Ok((name, to_json(value)?)));
            json!({ "M": map.collect::<Result<Map<_, _>>>()? })
        }
        _ => {
            return Err(Error::invalid_state(
                GET_ITEM,
                "an attribute has a type that wekactl does not write",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{config, json_response, replay};
    use secrecy::ExposeSecret;

    #[test]
    fn attributes_round_trip() {
        let item = json!({
            "Key": { "S": "k" }, "N": { "N": "42" }, "F": { "BOOL": false }, "Z": { "NULL": true }, "B": { "B": "AAE=" },
            "L": { "L": [{ "S": "a" }, { "M": { "x": { "SS": ["b"] } } }] },
        });
        let item = item.as_object().unwrap();
        for (name, value) in attributes(item).unwrap() {
            assert_eq!(to_json(value).unwrap(), item[&name], "{name}");
        }
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
            assert!(from_json(&invalid).is_err(), "{invalid}");
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
