//! *join*: the script for a new instance.

use super::{Account, USER, account, assert_no_secrets, get, started};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn join_returns_the_script_of_a_backend() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "join")]).await;
    let mut orders = BTreeSet::new();
    for _ in 0..20 {
        let response = function.invoke(&get()).await.unwrap();
        assert_eq!(response["statusCode"], 200);
        assert_eq!(
            response["headers"]["content-type"],
            "text/x-shellscript; charset=utf-8"
        );
        assert_eq!(response["headers"]["cache-control"], "no-store");
        let script = response["body"].as_str().unwrap();
        assert!(script.starts_with("#!/bin/bash"), "{script}");
        assert!(
            script.contains(USER) && script.contains("correct-horse"),
            "{script}"
        );
        assert!(
            script.contains("31796436575B"),
            "cores of an i3en.2xlarge: {script}"
        );
        let mut order: Vec<_> = account::BACKENDS
            .iter()
            .map(|(_, ip)| script.find(ip).unwrap())
            .collect();
        orders.insert(order.clone());
        order.dedup();
        assert_eq!(order.len(), account::BACKENDS.len());
    }
    assert!(orders.len() > 1, "every script contacts the same backend first");
    let log = assert_no_secrets(function).await;
    assert!(log.contains("completed"), "{log}");
}

#[tokio::test]
async fn join_returns_the_script_of_a_client() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "join"), ("ROLE", "client")]).await;
    let response = function.invoke(&get()).await.unwrap();
    assert_eq!(response["statusCode"], 200);
    let script = response["body"].as_str().unwrap();
    assert!(
        script.contains("mounts=('default' '/mnt/weka')") && !script.contains("drives0"),
        "{script}"
    );
    assert!(!script.contains("WEKA_PASSWORD"), "a client needs no credentials");
    assert_no_secrets(function).await;
}

/// Asserts that the response is an HTTP error with a reason in JSON, and not a script.
async fn assert_error(account: &Account, event: &Value, status: u16, reason: &str) {
    let function = started(account, &[("LAMBDA", "join")]).await;
    let response = function.invoke(event).await.unwrap();
    assert_eq!(response["statusCode"], status, "{response}");
    assert_eq!(response["headers"]["content-type"], "application/json");
    let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    let error = body["error"].as_str().unwrap();
    assert!(error.contains(reason), "{error}");
    assert!(!response.to_string().contains("correct-horse"));
    let log = assert_no_secrets(function).await;
    assert!(log.contains("no script returned"), "{log}");
}

#[tokio::test]
async fn join_rejects_other_methods_and_events() {
    let account = Account::with_cluster().await;
    assert_error(
        &account,
        &json!({ "httpMethod": "POST" }),
        405,
        "method POST is not allowed",
    )
    .await;
    assert_error(&account, &json!({ "Records": [] }), 400, "not an HTTP request").await;
}

#[tokio::test]
async fn join_names_what_is_missing() {
    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.backends.clear());
    assert_error(&account, &get(), 503, "cluster wk has no running backends").await;

    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.instance_type = "t3.micro".to_owned());
    assert_error(&account, &get(), 500, "instance type 't3.micro' is unknown").await;

    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.password = json!({ "S": "correct-horse, not base64" }));
    assert_error(&account, &get(), 502, "no readable Password").await;

    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.rejected = Some("GetItem"));
    assert_error(
        &account,
        &get(),
        502,
        "AccessDeniedException: access denied for the test",
    )
    .await;
}
