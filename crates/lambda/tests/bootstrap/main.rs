//! The real `bootstrap` under the Lambda runtime API, with an AWS that answers as each test needs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod scale;
mod terminate;

use account::Account;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lab::lambda_runtime::{Function, FunctionError, Options, StartError};
use scaling::messages::{HostGroupInfo, Role};
use scaling::seal::{Binding, Credentials, SealKey, open, seal};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const USER: &str = "admin-of-the-cluster";
const PASSWORD: &str = "correct-horse'battery$staple";
const SEAL_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn get() -> Value {
    json!({ "httpMethod": "GET", "path": "/wekactl-wk-Backends", "headers": { "x-api-key": "key" }, "body": null })
}

/// The environment that import gives a function, with changes.
fn environment(account: &Account, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = [
        ("REGION", "eu-west-1"),
        ("CLUSTER_NAME", "wk"),
        ("ASG_NAME", "wekactl-wk-Backends"),
        ("TABLE_NAME", "wekactl-wk"),
        ("ROLE", "backend"),
        ("USE_DYNAMODB_ENDPOINT", "false"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "lambdas-own-secret-key"),
        ("AWS_SESSION_TOKEN", "lambdas-own-session-token"),
        ("AWS_ENDPOINT_URL", account.url()),
    ]
    .into_iter()
    .chain(changes.iter().copied())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if environment
        .get("LAMBDA")
        .is_some_and(|function| function == "fetch" || function == "scale")
    {
        environment
            .entry("SEAL_KEY".to_owned())
            .or_insert_with(|| SEAL_KEY.to_owned());
    }
    environment
}

fn options(environment: BTreeMap<String, String>) -> Options {
    Options {
        binary: env!("CARGO_BIN_EXE_bootstrap").into(),
        name: "wekactl-wk-join-Backends".to_owned(),
        region: "eu-west-1".to_owned(),
        timeout: Duration::from_secs(15),
        environment,
    }
}

async fn start(environment: BTreeMap<String, String>) -> Result<Function, StartError> {
    Function::start(options(environment)).await
}

async fn started(account: &Account, changes: &[(&str, &str)]) -> Function {
    start(environment(account, changes)).await.unwrap()
}

/// Stops the function and looks for secrets in all that it has written.
async fn assert_no_secrets(function: Function) -> String {
    let log = function.stop().await;
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    for secret in [
        PASSWORD,
        &encoded(PASSWORD),
        // How bash and JSON would write it.
        "correct-horse",
        SEAL_KEY,
        "0123456789abcdef0123456789abcdef",
        "lambdas-own-secret-key",
        "lambdas-own-session-token",
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    for line in log.lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()),
            "no JSON: {line}"
        );
    }
    log
}

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

#[tokio::test]
async fn fetch_hands_on_the_group_and_sealed_credentials() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let answer = function.invoke(&json!({})).await.unwrap();
    assert!(!answer.to_string().contains("correct-horse") && !answer.to_string().contains(USER));
    let info: HostGroupInfo = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!((info.username.as_str(), info.password.as_str()), ("", ""));
    assert_eq!(
        (info.desired_capacity, info.role, info.version),
        (account::DESIRED, Role::Backend, 1)
    );
    let instances: Vec<_> = info
        .instances
        .iter()
        .map(|i| (i.id.as_str(), i.private_ip.as_str()))
        .collect();
    assert_eq!(
        instances,
        account::BACKENDS,
        "a member that is gone has no address and is left out"
    );
    assert_eq!(info.backend_ips, account::BACKENDS.map(|(_, ip)| ip));

    let key = SealKey::from_base64(SEAL_KEY).unwrap();
    let binding = Binding {
        cluster: "wk",
        host_group: "Backends",
    };
    let sealed = info.sealed.unwrap();
    let credentials = open(&sealed, &key, binding).unwrap();
    assert_eq!(
        (
            credentials.username.as_str(),
            credentials.password.expose_secret()
        ),
        (USER, PASSWORD)
    );
    assert!(
        open(
            &sealed,
            &key,
            Binding {
                host_group: "Clients",
                ..binding
            }
        )
        .is_err()
    );

    let again: HostGroupInfo = serde_json::from_value(function.invoke(&json!({})).await.unwrap()).unwrap();
    assert_ne!(again.sealed.unwrap(), sealed, "a nonce was used twice");
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_says_how_the_backends_are_spoken_to() {
    let mut account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let answer = function.invoke(&json!({})).await.unwrap();
    assert_eq!(answer.get("weka"), None);
    for (settings, weka) in [
        (
            json!({ "WekaProtocol": { "S": "http" } }),
            json!({ "protocol": "http" }),
        ),
        (
            json!({ "WekaCA": { "S": "pem" } }),
            json!({ "protocol": "https", "ca": "pem" }),
        ),
    ] {
        account.change(|cluster| cluster.settings = settings);
        assert_eq!(function.invoke(&json!({})).await.unwrap()["weka"], weka);
    }
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_leaves_the_credentials_to_scale_where_that_reads_the_table() {
    let mut account = Account::with_cluster().await;
    // It must not even ask for them.
    account.change(|cluster| cluster.refusing = Some("cluster-creds"));
    let function = started(
        &account,
        &[("LAMBDA", "fetch"), ("USE_DYNAMODB_ENDPOINT", "true")],
    )
    .await;
    let answer = function.invoke(&json!({})).await.unwrap();
    assert_eq!(
        (&answer["username"], &answer["password"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(answer.get("sealed"), None);
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_fails_as_a_whole_and_by_name() {
    for (refusing, doing) in [
        ("DescribeAutoScalingGroups", "reading the Auto Scaling group"),
        ("DescribeInstances", "ec2 DescribeInstances"),
        ("cluster-creds", "reading the credentials"),
        ("cluster-settings", "reading the settings"),
    ] {
        let mut account = Account::with_cluster().await;
        account.change(|cluster| cluster.refusing = Some(refusing));
        let function = started(&account, &[("LAMBDA", "fetch")]).await;
        let error = function.invoke(&json!({})).await.unwrap_err();
        assert_eq!(error.error_type, "AwsRequestFailed");
        assert!(error.error_message.contains(doing), "{error}");
        assert!(error.error_message.contains("not for you"), "{error}");
        assert_no_secrets(function).await;
    }
}

/// What *fetch* tells, sealed for this host group.
fn told(changes: &[(&str, Value)]) -> Value {
    let credentials = Credentials {
        username: USER.to_owned(),
        password: PASSWORD.into(),
    };
    let binding = Binding {
        cluster: "wk",
        host_group: "Backends",
    };
    let key = SealKey::from_base64(SEAL_KEY).unwrap();
    let mut message = json!({
        "username": "", "password": "", "sealed": seal(&credentials, &key, binding, [7; 12]).unwrap(),
        "desired_capacity": 6, "instances": [], "backend_ips": [], "role": "backend", "version": 1,
    });
    for (name, value) in changes {
        message[*name] = value.clone();
    }
    message
}

#[tokio::test]
async fn scale_says_by_name_why_it_did_nothing() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "scale")]).await;
    for (event, name, part) in [
        (json!({}), "BadMessage", "version unknown"),
        (told(&[("version", json!(2))]), "BadMessage", "version 2"),
        (
            told(&[("role", json!("client"))]),
            "OtherHostGroup",
            "another host group",
        ),
        (
            told(&[("sealed", json!(null))]),
            "NoCredentials",
            "update the cluster",
        ),
        (
            told(&[("sealed", json!("AAAA"))]),
            "UnsealFailed",
            "cannot be opened",
        ),
        (told(&[]), "WekaNoBackends", "the Weka cluster cannot be read"),
    ] {
        let error = function.invoke(&event).await.unwrap_err();
        assert_eq!(error.error_type, name, "{error}");
        assert!(error.error_message.contains(part), "{error}");
    }
    assert_eq!(account.requests(), 0, "it asks AWS nothing");
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn a_bad_environment_is_an_error_of_the_start_that_names_the_variable() {
    let account = Account::with_cluster().await;
    let without = |name: &str| {
        let mut environment = environment(&account, &[("LAMBDA", "fetch")]);
        environment.remove(name);
        environment
    };
    let with = |name: &str, value: &str| environment(&account, &[("LAMBDA", "fetch"), (name, value)]);
    for (environment, reason) in [
        (without("LAMBDA"), "LAMBDA is not set"),
        (with("LAMBDA", "destroy"), "LAMBDA: 'destroy' is no function type"),
        (without("TABLE_NAME"), "TABLE_NAME is not set"),
        (with("ROLE", "Backends"), "ROLE: 'Backends' is neither"),
        (
            with("SEAL_KEY", "dG9vIHNob3J0"),
            "SEAL_KEY: the seal key is not 32 bytes",
        ),
        (
            without("AWS_SECRET_ACCESS_KEY"),
            "AWS_SECRET_ACCESS_KEY is not set",
        ),
    ] {
        let Err(StartError::Init {
            source: FunctionError {
                error_type,
                error_message,
            },
            log,
            ..
        }) = start(environment).await
        else {
            panic!("it started: {reason}");
        };
        assert_eq!(error_type, "Runtime.BadEnvironment");
        assert!(error_message.contains(reason), "{error_message}");
        assert!(log.contains(reason) && !log.contains("dG9vIHNob3J0"), "{log}");
    }
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_as_lambda_does() {
    let mut account = Account::with_cluster().await;
    account.change(|cluster| cluster.silent = true);
    let environment = environment(&account, &[("LAMBDA", "join")]);
    let timeout = Duration::from_millis(300);
    let function = Function::start(Options {
        timeout,
        ..options(environment)
    })
    .await
    .unwrap();
    assert!(function.peak_memory().unwrap() > 1 << 20);
    assert_eq!(
        function.invoke(&get()).await.unwrap_err().error_type,
        "Sandbox.Timedout"
    );
    assert_eq!(
        function.invoke(&get()).await.unwrap_err().error_type,
        "Runtime.ExitError"
    );
    assert_no_secrets(function).await;
}
