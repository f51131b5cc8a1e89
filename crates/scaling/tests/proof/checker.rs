//! The checker refuses plans that the planner never makes.

use crate::cluster::{Change, address, cluster, drive, group, instance, now};
use scaling::drain::{Plan, Task};
use scaling::drain::{Violation, check};
use weka_types::calls::Call;
use weka_types::ids::HostId;
use weka_types::lists::{DriveHost, DriveStatus, Lists, Mode};

fn task(machine: u32, calls: Vec<Call>) -> Task {
    Task {
        address: Some(address(machine)),
        calls,
        then_terminate: None,
    }
}

fn hosts(machine: u32) -> Call {
    Call::DeactivateHosts((3 * machine..3 * machine + 3).map(HostId).collect())
}

/// Checks these tasks for a cluster of 8 machines with a desired capacity of 6.
fn checked(lists: &Lists, tasks: Vec<Task>) -> Result<(), Violation> {
    check(&Plan { tasks }, lists, &group(6, 8), now())
}

#[test]
fn more_machines_than_the_excess_must_not_drain() {
    let drain = |number: u32| {
        (0..number)
            .map(|machine| task(machine, vec![hosts(machine)]))
            .collect::<Vec<_>>()
    };
    let mut lists = cluster(8);
    assert_eq!(checked(&lists, drain(2)), Ok(()));
    assert_eq!(
        checked(&lists, drain(3)),
        Err(Violation::TooMany {
            machines: 3,
            limit: 2
        })
    );
    lists.deactivating(7);
    assert_eq!(checked(&lists, drain(1)), Ok(()));
    assert_eq!(
        checked(&lists, drain(2)),
        Err(Violation::TooMany {
            machines: 3,
            limit: 2
        })
    );
    // Deactivating only the drives counts as well.
    let drives = (0..2)
        .map(|machine| task(machine, vec![Call::DeactivateDrives(vec![drive(machine, 0)])]))
        .collect();
    assert_eq!(
        checked(&lists, drives),
        Err(Violation::TooMany {
            machines: 3,
            limit: 2
        })
    );
}

#[test]
fn desired_capacity_must_remain_except_for_unhealthy_machines() {
    let mut lists = cluster(6);
    let one = || vec![task(0, vec![hosts(0)])];
    let check = |lists: &Lists, tasks| check(&Plan { tasks }, lists, &group(6, 6), now());
    assert_eq!(
        check(&lists, one()),
        Err(Violation::TooFew {
            remain: 5,
            minimum: 6
        })
    );
    lists.down(0, 60);
    assert_eq!(
        check(&lists, one()),
        Err(Violation::TooFew {
            remain: 5,
            minimum: 6
        })
    );
    lists.down(0, 500);
    assert_eq!(check(&lists, one()), Ok(()));
}

#[test]
fn calls_for_unlisted_or_foreign_containers_are_refused() {
    let mut lists = cluster(8);
    let calls = |call: Call| vec![task(0, vec![call])];
    let unknown = HostId(99);
    assert_eq!(
        checked(&lists, calls(Call::DeactivateHosts(vec![unknown]))),
        Err(Violation::UnknownHost(unknown))
    );
    let other = HostId(3);
    assert_eq!(
        checked(&lists, calls(Call::DeactivateHosts(vec![other]))),
        Err(Violation::OtherHost(other))
    );
    assert_eq!(
        checked(&lists, calls(Call::DeactivateDrives(vec!["no".into()]))),
        Err(Violation::UnknownDrive("no".into()))
    );
    assert_eq!(
        checked(&lists, calls(Call::DeactivateDrives(vec![drive(1, 0)]))),
        Err(Violation::OtherDrive(drive(1, 0)))
    );
    lists.hosts_of(0)[0].mode = Mode::Client;
    let client = HostId(0);
    assert_eq!(
        checked(&lists, calls(Call::DeactivateHosts(vec![client]))),
        Err(Violation::OtherHost(client))
    );
}

#[test]
fn members_must_not_be_deregistered() {
    let mut lists = cluster(8);
    let remove = |id: u32| vec![task(0, vec![Call::RemoveHost(HostId(id))])];
    assert_eq!(
        checked(&lists, remove(0)),
        Err(Violation::MemberRemoved(HostId(0)))
    );
    lists.removed(0);
    assert_eq!(checked(&lists, remove(0)), Ok(()));
    let drives = |address| {
        vec![Task {
            address,
            calls: vec![Call::RemoveDrives(vec![drive(0, 0)])],
            then_terminate: None,
        }]
    };
    assert_eq!(
        checked(&lists, drives(Some(address(0)))),
        Err(Violation::OtherDrive(drive(0, 0)))
    );
    lists.drives_of(0)[0].host = DriveHost::None;
    assert_eq!(checked(&lists, drives(None)), Ok(()));
    lists.drives_of(0)[0].status = DriveStatus::PhasingOut;
    assert_eq!(
        checked(&lists, drives(None)),
        Err(Violation::DriveRemoved(drive(0, 0)))
    );
}

#[test]
fn instance_is_terminated_only_if_nothing_remains_on_it() {
    let mut lists = cluster(8);
    lists.removed(0);
    let deregister = |calls: Vec<u32>, machine| {
        vec![Task {
            address: Some(address(0)),
            calls: calls.into_iter().map(|id| Call::RemoveHost(HostId(id))).collect(),
            then_terminate: Some(instance(machine)),
        }]
    };
    assert_eq!(checked(&lists, deregister(vec![0, 1, 2], 0)), Ok(()));
    assert_eq!(
        checked(&lists, deregister(vec![0, 1, 2], 1)),
        Err(Violation::OtherTerminated("i-0001".into()))
    );
    assert_eq!(
        checked(&lists, deregister(vec![0, 1], 0)),
        Err(Violation::MemberTerminated("i-0000".into(), HostId(2)))
    );
}
