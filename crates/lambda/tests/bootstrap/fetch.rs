//! *fetch*: the group, and the credentials for *scale*.

use super::{Account, PASSWORD, SEAL_KEY, USER, account, assert_no_secrets, started};
use scaling::messages::{HostGroupInfo, Role};
use scaling::seal::{Binding, SealKey, open};
use secrecy::ExposeSecret;
use serde_json::json;

#[tokio::test]
async fn fetch_returns_the_group_and_sealed_credentials() {
    let account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let response = function.invoke(&json!({})).await.unwrap();
    assert!(!response.to_string().contains("correct-horse") && !response.to_string().contains(USER));
    let info: HostGroupInfo = serde_json::from_value(response.clone()).unwrap();
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
        "a terminated member has no address and must be omitted"
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

    let second: HostGroupInfo = serde_json::from_value(function.invoke(&json!({})).await.unwrap()).unwrap();
    assert_ne!(second.sealed.unwrap(), sealed, "a nonce must not be reused");
    assert_no_secrets(function).await;
}

#[tokio::test]
async fn fetch_returns_protocol_settings_unless_default() {
    let mut account = Account::with_cluster().await;
    let function = started(&account, &[("LAMBDA", "fetch")]).await;
    let response = function.invoke(&json!({})).await.unwrap();
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
        assert_eq!(function.invoke(&json!({})).await.unwrap()["weka"], weka);
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
    let response = function.invoke(&json!({})).await.unwrap();
    assert_eq!(
        (&response["username"], &response["password"]),
        (&json!(""), &json!(""))
    );
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
        let error = function.invoke(&json!({})).await.unwrap_err();
        assert_eq!(error.error_type, "AwsRequestFailed");
        assert!(error.error_message.contains(doing), "{error}");
        assert!(
            error.error_message.contains("access denied for the test"),
            "{error}"
        );
        assert_no_secrets(function).await;
    }
}
