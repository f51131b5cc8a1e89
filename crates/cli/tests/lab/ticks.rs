//! The state machine that import made, run by the minute with the real functions.

use crate::scaled::Scaled;
use deployment::FunctionType;
use lab::machine::Outcome;

#[tokio::test]
async fn a_minute_runs_the_functions_in_turn() {
    let mut cluster = Scaled::start(31).await;
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
async fn a_fault_of_lambdas_own_is_tried_again() {
    let mut cluster = Scaled::start(32).await;
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

    // Four tries more, and then it is the execution's failure.
    cluster.functions.inject_faults(&fetch, 5);
    let execution = cluster.execution().await;
    assert_eq!(execution.status, "FAILED");
    assert_eq!(execution.error.as_deref(), Some("Lambda.ServiceException"));
    assert_eq!(cluster.functions.invocations(&fetch), 7);
}

#[tokio::test]
async fn a_rule_that_is_disabled_starts_nothing() {
    let mut cluster = Scaled::start(33).await;
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
async fn what_the_group_launches_boots_and_becomes_a_member() {
    let mut cluster = Scaled::start(34).await;
    cluster.scaling_loop.set_desired(8).await.unwrap();
    let minute = cluster.tick().await;
    assert_eq!((minute.desired, minute.in_group), (8, 8));
    assert_eq!(minute.booted.len(), 2);
    for (id, boot) in &minute.booted {
        assert_eq!(boot.outcome, Outcome::Joined, "{id}: {}", boot.log);
    }
    assert_eq!((minute.healthy, minute.unhealthy, minute.draining), (8, 0, 0));
}

/// What answers at the join URL, without the instance that would ask.
#[tokio::test]
async fn the_join_url_wants_the_key_that_import_made() {
    let mut cluster = Scaled::start(35).await;
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
    let (status, script) = get(&url, key).await;
    assert_eq!((status, &script[..11]), (200, "#!/bin/bash"));
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
