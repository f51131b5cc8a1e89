//! The rules one by one, on hand-made clusters.

mod gates;
mod members;
mod unmanaged;

use crate::cluster::{Change, address, ago, cluster, drive, group, healthy_status, instance, now};
use scaling::drain::{Action, Report};
use scaling::drain::{Plan, Task, plan};
use scaling::messages::Role;
use scaling::policy::Group;
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{DriveHost, DriveStatus, HostState, HostStatus, Lists, Mode, Status};

fn decide(lists: &Lists, group: &Group) -> (Plan, Report) {
    let (plan, report) = plan(lists, group, now()).unwrap();
    scaling::drain::check(&plan, lists, group, now()).unwrap();
    (plan, report)
}

/// The action for a machine and its reason.
fn decision(report: &Report, machine: u32) -> String {
    let found = report
        .decisions
        .iter()
        .find(|decision| decision.address == Some(address(machine)))
        .unwrap();
    format!("{}: {}", found.action.as_str(), found.action)
}

fn addresses(plan: &Plan) -> Vec<u32> {
    let number = |task: &Task| (0..250).find(|machine| Some(address(*machine)) == task.address);
    plan.tasks.iter().filter_map(number).collect()
}

fn refusal(lists: &Lists, desired: u32) -> String {
    plan(lists, &group(desired, 6), now()).unwrap_err().to_string()
}

#[test]
fn healthy_cluster_at_desired_capacity_is_unchanged() {
    let (plan, report) = decide(&cluster(6), &group(6, 6));
    assert_eq!(plan, Plan::default());
    assert_eq!((report.counts.healthy, report.to_deactivate), (6, 0));
    assert_eq!(
        decision(&report, 3),
        "keep: healthy and within the desired capacity"
    );
}

#[test]
fn run_is_refused_if_a_precondition_does_not_hold() {
    let mut lists = cluster(6);
    lists.status.io_status = "STOPPED".into();
    assert_eq!(
        refusal(&lists, 6),
        "the cluster's I/O status is STOPPED, not STARTED"
    );
    lists.status = Status {
        upgrade: Some("4.2".into()),
        ..healthy_status()
    };
    assert_eq!(refusal(&lists, 6), "a cluster upgrade is in progress: 4.2");
    lists.status.upgrade = None;
    lists.overrides.0.push("skip_scale_down".into());
    assert_eq!(refusal(&lists, 6), "the manual override skip_scale_down is set");
    lists.overrides.0.clear();
    for host in &mut lists.hosts.0 {
        host.container_name = Some("weka".into());
    }
    assert!(
        refusal(&lists, 6).contains("multi-container"),
        "{}",
        refusal(&lists, 6)
    );
}

#[test]
fn list_with_duplicates_is_refused() {
    let mut lists = cluster(6);
    lists.hosts.0[1].id = lists.hosts.0[0].id;
    assert_eq!(refusal(&lists, 6), "Weka lists HostId<0> twice");
    let mut lists = cluster(6);
    lists.drives.0[1].uuid = lists.drives.0[0].uuid.clone();
    assert_eq!(refusal(&lists, 6), "Weka lists drive 0000-0 twice");
}

#[test]
fn excess_machines_drain_oldest_first() {
    let (plan, report) = decide(&cluster(8), &group(6, 8));
    assert_eq!(addresses(&plan), [0, 1]);
    assert_eq!(
        plan.tasks[1].calls,
        [
            Call::DeactivateDrives(vec![drive(1, 0)]),
            Call::DeactivateDrives(vec![drive(1, 1)]),
            Call::DeactivateHosts(vec![HostId(3), HostId(4), HostId(5)]),
            Call::Event(
                "wekactl: deactivating 10.0.0.2: the group exceeds its desired capacity (desired 6, current 8)".into()
            ),
        ]
    );
    assert_eq!(plan.tasks[1].then_terminate, None);
    assert_eq!(
        decision(&report, 1),
        "deactivate: the group exceeds its desired capacity"
    );
}

#[test]
fn machine_of_unknown_age_drains_last() {
    let mut lists = cluster(7);
    for host in lists.hosts_of(0) {
        host.added_time = None;
    }
    assert_eq!(addresses(&decide(&lists, &group(6, 7)).0), [1]);
}

#[test]
fn draining_machine_keeps_draining_and_counts() {
    let mut lists = cluster(8);
    lists.deactivating(5);
    let (plan, report) = decide(&lists, &group(6, 8));
    assert_eq!(report.to_deactivate, 2);
    // Nothing remains to be called for machine 5.
    assert_eq!(addresses(&plan), [0]);
    assert_eq!(decision(&report, 5), "deactivate: already draining");
    // Its last container is deactivated again, without another event.
    lists.hosts_of(5)[2].state = HostState::Active;
    let (plan, _) = decide(&lists, &group(8, 8));
    assert_eq!(addresses(&plan), [5]);
    assert_eq!(plan.tasks[0].calls, [Call::DeactivateHosts(vec![HostId(17)])]);
}

#[test]
fn backend_is_unhealthy_after_two_hours_down() {
    let mut lists = cluster(7);
    lists.down(3, 120);
    assert_eq!(
        decision(&decide(&lists, &group(7, 7)).1, 3),
        "keep: down since 2026-01-31T06:00:00Z, not long enough to be replaced"
    );
    lists.down(3, 121);
    let (plan, report) = decide(&lists, &group(7, 7));
    assert_eq!(addresses(&plan), [3]);
    assert_eq!(
        decision(&report, 3),
        "deactivate: HostId<9>: down since 2026-01-31T05:59:00Z"
    );
    // It came up since then: the time when it went down again is unknown.
    for node in &mut lists.nodes.0 {
        node.up_since = Some(ago(10));
    }
    assert_eq!(addresses(&decide(&lists, &group(7, 7)).0), [0; 0]);
    // The same with the start of the container.
    for node in &mut lists.nodes.0 {
        node.up_since = None;
    }
    for host in lists.hosts_of(3) {
        host.start_time = Some(ago(100));
    }
    assert_eq!(addresses(&decide(&lists, &group(7, 7)).0), [0; 0]);
    for host in lists.hosts_of(3) {
        host.start_time = None;
    }
    // Without a fencing time, the change of the container's state counts; without both, the machine is not unhealthy.
    for node in &mut lists.nodes.0 {
        (node.last_fencing_time, node.up_since) = (None, None);
    }
    assert_eq!(addresses(&decide(&lists, &group(7, 7)).0), [3]);
    for host in lists.hosts_of(3) {
        host.state_changed_time = None;
    }
    assert_eq!(addresses(&decide(&lists, &group(7, 7)).0), [0; 0]);
}

#[test]
fn backend_is_unhealthy_with_an_inactive_drive() {
    let mut lists = cluster(7);
    lists.drives_of(2)[1].status = DriveStatus::Inactive;
    let (plan, report) = decide(&lists, &group(7, 7));
    assert_eq!(
        decision(&report, 2),
        "deactivate: HostId<6>: drive 0002-1 is inactive"
    );
    // The inactive drive needs no deactivation.
    assert_eq!(plan.tasks[0].calls[0], Call::DeactivateDrives(vec![drive(2, 0)]));
    for host in lists.hosts_of(2) {
        host.added_time = Some(ago(5));
    }
    assert_eq!(addresses(&decide(&lists, &group(7, 7)).0), [0; 0]);
    lists.drives_of(2)[0].should_be_active = Some(false);
    let report = decide(&lists, &group(7, 7)).1;
    assert_eq!(
        decision(&report, 2),
        "deactivate: HostId<6>: drive 0002-0 was deactivated"
    );
}

#[test]
fn two_unhealthy_machines_drain_concurrently() {
    let mut lists = cluster(9);
    for machine in [2, 4, 6] {
        lists.down(machine, 500);
    }
    let (plan, report) = decide(&lists, &group(9, 9));
    assert_eq!(addresses(&plan), [2, 4]);
    assert_eq!(
        decision(&report, 6),
        "wait: HostId<18>: down since 2026-01-30T23:40:00Z; waiting, because at most 2 machines may drain concurrently"
    );
    // Unless the group exceeds its desired capacity by more.
    assert_eq!(addresses(&decide(&lists, &group(5, 9)).0), [2, 4, 6, 0]);
}

#[test]
fn removed_machine_is_deregistered_and_its_instance_terminated() {
    let mut lists = cluster(7);
    lists.removed(4);
    let (plan, report) = decide(&lists, &group(6, 7));
    assert_eq!(
        plan.tasks,
        [Task {
            address: Some(address(4)),
            calls: vec![
                Call::RemoveHost(HostId(12)),
                Call::RemoveHost(HostId(13)),
                Call::RemoveHost(HostId(14)),
                Call::RemoveDrives(vec![drive(4, 0)]),
                Call::RemoveDrives(vec![drive(4, 1)]),
            ],
            then_terminate: Some(instance(4)),
        }]
    );
    assert_eq!(
        decision(&report, 4),
        "remove: all its containers have left the cluster"
    );
    lists.hosts_of(4)[1].status = HostStatus::Up;
    let (plan, report) = decide(&lists, &group(6, 7));
    assert_eq!(
        plan.tasks[0].calls,
        [Call::RemoveHost(HostId(12)), Call::RemoveHost(HostId(14))]
    );
    assert_eq!(plan.tasks[0].then_terminate, None);
    assert_eq!(
        decision(&report, 4),
        "remove in part: it has left the cluster, but HostId<13> still runs"
    );
    lists.drives_of(4)[1].status = DriveStatus::PhasingOut;
    let (plan, report) = decide(&lists, &group(6, 7));
    assert_eq!(plan, Plan::default());
    assert!(
        decision(&report, 4).ends_with("its drive 0004-1 is not inactive"),
        "{}",
        decision(&report, 4)
    );
}

#[test]
fn run_deregisters_no_more_machines_than_terminate_could_find_again() {
    let mut lists = cluster(9);
    for machine in [1, 3, 5] {
        lists.removed(machine);
    }
    let (plan, report) = decide(&lists, &group(6, 9));
    assert_eq!(addresses(&plan), [1, 3]);
    assert_eq!(
        decision(&report, 5),
        "wait: all its containers have left the cluster; waiting, because a run deregisters at most 2 machines"
    );
    // Machines that are not instances of the group are not terminated, and the limit does not apply.
    assert_eq!(addresses(&decide(&lists, &group(9, 1)).0), [1, 3, 5]);
}

#[test]
fn orphaned_inactive_drives_are_deregistered() {
    let mut lists = cluster(6);
    for (drive, host) in lists
        .drives
        .0
        .iter_mut()
        .zip([DriveHost::None, DriveHost::Unknown, DriveHost::None])
    {
        drive.host = host;
        drive.status = DriveStatus::Inactive;
    }
    lists.drives.0[2].status = DriveStatus::PhasingOut;
    let (plan, _) = decide(&lists, &group(6, 6));
    let drives: Vec<_> = plan.tasks.iter().filter(|task| task.address.is_none()).collect();
    assert_eq!(drives.len(), 1);
    assert_eq!(drives[0].calls, [Call::RemoveDrives(vec![drive(0, 0)])]);
}

#[test]
fn machine_that_cannot_be_chosen_is_reported_and_still_counts() {
    let mut lists = cluster(8);
    lists.hosts_of(1)[2].state = HostState::Adding;
    lists.hosts_of(2)[0].state = HostState::Unknown;
    lists.hosts_of(3)[1].state = HostState::Drained;
    lists.hosts_of(4)[1].mode = Mode::Unknown;
    lists.hosts_of(5)[1].host_ip = None;
    let mut second = lists.hosts_of(6)[0].clone();
    second.id = HostId(1_000);
    lists.hosts.0.push(second);
    let (plan, report) = decide(&lists, &group(7, 8));
    // One machine exceeds the desired capacity, but too few of them are healthy.
    assert_eq!(plan, Plan::default());
    assert_eq!(
        (report.counts.healthy, report.counts.skipped, report.to_deactivate),
        (2, 6, 1)
    );
    for (machine, expected) in [
        (
            0,
            "wait: the group exceeds its desired capacity; blocked: only 2 machines are healthy, and the cluster needs at least 5",
        ),
        (1, "leave alone: HostId<5> is joining the cluster"),
        (2, "leave alone: the state of HostId<6> is unknown"),
        (
            3,
            "leave alone: HostId<10> is DRAINED: it is stopped, or about to stop, for maintenance; it is managed again after it has started",
        ),
        (4, "leave alone: the mode of HostId<13> is unknown"),
        (5, "leave alone: Weka reports no address for HostId<16>"),
        (
            6,
            "leave alone: container drives0 is listed several times: HostId<18>, HostId<1000>",
        ),
    ] {
        assert_eq!(decision(&report, machine), expected);
    }
    // Of ten machines, six are healthy: one of them can leave.
    let mut lists = cluster(10);
    for machine in [6, 7, 8, 9] {
        lists.hosts_of(machine)[0].state = HostState::Drained;
    }
    assert_eq!(addresses(&decide(&lists, &group(5, 10)).0), [0]);
}

#[test]
fn container_without_address_and_instance_id_is_reported() {
    let mut lists = cluster(6);
    lists.hosts.0[0].host_ip = None;
    lists.hosts.0[0].instance_id = None;
    let (_, report) = decide(&lists, &group(6, 6));
    let mut decisions = report.decisions.iter();
    assert!(decisions.any(|decision| decision.hosts == [HostId(0)] && decision.action == Action::NoAddress));
}

#[test]
fn machine_with_more_than_three_containers_is_managed() {
    let mut lists = cluster(7);
    let mut fourth = lists.hosts_of(0)[0].clone();
    (fourth.id, fourth.container_name) = (HostId(1_000), Some("dataserv0".into()));
    lists.hosts.0.push(fourth);
    let (plan, _) = decide(&lists, &group(6, 7));
    let hosts = Call::DeactivateHosts(vec![HostId(0), HostId(1), HostId(2), HostId(1_000)]);
    assert_eq!(plan.tasks[0].calls[2], hosts);
}

#[test]
fn instance_that_has_not_joined_is_reported() {
    let (plan, report) = decide(&cluster(6), &group(7, 8));
    assert_eq!(plan, Plan::default());
    assert_eq!(
        decision(&report, 7),
        "not joined: no container of the cluster runs on it"
    );
}

#[test]
fn run_for_backends_never_changes_clients() {
    let mut lists = cluster(8);
    lists.down(7, 5_000);
    for host in lists.hosts_of(7) {
        host.mode = Mode::Client;
    }
    assert_eq!(decide(&lists, &group(7, 8)).0, Plan::default());
}

#[test]
fn excess_clients_and_clients_that_are_down_drain() {
    let mut lists = cluster(10);
    for machine in 6..10 {
        for host in lists.hosts_of(machine) {
            host.mode = Mode::Client;
        }
    }
    lists.drives.0.retain(|drive| drive.id.0 < 12);
    let mut clients = group(3, 9);
    clients.role = Role::Client;
    clients.instances.drain(..6);
    lists.down(9, 5_000);
    // Machine 9 is not an instance of the group.
    assert_eq!(decide(&lists, &clients).0, Plan::default());
    clients.desired = 2;
    assert_eq!(addresses(&decide(&lists, &clients).0), [6]);
    lists.down(8, 31);
    let (plan, _) = decide(&lists, &clients);
    assert_eq!(addresses(&plan), [8]);
    assert_eq!(
        plan.tasks[0].calls[0],
        Call::DeactivateHosts(vec![HostId(24), HostId(25), HostId(26)])
    );
    clients.desired = 0;
    assert_eq!(addresses(&decide(&lists, &clients).0), [8, 6, 7]);
}
