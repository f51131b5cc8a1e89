//! Login, renewal of tokens, and redaction of secrets.

use crate::fleet::{Fleet, PASSWORD, Reply, empty, in_turn, tokens};
use serde_json::{Value, json};

fn methods(fleet: &Fleet) -> Vec<String> {
    fleet.methods().into_iter().map(|(_, method)| method).collect()
}

#[tokio::test]
async fn login_sends_username_and_password_without_a_token() {
    let fleet = Fleet::http(1, empty).await;
    fleet.client().hosts().await.unwrap();
    let login = &fleet.requests()[0];
    assert_eq!(
        (&login.params, &login.token),
        (&json!(["admin", PASSWORD]), &None)
    );
}

#[tokio::test]
async fn software_release_requires_no_login() {
    let fleet = Fleet::http(1, |request| match request.method.as_str() {
        "client_query_backend" => Reply::Result(json!({ "software_release": "4.2.7", "more": 1 })),
        _ => Reply::Status(401),
    })
    .await;
    assert_eq!(fleet.client().software_release().await.unwrap(), "4.2.7");
    assert_eq!(methods(&fleet), ["client_query_backend"]);
    assert_eq!(fleet.requests()[0].token, None);
}

#[tokio::test]
async fn refused_login_is_confirmed_once_and_ends_the_run() {
    for reply in [
        Reply::Refuse(-32000, "Incorrect credentials"),
        Reply::Status(401),
        Reply::Status(403),
        Reply::Result(json!({})),
        Reply::Result(json!("")),
    ] {
        // One other backend confirms the refusal. The others are not tried, because Weka would lock the user.
        let fleet = Fleet::http(4, move |_| reply.clone()).await;
        let error = fleet.client().snapshot().await.unwrap_err();
        assert_eq!(error.name(), "WekaLoginRefused", "{error}");
        assert!(
            error
                .to_string()
                .contains("127.0.0.2: username or password rejected"),
            "{error}"
        );
        assert_eq!(methods(&fleet), ["user_login", "user_login"]);
    }
}

#[tokio::test]
async fn backend_that_rejects_the_login_is_not_used() {
    for reply in [
        Reply::Refuse(-32000, "Incorrect credentials"),
        Reply::Refuse(-32601, "Method not found"),
        Reply::Status(404),
        Reply::Result(json!({ "access_token": null })),
        Reply::Result(json!({ "access_token": "line\nbreak" })),
        Reply::Bytes(b"<html>".to_vec()),
    ] {
        let fleet = Fleet::http(2, move |request| match request.backend {
            0 => reply.clone(),
            _ => empty(request),
        })
        .await;
        fleet.client().hosts().await.unwrap();
        let last = fleet.requests().pop().unwrap();
        assert_eq!((last.backend, last.method.as_str()), (1, "hosts_list"));
    }
}

#[tokio::test]
async fn credentials_accepted_by_one_backend_are_not_wrong() {
    let fleet = Fleet::http(2, |request| match (request.backend, request.method.as_str()) {
        (0, "user_login") => empty(request),
        (0, _) => Reply::Break,
        _ => Reply::Refuse(-32000, "Incorrect credentials"),
    })
    .await;
    assert_eq!(
        fleet.client().hosts().await.unwrap_err().name(),
        "WekaUnreachable"
    );
}

#[tokio::test]
async fn token_is_renewed_before_it_expires() {
    let fleet = Fleet::http(1, |request| match request.method.as_str() {
        "user_login" => tokens("t1", json!(0)),
        // The response has no new refresh token: the old one stays valid.
        "user_refresh_token" => Reply::Result(json!({ "access_token": "t2", "expires_in": 0.5 })),
        _ => empty(request),
    })
    .await;
    let client = fleet.client();
    client.hosts().await.unwrap();
    client.hosts().await.unwrap();
    let requests = fleet.requests();
    assert_eq!(
        methods(&fleet)[..4],
        ["user_login", "hosts_list", "user_refresh_token", "hosts_list"]
    );
    assert_eq!(
        (&requests[2].params, &requests[2].token),
        (&json!(["refresh-t1"]), &None)
    );
    assert_eq!(requests[3].token.as_deref(), Some("t2"));
}

/// Reads a snapshot from a cluster that accepts only the token `t2`.
async fn after_401(refresh: Reply, login: Reply) -> Fleet {
    let login = in_turn([tokens("t1", Value::Null), login]);
    let fleet = Fleet::http(1, move |request| match request.method.as_str() {
        "user_login" => login(),
        "user_refresh_token" => refresh.clone(),
        _ if request.token.as_deref() != Some("t2") => Reply::Status(401),
        _ => empty(request),
    })
    .await;
    fleet.client().snapshot().await.unwrap();
    fleet
}

#[tokio::test]
async fn concurrent_requests_renew_a_rejected_token_once() {
    let fleet = after_401(tokens("t2", json!(3600)), Reply::Status(500)).await;
    let count = |method| methods(&fleet).iter().filter(|sent| *sent == method).count();
    assert_eq!((count("user_login"), count("user_refresh_token")), (1, 1));
}

#[tokio::test]
async fn rejected_refresh_token_leads_to_a_new_login() {
    for refresh in [
        Reply::Status(401),
        Reply::Status(404),
        Reply::Refuse(-32000, "expired"),
        Reply::Refuse(-32601, "Method not found"),
        Reply::Result(json!(null)),
    ] {
        let fleet = after_401(refresh, tokens("t2", json!(3600))).await;
        let count = |method| methods(&fleet).iter().filter(|sent| *sent == method).count();
        assert_eq!((count("user_login"), count("user_refresh_token")), (2, 1));
    }
}

#[tokio::test]
async fn backend_that_rejects_its_own_token_is_marked_failed() {
    let fleet = Fleet::http(1, |request| match request.method.as_str() {
        "user_login" => empty(request),
        _ => Reply::Status(401),
    })
    .await;
    let error = fleet.client().hosts().await.unwrap_err();
    assert_eq!(error.name(), "WekaUnreachable");
    assert!(
        error.to_string().contains("access token rejected after login"),
        "{error}"
    );
    assert!(fleet.requests().len() <= 5, "{:?}", fleet.requests());
}

#[tokio::test]
async fn errors_and_debug_output_contain_no_secret() {
    // A server that repeats what it received.
    let repeats = |secret: &str| {
        Reply::Bytes(
            json!({ "error": { "code": 1, "message": format!("bad: {secret}, you sent {secret}") } })
                .to_string()
                .into_bytes(),
        )
    };
    let fleet = Fleet::http(2, move |request| {
        match (request.backend, request.method.as_str()) {
            (0, "user_login") => repeats(PASSWORD),
            (_, "user_login") => tokens("secret-token", json!(3600)),
            (_, "status") => repeats("refresh-secret-token"),
            (_, "nodes_list") => Reply::Result(json!({ "NodeId<1>": PASSWORD })),
            (_, "hosts_list") => repeats("secret-token"),
            _ => empty(request),
        }
    })
    .await;
    let client = fleet.client();
    let mut output = format!("{client:?}");
    for error in [
        client.status().await.unwrap_err(),
        client.hosts().await.unwrap_err(),
        client.nodes().await.unwrap_err(),
    ] {
        output += &format!("\n{error}\n{error:?}");
    }
    output += &format!("\n{client:?}");
    assert!(output.contains("bad: (hidden), you sent (hidden)"), "{output}");
    for secret in [PASSWORD, "secret-token"] {
        assert!(!output.contains(secret), "{output}");
    }
}
