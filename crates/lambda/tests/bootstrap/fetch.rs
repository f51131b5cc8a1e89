//! *fetch*: the group, and the credentials for *scale*.

use super::{Account, PASSWORD, SEAL_KEY, USER, account, assert_no_secrets, started};
use lab::{RUN, event};
use scaling::messages::{HostGroupInfo, Role};
use scaling::seal::{Binding, SealKey, open};
use secrecy::ExposeSecret;
use serde_json::json;

#[tokio::test]
async fn fetch_returns_the_group_and_sealed_credentials() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let response = function.invoke(&event(&json!({}))).await.unwrap();
    assert!(!response.to_string().contains("correct-horse") && !response.to_string().contains(USER));
    let info: HostGroupInfo = serde_json::from_value(response.clone()).unwrap();
    assert_eq!(
        (info.desired_capacity, info.role, info.version),
        (account::DESIRED, Role::Backend, 2)
    );
    let instances: Vec<_> = info
        .instances
        .iter()
        .map(|i| (i.id.as_str(), i.private_ip.as_str()))
        .collect();
    assert_eq!(
        instances,
        account::BACKENDS,
        "a terminated member has no address and must be omitted"
    );
    assert_eq!(info.backend_ips, account::BACKENDS.map(|(_, ip)| ip));

    let key = SealKey::from_base64(SEAL_KEY).unwrap();
    let binding = Binding::new(RUN, &info);
    let sealed = info.sealed.clone().unwrap();
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

    let second: HostGroupInfo =
        serde_json::from_value(function.invoke(&event(&json!({}))).await.unwrap()).unwrap();
    assert_ne!(second.sealed.unwrap(), sealed, "a nonce must not be reused");
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_returns_protocol_settings_unless_default() {
    let mut account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let response = function.invoke(&event(&json!({}))).await.unwrap();
    assert_eq!(response.get("weka"), None);
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
        assert_eq!(function.invoke(&event(&json!({}))).await.unwrap()["weka"], weka);
    }
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_does_not_read_credentials_if_scale_reads_them() {
    let mut account = Account::with_cluster().await;
    // Reading the credentials would fail.
    account.change(|cluster| cluster.rejected = Some("cluster-creds"));
    let function = started(
        &account,
        &[("LAMBDA", "fetch"), ("USE_DYNAMODB_ENDPOINT", "true")],
    )
    .await;
    let response = function.invoke(&event(&json!({}))).await.unwrap();
    assert_eq!(response.get("sealed"), None);
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_fails_if_any_read_fails() {
    for (rejected, doing) in [
        ("DescribeAutoScalingGroups", "reading the Auto Scaling group"),
        ("DescribeInstances", "ec2 DescribeInstances"),
        ("cluster-creds", "reading the credentials"),
        ("cluster-settings", "reading the settings"),
    ] {
        let mut account = Account::with_cluster().await;
        account.change(|cluster| cluster.rejected = Some(rejected));
        let function = started(&account, &[("LAMBDA", "fetch")]).await;
        let error = function.invoke(&event(&json!({}))).await.unwrap_err();
        assert_eq!(error.error_type, "AwsRequestFailed");
        assert!(error.error_message.contains(doing), "{error}");
        assert!(
            error.error_message.contains("access denied for the test"),
            "{error}"
        );
        assert_no_secrets(function).await;
    }
}

/// Whoever may invoke the function gets what the schedule gets: nothing in the event has an effect, and nothing in the response can be
/// used without the key.
#[tokio::test]
async fn forged_fetch_event_yields_nothing_that_the_schedule_does_not_yield() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let forged = json!({
        "execution": "mine",
        "message": {
            "desired_capacity": 0, "backend_ips": ["10.0.0.66"], "role": "client", "cluster": "other",
            "host_group": "Clients", "weka": { "protocol": "http" }, "version": 2, "mac": "AAAA",
        },
        "desired_capacity": 0,
        "backend_ips": ["10.0.0.66"],
    });
    let mut of_forged = function.invoke(&forged).await.unwrap();
    let mut of_schedule = function.invoke(&event(&json!({}))).await.unwrap();
    assert_eq!(of_forged["execution"], "mine");
    for response in [&mut of_forged, &mut of_schedule] {
        assert!(!response.to_string().contains("correct-horse"), "{response}");
        for field in ["execution", "time", "mac", "sealed"] {
            assert!(response[field].take().is_string(), "{field}");
        }
    }
    assert_eq!(of_forged, of_schedule);
    for event in [json!({}), json!({ "version": "0", "source": "aws.events" })] {
        let error = function.invoke(&event).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidMessage", "{error}");
    }
    assert_no_secrets(function).await;
}
