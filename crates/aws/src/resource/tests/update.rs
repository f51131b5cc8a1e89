//! The order of requests of an update: a replacement exists before the replaced thing is removed.

use super::{Response, Router, cloud, xml};
use crate::cloud::Clients;
use crate::resource::update;
use crate::test_support::{config, replay};
use deployment::actual::ActualResource;
use deployment::plan::Desired;
use deployment::policy::Policy;
use deployment::resource::{Body, Function, Role, Rule, Table};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};
use std::collections::{BTreeMap, BTreeSet};

const GROUP: HostGroup = HostGroup::Backends;

/// The operations of an update, in order.
async fn operations(id: ResourceId, name: &str, from: Body, to: Body, responses: &[Response]) -> Vec<String> {
    let router = Router::new(responses);
    let config = config(replay([]))
        .into_builder()
        .http_client(router.client())
        .build();
    let cloud = cloud(Clients::new(&config));
    let actual = ActualResource {
        name: name.to_owned(),
        body: from,
        tags: None,
        outputs: Vec::new(),
    };
    let desired = Desired {
        id,
        name: name.to_owned(),
        body: to,
        tags: None,
        depends_on: BTreeSet::new(),
    };
    update(&cloud, &desired, &desired.body, &actual).await.unwrap();
    router.operations.lock().unwrap().clone()
}

#[tokio::test]
async fn role_gets_its_boundary_first_and_its_policy_before_other_policies_are_removed() {
    let role = |permissions: &str, others: &[&str], attached: &[&str]| Role {
        trust: Policy::empty(),
        permissions: Policy::parse(permissions).unwrap(),
        other_policies: others.iter().map(|&name| name.to_owned()).collect(),
        attached_policies: attached.iter().map(|&arn| arn.to_owned()).collect(),
        permissions_boundary: attached.is_empty().then(|| "arn:boundary".to_owned()),
    };
    let (old, new) = (
        r#"{"Version":"2012-10-17","Statement":[]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:B","Resource":"c"}]}"#,
    );
    let responses: Vec<_> = [
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "DeleteRolePolicy",
        "DetachRolePolicy",
    ]
    .map(|operation| (operation, 200, xml(operation, "")))
    .into();
    let mut operations = operations(
        ResourceId::Role(GROUP, RoleUse::Rule),
        "r",
        role(old, &["wide", "wider"], &["arn:widest"]).into(),
        role(new, &[], &[]).into(),
        &responses,
    )
    .await;
    assert_eq!(operations.remove(0), "PutRolePermissionsBoundary");
    assert_eq!(operations.remove(0), "PutRolePolicy");
    operations.sort();
    assert_eq!(
        operations,
        ["DeleteRolePolicy", "DeleteRolePolicy", "DetachRolePolicy"]
    );
}

#[tokio::test]
async fn function_gets_runtime_and_environment_before_code() {
    let function = |architecture: &str, runtime: &str| Function {
        description: String::new(),
        runtime: runtime.to_owned(),
        handler: "bootstrap".to_owned(),
        architecture: architecture.to_owned(),
        memory_mib: 256,
        timeout_seconds: 15,
        code_sha256: format!("of {architecture}"),
        role: "arn:r".into(),
        kms_key: "arn:k".into(),
        environment: BTreeMap::new(),
        launch_template: None,
        seal_key: None,
        vpc: None,
        tracing: "PassThrough".to_owned(),
    };
    let ready = r#"{"State":"Active","LastUpdateStatus":"Successful"}"#;
    let (wait, configure, code) = (
        "GET /2015-03-31/functions/f/configuration",
        "PUT /2015-03-31/functions/f/configuration",
        "PUT /2015-03-31/functions/f/code",
    );
    let responses = [wait, configure, code].map(|operation| (operation, 200, ready.to_owned()));
    let id = ResourceId::Function(GROUP, FunctionType::Join);
    let of_go = function("arm64", "provided.al2");
    let ours = function("x86_64", "provided.al2023");
    assert_eq!(
        operations(id, "f", of_go.clone().into(), ours.clone().into(), &responses).await,
        [wait, configure, wait, code, wait]
    );
    // Unchanged settings are not sent.
    let same_runtime = function("x86_64", "provided.al2");
    assert_eq!(
        operations(id, "f", of_go.into(), same_runtime.clone().into(), &responses).await,
        [wait, code, wait]
    );
    assert_eq!(
        operations(id, "f", same_runtime.into(), ours.into(), &responses).await,
        [wait, configure, wait]
    );
}

#[tokio::test]
async fn table_changes_billing_and_encryption_one_after_the_other() {
    let table = |billing: &str, key: &str| Table {
        hash_key: "Key".to_owned(),
        billing_mode: billing.to_owned(),
        kms_key: key.into(),
        point_in_time_recovery: true,
    };
    let active = r#"{"Table":{"TableStatus":"ACTIVE"}}"#;
    let responses = ["DescribeTable", "UpdateTable"].map(|operation| (operation, 200, active.to_owned()));
    let (was, is) = (table("PROVISIONED", "arn:k1"), table("PAY_PER_REQUEST", "arn:k2"));
    assert_eq!(
        operations(ResourceId::Table, "t", was.into(), is.into(), &responses).await,
        [
            "DescribeTable",
            "UpdateTable",
            "DescribeTable",
            "UpdateTable",
            "DescribeTable"
        ]
    );
}

#[tokio::test]
async fn rule_always_has_a_target_and_never_too_many() {
    let rule = |target: &str, others: usize| Rule {
        schedule: "rate(1 minute)".to_owned(),
        state: "ENABLED".to_owned(),
        target_id: target.to_owned(),
        target_arn: if target.is_empty() { "" } else { "arn:sm" }.to_owned(),
        role: "arn:r".into(),
        other_targets: (0..others).map(|number| number.to_string()).collect(),
    };
    let responses = ["PutTargets", "RemoveTargets"].map(|operation| (operation, 200, "{}".to_owned()));
    let ours = "state-machine";
    for (target, others, expected) in [
        ("", 1, &["PutTargets", "RemoveTargets"][..]),
        ("", 4, &["PutTargets", "RemoveTargets"]),
        ("", 5, &["RemoveTargets", "PutTargets", "RemoveTargets"]),
        (ours, 4, &["RemoveTargets"]),
        ("", 0, &["PutTargets"]),
    ] {
        let id = ResourceId::Rule(GROUP);
        let operations = operations(
            id,
            "n",
            rule(target, others).into(),
            rule(ours, 0).into(),
            &responses,
        )
        .await;
        assert_eq!(operations, expected, "{target} {others}");
    }
}
