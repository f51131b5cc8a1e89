//! *fetch*: the group, and the credentials for those that come after it.

use super::{Account, PASSWORD, SEAL_KEY, USER, account, assert_no_secrets, started};
use scaling::messages::{HostGroupInfo, Role};
use scaling::seal::{Binding, SealKey, open};
use secrecy::ExposeSecret;
use serde_json::json;

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
