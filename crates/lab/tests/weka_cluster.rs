//! The simulated cluster as its clients see it: HTTP and HTTPS on each backend's own address, and what goes wrong there.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its cluster has failed"
)]

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
    found(&cluster, backends).await;
    cluster
}

async fn found(cluster: &WekaCluster, backends: u8) {
    let found = cluster.change(|model| {
        for last in 1..=backends {
            model.found(&NewBackend::new(ip(last), &format!("i-{last}")));
        }
    });
    found.await.unwrap();
}

fn client() -> Client {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

async fn ask(
    client: &Client,
    url: &str,
    token: &str,
    method: &str,
    params: Value,
) -> reqwest::Result<(StatusCode, Value)> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = client.post(url).bearer_auth(token).body(body.to_string());
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

fn url(cluster: &WekaCluster, last: u8) -> String {
    format!("http://{}/api/v1", SocketAddr::new(ip(last), cluster.port()))
}

async fn log_in(cluster: &WekaCluster, client: &Client) -> String {
    let credentials = cluster.look(|model| model.settings().credentials.clone());
    let params = json!([credentials.username, credentials.password]);
    let (_, answer) = ask(client, &url(cluster, 1), "", "user_login", params)
        .await
        .unwrap();
    answer["result"]["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn http_and_https_are_served_on_one_port() {
    let cluster = cluster(6).await;
    let plain = client();
    let token = log_in(&cluster, &plain).await;
    for last in 1..=6 {
        let (status, answer) = ask(&plain, &url(&cluster, last), &token, "hosts_list", json!({}))
            .await
            .unwrap();
        assert_eq!(
            (status, answer["result"].as_object().unwrap().len()),
            (StatusCode::OK, 18)
        );
    }
    // The certificate names `weka` and no address, and who is given it believes it.
    let certificate = reqwest::Certificate::from_pem(cluster.certificate_pem().as_bytes()).unwrap();
    let secure = Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .resolve("weka", SocketAddr::new(ip(2), cluster.port()))
        .build()
        .unwrap();
    let by_name = format!("https://weka:{}/api/v1", cluster.port());
    let (status, answer) = ask(&secure, &by_name, &token, "status", json!({})).await.unwrap();
    assert_eq!(
        (status, &answer["result"]["io_status"]),
        (StatusCode::OK, &json!("STARTED"))
    );
    let by_address = url(&cluster, 2).replace("http:", "https:");
    assert!(
        ask(&secure, &by_address, &token, "status", json!({}))
            .await
            .is_err()
    );
    let believes_nobody = ask(&plain, &by_address, &token, "status", json!({})).await;
    assert!(believes_nobody.unwrap_err().is_connect());

    let installer = url(&cluster, 1).replace("/api/v1", "/dist/v1/install");
    let installer = plain.get(installer).send().await.unwrap().text().await.unwrap();
    assert!(installer.starts_with("#!/bin/sh"));
    let nothing = plain.get(url(&cluster, 1)).send().await.unwrap();
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_backend_that_is_down_refuses_and_one_that_is_back_answers() {
    let cluster = cluster(6).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    ask(&client, &url(&cluster, 6), &token, "status", json!({}))
        .await
        .unwrap();
    cluster.change(|model| model.machine_down(ip(6))).await.unwrap();
    // The connection that was open before is gone, and there are no new ones.
    let gone = ask(&client, &url(&cluster, 6), &token, "status", json!({})).await;
    assert!(gone.is_err());
    let refused = self::client();
    let error = ask(&refused, &url(&cluster, 6), &token, "status", json!({}))
        .await
        .unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    ask(&client, &url(&cluster, 5), &token, "status", json!({}))
        .await
        .unwrap();
    cluster.change(|model| model.machine_up(ip(6))).await.unwrap();
    ask(&client, &url(&cluster, 6), &token, "status", json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_container_that_left_serves_no_more() {
    let cluster = cluster(6).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    let hosts =
        json!({ "host_ids": ["HostId<15>", "HostId<16>", "HostId<17>"], "skip_resource_validation": false });
    let (_, answer) = ask(
        &client,
        &url(&cluster, 6),
        &token,
        "cluster_deactivate_hosts",
        hosts,
    )
    .await
    .unwrap();
    assert_eq!(answer["error"], Value::Null);
    cluster.advance(Duration::from_secs(3600)).await.unwrap();
    assert!(
        ask(&client, &url(&cluster, 6), &token, "status", json!({}))
            .await
            .is_err()
    );
    let token = log_in(&cluster, &client).await;
    let host = json!({ "host_id": 15, "no_wait": true });
    let (_, answer) = ask(&client, &url(&cluster, 1), &token, "cluster_remove_host", host)
        .await
        .unwrap();
    assert_eq!(answer["error"], Value::Null);
    assert_eq!(cluster.look(|model| model.containers().count()), 17);
}

#[tokio::test]
async fn faults_show_on_the_wire() {
    let cluster = cluster(6).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    let fault = async |fault: Fault| {
        cluster
            .change(|model| model.add_fault(ip(1), fault))
            .await
            .unwrap()
    };
    let event = async || {
        let params = json!({ "message": "x" });
        ask(
            &client,
            &url(&cluster, 1),
            &token,
            "events_trigger_custom",
            params,
        )
        .await
    };
    let said = || cluster.look(|model| model.events().len());

    fault(Fault::new(FaultKind::Status(503)).times(1)).await;
    assert_eq!(event().await.unwrap().0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(said(), 0);
    fault(Fault::new(FaultKind::HangUp).times(1)).await;
    let error = event().await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
    assert_eq!(said(), 1);
    // Longer than anybody waits: the call was carried out all the same.
    fault(Fault::new(FaultKind::Slow(Duration::from_secs(3600))).times(1)).await;
    tokio::select! {
        answer = event() => panic!("{answer:?}"),
        () = async { while said() < 2 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(event().await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_fast_clock_goes_by_itself() {
    let options = Options {
        port: 0,
        clock: Clock::Fast(100_000),
        ..Options::default()
    };
    let cluster = WekaCluster::start(options).await.unwrap();
    let start = cluster.look(|model| model.now());
    found(&cluster, 6).await;
    let change = cluster.change(|model| model.deactivate_containers(&[15, 16, 17], false));
    change.await.unwrap().unwrap();
    while cluster.look(|model| model.serving().contains(&ip(6))) {
        tokio::task::yield_now().await;
    }
    assert!(cluster.look(|model| model.now()) > start);
}

#[tokio::test]
async fn nothing_of_a_cluster_outlives_it() {
    let cluster = cluster(5).await;
    let client = client();
    let token = log_in(&cluster, &client).await;
    let url = url(&cluster, 1);
    ask(&client, &url, &token, "status", json!({})).await.unwrap();
    drop(cluster);
    while ask(&client, &url, &token, "status", json!({})).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
