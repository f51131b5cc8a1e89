mod account;

use super::*;
use crate::test_support::{config, replay, xml_response};
use account::{Account, Fault};
use scaling::termination::{Plan, Reason, Termination};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

fn id(number: usize) -> InstanceId {
    InstanceId(format!("i-{number:017x}"))
}

/// A plan that terminates these, and detaches those.
fn plan(terminate: impl IntoIterator<Item = usize>, detach: impl IntoIterator<Item = usize>) -> Plan {
    let terminate = terminate.into_iter().map(|number| Termination {
        id: id(number),
        launched: None,
        why: Reason::Left,
    });
    Plan {
        terminate: terminate.collect(),
        detach: detach.into_iter().map(id).collect(),
    }
}

async fn run(account: &Account, plan: &Plan) -> Outcome {
    run_for(Duration::from_secs(60), account, plan).await
}

async fn run_for(time: Duration, account: &Account, plan: &Plan) -> Outcome {
    let config = config(account.client());
    let to = Target {
        autoscaling: &aws_sdk_autoscaling::Client::new(&config),
        ec2: &aws_sdk_ec2::Client::new(&config),
        group: "g",
        last_answer: Instant::now() + time,
    };
    execute(to, plan).await
}

fn ids(outcome: &Outcome) -> BTreeSet<InstanceId> {
    outcome
        .terminated
        .iter()
        .map(|termination| termination.id.clone())
        .collect()
}

fn errors(outcome: &Outcome) -> Vec<String> {
    outcome
        .undone
        .iter()
        .map(|undone| format!("{undone}: {}", undone.source))
        .collect()
}

#[tokio::test]
async fn reads_the_group_and_leaves_open_what_is_not_said() {
    let group = xml_response(
        200,
        "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><Instances>\
         <member><InstanceId>i-1</InstanceId><HealthStatus>Unhealthy</HealthStatus><LifecycleState>InService\
         </LifecycleState><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>\
         <member><InstanceId>i-2</InstanceId><HealthStatus>Healthy</HealthStatus><LifecycleState>Pending:Wait\
         </LifecycleState><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>\
         <member><InstanceId>i-3</InstanceId><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>\
         </Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
    );
    let instances = |items: &str| {
        xml_response(
            200,
            &format!(
                "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item>\
                 </reservationSet></DescribeInstancesResponse>"
            ),
        )
    };
    let known = instances(
        "<item><instanceId>i-1</instanceId><instanceState><name>stopped</name></instanceState>\
         <privateIpAddress>10.0.0.1</privateIpAddress><launchTime>2026-03-01T12:00:00.000Z</launchTime></item>\
         <item><instanceId>i-3</instanceId></item>",
    );
    let config = config(replay([group, known]));
    let autoscaling = aws_sdk_autoscaling::Client::new(&config);
    let members = members(&autoscaling, &aws_sdk_ec2::Client::new(&config), "g")
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
                launched: Some("2026-03-01T12:00:00Z".parse().unwrap()),
            }),
        },
        Member {
            id: "i-2".into(),
            healthy: true,
            lifecycle: Lifecycle::Pending,
            protected: true,
            ec2: None,
        },
        Member {
            id: "i-3".into(),
            healthy: true,
            lifecycle: Lifecycle::Unknown,
            protected: true,
            ec2: Some(Ec2 {
                state: State::Unknown,
                private_ip: None,
                launched: None,
            }),
        },
    ];
    assert_eq!(members, expected);
}

#[tokio::test]
async fn terminates_fifty_with_as_few_requests_as_aws_allows() {
    let account = Account::of(60);
    let outcome = run(&account, &plan(0..50, 50..55)).await;
    assert_eq!(outcome.undone, []);
    assert_eq!(ids(&outcome), (0..50).map(id).collect());
    assert_eq!(account.terminated(), (0..50).map(id).collect());
    assert_eq!(outcome.detached.len(), 5);
    assert_eq!(account.detached(), (50..55).map(id).collect());
    let called = account.called();
    let of = |operation: &str| {
        called
            .iter()
            .filter(|called| called.operation == operation)
            .count()
    };
    assert_eq!(of("ModifyInstanceAttribute"), 50);
    assert_eq!(
        called[50..]
            .iter()
            .map(|called| called.operation.as_str())
            .collect::<Vec<_>>(),
        ["SetInstanceProtection", "TerminateInstances", "DetachInstances"]
    );
}

#[tokio::test]
async fn detaches_twenty_a_call_and_keeps_the_desired_capacity() {
    let account = Account::of(45);
    let outcome = run(&account, &plan([], 0..45)).await;
    assert_eq!(outcome.undone, []);
    let sizes: Vec<_> = account.called().iter().map(|called| called.ids.len()).collect();
    assert_eq!(sizes, [20, 20, 5]);
    assert_eq!(account.detached().len(), 45);
    assert!(!account.lowered());
}

#[tokio::test]
async fn nothing_to_do_asks_for_nothing() {
    let account = Account::of(3);
    let outcome = run(&account, &Plan::default()).await;
    assert_eq!((outcome.undone.len(), account.called().len()), (0, 0));
}

#[tokio::test]
async fn whose_termination_protection_stays_keeps_its_scale_in_protection_too() {
    let mut account = Account::of(6);
    account.fault("ModifyInstanceAttribute", 2, Fault::Unauthorized);
    account.fault("ModifyInstanceAttribute", 4, Fault::Throttled);
    let outcome = run(&account, &plan(0..6, [4])).await;
    assert_eq!(ids(&outcome), [0, 1, 3, 5].map(id).into());
    assert_eq!(account.scale_in_protected(), [2, 4].map(id).into());
    assert_eq!(account.detached(), BTreeSet::new(), "it is not terminated yet");
    let errors = errors(&outcome);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].starts_with(&format!(
            "switching off termination protection of {}: ec2 ModifyInstanceAttribute: UnauthorizedOperation",
            id(2)
        )),
        "{errors:?}"
    );
}

/// TerminateInstances terminates none of a zone where one of the instances is unknown or protected.
#[tokio::test]
async fn one_instance_that_may_not_be_terminated_keeps_no_other_back() {
    for fault in [Fault::NotFound, Fault::Protected, Fault::Unauthorized] {
        let mut account = Account::of(50);
        account.fault("TerminateInstances", 7, fault);
        let outcome = run(&account, &plan(0..50, [])).await;
        assert_eq!(ids(&outcome).len(), 49, "{fault:?}");
        assert_eq!(account.terminated(), ids(&outcome));
        assert_eq!(
            account.scale_in_protected(),
            [id(7)].into(),
            "the next run finds it as it was"
        );
        let [undone] = &outcome.undone[..] else {
            panic!("{:?}", outcome.undone)
        };
        assert_eq!(
            (undone.step, &undone.instances[..]),
            (Step::Terminate, &[id(7)][..])
        );
    }
}

#[tokio::test]
async fn one_instance_that_the_group_refuses_keeps_no_other_back() {
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
        assert_eq!(outcome.undone.len(), 1, "{:?}", errors(&outcome));
    }
}

#[tokio::test]
async fn a_request_that_fails_for_all_ends_the_step_for_all() {
    let mut account = Account::of(50);
    account.fault("TerminateInstances", 0, Fault::Throttled);
    let outcome = run(&account, &plan(0..50, 0..5)).await;
    assert_eq!(outcome.terminated, []);
    assert_eq!(account.terminated(), BTreeSet::new());
    assert_eq!(account.scale_in_protected().len(), 50);
    assert_eq!(account.detached(), BTreeSet::new());
    assert_eq!(outcome.undone.len(), 1);
    assert_eq!(outcome.undone[0].instances.len(), 50);
}

#[tokio::test]
async fn what_is_not_answered_in_time_is_left_for_the_next_run() {
    let mut account = Account::of(5);
    account.fault("TerminateInstances", 0, Fault::Silent);
    // Long enough for the steps before, which are answered at once.
    let outcome = run_for(Duration::from_secs(1), &account, &plan(0..5, [])).await;
    assert_eq!(outcome.terminated, []);
    let errors = errors(&outcome);
    assert!(
        errors[0].ends_with("ec2 TerminateInstances: there was no answer while the function had time"),
        "{errors:?}"
    );
}

/// Whatever fails: no instance loses scale-in protection before termination protection, what is said to be terminated is,
/// nothing that is to be terminated is detached without, and once nothing fails any more all of it is done.
#[tokio::test]
async fn any_fault_at_any_step_leaves_what_a_later_run_can_finish() {
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
                account.faultless();
                let scene = format!("{operation} {number} {fault:?}");
                let is_detached = plan.detach.contains(&id(number));
                let is_hit = operation != "DetachInstances" || is_detached;
                assert_eq!(!outcome.undone.is_empty(), is_hit, "{scene}");
                assert_eq!(account.terminated(), ids(&outcome), "{scene}");
                let still = |id: &InstanceId| !account.terminated().contains(id);
                for id in (0..8).map(id).filter(still) {
                    assert!(!account.detached().contains(&id), "{scene}: {id}");
                    assert!(account.scale_in_protected().contains(&id), "{scene}: {id}");
                }
                let rest = Plan {
                    terminate: plan
                        .terminate
                        .iter()
                        .filter(|one| still(&one.id))
                        .cloned()
                        .collect(),
                    detach: plan
                        .detach
                        .iter()
                        .filter(|id| !account.detached().contains(id))
                        .cloned()
                        .collect(),
                };
                let outcome = run(&account, &rest).await;
                assert_eq!(outcome.undone, [], "{scene}");
                assert_eq!(account.terminated(), (0..8).map(id).collect());
                assert_eq!(account.detached(), (6..12).map(id).collect());
            }
        }
    }
}
