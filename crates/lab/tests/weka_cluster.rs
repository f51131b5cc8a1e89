//! The simulated cluster as its clients see it: HTTP and HTTPS on each backend's address, and faults.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lab::weka_cluster::{Clock, Fault, FaultKind, NewBackend, Options, WekaCluster};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 10, 200, last).into()
}

async fn cluster(backends: u8) -> WekaCluster {
    let options = Options {
        port: 0,
        ..Options::default()
    };
    let cluster = WekaCluster::start(options).await.unwrap();
    add_backends(&cluster, backends).await;
    cluster
}

async fn add_backends(cluster: &WekaCluster, backends: u8) {
    let added = cluster.update(|model| {
        for last in 1..=backends {
            model.add_backend(&NewBackend::new(ip(last), &format!("i-{last}")));
        }
    });
    added.await.unwrap();
}

fn client() -> Client {
    // Fails if another test of this process has already installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

async fn call(
    client: &Client,
    url: &str,
    token: &str,
    method: &str,
    params: Value,
) -> reqwest::Result<(StatusCode, Value)> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = client.post(url).bearer_auth(token).body(body.to_string());
    let response = request.send().await?;
    let (status, text) = (response.status(), response.text().await?);
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

fn url(cluster: &WekaCluster, last: u8) -> String {
    format!("http://{}/api/v1", SocketAddr::new(ip(last), cluster.port()))
}

async fn log_in(cluster: &WekaCluster, client: &Client) -> String {
    let credentials = cluster.read(|model| model.settings().credentials.clone());
    let params = json!([credentials.username, credentials.password]);
    let (_, body) = call(client, &url(cluster, 1), "", "user_login", params)
        .await
        .unwrap();
    body["result"]["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn http_and_https_share_one_port() {
    let cluster = cluster(6).await;
    let plain = client();
    let token = log_in(&cluster, &plain).await;
    for last in 1..=6 {
        let (status, body) = call(&plain, &url(&cluster, last), &token, "hosts_list", json!({}))
            .await
            .unwrap();
        assert_eq!(
            (status, body["result"].as_object().unwrap().len()),
            (StatusCode::OK, 18)
        );
    }
    // The certificate names `weka` and no address. A client that trusts it connects.
    let certificate = reqwest::Certificate::from_pem(cluster.certificate_pem().as_bytes()).unwrap();
    let trusting = Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .resolve("weka", SocketAddr::new(ip(2), cluster.port()))
        .build()
        .unwrap();
    let by_name = format!("https://weka:{}/api/v1", cluster.port());
    let (status, body) = call(&trusting, &by_name, &token, "status", json!({}))
        .await
        .unwrap();
    assert_eq!(
        (status, &body["result"]["io_status"]),
        (StatusCode::OK, &json!("STARTED"))
    );
    let by_address = url(&cluster, 2).replace("http:", "https:");
    assert!(
        call(&trusting, &by_address, &token, "status", json!({}))
            .await
            .is_err()
    );
    let without_trust = call(&plain, &by_address, &token, "status", json!({})).await;
    assert!(without_trust.unwrap_err().is_connect());

    let installer = url(&cluster, 1).replace("/api/v1", "/dist/v1/install");
    let installer = plain.get(installer).send().await.unwrap().text().await.unwrap();
    assert!(installer.starts_with("#!/bin/sh"));
    let not_found = plain.get(url(&cluster, 1)).send().await.unwrap();
    assert_eq!(not_found.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn backend_refuses_connections_while_it_is_down() {
    let cluster = cluster(6).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    call(&client, &url(&cluster, 6), &token, "status", json!({}))
        .await
        .unwrap();
    cluster.update(|model| model.machine_down(ip(6))).await.unwrap();
    // The open connection is closed and new connections are refused.
    let closed = call(&client, &url(&cluster, 6), &token, "status", json!({})).await;
    assert!(closed.is_err());
    let new_client = self::client();
    let error = call(&new_client, &url(&cluster, 6), &token, "status", json!({}))
        .await
        .unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    call(&client, &url(&cluster, 5), &token, "status", json!({}))
        .await
        .unwrap();
    cluster.update(|model| model.machine_up(ip(6))).await.unwrap();
    call(&client, &url(&cluster, 6), &token, "status", json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn inactive_container_stops_serving_the_api() {
    let cluster = cluster(6).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    let hosts =
        json!({ "host_ids": ["HostId<15>", "HostId<16>", "HostId<17>"], "skip_resource_validation": false });
    let (_, body) = call(
        &client,
        &url(&cluster, 6),
        &token,
        "cluster_deactivate_hosts",
        hosts,
    )
    .await
    .unwrap();
    assert_eq!(body["error"], Value::Null);
    cluster.advance(Duration::from_secs(3600)).await.unwrap();
    assert!(
        call(&client, &url(&cluster, 6), &token, "status", json!({}))
            .await
            .is_err()
    );
    let token = log_in(&cluster, &client).await;
    let host = json!({ "host_id": 15, "no_wait": true });
    let (_, body) = call(&client, &url(&cluster, 1), &token, "cluster_remove_host", host)
        .await
        .unwrap();
    assert_eq!(body["error"], Value::Null);
    // It is REMOVING for a while.
    assert_eq!(cluster.read(|model| model.containers().count()), 18);
    let removal = cluster.read(|model| model.settings().removal);
    cluster.advance(removal).await.unwrap();
    assert_eq!(cluster.read(|model| model.containers().count()), 17);
}

#[tokio::test]
async fn faults_are_visible_to_clients() {
    let cluster = cluster(6).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    let fault = async |fault: Fault| {
        cluster
            .update(|model| model.add_fault(ip(1), fault))
            .await
            .unwrap()
    };
    let event = async || {
        let params = json!({ "message": "x" });
        call(
            &client,
            &url(&cluster, 1),
            &token,
            "events_trigger_custom",
            params,
        )
        .await
    };
    let events = || cluster.read(|model| model.events().len());

    fault(Fault::new(FaultKind::Status(503)).times(1)).await;
    assert_eq!(event().await.unwrap().0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(events(), 0);
    fault(Fault::new(FaultKind::Disconnect).times(1)).await;
    let error = event().await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
    assert_eq!(events(), 1);
    // The response never arrives in time, but the call is executed.
    fault(Fault::new(FaultKind::Slow(Duration::from_secs(3600))).times(1)).await;
    tokio::select! {
        response = event() => panic!("{response:?}"),
        () = async { while events() < 2 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(event().await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn fast_clock_advances_by_itself() {
    let options = Options {
        port: 0,
        clock: Clock::Fast(100_000),
        ..Options::default()
    };
    let cluster = WekaCluster::start(options).await.unwrap();
    let start = cluster.read(|model| model.now());
    add_backends(&cluster, 6).await;
    let deactivated = cluster.update(|model| model.deactivate_containers(&[15, 16, 17], false));
    deactivated.await.unwrap().unwrap();
    while cluster.read(|model| model.serving().contains(&ip(6))) {
        tokio::task::yield_now().await;
    }
    assert!(cluster.read(|model| model.now()) > start);
}

#[tokio::test]
async fn dropping_a_cluster_closes_its_ports() {
    let cluster = cluster(5).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    let url = url(&cluster, 1);
    call(&client, &url, &token, "status", json!({})).await.unwrap();
    drop(cluster);
    while call(&client, &url, &token, "status", json!({})).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
