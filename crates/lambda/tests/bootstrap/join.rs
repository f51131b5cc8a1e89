//! *join*: a script for each machine that asks.

use super::{Account, USER, account, assert_no_secrets, get, started};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn join_answers_a_backend_with_its_script() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "join")]).await;
    let mut orders = BTreeSet::new();
    for _ in 0..20 {
        let answer = function.invoke(&get()).await.unwrap();
        assert_eq!(answer["statusCode"], 200);
        assert_eq!(
            answer["headers"]["content-type"],
            "text/x-shellscript; charset=utf-8"
        );
        assert_eq!(answer["headers"]["cache-control"], "no-store");
        let script = answer["body"].as_str().unwrap();
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
    assert!(orders.len() > 1, "every instance asks the same backend first");
    let log = assert_no_secrets(function).await;
    assert!(log.contains("answered"), "{log}");
}

#[tokio::test]
async fn join_answers_a_client_with_another_script() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "join"), ("ROLE", "client")]).await;
    let answer = function.invoke(&get()).await.unwrap();
    assert_eq!(answer["statusCode"], 200);
    let script = answer["body"].as_str().unwrap();
    assert!(
        script.contains("client0") && !script.contains("drives0"),
        "{script}"
    );
    assert_no_secrets(function).await;
}

/// The answer must be an HTTP error with a reason in JSON, never a script.
async fn refused(account: &Account, event: &Value, status: u16, reason: &str) {
    let function = started(account, &[("LAMBDA", "join")]).await;
    let answer = function.invoke(event).await.unwrap();
    assert_eq!(answer["statusCode"], status, "{answer}");
    assert_eq!(answer["headers"]["content-type"], "application/json");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let error = body["error"].as_str().unwrap();
    assert!(error.contains(reason), "{error}");
    assert!(!answer.to_string().contains("correct-horse"));
    let log = assert_no_secrets(function).await;
    assert!(log.contains("no script"), "{log}");
}

#[tokio::test]
async fn join_refuses_what_it_cannot_answer() {
    let account = Account::with_cluster().await;
    refused(
        &account,
        &json!({ "httpMethod": "POST" }),
        405,
        "method POST is not allowed",
    )
    .await;
    refused(&account, &json!({ "Records": [] }), 400, "no HTTP request").await;
}

#[tokio::test]
async fn join_says_what_is_missing() {
    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.backends.clear());
    refused(&account, &get(), 503, "cluster wk has no running backends").await;

    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.instance_type = "t3.micro".to_owned());
    refused(&account, &get(), 500, "instance type 't3.micro' is not known").await;

    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.password = json!({ "S": "correct-horse, not base64" }));
    refused(&account, &get(), 502, "no readable Password").await;

    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.refusing = Some("GetItem"));
    refused(&account, &get(), 502, "AccessDeniedException: not for you").await;
}
