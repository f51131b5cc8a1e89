//! The cluster's table.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::Settings;
use serde_json::json;

/// Creates the table with the items of an import.
pub(crate) async fn create(config: &SdkConfig, settings: &Settings, password: &str) {
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let key = KeySchemaElement::builder()
        .attribute_name("Key")
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let kind = AttributeDefinition::builder()
        .attribute_name("Key")
        .attribute_type(ScalarAttributeType::S);
    let create = dynamodb
        .create_table()
        .table_name("wekactl-wk")
        .billing_mode(BillingMode::PayPerRequest);
    create
        .key_schema(key)
        .attribute_definitions(kind.build().unwrap())
        .send()
        .await
        .unwrap();
    let credentials = json!({
        "Key": { "S": "cluster-creds" },
        "Username": { "S": BASE64_STANDARD.encode("admin") },
        "Password": { "S": BASE64_STANDARD.encode(password) },
    });
    for item in [credentials.as_object().unwrap(), &settings.to_item()] {
        let item = aws::table::attributes(item).unwrap();
        dynamodb
            .put_item()
            .table_name("wekactl-wk")
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
}
