//! The table: items in DynamoDB's JSON, and the credentials.

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

const GET: &str = "dynamodb GetItem";

/// An item in DynamoDB's JSON, or `None` if the table has none under the key.
///
/// # Errors
/// The table is not there or may not be read; an attribute is of a kind that wekactl never writes.
pub async fn item(client: &Client, table: &str, key: &str) -> Result<Option<Map<String, Json>>> {
    let ask = client
        .get_item()
        .table_name(table)
        .key("Key", AttributeValue::S(key.to_owned()))
        .consistent_read(true);
    let answer = ask.send().await.context(GET).map_err(|error| {
        if is_key_unavailable(&error) {
            let help = "if it is disabled or to be deleted, bring it back (`aws kms cancel-key-deletion`, `aws kms enable-key`)";
            return error.with_subject(&format!("table {table} cannot be read without its KMS key; {help}"));
        }
        error
    });
    let Some(item) = answer?.item else { return Ok(None) };
    item.into_iter()
        .map(|(name, value)| Ok((name, to_json(value)?)))
        .collect::<Result<_>>()
        .map(Some)
}

/// Whether a table could not be read because its key is gone, disabled or about to be deleted: what is in it cannot be known
/// without that. Not because the caller may not use the key.
pub(crate) fn is_key_unavailable(error: &Error) -> bool {
    let message = error.message().to_ascii_lowercase();
    matches!(error, Error::Service { .. }) && message.contains("kms") && !message.contains("not authorized")
}

/// Reads the credentials.
///
/// # Errors
/// As [`item`]; the item is missing or unreadable, which the error says without a value of it.
pub async fn credentials(client: &Client, table: &str) -> Result<Credentials> {
    let item = item(client, table, CREDENTIALS_KEY).await?;
    let item = item
        .ok_or_else(|| Error::invalid_state(GET, format!("table {table} has no item {CREDENTIALS_KEY}")))?;
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
                Error::invalid_state(GET, format!("item {CREDENTIALS_KEY} has no readable {name}"))
            })
    };
    Ok(Credentials {
        username: text("Username")?,
        password: SecretString::from(text("Password")?),
    })
}

/// Puts other credentials in place of those that are stored, both fields at once.
///
/// # Errors
/// There is no table, or no credentials in it (`ConditionalCheckFailedException`); whatever the error is, nothing was changed or
/// both fields were.
pub async fn change_credentials(client: &Client, table: &str, username: &str, password: &str) -> Result<()> {
    let text = |text: &str| AttributeValue::S(BASE64_STANDARD.encode(text));
    let ask = client
        .update_item()
        .table_name(table)
        .key("Key", AttributeValue::S(CREDENTIALS_KEY.to_owned()))
        .update_expression("SET Username = :username, Password = :password")
        .condition_expression("attribute_exists(#key)")
        .expression_attribute_names("#key", "Key")
        .expression_attribute_values(":username", text(username))
        .expression_attribute_values(":password", text(password));
    ask.send().await.context("dynamodb UpdateItem").map(drop)
}

/// Reads the cluster's settings.
///
/// # Errors
/// As [`item`]; the item is missing or unreadable.
pub async fn settings(client: &Client, table: &str) -> Result<Settings> {
    let item = item(client, table, SETTINGS_KEY).await?;
    let item =
        item.ok_or_else(|| Error::invalid_state(GET, format!("table {table} has no item {SETTINGS_KEY}")))?;
    Settings::from_item(&item).map_err(|error| Error::invalid_state(GET, error.to_string()))
}

/// The attributes of an item in DynamoDB's JSON, as the SDK takes them.
///
/// # Errors
/// One that is none.
pub fn attributes(item: &Map<String, Json>) -> Result<HashMap<String, AttributeValue>> {
    item.iter()
        .map(|(name, value)| Ok((name.clone(), from_json(value)?)))
        .collect()
}

fn from_json(value: &Json) -> Result<AttributeValue> {
    let bad = || Error::bug("dynamodb PutItem", "not an attribute value in DynamoDB's JSON");
    let (kind, value) = value
        .as_object()
        .and_then(|object| object.iter().next())
        .ok_or_else(bad)?;
    Ok(match (kind.as_str(), value) {
        ("S", Json::String(text)) => AttributeValue::S(text.clone()),
        ("N", Json::String(number)) => AttributeValue::N(number.clone()),
        ("BOOL", Json::Bool(flag)) => AttributeValue::Bool(*flag),
        ("NULL", _) => AttributeValue::Null(true),
        ("B", Json::String(encoded)) => {
            AttributeValue::B(Blob::new(BASE64_STANDARD.decode(encoded).map_err(|_| bad())?))
        }
        ("L", Json::Array(list)) => AttributeValue::L(list.iter().map(from_json).collect::<Result<_>>()?),
        ("SS", Json::Array(list)) => AttributeValue::Ss(
            list.iter()
                .map(|text| text.as_str().map(str::to_owned).ok_or_else(bad))
                .collect::<Result<_>>()?,
        ),
        ("M", Json::Object(map)) => AttributeValue::M(attributes(map)?),
        _ => return Err(bad()),
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
                GET,
                "an attribute is of a kind that wekactl does not write",
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
    fn attributes_come_back_as_they_went() {
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
    fn what_is_no_attribute_is_refused() {
        for bad in [
            json!("plain"),
            json!({}),
            json!({ "S": 1 }),
            json!({ "L": ["x"] }),
            json!({ "X": "y" }),
        ] {
            assert!(from_json(&bad).is_err(), "{bad}");
        }
    }

    fn dynamodb(answer: &Json) -> (Client, aws_smithy_http_client::test_util::StaticReplayClient) {
        let replay = replay([json_response(200, answer)]);
        (Client::new(&config(replay.clone())), replay)
    }

    #[tokio::test]
    async fn reads_an_item_with_one_consistent_request() {
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
        let asked =
            json!({ "TableName": "wekactl-wk", "Key": { "Key": { "S": "k" } }, "ConsistentRead": true });
        assert_eq!(body, asked);
    }

    #[tokio::test]
    async fn no_item_is_none_and_no_table_is_an_error_that_names_the_operation() {
        let (client, _) = dynamodb(&json!({}));
        assert_eq!(item(&client, "wekactl-wk", "k").await.unwrap(), None);
        let answer = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no" });
        let replay = replay([json_response(400, &answer)]);
        let error = item(&Client::new(&config(replay)), "t", "k").await.unwrap_err();
        assert_eq!(error.code(), Some("ResourceNotFoundException"));
        assert!(error.to_string().starts_with("dynamodb GetItem: "), "{error}");
    }

    #[tokio::test]
    async fn a_table_whose_key_is_disabled_says_how_to_bring_it_back() {
        let answer = json!({ "__type": "ValidationException", "message": "KMS key disabled error: arn:k is disabled." });
        let replay = replay([json_response(400, &answer)]);
        let error = item(&Client::new(&config(replay)), "t", "k").await.unwrap_err();
        assert!(error.to_string().contains("`aws kms enable-key`"), "{error}");
        assert!(error.to_string().contains("KMS key disabled error"), "{error}");
    }

    #[tokio::test]
    async fn reads_the_settings() {
        let (client, _) = dynamodb(&json!({ "Item": {
            "Key": { "S": "cluster-settings" }, "Backends": { "M": {} }, "WekaCA": { "S": "pem" },
        } }));
        let read = settings(&client, "wekactl-wk").await.unwrap();
        assert_eq!(read.weka_ca.as_deref(), Some("pem"));
        for (answer, reason) in [
            (json!({}), "table wekactl-wk has no item cluster-settings"),
            (
                json!({ "Item": { "Key": { "S": "cluster-settings" } } }),
                "missing field `Backends`",
            ),
        ] {
            let error = settings(&dynamodb(&answer).0, "wekactl-wk").await.unwrap_err();
            assert!(format!("{error:?} {error}").contains(reason), "{error:?}");
        }
    }

    #[tokio::test]
    async fn reads_the_credentials_and_never_shows_them() {
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
        for (answer, reason) in [
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
            let error = credentials(&dynamodb(&answer).0, "wekactl-wk").await.unwrap_err();
            let error = format!("{error:?} {error}");
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("hunter2") && !error.contains(&encoded), "{error}");
        }
    }
}
