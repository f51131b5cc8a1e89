//! Behaviours of AWS that moto lacks: see `docs/lab.md`.

use crate::common::Lab;
use crate::scaled_cluster::ScaledCluster;
use crate::scaling::CONTAINER_RETENTION;
use aws_sdk_ec2::types::Filter;
use lab::weka_cluster::Credentials;
use lab::{Behaviour, Control, InstanceState, MotoOptions, StackOptions};
use std::time::Duration;

/// The password after a change.
const OTHER: &str = "another-password";

#[tokio::test(flavor = "multi_thread")]
async fn cluster_lives_with_all_behaviours_of_aws_together() {
    let options = MotoOptions {
        behaviours: Behaviour::ALL.to_vec(),
        iam_delay: Duration::from_millis(500),
        function_pending: Duration::from_millis(200),
        attach_pending: Duration::from_millis(200),
        ..MotoOptions::default()
    };
    let mut cluster = ScaledCluster::start_with(57, options).await;
    cluster.until_settled(6).await;
    cluster.scaling_loop.set_desired(7).await.unwrap();
    cluster.until_settled(7).await;
    cluster.scaling_loop.set_desired(6).await.unwrap();
    let ticks = cluster.until_settled(6).await;
    assert_eq!(ticks.iter().flat_map(|tick| &tick.terminated).count(), 1);

    let dead = cluster.members().await.remove(2);
    let died = cluster
        .scaling_loop
        .fail_instance(&dead, InstanceState::Terminated);
    died.await.unwrap();
    cluster.until(|tick| !tick.booted.is_empty()).await;
    cluster
        .scaling_loop
        .advance_time(CONTAINER_RETENTION)
        .await
        .unwrap();
    cluster.until_settled(6).await;

    let package = cluster.lab.other_package();
    let update = [
        "cluster",
        "update",
        "-n",
        "wk",
        "-y",
        "--lambda-package",
        package.to_str().unwrap(),
    ];
    cluster.lab.wekactl(&update).ok();

    let changed = cluster.scaling_loop.weka().update(|model| {
        model.set_credentials(Credentials {
            username: "admin".to_owned(),
            password: OTHER.to_owned(),
        });
    });
    changed.await.unwrap();
    let change = ["cluster", "change-credentials", "-n", "wk", "-u", "admin", "-y"];
    cluster
        .lab
        .wekactl_with(&change, &[("WEKA_PASSWORD", OTHER)])
        .ok();
    cluster.until_settled(6).await;

    let ran = cluster.lab.destroy(&["--wait-for-interfaces", "5m"]);
    ran.ok().shows("No resources of cluster wk remain.");
}

/// Lambda deletes the interface with the role of the function. Without it, the stack's security group can never be deleted.
#[tokio::test]
async fn destroy_keeps_the_role_until_lambda_has_deleted_the_network_interfaces() {
    let options = MotoOptions {
        behaviours: vec![Behaviour::EniOutlivesFunction],
        ..MotoOptions::default()
    };
    let stack = StackOptions {
        clients: 0,
        backends: 5,
        ..StackOptions::default()
    };
    let (lab, _) = Lab::with_options(options, &stack);
    let before = Control::new(&lab.moto).list_resources().await.unwrap();
    lab.import(&[]).ok();
    let interfaces = async || {
        let filter = Filter::builder()
            .name("description")
            .values("AWS Lambda VPC ENI-*")
            .build();
        let request = lab.clients().ec2.describe_network_interfaces().filters(filter);
        request.send().await.unwrap().network_interfaces().len()
    };
    assert_eq!(interfaces().await, 1);

    let ran = lab.destroy(&[]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    ran.shows("postponed  IAM role wekactl-wk-Backends-scale-");
    ran.shows("postponed  KMS key");
    ran.shows("postponed  DynamoDB table wekactl-wk: it is deleted after");
    ran.shows("Rerun `wekactl cluster destroy --name wk`");
    let list = lab.wekactl(&["cluster", "list"]).ok();
    assert!(list.stdout.contains("destroying"), "{}", list.stdout);
    assert_eq!(interfaces().await, 1);

    let ran = lab
        .destroy(&["--wait-for-interfaces", "5m", "--output", "json"])
        .ok();
    assert!(ran.stdout.contains(r#""left": []"#), "{}", ran.stdout);
    assert_eq!(interfaces().await, 0);
    let after = Control::new(&lab.moto).list_resources().await.unwrap();
    let left: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(left, Vec::<&String>::new());
    let list = lab.wekactl(&["cluster", "list"]).ok();
    assert!(!list.stdout.contains("destroying"), "{}", list.stdout);
}

#[tokio::test]
async fn import_of_120_backends_waits_for_new_functions_and_request_limits() {
    let options = MotoOptions {
        behaviours: Behaviour::ALL.to_vec(),
        function_pending: Duration::from_millis(200),
        ..MotoOptions::default()
    };
    let stack = StackOptions {
        backends: 120,
        clients: 0,
        ..StackOptions::default()
    };
    let (lab, _) = Lab::with_options(options, &stack);
    lab.import(&[]).ok();
    let calls = lab.calls();
    for (operation, code) in [
        ("GetFunctionConfiguration", "ResourceNotFoundException"),
        ("AddPermission", "ResourceNotFoundException"),
        ("ModifyInstanceAttribute", "RequestLimitExceeded"),
    ] {
        let is_refused = |call: &&lab::Call| {
            call.operation == operation && call.error.as_ref().is_some_and(|error| error.contains(code))
        };
        assert!(
            calls.iter().any(|call| is_refused(&call)),
            "{operation} was never refused"
        );
    }
    let instances = Control::new(&lab.moto).instances().await.unwrap();
    let imported: Vec<_> = instances
        .iter()
        .filter(|instance| instance.group.is_some())
        .collect();
    assert_eq!(imported.len(), 120);
    for instance in imported {
        assert!(
            instance.termination_protection && instance.protected == Some(true),
            "{instance:?}"
        );
    }
}
