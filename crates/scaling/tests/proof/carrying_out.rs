//! A plan is carried out call by call, and what may be terminated is judged by the list that is read last.

use crate::cluster::{Change, address, cluster, drive, group, instance, now};
use futures::FutureExt;
use scaling::execute::{CONTAINERS_IN_A_MESSAGE, Outcome, conclude, execute};
use scaling::plan::{Plan, Task, plan};
use std::cell::RefCell;
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{HostState, Mode};

/// Carries out the plan for 8 machines of which two are too many and one has left; what `refuses` says of a call is its
/// answer.
fn carried_out(refuses: impl Fn(&Call) -> bool) -> (Vec<Call>, Outcome) {
    let mut lists = cluster(8);
    lists.left(5);
    let (plan, _) = plan(&lists, &group(5, 8), now()).unwrap();
    let calls = RefCell::new(Vec::new());
    let outcome = execute(
        &plan,
        || true,
        async |call: Call| {
            calls.borrow_mut().push(call.clone());
            if refuses(&call) { Err("no") } else { Ok(()) }
        },
    )
    .now_or_never()
    .unwrap();
    (calls.into_inner(), outcome)
}

fn methods(calls: &[Call]) -> Vec<&'static str> {
    calls.iter().map(Call::method).collect()
}

#[test]
fn all_is_done_in_order() {
    let (calls, outcome) = carried_out(|_| false);
    let machine = [
        "cluster_deactivate_drives",
        "events_trigger_custom",
        "cluster_deactivate_hosts",
    ];
    let left = [
        "cluster_remove_host",
        "cluster_remove_host",
        "cluster_remove_host",
        "cluster_remove_drives",
    ];
    assert_eq!(methods(&calls), [&machine[..], &machine, &left].concat());
    assert_eq!(
        (outcome.done, outcome.left, outcome.errors),
        (10, vec![instance(5)], vec![])
    );
}

#[test]
fn a_call_that_fails_ends_its_machine_alone() {
    let (calls, outcome) =
        carried_out(|call| *call == Call::DeactivateDrives(vec![drive(0, 0), drive(0, 1)]));
    assert!(!calls.contains(&Call::DeactivateHosts(vec![HostId(0), HostId(1), HostId(2)])));
    assert!(calls.contains(&Call::DeactivateHosts(vec![HostId(3), HostId(4), HostId(5)])));
    assert_eq!(outcome.errors, ["10.0.0.1: cluster_deactivate_drives: no"]);
    assert_eq!(outcome.left, [instance(5)]);
}

#[test]
fn an_event_that_fails_is_no_error() {
    let (calls, outcome) = carried_out(|call| matches!(call, Call::Event(_)));
    assert_eq!(calls.len(), 10);
    assert_eq!((outcome.done, outcome.errors), (8, vec![]));
}

#[test]
fn what_was_not_removed_whole_is_not_let_go() {
    for step in 0..4 {
        let nth = RefCell::new(0);
        let (_, outcome) = carried_out(|call| {
            let removes = matches!(call, Call::RemoveHost(_) | Call::RemoveDrives(_));
            *nth.borrow_mut() += usize::from(removes);
            removes && *nth.borrow() == step + 1
        });
        assert_eq!(
            (outcome.left.len(), outcome.errors.len()),
            (0, 1),
            "{:?}",
            outcome.errors
        );
    }
}

#[test]
fn a_run_whose_time_is_up_begins_nothing_more_and_says_so() {
    let plan = Plan {
        tasks: vec![
            Task {
                address: None,
                calls: vec![],
                then_terminate: None
            };
            3
        ],
    };
    let outcome = execute(&plan, || false, async |_: Call| Err("never called"))
        .now_or_never()
        .unwrap();
    assert_eq!(
        outcome.errors,
        ["no time left in this run for 3 more machines: the next one goes on"]
    );
}

#[test]
fn an_instance_that_is_a_member_again_is_taken_out() {
    let outcome = || Outcome {
        left: vec![instance(0), instance(1)],
        errors: vec!["before".into()],
        done: 1,
    };
    let mut lists = cluster(6);
    lists.hosts.0.drain(..6);
    let (response, taken_out) = conclude(&group(6, 6), outcome(), &lists.hosts);
    assert_eq!((response.to_terminate.len(), taken_out.len()), (2, 0));
    assert_eq!(response.transient_errors, Some(vec!["before".to_owned()]));
    let members: Vec<_> = (2..6).map(|machine| address(machine).to_string()).collect();
    assert_eq!(response.members, Some(members));
    // By address, whatever runs there; or by the instance's id, whatever the address.
    lists.hosts.0[0].host_ip = Some(address(0));
    lists.hosts.0[0].mode = Mode::Client;
    lists.hosts.0[1].instance_id = Some("i-0001".into());
    let (response, taken_out) = conclude(&group(6, 6), outcome(), &lists.hosts);
    assert_eq!(response.to_terminate, []);
    assert_eq!(
        taken_out[0].to_string(),
        "i-0000 (10.0.0.1) is not terminated: HostId<6> is ACTIVE in the list read last"
    );
    assert_eq!(response.transient_errors.unwrap().len(), 3);
    assert!(
        response.members.unwrap().contains(&"10.0.0.2".to_owned()),
        "Weka names the instance"
    );
    for host in &mut lists.hosts.0 {
        host.state = HostState::Inactive;
    }
    assert_eq!(
        conclude(&group(6, 6), outcome(), &lists.hosts)
            .0
            .to_terminate
            .len(),
        2
    );
}

#[test]
fn the_message_lists_the_containers_that_were_looked_at() {
    let mut lists = cluster(6);
    lists.hosts.0[0].mode = Mode::Client;
    let (response, _) = conclude(&group(6, 6), Outcome::default(), &lists.hosts);
    assert_eq!(response.hosts.len(), 17);
    assert_eq!(
        (response.hosts[0].host_id, response.hosts[0].status.as_str()),
        (HostId(1), "ACTIVE")
    );
    assert_eq!(response.transient_errors, None);
}

#[test]
fn the_message_of_a_large_cluster_stays_within_what_step_functions_carries() {
    let mut lists = cluster(10_000);
    lists.deactivating(7);
    let (response, _) = conclude(&group(10_000, 10_000), Outcome::default(), &lists.hosts);
    assert_eq!(response.hosts.len(), 3);
    assert_eq!(response.members.as_ref().unwrap().len(), 10_000);
    let size = serde_json::to_string(&response).unwrap().len();
    assert!(size < 256 * 1024, "{size} bytes");
    for machine in 0..1_000 {
        lists.deactivating(machine);
    }
    let (response, _) = conclude(&group(10_000, 10_000), Outcome::default(), &lists.hosts);
    assert_eq!(response.hosts.len(), CONTAINERS_IN_A_MESSAGE);
}
