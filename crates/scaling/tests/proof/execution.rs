//! A plan is executed call by call, and the list that is read last determines which instances may be terminated.

use crate::cluster::{Change, address, cluster, drive, group, instance, now};
use futures::FutureExt;
use scaling::drain::{
    CallFailure, ExecutionResult, MAX_CONTAINERS_IN_MESSAGE, Plan, Task, execute, finish, plan,
};
use std::cell::RefCell;
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{HostState, Mode};

/// Executes the plan for 8 machines, two of which exceed the desired capacity and one of which has left the cluster. A call
/// fails if `refuses` returns true.
fn executed(refuses: impl Fn(&Call) -> bool) -> (Vec<Call>, ExecutionResult) {
    let mut lists = cluster(8);
    lists.removed(5);
    let (plan, _) = plan(&lists, &group(5, 8), now()).unwrap();
    let calls = RefCell::new(Vec::new());
    let result = execute(
        &plan,
        || true,
        async |call: Call| {
            calls.borrow_mut().push(call.clone());
            if refuses(&call) {
                Err(CallFailure::new("no".into()))
            } else {
                Ok(())
            }
        },
    )
    .now_or_never()
    .unwrap();
    (calls.into_inner(), result)
}

fn methods(calls: &[Call]) -> Vec<&'static str> {
    calls.iter().map(Call::method).collect()
}

#[test]
fn all_calls_are_sent_in_order() {
    let (calls, result) = executed(|_| false);
    let machine = [
        "cluster_deactivate_drives",
        "cluster_deactivate_drives",
        "cluster_deactivate_hosts",
        "events_trigger_custom",
    ];
    let deregister = [
        "cluster_remove_host",
        "cluster_remove_host",
        "cluster_remove_host",
        "cluster_remove_drives",
        "cluster_remove_drives",
    ];
    assert_eq!(methods(&calls), [&machine[..], &machine, &deregister].concat());
    assert_eq!(
        (result.successful_calls, result.removed, result.errors),
        (13, vec![instance(5)], vec![])
    );
}

#[test]
fn refused_drive_does_not_stop_the_other_drives_and_the_containers() {
    let refused = Call::DeactivateDrives(vec![drive(0, 0)]);
    let (calls, result) = executed(|call| *call == refused);
    assert!(calls.contains(&Call::DeactivateDrives(vec![drive(0, 1)])));
    assert!(calls.contains(&Call::DeactivateHosts(vec![HostId(0), HostId(1), HostId(2)])));
    assert_eq!(result.errors, ["10.0.0.1: cluster_deactivate_drives: no"]);
    assert_eq!(result.removed, [instance(5)]);
}

#[test]
fn refusal_for_lack_of_resources_ends_the_task_of_the_machine() {
    let texts = [
        "the remaining capacity is less than the total budget for filesystems (rc50)",
        "not enough reliable containers available for cluster leadership",
        "not enough failure domains",
    ];
    for text in texts {
        assert!(CallFailure::new(text.into()).is_insufficient, "{text}");
    }
    let mut lists = cluster(7);
    lists.hosts.0[0].added_time = None;
    let (plan, _) = plan(&lists, &group(6, 7), now()).unwrap();
    let calls = RefCell::new(Vec::new());
    let result = execute(
        &plan,
        || true,
        async |call: Call| {
            calls.borrow_mut().push(call);
            Err(CallFailure::new(texts[0].into()))
        },
    )
    .now_or_never()
    .unwrap();
    assert_eq!(methods(&calls.into_inner()), ["cluster_deactivate_drives"]);
    assert_eq!(result.errors.len(), 1);
}

#[test]
fn failed_event_is_not_an_error() {
    let (calls, result) = executed(|call| matches!(call, Call::Event(_)));
    assert_eq!(calls.len(), 13);
    assert_eq!((result.successful_calls, result.errors), (11, vec![]));
}

#[test]
fn instance_is_kept_if_its_machine_is_not_completely_deregistered() {
    for step in 0..5 {
        let nth = RefCell::new(0);
        let (_, result) = executed(|call| {
            let removes = matches!(call, Call::RemoveHost(_) | Call::RemoveDrives(_));
            *nth.borrow_mut() += usize::from(removes);
            removes && *nth.borrow() == step + 1
        });
        assert_eq!(
            (result.removed.len(), result.errors.len()),
            (0, 1),
            "{:?}",
            result.errors
        );
    }
}

#[test]
fn run_without_time_starts_no_task_and_reports_it() {
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
    let result = execute(
        &plan,
        || false,
        async |_: Call| Err(CallFailure::new("never called".into())),
    )
    .now_or_never()
    .unwrap();
    assert_eq!(
        result.errors,
        ["this run has no time for 3 more machines; the next run resumes"]
    );
}

#[test]
fn instance_that_is_a_member_again_is_not_terminated() {
    let result = || ExecutionResult {
        removed: vec![instance(0), instance(1)],
        errors: vec!["before".into()],
        successful_calls: 1,
    };
    let mut lists = cluster(6);
    lists.hosts.0.drain(..6);
    let (response, still_members) = finish(&group(6, 6), result(), &lists.hosts);
    assert_eq!((response.to_terminate.len(), still_members.len()), (2, 0));
    assert_eq!(response.transient_errors, Some(vec!["before".to_owned()]));
    let members: Vec<_> = (2..6).map(|machine| address(machine).to_string()).collect();
    assert_eq!(response.members, Some(members));
    // By address, whatever runs there, or by instance id, whatever the address.
    lists.hosts.0[0].host_ip = Some(address(0));
    lists.hosts.0[0].mode = Mode::Client;
    lists.hosts.0[1].instance_id = Some("i-0001".into());
    let (response, still_members) = finish(&group(6, 6), result(), &lists.hosts);
    assert_eq!(response.to_terminate, []);
    assert_eq!(
        still_members[0].to_string(),
        "i-0000 (10.0.0.1) is not terminated: HostId<6> is ACTIVE in the list read last"
    );
    assert_eq!(response.transient_errors.unwrap().len(), 3);
    assert!(
        response.members.unwrap().contains(&"10.0.0.2".to_owned()),
        "Weka reports the instance id"
    );
    for host in &mut lists.hosts.0 {
        host.state = HostState::Inactive;
    }
    assert_eq!(
        finish(&group(6, 6), result(), &lists.hosts).0.to_terminate.len(),
        2
    );
}

#[test]
fn message_lists_the_containers_of_the_role() {
    let mut lists = cluster(6);
    lists.hosts.0[0].mode = Mode::Client;
    let (response, _) = finish(&group(6, 6), ExecutionResult::default(), &lists.hosts);
    assert_eq!(response.hosts.len(), 17);
    assert_eq!(
        (response.hosts[0].host_id, response.hosts[0].status.as_str()),
        (HostId(1), "ACTIVE")
    );
    assert_eq!(response.transient_errors, None);
}

#[test]
fn message_of_a_large_cluster_stays_below_the_limit_of_step_functions() {
    let mut lists = cluster(10_000);
    lists.deactivating(7);
    let (response, _) = finish(&group(10_000, 10_000), ExecutionResult::default(), &lists.hosts);
    assert_eq!(response.hosts.len(), 3);
    assert_eq!(response.members.as_ref().unwrap().len(), 10_000);
    let size = serde_json::to_string(&response).unwrap().len();
    assert!(size < 256 * 1024, "{size} bytes");
    for machine in 0..1_000 {
        lists.deactivating(machine);
    }
    let (response, _) = finish(&group(10_000, 10_000), ExecutionResult::default(), &lists.hosts);
    assert_eq!(response.hosts.len(), MAX_CONTAINERS_IN_MESSAGE);
}
