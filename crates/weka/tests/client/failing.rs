//! Backends that cannot be asked.

use crate::fleet::{Fleet, Say, admin, client, empty, in_turn};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use weka::{Client, Reason};

/// The reasons of an error that says why each backend could not be asked.
fn reasons(error: &weka::Error) -> Vec<Reason> {
    match error {
        weka::Error::Unreachable { tried, .. }
        | weka::Error::Deadline { tried, .. }
        | weka::Error::WrongCredentials { tried, .. }
        | weka::Error::CertificateRefused { tried, .. } => {
            tried.0.iter().map(|dropped| dropped.reason.clone()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_picture_is_a_login_and_five_lists() {
    let fleet = Fleet::http(2, empty).await;
    let client = fleet.client();
    client.snapshot().await.unwrap();
    let mut methods = fleet.methods();
    assert_eq!(methods.remove(0), (0, "user_login".to_owned()));
    methods.sort();
    let lists = [
        "disks_list",
        "hosts_list",
        "manual_override_list",
        "nodes_list",
        "status",
    ];
    assert_eq!(methods, lists.map(|list| (0, list.to_owned())));
    client.hosts().await.unwrap();
    assert_eq!(fleet.asked().len(), 7, "the last look is one request");
    assert!(
        fleet.asked()[1..]
            .iter()
            .all(|asked| asked.token.as_deref() == Some("t1"))
    );
}

#[tokio::test]
async fn the_next_backend_is_asked_when_one_cannot_be() {
    // 127.0.0.1 is silent, .2 breaks off, .3 does not know the method, .4 makes no sense, .5 answers.
    let fleet = Fleet::http(5, |asked| match (asked.backend, asked.method.as_str()) {
        (0, _) => Say::Silence,
        (1, "hosts_list") => Say::Break,
        (2, "hosts_list") => Say::Refuse(-32601, "Method not found"),
        (3, _) => Say::Status(404),
        _ => empty(asked),
    })
    .await;
    let nobody = ["127.0.0.99", "not an address"].map(str::to_owned);
    let backends = nobody.into_iter().chain((1..=5).map(|n| format!("127.0.0.{n}")));
    let client = client(backends, &fleet.options());
    assert_eq!(client.hosts().await.unwrap().0, []);
    let asked = fleet.asked().len();
    client.hosts().await.unwrap();
    assert_eq!(
        fleet.asked()[asked..].len(),
        1,
        "those that failed are not asked again"
    );
    assert_eq!(fleet.asked()[asked].backend, 4);
}

#[tokio::test]
async fn a_pool_in_which_nobody_is_or_answers_is_an_error() {
    let fleet = Fleet::http(1, empty).await;
    let error = client([], &fleet.options()).snapshot().await.unwrap_err();
    assert_eq!(error.name(), "WekaNoBackends");

    let client = client(["127.0.0.98".into(), "127.0.0.99".into()], &fleet.options());
    for _ in 0..2 {
        let error = client.hosts().await.unwrap_err();
        assert_eq!(error.name(), "WekaUnreachable");
        let text = error.to_string();
        assert!(
            text.starts_with("hosts_list: no backend could be asked: 127.0.0.98 cannot be"),
            "{text}"
        );
        assert!(
            text.contains("127.0.0.99 cannot be connected to: Connection refused"),
            "{text}"
        );
    }
    assert_eq!(fleet.asked(), []);
}

#[tokio::test]
async fn a_busy_backend_is_asked_again() {
    let statuses = [500, 502, 503].into_iter().cycle().take(20);
    let busy = in_turn(statuses.map(Say::Status).chain([Say::Result(json!({}))]));
    let fleet = Fleet::http(1, move |asked| match asked.method.as_str() {
        "hosts_list" => busy(),
        _ => empty(asked),
    })
    .await;
    fleet.client().hosts().await.unwrap();
    assert_eq!(
        fleet.asked().len(),
        22,
        "as long as there is time and nobody else"
    );

    let fleet = Fleet::http(2, |asked| match asked.backend {
        0 => Say::Status(503),
        _ => empty(asked),
    })
    .await;
    fleet.client().hosts().await.unwrap();
    assert_eq!(fleet.asked().last().unwrap().backend, 1, "another is there");

    let fleet = Fleet::http(1, |_| Say::Status(503)).await;
    let deadline = Instant::now() + Duration::from_millis(300);
    let client = Client::new(["127.0.0.1".to_owned()], admin(), &fleet.options(), deadline).unwrap();
    let error = client.hosts().await.unwrap_err();
    let last = reasons(&error);
    assert!(
        matches!(last[..], [Reason::Status(503) | Reason::Deadline]),
        "{error}"
    );
}

#[tokio::test]
async fn time_is_up_while_a_backend_is_silent() {
    let fleet = Fleet::http(2, |asked| match asked.method.as_str() {
        "nodes_list" => Say::Silence,
        _ => empty(asked),
    })
    .await;
    let mut options = fleet.options();
    options.request_timeout = Duration::from_secs(3600);
    let deadline = Instant::now() + Duration::from_secs(1);
    let backends = ["127.0.0.1".to_owned(), "127.0.0.2".to_owned()];
    let client = Client::new(backends, admin(), &options, deadline).unwrap();
    let error = client.snapshot().await.unwrap_err();
    assert_eq!(
        (error.name(), reasons(&error)),
        ("WekaDeadline", vec![Reason::Deadline])
    );
    let asked = fleet.asked().len();
    assert_eq!(client.hosts().await.unwrap_err().name(), "WekaDeadline");
    assert_eq!(fleet.asked().len(), asked, "nothing is sent after it");
}

#[tokio::test]
async fn a_list_that_weka_refuses_spoils_the_picture_and_asks_nobody_else() {
    let fleet = Fleet::http(2, |asked| match asked.method.as_str() {
        "disks_list" => Say::Refuse(-32000, "not now"),
        _ => empty(asked),
    })
    .await;
    let error = fleet.client().snapshot().await.unwrap_err();
    assert_eq!(error.name(), "WekaRefused");
    assert_eq!(
        error.to_string(),
        "disks_list: 127.0.0.1 refuses it: not now (code -32000)"
    );
    assert!(fleet.asked().iter().all(|asked| asked.backend == 0));
}
