//! In what order a resource that stands is changed: what takes the place of something is there before that goes.

use super::{Answer, Router, cloud, xml};
use crate::cloud::Clients;
use crate::resource::{From, Target, update};
use crate::test_support::{config, replay};
use deployment::plan::{ActualResource, Change};
use deployment::policy::Policy;
use deployment::resource::{Body, Function, Role, Rule, Table};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};
use std::collections::BTreeMap;

const GROUP: HostGroup = HostGroup::Backends;

/// What is asked when a resource is changed, in this order.
async fn asked(id: ResourceId, name: &str, from: Body, to: Body, answers: &[Answer]) -> Vec<String> {
    let router = Router::new(answers);
    let config = config(replay([]))
        .into_builder()
        .http_client(router.client())
        .build();
    let cloud = cloud(Clients::new(&config));
    let (was, is) = (from.fields(), to.fields());
    let fields = is.as_object().unwrap();
    let differing = fields
        .iter()
        .filter(|(field, value)| was[field.as_str()] != **value);
    let changes: Vec<_> = differing
        .map(|(field, value)| Change {
            field: field.clone(),
            from: was[field].clone(),
            to: value.clone(),
        })
        .collect();
    let standing = ActualResource {
        name: name.to_owned(),
        body: from,
        tags: None,
        outputs: Vec::new(),
    };
    let target = Target { id, name, tags: None };
    let from = From {
        standing: &standing,
        changes: &changes,
    };
    update(&cloud, &target, &to, &from).await.unwrap();
    router.asked.lock().unwrap().clone()
}

#[tokio::test]
async fn a_role_has_its_policy_before_it_loses_the_others() {
    let role = |permissions: &str, others: &[&str], attached: &[&str]| Role {
        trust: Policy::empty(),
        permissions: Policy::parse(permissions).unwrap(),
        other_policies: others.iter().map(|&name| name.to_owned()).collect(),
        attached_policies: attached.iter().map(|&arn| arn.to_owned()).collect(),
    };
    let (old, new) = (
        r#"{"Version":"2012-10-17","Statement":[]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:B","Resource":"c"}]}"#,
    );
    let answers: Vec<_> = ["PutRolePolicy", "DeleteRolePolicy", "DetachRolePolicy"]
        .map(|operation| (operation, 200, xml(operation, "")))
        .into();
    let mut asked = asked(
        ResourceId::Role(GROUP, RoleUse::Rule),
        "r",
        role(old, &["wide", "wider"], &["arn:widest"]).into(),
        role(new, &[], &[]).into(),
        &answers,
    )
    .await;
    assert_eq!(asked.remove(0), "PutRolePolicy");
    asked.sort();
    assert_eq!(
        asked,
        ["DeleteRolePolicy", "DeleteRolePolicy", "DetachRolePolicy"]
    );
}

#[tokio::test]
async fn a_function_has_its_runtime_and_environment_before_the_code_that_needs_them() {
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
    let answers = [wait, configure, code].map(|asked| (asked, 200, ready.to_owned()));
    let id = ResourceId::Function(GROUP, FunctionType::Join);
    let of_go = function("arm64", "provided.al2");
    let ours = function("x86_64", "provided.al2023");
    assert_eq!(
        asked(id, "f", of_go.clone().into(), ours.clone().into(), &answers).await,
        [wait, configure, wait, code, wait]
    );
    // What need not change is not sent.
    let same_runtime = function("x86_64", "provided.al2");
    assert_eq!(
        asked(id, "f", of_go.into(), same_runtime.clone().into(), &answers).await,
        [wait, code, wait]
    );
    assert_eq!(
        asked(id, "f", same_runtime.into(), ours.into(), &answers).await,
        [wait, configure, wait]
    );
}

#[tokio::test]
async fn a_table_changes_its_billing_and_its_encryption_one_after_the_other() {
    let table = |billing: &str, key: &str| Table {
        hash_key: "Key".to_owned(),
        billing_mode: billing.to_owned(),
        kms_key: key.into(),
        point_in_time_recovery: true,
    };
    let active = r#"{"Table":{"TableStatus":"ACTIVE"}}"#;
    let answers = ["DescribeTable", "UpdateTable"].map(|asked| (asked, 200, active.to_owned()));
    let (was, is) = (table("PROVISIONED", "arn:k1"), table("PAY_PER_REQUEST", "arn:k2"));
    assert_eq!(
        asked(ResourceId::Table, "t", was.into(), is.into(), &answers).await,
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
async fn a_rule_is_never_without_a_target_and_never_has_too_many() {
    let rule = |target: &str, others: usize| Rule {
        schedule: "rate(1 minute)".to_owned(),
        state: "ENABLED".to_owned(),
        target_id: target.to_owned(),
        target_arn: if target.is_empty() { "" } else { "arn:sm" }.to_owned(),
        role: "arn:r".into(),
        other_targets: (0..others).map(|number| number.to_string()).collect(),
    };
    let answers = ["PutTargets", "RemoveTargets"].map(|asked| (asked, 200, "{}".to_owned()));
    let ours = "state-machine";
    for (target, others, expected) in [
        ("", 1, &["PutTargets", "RemoveTargets"][..]),
        ("", 4, &["PutTargets", "RemoveTargets"]),
        ("", 5, &["RemoveTargets", "PutTargets", "RemoveTargets"]),
        (ours, 4, &["RemoveTargets"]),
        ("", 0, &["PutTargets"]),
    ] {
        let id = ResourceId::Rule(GROUP);
        let asked = asked(
            id,
            "n",
            rule(target, others).into(),
            rule(ours, 0).into(),
            &answers,
        )
        .await;
        assert_eq!(asked, expected, "{target} {others}");
    }
}
