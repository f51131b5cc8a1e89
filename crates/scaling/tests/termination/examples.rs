//! What each rule does and says, by example.

use crate::any::{address, ago, id, now};
use jiff::Timestamp;
use scaling::messages::{Container, Instance, ScaleResponse, VERSION};
use scaling::termination::{
    Ec2, Lifecycle, Member, Plan, Reason, Refusal, State, Termination, Violation, check, never_joined_limit,
    plan,
};
use weka_types::ids::HostId;

/// A running instance that is a member of the cluster since long.
fn member(number: usize) -> Member {
    Member {
        id: id(number),
        healthy: true,
        lifecycle: Lifecycle::InService,
        protected: true,
        ec2: Some(Ec2 {
            state: State::Running,
            private_ip: Some(address(number)),
            launched: Some(ago(1_000)),
        }),
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
    launched.ec2.as_mut().unwrap().launched = Some(at);
    launched
}

/// A message of a cluster with these members.
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

fn asking(numbers: &[usize]) -> ScaleResponse {
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

/// The plan, and the report as lines.
#[track_caller]
fn run(response: &ScaleResponse, group: &[Member]) -> (Plan, Vec<String>, Vec<String>) {
    let (plan, report) = plan(response, group, now()).unwrap();
    check(&plan, response, group, now()).unwrap();
    let lines = report.decisions.iter().map(|decision| {
        format!(
            "{} {}: {}",
            decision.id,
            decision.verdict.word(),
            decision.verdict
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
fn a_group_that_is_in_order_is_left_alone_without_a_word() {
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
    let (plan, lines, errors) = run(&message(&[3, 5, 6]), &group);
    assert_eq!(plan.detach, [id(1), id(2), id(3), id(4)]);
    assert_eq!(ids(&plan), ["i-0004"]);
    assert_eq!(
        lines,
        [
            "i-0001 detach: the group calls it unhealthy, and EC2 does not know it",
            "i-0002 detach: the group calls it unhealthy, and it is terminated",
            "i-0003 detach: the group calls it unhealthy, and it is not protected from scale-in",
            "i-0004 terminate: the group calls it unhealthy, and it is stopped",
            "i-0005 leave alone: the group calls it unhealthy, but it is running, neither gone nor stopped",
            "i-0006 leave alone: in the group it is Terminating",
        ]
    );
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn a_stopped_instance_that_weka_knows_is_left_alone() {
    let (plan, lines, _) = run(&message(&[1]), &[stopped(1)]);
    assert_eq!(plan, Plan::default());
    assert_eq!(
        lines,
        [
            "i-0001 leave alone: the group calls it unhealthy, and it is stopped; but Weka knows a host at its address"
        ]
    );
}

#[test]
fn what_scale_asks_for_must_match_by_id_and_address() {
    let mut response = asking(&[1, 2, 3, 4, 5, 6]);
    response.to_terminate[1].private_ip = address(7).to_string();
    let mut group = [member(1), member(2), member(3), member(5), member(6)];
    group[2].ec2.as_mut().unwrap().private_ip = None;
    group[3].ec2 = None;
    group[4].ec2.as_mut().unwrap().state = State::ShuttingDown;
    let (plan, lines, errors) = run(&response, &group);
    assert_eq!(ids(&plan), ["i-0001"]);
    let asked = "scale asks for it: all its containers have left the cluster";
    assert_eq!(
        lines,
        [
            format!("i-0001 terminate: {asked}"),
            format!(
                "i-0002 leave alone: {asked}; but its address is 10.0.0.2, and not 10.0.0.7 as scale says"
            ),
            format!("i-0003 leave alone: {asked}; but it has no address"),
            format!("i-0004 leave alone: {asked}; but it is no instance of the group"),
            format!("i-0005 leave alone: {asked}; but EC2 does not know it"),
            format!("i-0006 leave alone: {asked}; but it is shutting-down"),
        ]
    );
    let named: Vec<_> = errors.iter().map(|error| &error[..6]).collect();
    assert_eq!(named, ["i-0002", "i-0003", "i-0004"], "{errors:?}");
    assert_eq!(
        errors[1],
        "i-0003 is not terminated, though scale asks for it: it has no address"
    );
}

#[test]
fn nothing_that_a_container_is_on_is_terminated_whatever_asks_for_it() {
    for state in ["ACTIVE", "DEACTIVATING", "REMOVING", "unknown", ""] {
        for (mut response, group) in [
            (asking(&[1]), member(1)),
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
                    lines[0].ends_with(&format!("but HostId<7> on it is {state}")),
                    "{lines:?}"
                );
            }
        }
    }
    let mut response = asking(&[1]);
    response.hosts = vec![container(1, "INACTIVE")];
    assert_eq!(ids(&run(&response, &[member(1)]).0), ["i-0001"]);
}

#[test]
fn who_never_joined_is_terminated_the_oldest_first() {
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
        "i-0001 terminate: a member of no cluster, though launched over 30 minutes ago"
    );
}

#[test]
fn too_many_that_never_joined_are_a_sign_that_something_else_is_wrong() {
    let group: Vec<_> = (0..30).map(member).collect();
    let members: Vec<_> = (3..30).collect();
    assert_eq!(ids(&run(&message(&members), &group).0).len(), 3);
    let (plan, lines, errors) = run(&message(&members[1..]), &group);
    assert_eq!((plan, lines.len()), (Plan::default(), 4));
    assert_eq!(
        errors,
        [
            "4 instances are members of no cluster, at most 3 may be terminated in a run: something else is wrong, and none of them is terminated: i-0000 i-0001 i-0002 i-0003"
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
fn a_run_terminates_fifty_and_says_who_waits() {
    let group: Vec<_> = (0..60).map(member).chain((60..70).map(stopped)).collect();
    let (plan, lines, _) = run(&asking(&(0..45).collect::<Vec<_>>()), &{
        let mut group = group.clone();
        group.drain(45..60);
        group
    });
    assert_eq!(plan.terminate.len(), 50);
    assert_eq!(plan.terminate[44].why, Reason::Left);
    assert_eq!(plan.terminate[45].id, id(60));
    // Detached is only who is terminated.
    assert_eq!(plan.detach.len(), 5);
    assert!(
        lines.contains(
            &"i-0065 wait: the group calls it unhealthy, and it is stopped; waits for the next run, because a run terminates 50 at most"
                .to_owned()
        ),
        "{lines:?}"
    );
}

#[test]
fn a_message_that_names_no_member_is_refused() {
    let mut response = asking(&[1]);
    response.members = None;
    assert_eq!(plan(&response, &[member(1)], now()), Err(Refusal::NoMembers));
    for none in [vec![], vec!["no address".to_owned()]] {
        response.members = Some(none);
        assert_eq!(plan(&response, &[member(1)], now()), Err(Refusal::NoMember));
    }
}

#[test]
fn a_missing_fact_is_a_reason_to_leave_alone() {
    let without = |change: fn(&mut Ec2)| {
        let mut member = member(1);
        change(member.ec2.as_mut().unwrap());
        run(&message(&[999]), &[member])
    };
    for (change, reason) in [
        ((|ec2| ec2.private_ip = None) as fn(&mut Ec2), "it has no address"),
        (|ec2| ec2.launched = None, "it is not known when it was launched"),
        (
            |ec2| ec2.state = State::Unknown,
            "it is in a state that this version does not know",
        ),
    ] {
        let (plan, lines, _) = without(change);
        assert_eq!(plan, Plan::default());
        assert!(lines[0].ends_with(reason), "{lines:?}");
    }
    let mut response = asking(&[1]);
    response.members.as_mut().unwrap().push("weka-7".to_owned());
    let (plan, lines, _) = run(&response, &[member(1)]);
    assert_eq!(plan, Plan::default());
    assert!(
        lines[0].ends_with("it may be the member of which scale gives 'weka-7' for an address"),
        "{lines:?}"
    );
}

#[test]
fn the_checker_names_what_is_wrong() {
    let terminate = |number: usize, why| Termination {
        id: id(number),
        launched: Some(ago(1_000)),
        why,
    };
    let violation = |response: &ScaleResponse, group: &[Member], terminate: Vec<Termination>| {
        let plan = Plan {
            detach: vec![],
            terminate,
        };
        check(&plan, response, group, now()).unwrap_err().to_string()
    };
    let mut nobody = asking(&[1]);
    nobody.members = None;
    let mut busy = asking(&[1]);
    busy.hosts = vec![container(1, "ACTIVE")];
    let one = [member(1)];
    let left = || vec![terminate(1, Reason::Left)];
    for (said, violation) in [
        ("names no member", violation(&nobody, &one, left())),
        (
            "HostId<7> of the cluster is on it",
            violation(&busy, &one, left()),
        ),
        (
            "not for this run to change",
            violation(&asking(&[1]), &[], left()),
        ),
        ("without a reason", violation(&message(&[2]), &one, left())),
        (
            "Weka knows a host at its address",
            violation(&message(&[1]), &one, vec![terminate(1, Reason::NeverJoined)]),
        ),
    ] {
        assert!(violation.contains(said), "{violation}");
    }
    let group: Vec<_> = (0..60).map(member).collect();
    let all: Vec<_> = (0..51).collect();
    let too_many = |count, why| (0..count).map(|number| terminate(number, why)).collect();
    let said = violation(&asking(&all), &group, too_many(51, Reason::Left));
    assert_eq!(said, "51 instances are terminated, at most 50 may be");
    let said = violation(&message(&[999]), &group, too_many(7, Reason::NeverJoined));
    assert_eq!(
        said,
        "7 instances are terminated for never having joined, at most 6 may be"
    );
    let group: Vec<_> = (0..75).map(member).collect();
    let said = violation(&message(&[999]), &group, too_many(8, Reason::NeverJoined));
    assert!(said.ends_with("at most 7 may be"), "{said}");
    let young = Termination {
        launched: Some(ago(30)),
        ..terminate(1, Reason::NeverJoined)
    };
    let said = violation(&message(&[2]), &[launched(1, ago(30))], vec![young]);
    assert!(said.contains("without a reason"), "{said}");
    let detach = Plan {
        detach: vec![id(1)],
        terminate: vec![],
    };
    let violation = check(&detach, &message(&[2]), &one, now()).unwrap_err();
    assert_eq!(violation, Violation::Detached(id(1)));
}
