//! Backends that fail.

use crate::fleet::{Fleet, Reply, admin, client, empty, in_turn};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use weka::{Client, Reason};

/// The reason why each backend failed.
fn reasons(error: &weka::Error) -> Vec<Reason> {
    match error {
        weka::Error::Unreachable { attempts, .. }
        | weka::Error::Deadline { attempts, .. }
        | weka::Error::LoginRefused { attempts, .. }
        | weka::Error::CertificateRefused { attempts, .. } => {
            attempts.0.iter().map(|failure| failure.reason.clone()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn snapshot_is_a_login_and_nine_lists() {
    let fleet = Fleet::http(2, empty).await;
    let client = fleet.client();
    client.snapshot().await.unwrap();
    let mut methods = fleet.methods();
    assert_eq!(methods.remove(0), (0, "user_login".to_owned()));
    methods.sort();
    let lists = [
        "disks_list",
        "filesystems_list",
        "hosts_list",
        "interface_group_list",
        "manual_override_list",
        "nodes_list",
        "s3_get_cluster_info",
        "samba_get_cluster_info",
        "status",
    ];
    assert_eq!(methods, lists.map(|list| (0, list.to_owned())));
    client.hosts().await.unwrap();
    assert_eq!(
        fleet.requests().len(),
        11,
        "reading the hosts again takes one request"
    );
    assert!(
        fleet.requests()[1..]
            .iter()
            .all(|request| request.token.as_deref() == Some("t1"))
    );
}

#[tokio::test]
async fn next_backend_is_used_if_one_fails() {
    // 127.0.0.1 does not respond, .2 disconnects, .3 does not have the method, .4 returns 404, .5 works.
    let fleet = Fleet::http(5, |request| match (request.backend, request.method.as_str()) {
        (0, _) => Reply::Silence,
        (1, "hosts_list") => Reply::Break,
        (2, "hosts_list") => Reply::Refuse(-32601, "Method not found"),
        (3, _) => Reply::Status(404),
        _ => empty(request),
    })
    .await;
    let unavailable = ["127.0.0.99", "not an address"].map(str::to_owned);
    let backends = unavailable
        .into_iter()
        .chain((1..=5).map(|n| format!("127.0.0.{n}")));
    let client = client(backends, &fleet.options());
    assert_eq!(client.hosts().await.unwrap().0, []);
    let before = fleet.requests().len();
    client.hosts().await.unwrap();
    assert_eq!(
        fleet.requests()[before..].len(),
        1,
        "failed backends are not used again"
    );
    assert_eq!(fleet.requests()[before].backend, 4);
}

#[tokio::test]
async fn empty_pool_and_unreachable_backends_are_errors() {
    let fleet = Fleet::http(1, empty).await;
    let error = client([], &fleet.options()).snapshot().await.unwrap_err();
    assert_eq!(error.name(), "WekaNoBackends");

    let client = client(["127.0.0.98".into(), "127.0.0.99".into()], &fleet.options());
    for _ in 0..2 {
        let error = client.hosts().await.unwrap_err();
        assert_eq!(error.name(), "WekaUnreachable");
        let text = error.to_string();
        assert!(
            text.starts_with("hosts_list: no backend is available: 127.0.0.98: cannot connect: "),
            "{text}"
        );
        assert!(
            text.contains("127.0.0.99: cannot connect: Connection refused"),
            "{text}"
        );
    }
    assert_eq!(fleet.requests(), []);
}

#[tokio::test]
async fn request_to_a_busy_backend_is_repeated() {
    let statuses = [500, 502, 503].into_iter().cycle().take(20);
    let busy = in_turn(statuses.map(Reply::Status).chain([Reply::Result(json!({}))]));
    let fleet = Fleet::http(1, move |request| match request.method.as_str() {
        "hosts_list" => busy(),
        _ => empty(request),
    })
    .await;
    fleet.client().hosts().await.unwrap();
    assert_eq!(
        fleet.requests().len(),
        22,
        "repeated as long as there is time and no other backend"
    );

    let fleet = Fleet::http(2, |request| match request.backend {
        0 => Reply::Status(503),
        _ => empty(request),
    })
    .await;
    fleet.client().hosts().await.unwrap();
    assert_eq!(
        fleet.requests().last().unwrap().backend,
        1,
        "another backend is available"
    );

    let fleet = Fleet::http(1, |_| Reply::Status(503)).await;
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
async fn deadline_ends_the_wait_for_a_response() {
    let fleet = Fleet::http(2, |request| match request.method.as_str() {
        "nodes_list" => Reply::Silence,
        _ => empty(request),
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
    let before = fleet.requests().len();
    assert_eq!(client.hosts().await.unwrap_err().name(), "WekaDeadline");
    assert_eq!(
        fleet.requests().len(),
        before,
        "nothing is sent after the deadline"
    );
}

#[tokio::test]
async fn rejected_list_fails_the_snapshot_without_another_backend() {
    let fleet = Fleet::http(2, |request| match request.method.as_str() {
        "disks_list" => Reply::Refuse(-32000, "not now"),
        _ => empty(request),
    })
    .await;
    let error = fleet.client().snapshot().await.unwrap_err();
    assert_eq!(error.name(), "WekaRefused");
    assert_eq!(
        error.to_string(),
        "disks_list: 127.0.0.1 rejected the request: not now (code -32000)"
    );
    assert!(fleet.requests().iter().all(|request| request.backend == 0));
}
