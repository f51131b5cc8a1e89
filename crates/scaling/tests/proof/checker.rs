//! The checker refuses what the planner would never plan.

use crate::cluster::{Change, address, cluster, drive, group, instance, now};
use scaling::check::{Violation, check};
use scaling::plan::{Plan, Task};
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

/// What the checker says of these tasks for a cluster of 8 that is to have 6.
fn said(lists: &Lists, tasks: Vec<Task>) -> Result<(), Violation> {
    check(&Plan { tasks }, lists, &group(6, 8), now())
}

#[test]
fn no_more_may_go_than_the_target_is_exceeded_by() {
    let going = |number: u32| {
        (0..number)
            .map(|machine| task(machine, vec![hosts(machine)]))
            .collect::<Vec<_>>()
    };
    let mut lists = cluster(8);
    assert_eq!(said(&lists, going(2)), Ok(()));
    assert_eq!(
        said(&lists, going(3)),
        Err(Violation::TooMany {
            machines: 3,
            limit: 2
        })
    );
    lists.deactivating(7);
    assert_eq!(said(&lists, going(1)), Ok(()));
    assert_eq!(
        said(&lists, going(2)),
        Err(Violation::TooMany {
            machines: 3,
            limit: 2
        })
    );
    // Drives alone are enough to begin with.
    let drives = (0..2)
        .map(|machine| task(machine, vec![Call::DeactivateDrives(vec![drive(machine, 0)])]))
        .collect();
    assert_eq!(
        said(&lists, drives),
        Err(Violation::TooMany {
            machines: 3,
            limit: 2
        })
    );
}

#[test]
fn the_target_remains_unhealthy_ones_excepted() {
    let mut lists = cluster(6);
    let one = || vec![task(0, vec![hosts(0)])];
    let check = |lists: &Lists, tasks| check(&Plan { tasks }, lists, &group(6, 6), now());
    assert_eq!(
        check(&lists, one()),
        Err(Violation::TooFew { remain: 5, floor: 6 })
    );
    lists.down(0, 60);
    assert_eq!(
        check(&lists, one()),
        Err(Violation::TooFew { remain: 5, floor: 6 })
    );
    lists.down(0, 500);
    assert_eq!(check(&lists, one()), Ok(()));
}

#[test]
fn what_is_not_listed_or_not_of_the_machine_is_refused() {
    let mut lists = cluster(8);
    let calls = |call: Call| vec![task(0, vec![call])];
    let gone = HostId(99);
    assert_eq!(
        said(&lists, calls(Call::DeactivateHosts(vec![gone]))),
        Err(Violation::UnknownHost(gone))
    );
    let other = HostId(3);
    assert_eq!(
        said(&lists, calls(Call::DeactivateHosts(vec![other]))),
        Err(Violation::ForeignHost(other))
    );
    assert_eq!(
        said(&lists, calls(Call::DeactivateDrives(vec!["no".into()]))),
        Err(Violation::UnknownDrive("no".into()))
    );
    assert_eq!(
        said(&lists, calls(Call::DeactivateDrives(vec![drive(1, 0)]))),
        Err(Violation::ForeignDrive(drive(1, 0)))
    );
    lists.hosts_of(0)[0].mode = Mode::Client;
    let client = HostId(0);
    assert_eq!(
        said(&lists, calls(Call::DeactivateHosts(vec![client]))),
        Err(Violation::ForeignHost(client))
    );
}

#[test]
fn members_are_not_removed() {
    let mut lists = cluster(8);
    let remove = |id: u32| vec![task(0, vec![Call::RemoveHost(HostId(id))])];
    assert_eq!(said(&lists, remove(0)), Err(Violation::MemberRemoved(HostId(0))));
    lists.left(0);
    assert_eq!(said(&lists, remove(0)), Ok(()));
    let drives = |address| {
        vec![Task {
            address,
            calls: vec![Call::RemoveDrives(vec![drive(0, 0)])],
            then_terminate: None,
        }]
    };
    assert_eq!(
        said(&lists, drives(Some(address(0)))),
        Err(Violation::ForeignDrive(drive(0, 0)))
    );
    lists.drives_of(0)[0].host = DriveHost::None;
    assert_eq!(said(&lists, drives(None)), Ok(()));
    lists.drives_of(0)[0].status = DriveStatus::PhasingOut;
    assert_eq!(
        said(&lists, drives(None)),
        Err(Violation::DriveRemoved(drive(0, 0)))
    );
}

#[test]
fn an_instance_goes_only_when_nothing_is_left_on_it() {
    let mut lists = cluster(8);
    lists.left(0);
    let gone = |calls: Vec<u32>, machine| {
        vec![Task {
            address: Some(address(0)),
            calls: calls.into_iter().map(|id| Call::RemoveHost(HostId(id))).collect(),
            then_terminate: Some(instance(machine)),
        }]
    };
    assert_eq!(said(&lists, gone(vec![0, 1, 2], 0)), Ok(()));
    assert_eq!(
        said(&lists, gone(vec![0, 1, 2], 1)),
        Err(Violation::ForeignTerminated("i-0001".into()))
    );
    assert_eq!(
        said(&lists, gone(vec![0, 1], 0)),
        Err(Violation::MemberTerminated("i-0000".into(), HostId(2)))
    );
}
