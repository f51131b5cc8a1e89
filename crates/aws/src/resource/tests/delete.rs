//! Deleting each kind: the requests, that a missing resource is not an error, and what is retried.

use super::not_found::{ec2_error, form_error, json_error};
use super::{Response, Router, cloud, xml};
use crate::cloud::Clients;
use crate::error::Result;
use crate::execute::execute;
use crate::graph::Event;
use crate::test_support::{config, json_response, replay};
use deployment::found::{Details, FoundResource};
use deployment::ownership::InstanceDisposition;
use deployment::plan::{Action, Plan, Step, StepId, Teardown, TeardownAction};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeSet;
use tokio::sync::watch;

const GROUP: HostGroup = HostGroup::Backends;

fn step(id: ResourceId, action: TeardownAction, found: Vec<FoundResource>) -> (ResourceId, Teardown) {
    let teardown = Teardown {
        action,
        found,
        instances: InstanceDisposition::Terminate,
    };
    (id, teardown)
}

/// The result of a step, and its operations.
async fn executed(
    (id, teardown): &(ResourceId, Teardown),
    responses: &[Response],
) -> (Result<Option<String>>, Vec<String>) {
    let router = Router::new(responses);
    let config = config(replay([]))
        .into_builder()
        .http_client(router.client())
        .build();
    let done = super::super::delete(&cloud(Clients::new(&config)), *id, teardown).await;
    let mut operations = router.operations.lock().unwrap().clone();
    operations.sort();
    (done, operations)
}

fn named(name: &str) -> FoundResource {
    FoundResource::named(name.into(), None)
}

fn not_found_cases() -> Vec<(ResourceId, FoundResource, Vec<Response>)> {
    let not_found = "ResourceNotFoundException";
    let iam = |operations| form_error(operations, "NoSuchEntity");
    vec![
        (
            ResourceId::KmsKey,
            named("alias/wekactl-wk").with_handle("k"),
            vec![
                json_error("ScheduleKeyDeletion", "KMSInvalidStateException"),
                json_error("DeleteAlias", "NotFoundException"),
            ],
        ),
        (ResourceId::Table, named("t"), vec![json_error("DeleteTable", not_found)]),
        (
            ResourceId::Role(GROUP, RoleUse::Rule),
            named("r"),
            vec![iam("DeleteRolePolicy"), iam("DeleteRole")],
        ),
        (
            ResourceId::LogGroup(GROUP, None),
            named("l"),
            vec![json_error("DeleteLogGroup", not_found)],
        ),
        (
            ResourceId::Function(GROUP, FunctionType::Join),
            named("f"),
            vec![json_error("DELETE /2015-03-31/functions/f", not_found)],
        ),
        (
            ResourceId::RestApi(GROUP),
            named("a").with_handle("a1").with(Details::Api),
            vec![json_error("DELETE /restapis/a1", "NotFoundException")],
        ),
        (
            ResourceId::RestApi(GROUP),
            named("p").with_handle("p1").with(Details::UsagePlan(vec![("a1".into(), "default".into())])),
            vec![
                json_error("PATCH /usageplans/p1", "NotFoundException"),
                json_error("DELETE /usageplans/p1", "NotFoundException"),
            ],
        ),
        (
            ResourceId::RestApi(GROUP),
            named("k").with_handle("k1").with(Details::ApiKey),
            vec![json_error("DELETE /apikeys/k1", "NotFoundException")],
        ),
        (
            ResourceId::LaunchTemplate(GROUP),
            named("t").with_handle("lt-1"),
            vec![ec2_error("DeleteLaunchTemplate", "InvalidLaunchTemplateId.NotFound")],
        ),
        (
            ResourceId::StateMachine(GROUP),
            named("s").with_handle("arn"),
            vec![
                json_error("ListExecutions", "StateMachineDoesNotExist"),
                json_error("DeleteStateMachine", "StateMachineDoesNotExist"),
            ],
        ),
        (ResourceId::Rule(GROUP), named("r"), vec![json_error("DeleteRule", not_found)]),
        (
            ResourceId::LoadBalancer,
            named("lb").with_handle("arn"),
            vec![form_error("DeleteLoadBalancer", "LoadBalancerNotFound")],
        ),
        (
            ResourceId::TargetGroup,
            named("tg").with_handle("arn"),
            vec![form_error("DeleteTargetGroup", "TargetGroupNotFound")],
        ),
        (
            ResourceId::Listener,
            named("l").with_handle("arn"),
            vec![form_error("DeleteListener", "ListenerNotFound")],
        ),
        (
            ResourceId::AliasRecord,
            named("weka.example.com").with_handle("Z1").with(Details::Target("lb".into())),
            vec![(
                "GET /2013-04-01/hostedzone/Z1/rrset",
                200,
                "<ListResourceRecordSetsResponse><ResourceRecordSets/><IsTruncated>false</IsTruncated>\
                 <MaxItems>1</MaxItems></ListResourceRecordSetsResponse>"
                    .to_owned(),
            )],
        ),
        (
            ResourceId::AutoScalingGroup(GROUP),
            named("g"),
            vec![(
                "DeleteAutoScalingGroup",
                400,
                "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                 <Message>AutoScalingGroup name not found - AutoScalingGroup 'g' not found</Message></Error></ErrorResponse>"
                    .to_owned(),
            )],
        ),
    ]
}

#[tokio::test]
async fn missing_resource_is_not_an_error() {
    for (id, found, responses) in not_found_cases() {
        let step = step(id, TeardownAction::Delete, vec![found]);
        let (done, operations) = executed(&step, &responses).await;
        assert!(done.is_ok(), "{id:?}: {done:?}");
        let mut all: Vec<_> = responses
            .iter()
            .map(|(operations, ..)| (*operations).to_owned())
            .collect();
        all.sort();
        assert_eq!(operations, all, "{id:?}");
    }
}

#[tokio::test]
async fn other_errors_are_returned() {
    for (id, found, responses) in not_found_cases() {
        let mut responses = responses;
        for (_, status, body) in &mut responses {
            if *status == 400 {
                for code in [
                    "ResourceNotFoundException",
                    "NotFoundException",
                    "NoSuchEntity",
                    "NotFound",
                ] {
                    *body = body.replace(code, "AccessDenied");
                }
                *body = body.replace("KMSInvalidStateException", "AccessDenied");
                *body = body.replace("StateMachineDoesNotExist", "AccessDenied");
                *body = body.replace("not found", "is refused");
            }
        }
        let step = step(id, TeardownAction::Delete, vec![found]);
        let (done, _) = executed(&step, &responses).await;
        assert!(done.is_err() || id == ResourceId::AliasRecord, "{id:?}: {done:?}");
    }
}

#[tokio::test]
async fn alias_is_kept_until_key_deletion_is_scheduled() {
    let key = step(
        ResourceId::KmsKey,
        TeardownAction::ScheduleDeletion,
        vec![named("alias/wekactl-wk").with_handle("k")],
    );
    let (done, operations) = executed(
        &key,
        &[json_error("ScheduleKeyDeletion", "AccessDeniedException")],
    )
    .await;
    assert!(done.is_err());
    assert_eq!(operations, ["ScheduleKeyDeletion"]);
    let responses = [
        (
            "ScheduleKeyDeletion",
            200,
            r#"{"DeletionDate": 1795996800}"#.to_owned(),
        ),
        ("DeleteAlias", 200, String::new()),
    ];
    let (done, _) = executed(&key, &responses).await;
    assert_eq!(
        done.unwrap().unwrap(),
        "KMS key k: AWS deletes it on 2026-11-30; to keep it: aws kms cancel-key-deletion --region eu-west-1 --key-id k, then aws kms \
         enable-key --region eu-west-1 --key-id k"
    );
}

#[tokio::test]
async fn disabled_rule_has_no_target_and_still_exists() {
    let rule = named("r").with(Details::Targets(vec!["state-machine".into()]));
    let off = step(ResourceId::Rule(GROUP), TeardownAction::Disable, vec![rule]);
    let good = ("RemoveTargets", 200, r#"{"FailedEntryCount":0}"#.to_owned());
    let (done, operations) = executed(&off, &[good]).await;
    assert!(done.is_ok());
    assert_eq!(operations, ["RemoveTargets"]);
    // EventBridge reports success although it rejected an entry.
    let bad = r#"{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"state-machine","ErrorMessage":"no"}]}"#;
    let (done, _) = executed(&off, &[("RemoveTargets", 200, bad.to_owned())]).await;
    assert_eq!(done.unwrap_err().to_string(), "events RemoveTargets: no");
}

#[tokio::test]
async fn execution_in_progress_is_stopped() {
    let machine = step(
        ResourceId::StateMachine(GROUP),
        TeardownAction::Delete,
        vec![named("s").with_handle("arn")],
    );
    let running = r#"{"executions":[{"executionArn":"e","stateMachineArn":"arn","name":"e","status":"RUNNING","startDate":1}]}"#;
    let responses = [
        ("ListExecutions", 200, running.to_owned()),
        ("StopExecution", 200, r#"{"stopDate":1}"#.to_owned()),
        ("DeleteStateMachine", 200, "{}".to_owned()),
    ];
    let (done, operations) = executed(&machine, &responses).await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(
        operations,
        ["DeleteStateMachine", "ListExecutions", "StopExecution"]
    );
}

#[tokio::test]
async fn other_policies_of_a_role_are_deleted_with_it() {
    let role = step(
        ResourceId::Role(GROUP, RoleUse::Rule),
        TeardownAction::Delete,
        vec![named("r")],
    );
    let done = |operations| (operations, 200, xml(operations, ""));
    let responses = [
        done("DeleteRolePolicy"),
        form_error("DeleteRole", "DeleteConflict"),
        (
            "ListRolePolicies",
            200,
            xml(
                "ListRolePolicies",
                "<PolicyNames><member>mine</member></PolicyNames><IsTruncated>false</IsTruncated>",
            ),
        ),
        (
            "ListAttachedRolePolicies",
            200,
            xml(
                "ListAttachedRolePolicies",
                "<AttachedPolicies><member><PolicyArn>arn</PolicyArn></member></AttachedPolicies><IsTruncated>false</IsTruncated>",
            ),
        ),
        done("DetachRolePolicy"),
    ];
    let (done, operations) = executed(&role, &responses).await;
    assert!(
        done.unwrap_err().is(&["DeleteConflict"]),
        "the router always rejects it"
    );
    let expected = [
        "DeleteRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
    ];
    assert_eq!(operations, expected);
}

#[tokio::test]
async fn throttled_deletion_is_retried_and_reported() {
    let throttled = || {
        json_response(
            429,
            &json!({ "__type": "TooManyRequestsException", "message": "Too Many Requests" }),
        )
    };
    let replay = replay([throttled(), throttled(), json_response(202, &json!({}))]);
    let clients = Clients::new(&config(replay.clone()));
    let api = named("a").with_handle("a1").with(Details::Api);
    let (id, teardown) = step(ResourceId::RestApi(GROUP), TeardownAction::Delete, vec![api]);
    let plan = Plan {
        steps: vec![Step {
            id: StepId::Delete(id),
            name: "a".into(),
            action: Action::Teardown(teardown),
            depends_on: BTreeSet::new(),
        }],
        ..Plan::default()
    };
    let (_interrupt, interrupted) = watch::channel(false);
    let (done, waited) = (Cell::new(false), Cell::new(0));
    let report = |event| done.set(done.get() || matches!(event, Event::Done(_)));
    let waiting = |_, error: &crate::Error| {
        assert!(error.is(&["TooManyRequestsException"]), "{error}");
        waited.set(waited.get() + 1);
    };
    execute(&cloud(clients), &plan, interrupted, report, waiting).await;
    assert!(done.get());
    assert_eq!((waited.get(), replay.actual_requests().count()), (2, 3));
}
