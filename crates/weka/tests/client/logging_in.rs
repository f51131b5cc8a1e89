//! Logging in, staying logged in, and keeping quiet about it.

use crate::fleet::{Fleet, PASSWORD, Say, empty, in_turn, tokens};
use serde_json::{Value, json};

fn methods(fleet: &Fleet) -> Vec<String> {
    fleet.methods().into_iter().map(|(_, method)| method).collect()
}

#[tokio::test]
async fn logs_in_with_user_and_password_and_without_a_token() {
    let fleet = Fleet::http(1, empty).await;
    fleet.client().hosts().await.unwrap();
    let login = &fleet.asked()[0];
    assert_eq!(
        (&login.params, &login.token),
        (&json!(["admin", PASSWORD]), &None)
    );
}

#[tokio::test]
async fn the_release_is_asked_without_login() {
    let fleet = Fleet::http(1, |asked| match asked.method.as_str() {
        "client_query_backend" => Say::Result(json!({ "software_release": "4.2.7", "more": 1 })),
        _ => Say::Status(401),
    })
    .await;
    assert_eq!(fleet.client().software_release().await.unwrap(), "4.2.7");
    assert_eq!(methods(&fleet), ["client_query_backend"]);
    assert_eq!(fleet.asked()[0].token, None);
}

#[tokio::test]
async fn wrong_credentials_everywhere_are_an_error_of_their_own() {
    for say in [
        Say::Refuse(-32000, "Incorrect credentials"),
        Say::Status(401),
        Say::Status(403),
    ] {
        let fleet = Fleet::http(2, move |_| say.clone()).await;
        let error = fleet.client().snapshot().await.unwrap_err();
        assert_eq!(error.name(), "WekaWrongCredentials", "{error}");
        assert!(
            error
                .to_string()
                .contains("127.0.0.2 does not accept the user and password"),
            "{error}"
        );
        assert_eq!(methods(&fleet), ["user_login", "user_login"]);
    }
}

#[tokio::test]
async fn a_backend_that_does_not_let_us_log_in_is_not_asked() {
    for say in [
        Say::Refuse(-32000, "Incorrect credentials"),
        Say::Refuse(-32601, "Method not found"),
        Say::Status(404),
        Say::Result(json!({ "access_token": null })),
        Say::Result(json!({ "access_token": "line\nbreak" })),
        Say::Bytes(b"<html>".to_vec()),
    ] {
        let fleet = Fleet::http(2, move |asked| match asked.backend {
            0 => say.clone(),
            _ => empty(asked),
        })
        .await;
        fleet.client().hosts().await.unwrap();
        let last = fleet.asked().pop().unwrap();
        assert_eq!((last.backend, last.method.as_str()), (1, "hosts_list"));
    }
}

#[tokio::test]
async fn credentials_that_one_backend_accepted_are_not_wrong() {
    let fleet = Fleet::http(2, |asked| match (asked.backend, asked.method.as_str()) {
        (0, "user_login") => empty(asked),
        (0, _) => Say::Break,
        _ => Say::Refuse(-32000, "Incorrect credentials"),
    })
    .await;
    assert_eq!(
        fleet.client().hosts().await.unwrap_err().name(),
        "WekaUnreachable"
    );
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_renewed_before_it_is_used() {
    let fleet = Fleet::http(1, |asked| match asked.method.as_str() {
        "user_login" => tokens("t1", json!(0)),
        // Without a refresh token: the one before goes on.
        "user_refresh_token" => Say::Result(json!({ "access_token": "t2", "expires_in": 0.5 })),
        _ => empty(asked),
    })
    .await;
    let client = fleet.client();
    client.hosts().await.unwrap();
    client.hosts().await.unwrap();
    let asked = fleet.asked();
    assert_eq!(
        methods(&fleet)[..4],
        ["user_login", "hosts_list", "user_refresh_token", "hosts_list"]
    );
    assert_eq!(
        (&asked[2].params, &asked[2].token),
        (&json!(["refresh-t1"]), &None)
    );
    assert_eq!(asked[3].token.as_deref(), Some("t2"));
}

/// Asks for everything while the cluster accepts no token but `t2`.
async fn after_401(refresh: Say, login: Say) -> Fleet {
    let login = in_turn([tokens("t1", Value::Null), login]);
    let fleet = Fleet::http(1, move |asked| match asked.method.as_str() {
        "user_login" => login(),
        "user_refresh_token" => refresh.clone(),
        _ if asked.token.as_deref() != Some("t2") => Say::Status(401),
        _ => empty(asked),
    })
    .await;
    fleet.client().snapshot().await.unwrap();
    fleet
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_for_all() {
    let fleet = after_401(tokens("t2", json!(3600)), Say::Status(500)).await;
    let count = |method| methods(&fleet).iter().filter(|asked| *asked == method).count();
    assert_eq!((count("user_login"), count("user_refresh_token")), (1, 1));
}

#[tokio::test]
async fn without_a_refresh_token_that_is_accepted_it_logs_in_anew() {
    for refresh in [
        Say::Status(401),
        Say::Status(404),
        Say::Refuse(-32000, "expired"),
        Say::Refuse(-32601, "Method not found"),
        Say::Result(json!(null)),
    ] {
        let fleet = after_401(refresh, tokens("t2", json!(3600))).await;
        let count = |method| methods(&fleet).iter().filter(|asked| *asked == method).count();
        assert_eq!((count("user_login"), count("user_refresh_token")), (2, 1));
    }
}

#[tokio::test]
async fn a_backend_that_never_accepts_its_own_token_is_given_up() {
    let fleet = Fleet::http(1, |asked| match asked.method.as_str() {
        "user_login" => empty(asked),
        _ => Say::Status(401),
    })
    .await;
    let error = fleet.client().hosts().await.unwrap_err();
    assert_eq!(error.name(), "WekaUnreachable");
    assert!(
        error
            .to_string()
            .contains("does not accept the token that it gave"),
        "{error}"
    );
    assert!(fleet.asked().len() <= 5, "{:?}", fleet.asked());
}

#[tokio::test]
async fn no_secret_stands_in_an_error_or_in_debug() {
    // A server that repeats whatever it was sent.
    let repeats = |secret: &str| {
        Say::Bytes(
            json!({ "error": { "code": 1, "message": format!("bad: {secret}, you said {secret}") } })
                .to_string()
                .into_bytes(),
        )
    };
    let fleet = Fleet::http(2, move |asked| match (asked.backend, asked.method.as_str()) {
        (0, "user_login") => repeats(PASSWORD),
        (_, "user_login") => tokens("secret-token", json!(3600)),
        (_, "status") => repeats("refresh-secret-token"),
        (_, "nodes_list") => Say::Result(json!({ "NodeId<1>": PASSWORD })),
        (_, "hosts_list") => repeats("secret-token"),
        _ => empty(asked),
    })
    .await;
    let client = fleet.client();
    let mut said = format!("{client:?}");
    for error in [
        client.status().await.unwrap_err(),
        client.hosts().await.unwrap_err(),
        client.nodes().await.unwrap_err(),
    ] {
        said += &format!("\n{error}\n{error:?}");
    }
    said += &format!("\n{client:?}");
    assert!(said.contains("bad: (hidden), you said (hidden)"), "{said}");
    for secret in [PASSWORD, "secret-token"] {
        assert!(!said.contains(secret), "{said}");
    }
}
