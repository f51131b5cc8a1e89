//! The real `bootstrap` under the Lambda runtime API, with a simulated AWS.

#![expect(clippy::unwrap_used, reason = "a test must panic if a step fails")]

mod account;
mod fetch;
mod join;
mod scale;
mod terminate;

use account::Account;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use lab::lambda_runtime::{Function, FunctionError, Options, StartError};
use lab::{IdentityAuthority, IdentityDocument, RUN, event, signed_event};
use scaling::messages::HostGroupInfo;
use scaling::seal::{Binding, SealKey, seal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use weka_types::Credentials;

const USER: &str = "admin-of-the-cluster";
const PASSWORD: &str = "correct-horse'battery$staple";
/// Nothing listens on the port of the discard protocol.
const CLOSED_PORT: &str = "http://127.0.0.1:9";
const SEAL_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A request of the new instance, which has just started.
fn get() -> Value {
    let document = IdentityDocument {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        instance_id: account::NEW.0.to_owned(),
        private_ip: account::NEW.1.to_owned(),
        pending_time: Timestamp::now(),
    };
    let headers = json!({
        "x-api-key": "key",
        "X-Wekactl-Identity": IdentityAuthority::new().unwrap().sign(&document),
        "X-Wekactl-Nonce": "5a".repeat(32),
    });
    json!({ "httpMethod": "GET", "path": "/wekactl-wk-Backends", "headers": headers, "body": null })
}

/// The environment that import sets for a function, with changes. It also has variables that must have no effect: log levels at
/// which the AWS SDK shows the bodies of requests, and a proxy that does not respond.
fn environment(account: &Account, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let certificate = IdentityAuthority::new().unwrap().certificate().unwrap();
    let mut environment: BTreeMap<String, String> = [
        ("ACCOUNT_ID", "123456789012"),
        ("LAUNCH_TEMPLATE_ID", "lt-1"),
        ("PRIVATE_API", "false"),
        ("IDENTITY_CERTIFICATE", &certificate),
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
        ("LOG_LEVEL", "trace"),
        ("RUST_LOG", "trace"),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("HTTP_PROXY", CLOSED_PORT),
        ("http_proxy", CLOSED_PORT),
        ("HTTPS_PROXY", CLOSED_PORT),
        ("https_proxy", CLOSED_PORT),
        ("ALL_PROXY", CLOSED_PORT),
    ]
    .into_iter()
    .chain(changes.iter().copied())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if environment
        .get("LAMBDA")
        .is_some_and(|function| ["fetch", "scale", "terminate"].contains(&function.as_str()))
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

/// Stops the function and asserts that its log has no secrets. Returns the log.
async fn assert_no_secrets(function: Function) -> String {
    let log = function.stop().await;
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    for secret in [
        PASSWORD,
        &encoded(PASSWORD),
        // A part that neither bash nor JSON escapes.
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
            "not JSON: {line}"
        );
    }
    log
}

/// Adds the credentials, sealed for this message.
fn sealed(info: &HostGroupInfo, password: &str) -> Value {
    let credentials = Credentials {
        username: USER.to_owned(),
        password: password.into(),
    };
    let key = SealKey::from_base64(SEAL_KEY).unwrap();
    let sealed = seal(&credentials, &key, Binding::new(RUN, info), [7; 12]).unwrap();
    let mut message = serde_json::to_value(info).unwrap();
    message["sealed"] = json!(sealed);
    message
}

/// A signed message of *fetch*, sealed for this host group.
fn fetch_event(changes: &[(&str, Value)]) -> Value {
    let info: HostGroupInfo = serde_json::from_value(json!({
        "desired_capacity": 6, "instances": [], "backend_ips": [], "role": "backend", "version": 2,
    }))
    .unwrap();
    let mut message = sealed(&info, PASSWORD);
    for (name, value) in changes {
        message[*name] = value.clone();
    }
    signed_event::<HostGroupInfo>(message, SEAL_KEY).unwrap()
}

#[tokio::test]
async fn scale_fails_with_a_named_error_before_it_calls_weka() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "scale")]).await;
    for (event, name, part) in [
        (json!({}), "InvalidMessage", "only the state machine may call"),
        (event(&json!({})), "InvalidMessage", "version unknown"),
        (
            fetch_event(&[("version", json!(1))]),
            "InvalidMessage",
            "version 1",
        ),
        (
            fetch_event(&[("role", json!("client"))]),
            "OtherHostGroup",
            "another host group",
        ),
        (
            fetch_event(&[("sealed", json!(null))]),
            "NoCredentials",
            "update the cluster",
        ),
        (
            fetch_event(&[("sealed", json!("AAAA"))]),
            "UnsealFailed",
            "cannot be opened",
        ),
        // The credentials were sealed for other backends.
        (
            fetch_event(&[("backend_ips", json!(["10.0.0.66"]))]),
            "UnsealFailed",
            "cannot be opened",
        ),
    ] {
        let error = function.invoke(&event).await.unwrap_err();
        assert_eq!(error.error_type, name, "{error}");
        assert!(error.error_message.contains(part), "{error}");
    }
    assert_eq!(account.requests(), 0, "scale must send no AWS request");
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn invalid_environment_is_an_init_error_that_names_the_variable() {
    let account = Account::with_cluster().await;
    let without = |name: &str| {
        let mut environment = environment(&account, &[("LAMBDA", "fetch")]);
        environment.remove(name);
        environment
    };
    let with = |name: &str, value: &str| environment(&account, &[("LAMBDA", "fetch"), (name, value)]);
    for (environment, reason) in [
        (without("LAMBDA"), "LAMBDA is not set"),
        (
            with("LAMBDA", "destroy"),
            "LAMBDA: 'destroy' is not a function type",
        ),
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
            panic!("the function started: {reason}");
        };
        assert_eq!(error_type, "Runtime.InvalidEnvironment");
        assert!(error_message.contains(reason), "{error_message}");
        assert!(log.contains(reason) && !log.contains("dG9vIHNob3J0"), "{log}");
    }
}

#[tokio::test]
async fn function_is_killed_after_its_timeout() {
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
