//! What changes something is sent once.

use crate::fleet::{Fleet, Say, client, empty};
use serde_json::json;
use weka_types::calls::Call;
use weka_types::ids::HostId;

fn removal() -> Call {
    Call::RemoveHost(HostId(4))
}

#[tokio::test]
async fn every_call_has_the_parameters_that_weka_wants() {
    let fleet = Fleet::http(1, empty).await;
    let client = fleet.client();
    for call in [
        Call::DeactivateDrives(vec!["u1".into(), "u2".into()]),
        Call::RemoveDrives(vec!["u1".into()]),
        Call::DeactivateHosts(vec![HostId(4), HostId(5)]),
        removal(),
        Call::Event("why".to_owned()),
        // About nothing: not sent.
        Call::DeactivateDrives(vec![]),
        Call::RemoveDrives(vec![]),
        Call::DeactivateHosts(vec![]),
    ] {
        client.call(&call).await.unwrap();
    }
    let sent: Vec<_> = fleet
        .asked()
        .into_iter()
        .skip(1)
        .map(|asked| (asked.method, asked.params))
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
async fn what_may_have_been_carried_out_is_not_sent_again() {
    for (say, reason) in [
        (Say::Silence, "did not answer within 3000 ms"),
        (Say::Break, "broke off the connection"),
        (Say::Status(503), "answers with HTTP status 503"),
        (Say::Status(404), "answers with HTTP status 404"),
        (Say::Bytes(b"{}".to_vec()), "cannot be read: result is missing"),
        (
            Say::Bytes(b"{\"resu".to_vec()),
            "cannot be read: the answer breaks off",
        ),
    ] {
        let fleet = Fleet::http(2, move |asked| match asked.method.as_str() {
            "cluster_remove_host" => say.clone(),
            _ => empty(asked),
        })
        .await;
        let client = fleet.client();
        let error = client.call(&removal()).await.unwrap_err();
        assert!(error.may_have_been_carried_out(), "{error:?}");
        assert_eq!(error.name(), "WekaMayHaveBeenCarriedOut");
        let text = error.to_string();
        assert!(
            text.starts_with("cluster_remove_host: may have been carried out: 127.0.0.1 "),
            "{text}"
        );
        assert!(text.contains(reason), "{text}");
        assert_eq!(
            fleet.asked().len(),
            2,
            "a login and the call: {:?}",
            fleet.asked()
        );
        // The run goes on, where it must be on another backend.
        client.hosts().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_surely_not_carried_out_is_sent_to_the_next() {
    let fleet = Fleet::http(3, |asked| match (asked.backend, asked.method.as_str()) {
        (0, "cluster_remove_host") => Say::Refuse(-32601, "Method not found"),
        (1, "cluster_remove_host") => Say::Status(401),
        (1, "user_refresh_token") => crate::fleet::tokens("t2", json!(3600)),
        _ => empty(asked),
    })
    .await;
    let backends = ["127.0.0.99", "127.0.0.1", "127.0.0.2", "127.0.0.3"].map(str::to_owned);
    client(backends, &fleet.options()).call(&removal()).await.unwrap();
    let of = |backend, method: &str| (backend, method.to_owned());
    let expected = [
        of(0, "user_login"),
        of(0, "cluster_remove_host"),
        of(1, "user_login"),
        of(1, "cluster_remove_host"),
        of(1, "user_refresh_token"),
        of(1, "cluster_remove_host"),
        of(2, "user_login"),
        of(2, "cluster_remove_host"),
    ];
    assert_eq!(fleet.methods(), expected);
}

#[tokio::test]
async fn a_refusal_is_final_and_has_weka_s_words() {
    let fleet = Fleet::http(2, |asked| match asked.method.as_str() {
        "cluster_deactivate_hosts" => Say::Refuse(-32602, "not enough\nresources"),
        _ => empty(asked),
    })
    .await;
    let error = fleet
        .client()
        .call(&Call::DeactivateHosts(vec![HostId(1)]))
        .await
        .unwrap_err();
    assert!(!error.may_have_been_carried_out());
    assert_eq!(
        error.to_string(),
        "cluster_deactivate_hosts: 127.0.0.1 refuses it: not enough resources (code -32602)"
    );
    assert_eq!(fleet.asked().len(), 2);
}

#[tokio::test]
async fn a_cluster_without_custom_events_is_as_good_as_another() {
    let fleet = Fleet::http(2, |asked| match asked.method.as_str() {
        "events_trigger_custom" => Say::Refuse(-32601, "Method not found"),
        _ => empty(asked),
    })
    .await;
    let client = fleet.client();
    let error = client.call(&Call::Event("why".to_owned())).await.unwrap_err();
    assert_eq!(error.name(), "WekaRefused");
    client.call(&removal()).await.unwrap();
    assert!(fleet.asked().iter().all(|asked| asked.backend == 0));
}

#[tokio::test]
async fn any_method_may_change_something() {
    let fleet = Fleet::http(2, |asked| match asked.method.as_str() {
        "anything" => Say::Result(asked.params.clone()),
        "silent" => Say::Silence,
        _ => empty(asked),
    })
    .await;
    let client = fleet.client();
    let params = json!({ "x": [1] });
    assert_eq!(client.request("anything", &params).await.unwrap(), params);
    let error = client.request("silent", &params).await.unwrap_err();
    assert!(error.may_have_been_carried_out());
}
