mod account;

use super::*;
use crate::test_support::{config, replay, xml_response};
use account::{Account, Fault};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use scaling::terminate::{Plan, Reason, Step, Termination};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

fn id(number: usize) -> InstanceId {
    InstanceId(format!("i-{number:017x}"))
}

/// A plan that terminates and detaches the instances with these numbers.
fn plan(terminate: impl IntoIterator<Item = usize>, detach: impl IntoIterator<Item = usize>) -> Plan {
    let terminate = terminate.into_iter().map(|number| Termination {
        id: id(number),
        launch_time: None,
        reason: Reason::LeftCluster,
    });
    Plan {
        terminate: terminate.collect(),
        detach: detach.into_iter().map(id).collect(),
        mark_healthy: Vec::new(),
    }
}

async fn run(account: &Account, plan: &Plan) -> ExecutionResult {
    run_for(Duration::from_secs(60), account, plan).await
}

async fn run_for(limit: Duration, account: &Account, plan: &Plan) -> ExecutionResult {
    let config = config(account.client());
    let target = Target {
        autoscaling: &aws_sdk_autoscaling::Client::new(&config),
        ec2: &aws_sdk_ec2::Client::new(&config),
        group: "g",
        last_response: Instant::now() + limit,
    };
    execute(target, plan).await
}

fn ids(outcome: &ExecutionResult) -> BTreeSet<InstanceId> {
    outcome
        .terminated
        .iter()
        .map(|termination| termination.id.clone())
        .collect()
}

fn errors(outcome: &ExecutionResult) -> Vec<String> {
    outcome
        .failed_steps
        .iter()
        .map(|step| format!("{step}: {}", step.source))
        .collect()
}

fn instances_response(items: &str) -> HttpResponse {
    xml_response(
        200,
        &format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>\
             </DescribeInstancesResponse>"
        ),
    )
}

fn activities(members: &str) -> HttpResponse {
    xml_response(
        200,
        &format!(
            "<DescribeScalingActivitiesResponse><DescribeScalingActivitiesResult><Activities>{members}</Activities>\
             <NextToken>more</NextToken></DescribeScalingActivitiesResult></DescribeScalingActivitiesResponse>"
        ),
    )
}

#[tokio::test]
async fn members_are_read_and_missing_fields_are_unknown() {
    let group = xml_response(
        200,
        "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><Instances>\
         <member><InstanceId>i-1</InstanceId><HealthStatus>Unhealthy</HealthStatus><LifecycleState>InService\
         </LifecycleState><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>\
         <member><InstanceId>i-2</InstanceId><HealthStatus>Healthy</HealthStatus><LifecycleState>Pending:Wait\
         </LifecycleState><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>\
         <member><InstanceId>i-4</InstanceId></member>\
         <member><InstanceId>i-3</InstanceId><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>\
         </Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
    );
    let response = instances_response(
        "<item><instanceId>i-1</instanceId><instanceState><name>stopped</name></instanceState>\
         <privateIpAddress>10.0.0.1</privateIpAddress><launchTime>2026-03-01T12:00:00.000Z</launchTime></item>\
         <item><instanceId>i-3</instanceId></item>",
    );
    let activities = activities(
        "<member><Description>Launching a new EC2 instance: i-2</Description><StartTime>2026-03-01T13:00:00Z</StartTime>\
         </member><member><Description>Launching a new EC2 instance: i-4</Description><StartTime>2026-03-01T12:54:00Z\
         </StartTime><EndTime>2026-03-01T12:54:30Z</EndTime></member>",
    );
    let config = config(replay([group, response, activities]));
    let autoscaling = aws_sdk_autoscaling::Client::new(&config);
    let now = "2026-03-01T13:00:00Z".parse().unwrap();
    let (members, error) = members(&autoscaling, &aws_sdk_ec2::Client::new(&config), "g", now)
        .await
        .unwrap();
    let expected = [
        Member {
            id: "i-1".into(),
            healthy: false,
            lifecycle: Lifecycle::InService,
            protected: false,
            ec2: Some(Ec2 {
                state: State::Stopped,
                private_ip: Some("10.0.0.1".parse().unwrap()),
                launch_time: Some("2026-03-01T12:00:00Z".parse().unwrap()),
            }),
            recent: false,
        },
        Member {
            id: "i-2".into(),
            healthy: true,
            lifecycle: Lifecycle::Pending,
            protected: true,
            ec2: None,
            recent: true,
        },
        Member {
            id: "i-4".into(),
            healthy: true,
            lifecycle: Lifecycle::Unknown,
            protected: false,
            ec2: None,
            recent: false,
        },
        Member {
            id: "i-3".into(),
            healthy: true,
            lifecycle: Lifecycle::Unknown,
            protected: true,
            ec2: Some(Ec2 {
                state: State::Unknown,
                private_ip: None,
                launch_time: None,
            }),
            recent: false,
        },
    ];
    assert_eq!(members, expected);
    assert!(error.is_none());
}

#[tokio::test]
async fn fifty_instances_are_terminated_with_the_fewest_requests() {
    let account = Account::of(60);
    let outcome = run(&account, &plan(0..50, 50..55)).await;
    assert_eq!(outcome.failed_steps, []);
    assert_eq!(ids(&outcome), (0..50).map(id).collect());
    assert_eq!(account.terminated(), (0..50).map(id).collect());
    assert_eq!(outcome.detached.len(), 5);
    assert_eq!(account.detached(), (50..55).map(id).collect());
    let called = account.called();
    let count = |operation: &str| {
        called
            .iter()
            .filter(|called| called.operation == operation)
            .count()
    };
    // For stop protection and for termination protection.
    assert_eq!(count("ModifyInstanceAttribute"), 2 * 50);
    assert_eq!(
        called[2 * 50..]
            .iter()
            .map(|called| called.operation.as_str())
            .collect::<Vec<_>>(),
        ["SetInstanceProtection", "TerminateInstances", "DetachInstances"]
    );
}

#[tokio::test]
async fn missing_instance_counts_as_recent_if_the_activities_cannot_be_read() {
    let group = "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><Instances>\
         <member><InstanceId>i-1</InstanceId><HealthStatus>Unhealthy</HealthStatus></member>\
         </Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>";
    let denied =
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    let responses = [
        xml_response(200, group),
        instances_response(""),
        xml_response(403, denied),
    ];
    let config = config(replay(responses));
    let autoscaling = aws_sdk_autoscaling::Client::new(&config);
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let (members, error) = members(&autoscaling, &ec2, "g", jiff::Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert!(members[0].recent && members[0].ec2.is_none());
    let error = error.unwrap().to_string();
    assert!(error.contains("DescribeScalingActivities"), "{error}");
}

#[tokio::test]
async fn detach_uses_batches_of_twenty_and_keeps_the_desired_capacity() {
    let account = Account::of(45);
    let outcome = run(&account, &plan([], 0..45)).await;
    assert_eq!(outcome.failed_steps, []);
    let sizes: Vec<_> = account.called().iter().map(|called| called.ids.len()).collect();
    assert_eq!(sizes, [20, 20, 5]);
    assert_eq!(account.detached().len(), 45);
    assert!(!account.decremented());
}

#[tokio::test]
async fn instance_that_cannot_be_marked_as_healthy_does_not_block_others() {
    let mut account = Account::of(5);
    account.fault("SetInstanceHealth", 3, Fault::NotInGroup);
    let plan = Plan {
        mark_healthy: (2..5).map(id).collect(),
        ..plan([0], [1])
    };
    let outcome = run(&account, &plan).await;
    assert_eq!(account.healthy(), [2, 4].map(id).into());
    assert_eq!(outcome.marked_healthy, [2, 4].map(id));
    assert_eq!(
        (ids(&outcome), account.detached()),
        ([id(0)].into(), [id(1)].into())
    );
    let errors = errors(&outcome);
    assert!(
        errors.len() == 1 && errors[0].starts_with(&format!("marking as healthy {}: ", id(3))),
        "{errors:?}"
    );
}

#[tokio::test]
async fn empty_plan_sends_no_request() {
    let account = Account::of(3);
    let outcome = run(&account, &Plan::default()).await;
    assert_eq!((outcome.failed_steps.len(), account.called().len()), (0, 0));
}

#[tokio::test]
async fn scale_in_protection_is_kept_while_termination_protection_is_enabled() {
    let mut account = Account::of(6);
    account.fault("ModifyInstanceAttribute", 2, Fault::Unauthorized);
    account.fault("ModifyInstanceAttribute", 4, Fault::Throttled);
    let outcome = run(&account, &plan(0..6, [4])).await;
    assert_eq!(ids(&outcome), [0, 1, 3, 5].map(id).into());
    assert_eq!(account.scale_in_protected(), [2, 4].map(id).into());
    assert_eq!(
        account.detached(),
        BTreeSet::new(),
        "an instance that is not terminated must not be detached"
    );
    let errors = errors(&outcome);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].starts_with(&format!(
            "disabling termination protection of {}: ec2 ModifyInstanceAttribute: UnauthorizedOperation",
            id(2)
        )),
        "{errors:?}"
    );
}

/// TerminateInstances terminates no instance of a zone if one of them is unknown or protected.
#[tokio::test]
async fn instance_that_cannot_be_terminated_does_not_block_others() {
    for fault in [Fault::NotFound, Fault::Protected, Fault::Unauthorized] {
        let mut account = Account::of(50);
        account.fault("TerminateInstances", 7, fault);
        let outcome = run(&account, &plan(0..50, [])).await;
        assert_eq!(ids(&outcome).len(), 49, "{fault:?}");
        assert_eq!(account.terminated(), ids(&outcome));
        assert_eq!(
            account.scale_in_protected(),
            [id(7)].into(),
            "its scale-in protection must be restored"
        );
        let [failed] = &outcome.failed_steps[..] else {
            panic!("{:?}", outcome.failed_steps)
        };
        assert_eq!(
            (failed.step, &failed.instances[..]),
            (Step::Terminate, &[id(7)][..])
        );
    }
}

#[tokio::test]
async fn instance_that_the_group_rejects_does_not_block_others() {
    for operation in ["SetInstanceProtection", "DetachInstances"] {
        let mut account = Account::of(20);
        account.fault(operation, 3, Fault::NotInGroup);
        let outcome = run(&account, &plan(0..10, 0..20)).await;
        let others = |range: std::ops::Range<usize>| -> BTreeSet<_> {
            range.filter(|&number| number != 3).map(id).collect()
        };
        match operation {
            "SetInstanceProtection" => assert_eq!(account.terminated(), others(0..10)),
            _ => assert_eq!(account.terminated(), (0..10).map(id).collect()),
        }
        assert_eq!(account.detached(), others(0..20), "{operation}");
        assert_eq!(outcome.failed_steps.len(), 1, "{:?}", errors(&outcome));
    }
}

#[tokio::test]
async fn error_of_the_request_itself_fails_the_step_for_all_instances() {
    let mut account = Account::of(50);
    account.fault("TerminateInstances", 0, Fault::Throttled);
    let outcome = run(&account, &plan(0..50, 0..5)).await;
    assert_eq!(outcome.terminated, []);
    assert_eq!(account.terminated(), BTreeSet::new());
    assert_eq!(account.scale_in_protected().len(), 50);
    assert_eq!(account.detached(), BTreeSet::new());
    assert_eq!(outcome.failed_steps.len(), 1);
    assert_eq!(outcome.failed_steps[0].instances.len(), 50);
}

#[tokio::test]
async fn request_without_response_is_left_to_the_next_run() {
    let mut account = Account::of(5);
    account.fault("TerminateInstances", 0, Fault::Silent);
    // Long enough for the preceding steps, which get a response immediately.
    let outcome = run_for(Duration::from_secs(1), &account, &plan(0..5, [])).await;
    assert_eq!(outcome.terminated, []);
    let errors = errors(&outcome);
    assert!(
        errors[0].ends_with("ec2 TerminateInstances: no response before the function's time limit"),
        "{errors:?}"
    );
}

/// After any fault: no instance loses scale-in protection before termination protection, every instance reported as terminated is
/// terminated, no instance to terminate is only detached, and a run without faults completes the plan.
#[tokio::test]
async fn later_run_completes_the_plan_after_any_fault_at_any_step() {
    let operations = [
        "ModifyInstanceAttribute",
        "SetInstanceProtection",
        "TerminateInstances",
        "DetachInstances",
    ];
    let faults = [
        Fault::NotFound,
        Fault::Protected,
        Fault::Unauthorized,
        Fault::NotInGroup,
        Fault::Throttled,
    ];
    for operation in operations {
        for fault in faults {
            for number in [0, 3, 7] {
                let mut account = Account::of(12);
                account.fault(operation, number, fault);
                let plan = plan(0..8, 6..12);
                let outcome = run(&account, &plan).await;
                account.clear_faults();
                let context = format!("{operation} {number} {fault:?}");
                let is_detached = plan.detach.contains(&id(number));
                let is_affected = operation != "DetachInstances" || is_detached;
                assert_eq!(!outcome.failed_steps.is_empty(), is_affected, "{context}");
                assert_eq!(account.terminated(), ids(&outcome), "{context}");
                let is_alive = |id: &InstanceId| !account.terminated().contains(id);
                for id in (0..8).map(id).filter(is_alive) {
                    assert!(!account.detached().contains(&id), "{context}: {id}");
                    assert!(account.scale_in_protected().contains(&id), "{context}: {id}");
                }
                let rest = Plan {
                    terminate: plan
                        .terminate
                        .iter()
                        .filter(|termination| is_alive(&termination.id))
                        .cloned()
                        .collect(),
                    mark_healthy: Vec::new(),
                    detach: plan
                        .detach
                        .iter()
                        .filter(|id| !account.detached().contains(id))
                        .cloned()
                        .collect(),
                };
                let outcome = run(&account, &rest).await;
                assert_eq!(outcome.failed_steps, [], "{context}");
                assert_eq!(account.terminated(), (0..8).map(id).collect());
                assert_eq!(account.detached(), (6..12).map(id).collect());
            }
        }
    }
}
