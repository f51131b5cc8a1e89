//! Which entries are one machine, and which of them still count.

use super::{addresses, decide, decision};
use crate::cluster::{Change, address, ago, cluster, group, instance, now};
use scaling::drain::{ExecutionResult, check, finish, plan};
use scaling::messages::Instance;
use weka_types::calls::Call;
use weka_types::ids::{HostId, InstanceId};
use weka_types::lists::{Host, HostState, HostStatus, Lists, Mode};

/// Entries of an earlier instance with the address of this machine. Their ids start at `first`.
fn add_earlier_instance(lists: &mut Lists, machine: u32, first: u32) -> Vec<HostId> {
    let current: Vec<Host> = lists.hosts_of(machine).to_vec();
    let nodes: Vec<_> = lists
        .nodes
        .0
        .iter()
        .filter(|node| node.host == Some(current[0].id))
        .cloned()
        .collect();
    let mut ids = Vec::new();
    for (number, host) in (first..).zip(current) {
        ids.push(HostId(number));
        let mut node = nodes[0].clone();
        node.id.0 = 20 * number;
        node.host = Some(HostId(number));
        node.status = weka_types::lists::NodeStatus::Down;
        node.last_fencing_time = Some(ago(60));
        lists.nodes.0.push(node);
        lists.hosts.0.push(Host {
            id: HostId(number),
            status: HostStatus::Down,
            instance_id: Some(InstanceId("i-earlier".into())),
            machine_identifier: Some("earlier".into()),
            added_time: Some(ago(200_000)),
            ..host
        });
    }
    ids
}

#[test]
fn machine_at_a_reused_address_is_managed() {
    let mut lists = cluster(7);
    add_earlier_instance(&mut lists, 0, 1_000);
    let (plan, report) = decide(&lists, &group(6, 7));
    assert_eq!(addresses(&plan), [0]);
    let hosts = Call::DeactivateHosts(vec![HostId(0), HostId(1), HostId(2)]);
    assert!(plan.tasks[0].calls.contains(&hosts), "{plan:?}");
    let earlier = report
        .decisions
        .iter()
        .find(|decision| decision.hosts[0] == HostId(1_000))
        .unwrap();
    assert_eq!(
        earlier.action.to_string(),
        "not an instance of the group; not known to be down long enough"
    );
}

#[test]
fn entries_of_an_earlier_instance_are_removed_after_three_hours() {
    let mut lists = cluster(6);
    let ids = add_earlier_instance(&mut lists, 0, 1_000);
    for node in lists.nodes.0.iter_mut().filter(|node| node.id.0 >= 20_000) {
        node.last_fencing_time = Some(ago(181));
    }
    let (plan, _) = decide(&lists, &group(6, 6));
    assert_eq!(plan.tasks[0].calls[0], Call::DeactivateHosts(ids.clone()));
    for host in lists.hosts.0.iter_mut().filter(|host| ids.contains(&host.id)) {
        (host.state, host.status) = (HostState::Inactive, HostStatus::Inactive);
    }
    let (plan, _) = decide(&lists, &group(6, 6));
    let calls: Vec<_> = ids.into_iter().map(Call::RemoveHost).collect();
    assert_eq!(plan.tasks[0].calls, calls);
    assert_eq!(plan.tasks[0].then_terminate, None);
}

#[test]
fn entries_of_an_earlier_instance_do_not_keep_the_current_one() {
    let mut lists = cluster(7);
    add_earlier_instance(&mut lists, 0, 1_000);
    lists.removed(0);
    let result = || ExecutionResult {
        removed: vec![instance(0)],
        ..ExecutionResult::default()
    };
    let (response, _) = finish(&group(6, 7), result(), &lists.hosts);
    assert_eq!(response.to_terminate, [instance(0)]);
    assert!(response.hosts.iter().all(|host| host.host_id.0 < 1_000));
    // An entry whose processes run is on the current instance, whatever instance it names.
    lists.hosts.0.last_mut().unwrap().status = HostStatus::Up;
    let (response, still_members) = finish(&group(6, 7), result(), &lists.hosts);
    assert_eq!((response.to_terminate.len(), still_members.len()), (0, 1));
}

#[test]
fn instance_that_never_joined_at_a_reused_address_is_not_a_member() {
    let mut lists = cluster(6);
    add_earlier_instance(&mut lists, 5, 1_000);
    let mut group = group(6, 6);
    group.instances[5] = Instance {
        id: "i-new".into(),
        private_ip: address(5).to_string(),
    };
    for host in lists.hosts_of(5) {
        host.status = HostStatus::Down;
    }
    let (response, _) = finish(&group, ExecutionResult::default(), &lists.hosts);
    assert!(!response.members.unwrap().contains(&address(5).to_string()));
    let (_, report) = plan(&lists, &group, now()).unwrap();
    let reported = report
        .decisions
        .iter()
        .find(|decision| decision.instance.as_deref() == Some("i-new"));
    assert_eq!(reported.unwrap().action.as_str(), "not joined");
}

#[test]
fn older_entries_of_a_retried_join_leave_with_the_machine() {
    let mut lists = cluster(7);
    let mut older = lists.hosts_of(0)[0].clone();
    older.id = HostId(1_000);
    older.status = HostStatus::Down;
    older.added_time = Some(ago(200_000));
    lists.hosts.0.push(older);
    let (plan, report) = decide(&lists, &group(7, 7));
    assert_eq!(addresses(&plan), [0; 0]);
    assert_eq!(report.counts.healthy, 7);
    let (plan, _) = decide(&lists, &group(6, 7));
    let hosts = Call::DeactivateHosts(vec![HostId(0), HostId(1), HostId(2), HostId(1_000)]);
    assert!(plan.tasks[0].calls.contains(&hosts), "{plan:?}");
    // It is not deregistered before the older entry has left.
    lists.removed(0);
    let (plan, _) = decide(&lists, &group(6, 7));
    assert_eq!(plan.tasks[0].calls, [Call::DeactivateHosts(vec![HostId(1_000)])]);
    let older = lists.hosts.0.last_mut().unwrap();
    (older.state, older.status) = (HostState::Inactive, HostStatus::Inactive);
    let (plan, _) = decide(&lists, &group(6, 7));
    assert_eq!(plan.tasks[0].then_terminate, Some(instance(0)));
}

#[test]
fn containers_that_are_being_deregistered_count_as_removed() {
    let mut lists = cluster(7);
    lists.removed(4);
    for host in lists.hosts_of(4) {
        (host.state, host.status) = (HostState::Removing, HostStatus::Down);
    }
    lists.drives.0.retain(|drive| drive.id.0 / 2 != 4);
    let (plan, _) = decide(&lists, &group(6, 7));
    assert_eq!(
        (plan.tasks[0].calls.len(), &plan.tasks[0].then_terminate),
        (0, &Some(instance(4)))
    );
    let result = ExecutionResult {
        removed: vec![instance(4)],
        ..ExecutionResult::default()
    };
    let (response, _) = finish(&group(6, 7), result, &lists.hosts);
    assert_eq!(response.to_terminate, [instance(4)]);
}

#[test]
fn entry_of_a_client_that_is_down_does_not_keep_a_backend() {
    let mut lists = cluster(7);
    lists.removed(0);
    let mut client = lists.hosts_of(1)[0].clone();
    client.id = HostId(1_000);
    client.mode = Mode::Client;
    client.host_ip = Some(address(0));
    client.instance_id = None;
    client.status = HostStatus::Down;
    client.auto_remove_timeout = Some(3_600);
    lists.hosts.0.push(client);
    let terminated = |lists: &Lists| {
        let result = ExecutionResult {
            removed: vec![instance(0)],
            ..ExecutionResult::default()
        };
        finish(&group(6, 7), result, &lists.hosts).0.to_terminate.len()
    };
    assert_eq!(terminated(&lists), 1);
    lists.hosts.0.last_mut().unwrap().auto_remove_timeout = Some(0);
    assert_eq!(terminated(&lists), 0, "it is not removed by itself");
    let client = lists.hosts.0.last_mut().unwrap();
    (client.auto_remove_timeout, client.status) = (Some(3_600), HostStatus::Up);
    assert_eq!(terminated(&lists), 0);
}

#[test]
fn machine_stopped_for_maintenance_is_not_replaced() {
    let mut lists = cluster(6);
    lists.down(2, 5_000);
    for host in lists.hosts_of(2) {
        (host.state, host.status) = (HostState::Drained, HostStatus::Drained);
    }
    for drive in lists.drives_of(2) {
        drive.status = weka_types::lists::DriveStatus::Failed;
    }
    let (plan, report) = decide(&lists, &group(6, 6));
    assert_eq!(addresses(&plan), [0; 0]);
    assert_eq!((report.counts.healthy, report.counts.skipped), (5, 1));
    // If it is also being removed, the drain continues.
    lists.hosts_of(2)[0].state = HostState::Deactivating;
    let (plan, _) = decide(&lists, &group(6, 6));
    assert_eq!(addresses(&plan), [2]);
    // An entry whose instance is gone is removed after three hours.
    lists.hosts_of(2)[0].state = HostState::Drained;
    let mut without = group(6, 6);
    without.instances.remove(2);
    let (plan, report) = decide(&lists, &without);
    assert_eq!(addresses(&plan), [2]);
    assert!(decision(&report, 2).contains("not an instance of the group"));
    check(&plan, &lists, &without, now()).unwrap();
}
