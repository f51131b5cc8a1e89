//! Machines of Weka's cluster that are no instances of the group.

use super::{addresses, decide, said};
use crate::cluster::{Change, cluster, group};
use weka_types::lists::{HostStatus, Lists};

#[test]
fn a_backend_that_is_no_instance_of_the_group_goes_only_when_it_is_surely_gone() {
    let mut lists = cluster(11);
    lists.left(6);
    lists.down(7, 181);
    lists.down(8, 180);
    lists.down(9, 500);
    lists.hosts_of(9)[1].status = HostStatus::Up;
    let (plan, report) = decide(&lists, &group(6, 6));
    assert_eq!(addresses(&plan), [7, 6]);
    assert_eq!(plan.tasks[1].then_terminate, None);
    assert_eq!(
        said(&report, 7),
        "deactivate: no instance of the group, and down since 2026-01-31T04:59:00Z"
    );
    assert_eq!(
        said(&report, 8),
        "leave alone: no instance of the group, and not known to be down for long enough"
    );
    assert_eq!(
        said(&report, 9),
        "leave alone: no instance of the group, and down in part"
    );
    assert_eq!(
        said(&report, 10),
        "leave alone: no instance of the group, and active"
    );
}

#[test]
fn such_backends_go_two_at_a_time_as_well() {
    let mut lists = cluster(10);
    for machine in 6..10 {
        lists.down(machine, 500);
    }
    assert_eq!(addresses(&decide(&lists, &group(6, 6)).0), [6, 7]);
    lists.deactivating(9);
    assert_eq!(addresses(&decide(&lists, &group(6, 6)).0), [6]);
    lists.down(2, 500);
    assert_eq!(addresses(&decide(&lists, &group(6, 6)).0), [2]);
}

#[test]
fn what_leaves_elsewhere_takes_its_place_of_two() {
    let unhealthy = |lists: &mut Lists| [1, 2].map(|machine| lists.down(machine, 121));
    let mut lists = cluster(8);
    unhealthy(&mut lists);
    lists.deactivating(7);
    let (plan, report) = decide(&lists, &group(7, 7));
    assert_eq!(addresses(&plan), [1]);
    assert!(said(&report, 2).starts_with("wait: "), "{}", said(&report, 2));
    // Once it has left it only waits to be forgotten.
    let mut lists = cluster(8);
    unhealthy(&mut lists);
    lists.left(7);
    let (plan, _) = decide(&lists, &group(7, 7));
    assert_eq!(addresses(&plan), [1, 2, 7]);
}

#[test]
fn an_address_that_was_given_to_another_instance_is_not_taken_for_it() {
    let mut lists = cluster(7);
    for host in lists.hosts_of(6) {
        host.instance_id = Some("i-gone".into());
    }
    lists.left(6);
    let (plan, _) = decide(&lists, &group(6, 7));
    assert_eq!(plan.tasks.len(), 1);
    assert_eq!(
        plan.tasks[0].then_terminate, None,
        "the new instance has not joined yet"
    );
}
