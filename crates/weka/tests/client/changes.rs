//! Requests that change the cluster are sent once.

use crate::fleet::{Fleet, Reply, client, empty};
use serde_json::json;
use weka_types::calls::Call;
use weka_types::ids::HostId;

fn remove_host() -> Call {
    Call::RemoveHost(HostId(4))
}

#[tokio::test]
async fn every_call_has_the_documented_parameters() {
    let fleet = Fleet::http(1, empty).await;
    let client = fleet.client();
    for call in [
        Call::DeactivateDrives(vec!["u1".into(), "u2".into()]),
        Call::RemoveDrives(vec!["u1".into()]),
        Call::DeactivateHosts(vec![HostId(4), HostId(5)]),
        remove_host(),
        Call::Event("why".to_owned()),
        // With an empty list: not sent.
        Call::DeactivateDrives(vec![]),
        Call::RemoveDrives(vec![]),
        Call::DeactivateHosts(vec![]),
    ] {
        client.call(&call).await.unwrap();
    }
    let sent: Vec<_> = fleet
        .requests()
        .into_iter()
        .skip(1)
        .map(|request| (request.method, request.params))
        .collect();
    let expected = [
        (
            "cluster_deactivate_drives",
            json!({ "drive_uuids": ["u1", "u2"] }),
        ),
        ("cluster_remove_drives", json!({ "drive_uuids": ["u1"] })),
        (
            "cluster_deactivate_hosts",
            json!({ "host_ids": ["HostId<4>", "HostId<5>"], "skip_resource_validation": false }),
        ),
        ("cluster_remove_host", json!({ "host_id": 4, "no_wait": true })),
        ("events_trigger_custom", json!({ "message": "why" })),
    ];
    assert_eq!(sent, expected.map(|(method, params)| (method.to_owned(), params)));
}

#[tokio::test]
async fn request_with_unknown_outcome_is_not_repeated() {
    for (reply, reason) in [
        (Reply::Silence, "no response within 3000 ms"),
        (Reply::Break, "connection lost"),
        (Reply::Status(503), "HTTP status 503"),
        (Reply::Status(404), "HTTP status 404"),
        (Reply::Bytes(b"{}".to_vec()), "cannot be read: result is missing"),
        (
            Reply::Bytes(b"{\"resu".to_vec()),
            "cannot be read: the response is truncated",
        ),
    ] {
        let fleet = Fleet::http(2, move |request| match request.method.as_str() {
            "cluster_remove_host" => reply.clone(),
            _ => empty(request),
        })
        .await;
        let client = fleet.client();
        let error = client.call(&remove_host()).await.unwrap_err();
        assert!(matches!(error, weka::Error::OutcomeUnknown { .. }), "{error:?}");
        assert_eq!(error.name(), "WekaMayHaveBeenCarriedOut");
        let text = error.to_string();
        assert!(
            text.starts_with("cluster_remove_host: the request may have been executed: 127.0.0.1: "),
            "{text}"
        );
        assert!(text.contains(reason), "{text}");
        assert_eq!(
            fleet.requests().len(),
            2,
            "expected a login and the call: {:?}",
            fleet.requests()
        );
        // The run continues, on another backend if necessary.
        client.hosts().await.unwrap();
    }
}

#[tokio::test]
async fn request_that_was_not_executed_is_sent_to_the_next_backend() {
    let fleet = Fleet::http(3, |request| match (request.backend, request.method.as_str()) {
        (0, "cluster_remove_host") => Reply::Refuse(-32601, "Method not found"),
        (1, "cluster_remove_host") => Reply::Status(401),
        (1, "user_refresh_token") => crate::fleet::tokens("t2", json!(3600)),
        _ => empty(request),
    })
    .await;
    let backends = ["127.0.0.99", "127.0.0.1", "127.0.0.2", "127.0.0.3"].map(str::to_owned);
    client(backends, &fleet.options())
        .call(&remove_host())
        .await
        .unwrap();
    let request = |backend, method: &str| (backend, method.to_owned());
    let expected = [
        request(0, "user_login"),
        request(0, "cluster_remove_host"),
        request(1, "user_login"),
        request(1, "cluster_remove_host"),
        request(1, "user_refresh_token"),
        request(1, "cluster_remove_host"),
        request(2, "user_login"),
        request(2, "cluster_remove_host"),
    ];
    assert_eq!(fleet.methods(), expected);
}

#[tokio::test]
async fn rpc_error_is_final_and_has_wekas_message() {
    let fleet = Fleet::http(2, |request| match request.method.as_str() {
        "cluster_deactivate_hosts" => Reply::Refuse(-32602, "not enough\nresources"),
        _ => empty(request),
    })
    .await;
    let error = fleet
        .client()
        .call(&Call::DeactivateHosts(vec![HostId(1)]))
        .await
        .unwrap_err();
    assert!(!matches!(error, weka::Error::OutcomeUnknown { .. }));
    assert_eq!(
        error.to_string(),
        "cluster_deactivate_hosts: 127.0.0.1 rejected the request: not enough resources (code -32602)"
    );
    assert_eq!(fleet.requests().len(), 2);
}

#[tokio::test]
async fn backend_without_custom_events_stays_in_use() {
    let fleet = Fleet::http(2, |request| match request.method.as_str() {
        "events_trigger_custom" => Reply::Refuse(-32601, "Method not found"),
        _ => empty(request),
    })
    .await;
    let client = fleet.client();
    let error = client.call(&Call::Event("why".to_owned())).await.unwrap_err();
    assert_eq!(error.name(), "WekaRefused");
    client.call(&remove_host()).await.unwrap();
    assert!(fleet.requests().iter().all(|request| request.backend == 0));
}

#[tokio::test]
async fn arbitrary_method_is_treated_as_a_change() {
    let fleet = Fleet::http(2, |request| match request.method.as_str() {
        "anything" => Reply::Result(request.params.clone()),
        "silent" => Reply::Silence,
        _ => empty(request),
    })
    .await;
    let client = fleet.client();
    let params = json!({ "x": [1] });
    assert_eq!(client.request("anything", &params).await.unwrap(), params);
    let error = client.request("silent", &params).await.unwrap_err();
    assert!(matches!(error, weka::Error::OutcomeUnknown { .. }));
}
