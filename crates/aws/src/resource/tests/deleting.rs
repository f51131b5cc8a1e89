//! Removing each kind: what is asked for, that what is not there any more is fine, and what is waited for.

use super::absent::{ec2_error, form_error, json_error};
use super::{Answer, Router, cloud, xml};
use crate::cloud::Clients;
use crate::error::Result;
use crate::graph::Event;
use crate::remove::remove;
use crate::test_support::{config, json_response, replay};
use deployment::removal::{Facts, InstanceDisposition, Remnant, Removal, Step, StepId, Verb};
use deployment::{FunctionType, HostGroup, ResourceId, RoleUse};
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeSet;
use tokio::sync::watch;

const GROUP: HostGroup = HostGroup::Backends;

fn step(id: ResourceId, verb: Verb, remnants: Vec<Remnant>) -> Step {
    Step {
        id: match verb {
            Verb::SwitchOff => StepId::SwitchOff(id),
            _ => StepId::Remove(id),
        },
        verb,
        name: "x".into(),
        remnants,
        fate: InstanceDisposition::Terminate,
        needs: BTreeSet::new(),
    }
}

/// How a step ends, and what it asks for.
async fn carried_out(step: &Step, answers: &[Answer]) -> (Result<Option<String>>, Vec<String>) {
    let router = Router::new(answers);
    let config = config(replay([]))
        .into_builder()
        .http_client(router.client())
        .build();
    let done = super::super::delete(&cloud(Clients::new(&config)), step).await;
    let mut asked = router.asked.lock().unwrap().clone();
    asked.sort();
    (done, asked)
}

fn named(name: &str) -> Remnant {
    Remnant::named(name.into(), None)
}

fn gone() -> Vec<(ResourceId, Remnant, Vec<Answer>)> {
    let not_found = "ResourceNotFoundException";
    let iam = |asked| form_error(asked, "NoSuchEntity");
    vec![
        (
            ResourceId::KmsKey,
            named("alias/wekactl-wk").by("k"),
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
            named("a").by("a1").with(Facts::Api),
            vec![json_error("DELETE /restapis/a1", "NotFoundException")],
        ),
        (
            ResourceId::RestApi(GROUP),
            named("p").by("p1").with(Facts::Plan(vec![("a1".into(), "default".into())])),
            vec![
                json_error("PATCH /usageplans/p1", "NotFoundException"),
                json_error("DELETE /usageplans/p1", "NotFoundException"),
            ],
        ),
        (
            ResourceId::RestApi(GROUP),
            named("k").by("k1").with(Facts::ApiKey),
            vec![json_error("DELETE /apikeys/k1", "NotFoundException")],
        ),
        (
            ResourceId::LaunchTemplate(GROUP),
            named("t").by("lt-1"),
            vec![ec2_error("DeleteLaunchTemplate", "InvalidLaunchTemplateId.NotFound")],
        ),
        (
            ResourceId::StateMachine(GROUP),
            named("s").by("arn"),
            vec![
                json_error("ListExecutions", "StateMachineDoesNotExist"),
                json_error("DeleteStateMachine", "StateMachineDoesNotExist"),
            ],
        ),
        (ResourceId::Rule(GROUP), named("r"), vec![json_error("DeleteRule", not_found)]),
        (
            ResourceId::LoadBalancer,
            named("lb").by("arn"),
            vec![form_error("DeleteLoadBalancer", "LoadBalancerNotFound")],
        ),
        (
            ResourceId::TargetGroup,
            named("tg").by("arn"),
            vec![form_error("DeleteTargetGroup", "TargetGroupNotFound")],
        ),
        (
            ResourceId::Listener,
            named("l").by("arn"),
            vec![form_error("DeleteListener", "ListenerNotFound")],
        ),
        (
            ResourceId::AliasRecord,
            named("weka.example.com").by("Z1").with(Facts::Target("lb".into())),
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
async fn what_is_not_there_any_more_is_fine() {
    for (id, remnant, answers) in gone() {
        let step = step(id, Verb::Delete, vec![remnant]);
        let (done, asked) = carried_out(&step, &answers).await;
        assert!(done.is_ok(), "{id:?}: {done:?}");
        let mut all: Vec<_> = answers.iter().map(|(asked, ..)| (*asked).to_owned()).collect();
        all.sort();
        assert_eq!(asked, all, "{id:?}");
    }
}

#[tokio::test]
async fn what_is_refused_for_another_reason_is_not() {
    for (id, remnant, answers) in gone() {
        let mut answers = answers;
        for (_, status, body) in &mut answers {
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
        let step = step(id, Verb::Delete, vec![remnant]);
        let (done, _) = carried_out(&step, &answers).await;
        assert!(done.is_err() || id == ResourceId::AliasRecord, "{id:?}: {done:?}");
    }
}

#[tokio::test]
async fn an_alias_stays_while_its_key_cannot_be_scheduled() {
    let key = step(
        ResourceId::KmsKey,
        Verb::Schedule,
        vec![named("alias/wekactl-wk").by("k")],
    );
    let (done, asked) = carried_out(
        &key,
        &[json_error("ScheduleKeyDeletion", "AccessDeniedException")],
    )
    .await;
    assert!(done.is_err());
    assert_eq!(asked, ["ScheduleKeyDeletion"]);
    let answers = [
        (
            "ScheduleKeyDeletion",
            200,
            r#"{"DeletionDate": 1795996800}"#.to_owned(),
        ),
        ("DeleteAlias", 200, String::new()),
    ];
    let (done, _) = carried_out(&key, &answers).await;
    assert_eq!(done.unwrap().unwrap(), "KMS key k: AWS deletes it on 2026-11-30");
}

#[tokio::test]
async fn a_rule_that_is_switched_off_has_no_target_and_stands() {
    let rule = named("r").with(Facts::Targets(vec!["state-machine".into()]));
    let off = step(ResourceId::Rule(GROUP), Verb::SwitchOff, vec![rule]);
    let good = ("RemoveTargets", 200, r#"{"FailedEntryCount":0}"#.to_owned());
    let (done, asked) = carried_out(&off, &[good]).await;
    assert!(done.is_ok());
    assert_eq!(asked, ["RemoveTargets"]);
    // EventBridge refuses an entry with success.
    let bad = r#"{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"state-machine","ErrorMessage":"no"}]}"#;
    let (done, _) = carried_out(&off, &[("RemoveTargets", 200, bad.to_owned())]).await;
    assert_eq!(done.unwrap_err().to_string(), "events RemoveTargets: no");
}

#[tokio::test]
async fn a_run_that_is_under_way_is_stopped() {
    let machine = step(
        ResourceId::StateMachine(GROUP),
        Verb::Delete,
        vec![named("s").by("arn")],
    );
    let running = r#"{"executions":[{"executionArn":"e","stateMachineArn":"arn","name":"e","status":"RUNNING","startDate":1}]}"#;
    let answers = [
        ("ListExecutions", 200, running.to_owned()),
        ("StopExecution", 200, r#"{"stopDate":1}"#.to_owned()),
        ("DeleteStateMachine", 200, "{}".to_owned()),
    ];
    let (done, asked) = carried_out(&machine, &answers).await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(asked, ["DeleteStateMachine", "ListExecutions", "StopExecution"]);
}

#[tokio::test]
async fn what_has_come_into_a_role_goes_with_it() {
    let role = step(
        ResourceId::Role(GROUP, RoleUse::Rule),
        Verb::Delete,
        vec![named("r")],
    );
    let done = |asked| (asked, 200, xml(asked, ""));
    let answers = [
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
    let (done, asked) = carried_out(&role, &answers).await;
    assert!(
        done.unwrap_err().is(&["DeleteConflict"]),
        "the router refuses it for good"
    );
    let operations = [
        "DeleteRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
    ];
    assert_eq!(asked, operations);
}

#[tokio::test]
async fn a_throttled_removal_is_tried_again_and_says_so() {
    let throttled = || {
        json_response(
            429,
            &json!({ "__type": "TooManyRequestsException", "message": "Too Many Requests" }),
        )
    };
    let replay = replay([throttled(), throttled(), json_response(202, &json!({}))]);
    let clients = Clients::new(&config(replay.clone()));
    let api = named("a").by("a1").with(Facts::Api);
    let removal = Removal {
        steps: vec![step(ResourceId::RestApi(GROUP), Verb::Delete, vec![api])],
        ..Removal::default()
    };
    let (_interrupt, interrupted) = watch::channel(false);
    let (done, waited) = (Cell::new(false), Cell::new(0));
    let report = |event| done.set(done.get() || matches!(event, Event::Done(_)));
    let waiting = |_, error: &crate::Error| {
        assert!(error.is(&["TooManyRequestsException"]), "{error}");
        waited.set(waited.get() + 1);
    };
    remove(&cloud(clients), &removal, interrupted, report, waiting).await;
    assert!(done.get());
    assert_eq!((waited.get(), replay.actual_requests().count()), (2, 3));
}
