//! The state machine that import created, run at each tick with the real functions.

use crate::scaled_cluster::ScaledCluster;
use deployment::FunctionType;
use lab::machine::Outcome;

#[tokio::test]
async fn tick_runs_the_functions_in_order() {
    let mut cluster = ScaledCluster::start(31).await;
    let execution = cluster.execution().await;
    let fetched = execution.output_of("HostGroupInfo").unwrap();
    assert_eq!(fetched["desired_capacity"], 6);
    assert_eq!(fetched["instances"].as_array().unwrap().len(), 6);
    assert_eq!(
        cluster
            .functions
            .invocations(&cluster.function(FunctionType::Fetch)),
        1
    );
    assert_eq!(
        cluster
            .functions
            .invocations(&cluster.function(FunctionType::Scale)),
        1
    );
}

#[tokio::test]
async fn lambda_service_error_is_retried() {
    let mut cluster = ScaledCluster::start(32).await;
    let fetch = cluster.function(FunctionType::Fetch);
    cluster.functions.inject_faults(&fetch, 1);
    let execution = cluster.execution().await;
    assert!(
        execution.output_of("HostGroupInfo").is_some(),
        "{}",
        execution.text()
    );
    assert_eq!(cluster.functions.invocations(&fetch), 2);
    assert!(
        execution.text().contains("Lambda.ServiceException"),
        "{}",
        execution.text()
    );

    // After four retries, the execution fails.
    cluster.functions.inject_faults(&fetch, 5);
    let execution = cluster.execution().await;
    assert_eq!(execution.status, "FAILED");
    assert_eq!(execution.error.as_deref(), Some("Lambda.ServiceException"));
    assert_eq!(cluster.functions.invocations(&fetch), 7);
}

#[tokio::test]
async fn disabled_rule_starts_no_execution() {
    let mut cluster = ScaledCluster::start(33).await;
    let rule = cluster.scaling_loop.rule().to_owned();
    cluster
        .scaling_loop
        .control()
        .set_enabled(&rule, false)
        .await
        .unwrap();
    assert!(cluster.tick().await.executions.is_empty());
}

#[tokio::test]
async fn launched_instance_joins_the_cluster() {
    let mut cluster = ScaledCluster::start(34).await;
    cluster.scaling_loop.set_desired(8).await.unwrap();
    let tick = cluster.tick().await;
    assert_eq!((tick.desired, tick.in_group), (8, 8));
    assert_eq!(tick.booted.len(), 2);
    for (id, boot) in &tick.booted {
        assert_eq!(boot.outcome, Outcome::Joined, "{id}: {}", boot.log);
    }
    assert_eq!((tick.healthy, tick.unhealthy, tick.draining), (8, 0, 0));
}

/// Calls the join URL as someone does who can read the launch template.
#[tokio::test]
async fn join_url_refuses_requests_with_the_api_key_only() {
    let mut cluster = ScaledCluster::start(35).await;
    cluster.scaling_loop.set_desired(7).await.unwrap();
    cluster.tick().await;
    let instances = cluster.scaling_loop.control().instances().await.unwrap();
    let user_data = instances
        .iter()
        .find_map(|instance| {
            instance
                .user_data
                .as_deref()
                .filter(|text| text.contains("x-api-key"))
        })
        .unwrap();
    let assigned = |name| {
        let value = user_data
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        value.trim_matches('\'')
    };
    let (url, key) = (assigned("join_url="), assigned("api_key="));
    let url = cluster.scaling_loop.control().execute_api(url).unwrap();
    let (status, body) = get(&url, key).await;
    assert_eq!((status, body.as_str()), (403, r#"{"message":"Forbidden"}"#));
    let log = cluster.functions.log(&cluster.function(FunctionType::Join));
    assert!(log.contains("NoIdentity"), "{log}");
    for wrong in ["", "another-key", &key[1..]] {
        let (status, body) = get(&url, wrong).await;
        assert_eq!((status, body.as_str()), (403, r#"{"message": "Forbidden"}"#));
    }
    let (status, _) = get(&format!("{url}/more"), key).await;
    assert_eq!(status, 403);
}

async fn get(url: &str, key: &str) -> (u16, String) {
    let output = tokio::process::Command::new("curl")
        .args([
            "--noproxy",
            "*",
            "--silent",
            "--write-out",
            "\n%{http_code}",
            "-H",
        ])
        .args([&format!("x-api-key: {key}"), url])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}
