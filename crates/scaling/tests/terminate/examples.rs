//! Each rule and its reason, by example.

use crate::strategies::{address, ago, id, now};
use jiff::Timestamp;
use scaling::messages::{Container, Instance, ScaleResponse, VERSION};
use scaling::policy::never_joined_limit;
use scaling::terminate::{
    Ec2, Lifecycle, Member, Plan, Reason, Refusal, State, Termination, Violation, check, plan,
};
use weka_types::ids::HostId;

/// A running instance that has been a member of the cluster for a long time.
fn member(number: usize) -> Member {
    Member {
        id: id(number),
        healthy: true,
        lifecycle: Lifecycle::InService,
        protected: true,
        ec2: Some(Ec2 {
            state: State::Running,
            private_ip: Some(address(number)),
            launch_time: Some(ago(1_000)),
        }),
        recent: false,
    }
}

fn stopped(number: usize) -> Member {
    let mut stopped = member(number);
    stopped.healthy = false;
    stopped.ec2.as_mut().unwrap().state = State::Stopped;
    stopped
}

fn launched(number: usize, at: Timestamp) -> Member {
    let mut launched = member(number);
    launched.ec2.as_mut().unwrap().launch_time = Some(at);
    launched
}

/// A message about a cluster with these members.
fn message(members: &[usize]) -> ScaleResponse {
    ScaleResponse {
        hosts: Vec::new(),
        to_terminate: Vec::new(),
        members: Some(
            members
                .iter()
                .map(|&number| address(number).to_string())
                .collect(),
        ),
        transient_errors: None,
        version: VERSION,
    }
}

fn requesting(numbers: &[usize]) -> ScaleResponse {
    let to_terminate = numbers.iter().map(|&number| Instance {
        id: id(number).0,
        private_ip: address(number).to_string(),
    });
    ScaleResponse {
        to_terminate: to_terminate.collect(),
        ..message(&[999])
    }
}

fn container(number: usize, state: &str) -> Container {
    Container {
        instance_id: None,
        private_ip: address(number).to_string(),
        status: state.to_owned(),
        added_time: None,
        host_id: HostId(7),
    }
}

/// The plan, the report as lines, and its errors.
#[track_caller]
fn run(response: &ScaleResponse, group: &[Member]) -> (Plan, Vec<String>, Vec<String>) {
    let (plan, report) = plan(response, group, now()).unwrap();
    check(&plan, response, group, now()).unwrap();
    let lines = report.decisions.iter().map(|decision| {
        format!(
            "{} {}: {}",
            decision.id,
            decision.action.as_str(),
            decision.action
        )
    });
    (plan, lines.collect(), report.errors())
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.terminate
        .iter()
        .map(|termination| termination.id.as_str())
        .collect()
}

#[test]
fn healthy_group_is_unchanged_and_has_no_decisions() {
    let (plan, lines, errors) = run(&message(&[1, 2]), &[member(1), member(2), launched(3, ago(30))]);
    assert_eq!((plan, lines, errors), (Plan::default(), vec![], vec![]));
}

#[test]
fn unhealthy_instances_are_detached_and_stopped_ones_terminated_too() {
    let unhealthy = |number, change: fn(&mut Member)| {
        let mut member = member(number);
        member.healthy = false;
        change(&mut member);
        member
    };
    let group = [
        unhealthy(1, |member| member.ec2 = None),
        unhealthy(2, |member| {
            let ec2 = member.ec2.as_mut().unwrap();
            (ec2.state, ec2.private_ip) = (State::Terminated, None);
        }),
        unhealthy(3, |member| member.protected = false),
        unhealthy(4, |member| member.ec2.as_mut().unwrap().state = State::Stopped),
        unhealthy(5, |_| {}),
        unhealthy(6, |member| member.lifecycle = Lifecycle::Terminating),
    ];
    let mut response = message(&[3, 5, 6]);
    response.hosts = vec![container(3, "DEACTIVATING"), container(5, "DRAINING")];
    let (plan, lines, errors) = run(&response, &group);
    assert_eq!(plan.detach, [id(1), id(2), id(3), id(4)]);
    assert_eq!(ids(&plan), ["i-0004"]);
    assert_eq!(
        lines,
        [
            "i-0001 detach: unhealthy in the group, and not found in EC2",
            "i-0002 detach: unhealthy in the group, and terminated",
            "i-0003 detach: unhealthy in the group, and not protected from scale-in",
            "i-0004 terminate: unhealthy in the group, and stopped",
            "i-0005 leave alone: it is unhealthy in the group, but running: neither gone nor stopped",
            "i-0006 leave alone: it is Terminating in the group",
        ]
    );
    assert_eq!(errors, Vec::<String>::new());
}

/// EC2's lists are eventually consistent.
#[test]
fn recent_instance_that_ec2_does_not_list_is_not_detached() {
    for protected in [true, false] {
        let mut missing = member(1);
        (missing.ec2, missing.healthy, missing.protected) = (None, false, protected);
        let (plan, _, _) = run(&message(&[2]), std::slice::from_ref(&missing));
        assert_eq!(plan.detach, [id(1)]);
        missing.recent = true;
        let (plan, lines, _) = run(&message(&[2]), std::slice::from_ref(&missing));
        assert_eq!(plan, Plan::default());
        assert_eq!(lines, ["i-0001 leave alone: it is not found in EC2"]);
    }
}

/// After a stop and a start, the group still reports an instance as unhealthy.
#[test]
fn running_member_is_marked_as_healthy_and_never_detached() {
    let mut unhealthy = member(1);
    unhealthy.healthy = false;
    let active = |status| {
        let mut response = message(&[1]);
        response.hosts = vec![container(1, "ACTIVE"), container(1, status)];
        response
    };
    for protected in [true, false] {
        unhealthy.protected = protected;
        // Second, the message of a large cluster, which does not list active containers.
        for response in [active("ACTIVE"), message(&[1])] {
            let (plan, lines, errors) = run(&response, std::slice::from_ref(&unhealthy));
            let expected = Plan {
                mark_healthy: vec![id(1)],
                ..Plan::default()
            };
            assert_eq!((plan, errors), (expected, vec![]));
            assert_eq!(
                lines,
                [
                    "i-0001 mark healthy: unhealthy in the group, but running and an active member of the cluster"
                ]
            );
        }
    }
    let mut others_are_listed = message(&[1]);
    others_are_listed.hosts = vec![container(2, "ACTIVE")];
    let mut invalid_address = message(&[1]);
    invalid_address
        .members
        .as_mut()
        .unwrap()
        .push("weka-7".to_owned());
    unhealthy.protected = true;
    for response in [
        active("DEACTIVATING"),
        active("INACTIVE"),
        others_are_listed,
        invalid_address,
    ] {
        assert_eq!(
            run(&response, std::slice::from_ref(&unhealthy)).0,
            Plan::default()
        );
    }
    for change in [
        (|member| member.lifecycle = Lifecycle::Standby) as fn(&mut Member),
        |member| member.ec2.as_mut().unwrap().state = State::Pending,
        |member| member.ec2.as_mut().unwrap().private_ip = None,
        |member| member.ec2 = None,
    ] {
        let mut member = unhealthy.clone();
        change(&mut member);
        let (plan, _, _) = run(&active("ACTIVE"), &[member]);
        assert_eq!(plan.mark_healthy, []);
    }
}

#[test]
fn stopped_instance_that_weka_lists_is_skipped() {
    let (plan, lines, _) = run(&message(&[1]), &[stopped(1)]);
    assert_eq!(plan, Plan::default());
    assert_eq!(
        lines,
        [
            "i-0001 leave alone: unhealthy in the group, and stopped; skipped: Weka lists a host at its address"
        ]
    );
}

#[test]
fn requested_instance_must_match_by_id_and_address() {
    let mut response = requesting(&[1, 2, 3, 4, 5, 6]);
    response.to_terminate[1].private_ip = address(7).to_string();
    let mut group = [member(1), member(2), member(3), member(5), member(6)];
    group[2].ec2.as_mut().unwrap().private_ip = None;
    group[3].ec2 = None;
    group[4].ec2.as_mut().unwrap().state = State::ShuttingDown;
    let (plan, lines, errors) = run(&response, &group);
    assert_eq!(ids(&plan), ["i-0001"]);
    let reason = "scale requested it: all its containers have left the cluster";
    assert_eq!(
        lines,
        [
            format!("i-0001 terminate: {reason}"),
            format!(
                "i-0002 leave alone: {reason}; skipped: its address is 10.0.0.2, but scale reports 10.0.0.7"
            ),
            format!("i-0003 leave alone: {reason}; skipped: it has no address"),
            format!("i-0004 leave alone: {reason}; skipped: it is not an instance of the group"),
            format!("i-0005 leave alone: {reason}; skipped: it is not found in EC2"),
            format!("i-0006 leave alone: {reason}; skipped: it is shutting-down"),
        ]
    );
    let ids: Vec<_> = errors.iter().map(|error| &error[..6]).collect();
    assert_eq!(ids, ["i-0002", "i-0003", "i-0004"], "{errors:?}");
    assert_eq!(
        errors[1],
        "i-0003 is not terminated, although scale requested it: it has no address"
    );
}

#[test]
fn instance_with_an_active_container_is_never_terminated() {
    for state in [
        "ACTIVE",
        "ADDING",
        "DEACTIVATING",
        "DRAINING",
        "DRAINED",
        "unknown",
        "",
    ] {
        for (mut response, group) in [
            (requesting(&[1]), member(1)),
            (message(&[999]), stopped(1)),
            (message(&[999]), member(1)),
        ] {
            for by_address in [true, false] {
                let mut container = container(1, state);
                if !by_address {
                    (container.private_ip, container.instance_id) = ("10.9.9.9".into(), Some(id(1)));
                }
                response.hosts = vec![container];
                let (plan, lines, _) = run(&response, std::slice::from_ref(&group));
                assert_eq!(plan, Plan::default());
                assert!(
                    lines[0].ends_with(&format!("skipped: HostId<7> on it is {state}")),
                    "{lines:?}"
                );
            }
        }
    }
    let mut response = requesting(&[1]);
    for state in ["INACTIVE", "REMOVING"] {
        response.hosts = vec![container(1, state)];
        assert_eq!(ids(&run(&response, &[member(1)]).0), ["i-0001"], "{state}");
    }
}

#[test]
fn instances_that_never_joined_are_terminated_oldest_first() {
    let group = [
        launched(1, ago(31)),
        launched(2, ago(500)),
        launched(3, ago(30)),
        member(4),
    ];
    let (plan, lines, _) = run(&message(&[4]), &group);
    assert_eq!(ids(&plan), ["i-0002", "i-0001"]);
    assert_eq!(plan.detach, []);
    assert_eq!(
        lines[0],
        "i-0001 terminate: not a member of the cluster, although launched more than 30 minutes ago"
    );
}

#[test]
fn too_many_instances_that_never_joined_are_not_terminated() {
    let group: Vec<_> = (0..30).map(member).collect();
    let members: Vec<_> = (3..30).collect();
    assert_eq!(ids(&run(&message(&members), &group).0).len(), 3);
    let (plan, lines, errors) = run(&message(&members[1..]), &group);
    assert_eq!((plan, lines.len()), (Plan::default(), 4));
    assert_eq!(
        errors,
        [
            "4 instances never joined the cluster, but at most 3 may be terminated in one run: there must be another cause, and none of them is terminated: i-0000 i-0001 i-0002 i-0003"
        ]
    );
    for (group, limit) in [
        (0, 2),
        (6, 2),
        (29, 2),
        (30, 3),
        (200, 20),
        (500, 50),
        (10_000, 50),
    ] {
        assert_eq!(never_joined_limit(group), limit);
    }
}

#[test]
fn run_terminates_fifty_and_reports_the_waiting_ones() {
    let group: Vec<_> = (0..60).map(member).chain((60..70).map(stopped)).collect();
    let (plan, lines, _) = run(&requesting(&(0..45).collect::<Vec<_>>()), &{
        let mut group = group.clone();
        group.drain(45..60);
        group
    });
    assert_eq!(plan.terminate.len(), 50);
    assert_eq!(plan.terminate[44].reason, Reason::LeftCluster);
    assert_eq!(plan.terminate[45].id, id(60));
    // Only terminated instances are detached.
    assert_eq!(plan.detach.len(), 5);
    assert!(
        lines.contains(
            &"i-0065 wait: unhealthy in the group, and stopped; waiting for the next run, because a run terminates at most 50 instances"
                .to_owned()
        ),
        "{lines:?}"
    );
}

#[test]
fn message_without_members_is_refused() {
    let mut response = requesting(&[1]);
    response.members = None;
    assert_eq!(plan(&response, &[member(1)], now()), Err(Refusal::MembersMissing));
    for none in [vec![], vec!["no address".to_owned()]] {
        response.members = Some(none);
        assert_eq!(plan(&response, &[member(1)], now()), Err(Refusal::NoMembers));
    }
}

#[test]
fn instance_with_a_missing_fact_is_skipped() {
    let without = |change: fn(&mut Ec2)| {
        let mut member = member(1);
        change(member.ec2.as_mut().unwrap());
        run(&message(&[999]), &[member])
    };
    for (change, reason) in [
        ((|ec2| ec2.private_ip = None) as fn(&mut Ec2), "it has no address"),
        (|ec2| ec2.launch_time = None, "its launch time is unknown"),
        (|ec2| ec2.state = State::Unknown, "it is in an unknown state"),
    ] {
        let (plan, lines, _) = without(change);
        assert_eq!(plan, Plan::default());
        assert!(lines[0].ends_with(reason), "{lines:?}");
    }
    let mut response = requesting(&[1]);
    response.members.as_mut().unwrap().push("weka-7".to_owned());
    let (plan, lines, _) = run(&response, &[member(1)]);
    assert_eq!(plan, Plan::default());
    assert!(
        lines[0].ends_with("it may be the member for which scale reports 'weka-7', which is not an address"),
        "{lines:?}"
    );
}

#[test]
fn checker_names_the_violation() {
    let terminate = |number: usize, reason| Termination {
        id: id(number),
        launch_time: Some(ago(1_000)),
        reason,
    };
    let violation = |response: &ScaleResponse, group: &[Member], terminate: Vec<Termination>| {
        let plan = Plan {
            terminate,
            ..Plan::default()
        };
        check(&plan, response, group, now()).unwrap_err().to_string()
    };
    let mut no_members = requesting(&[1]);
    no_members.members = None;
    let mut occupied = requesting(&[1]);
    occupied.hosts = vec![container(1, "ACTIVE")];
    let one = [member(1)];
    let removed = || vec![terminate(1, Reason::LeftCluster)];
    for (expected, violation) in [
        ("reports no member", violation(&no_members, &one, removed())),
        (
            "HostId<7> of the cluster is on it",
            violation(&occupied, &one, removed()),
        ),
        (
            "must not be changed by this run",
            violation(&requesting(&[1]), &[], removed()),
        ),
        (
            "this reason does not hold",
            violation(&message(&[2]), &one, removed()),
        ),
        (
            "Weka lists a host at its address",
            violation(&message(&[1]), &one, vec![terminate(1, Reason::NeverJoined)]),
        ),
    ] {
        assert!(violation.contains(expected), "{violation}");
    }
    let group: Vec<_> = (0..60).map(member).collect();
    let all: Vec<_> = (0..51).collect();
    let too_many = |count, reason| (0..count).map(|number| terminate(number, reason)).collect();
    let text = violation(&requesting(&all), &group, too_many(51, Reason::LeftCluster));
    assert_eq!(text, "51 instances are terminated, but at most 50 may be");
    let text = violation(&message(&[999]), &group, too_many(7, Reason::NeverJoined));
    assert_eq!(
        text,
        "7 instances are terminated because they never joined, but at most 6 may be"
    );
    let group: Vec<_> = (0..75).map(member).collect();
    let text = violation(&message(&[999]), &group, too_many(8, Reason::NeverJoined));
    assert!(text.ends_with("at most 7 may be"), "{text}");
    let recent = Termination {
        launch_time: Some(ago(30)),
        ..terminate(1, Reason::NeverJoined)
    };
    let text = violation(&message(&[2]), &[launched(1, ago(30))], vec![recent]);
    assert!(text.contains("this reason does not hold"), "{text}");
    let detach = Plan {
        detach: vec![id(1)],
        ..Plan::default()
    };
    let violation = check(&detach, &message(&[2]), &one, now()).unwrap_err();
    assert_eq!(violation, Violation::Detached(id(1)));
    let mark_healthy = Plan {
        mark_healthy: vec![id(1)],
        ..Plan::default()
    };
    let violation = check(&mark_healthy, &message(&[1]), &one, now()).unwrap_err();
    assert_eq!(violation, Violation::MarkedHealthy(id(1)));
}
