//! Machines of the Weka cluster that are not instances of the group.

use super::{addresses, decide, decision};
use crate::cluster::{Change, cluster, group};
use weka_types::lists::{HostStatus, Lists};

#[test]
fn unmanaged_backend_drains_only_after_three_hours_down() {
    let mut lists = cluster(11);
    lists.removed(6);
    lists.down(7, 181);
    lists.down(8, 180);
    lists.down(9, 500);
    lists.hosts_of(9)[1].status = HostStatus::Up;
    let (plan, report) = decide(&lists, &group(6, 6));
    assert_eq!(addresses(&plan), [7, 6]);
    assert_eq!(plan.tasks[1].then_terminate, None);
    assert_eq!(
        decision(&report, 7),
        "deactivate: not an instance of the group; down since 2026-01-31T04:59:00Z"
    );
    assert_eq!(
        decision(&report, 8),
        "leave alone: not an instance of the group; not known to be down long enough"
    );
    assert_eq!(
        decision(&report, 9),
        "leave alone: not an instance of the group; partly down"
    );
    assert_eq!(
        decision(&report, 10),
        "leave alone: not an instance of the group; active"
    );
}

#[test]
fn unmanaged_backends_drain_two_at_a_time() {
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
fn draining_unmanaged_backend_counts_toward_the_limit() {
    let make_unhealthy = |lists: &mut Lists| [1, 2].map(|machine| lists.down(machine, 121));
    let mut lists = cluster(8);
    make_unhealthy(&mut lists);
    lists.deactivating(7);
    let (plan, report) = decide(&lists, &group(7, 7));
    assert_eq!(addresses(&plan), [1]);
    assert!(
        decision(&report, 2).starts_with("wait: "),
        "{}",
        decision(&report, 2)
    );
    // Once it has left, it only waits to be deregistered.
    let mut lists = cluster(8);
    make_unhealthy(&mut lists);
    lists.removed(7);
    let (plan, _) = decide(&lists, &group(7, 7));
    assert_eq!(addresses(&plan), [1, 2, 7]);
}

#[test]
fn reused_address_does_not_identify_the_new_instance() {
    let mut lists = cluster(7);
    for host in lists.hosts_of(6) {
        host.instance_id = Some("i-gone".into());
    }
    lists.removed(6);
    let (plan, _) = decide(&lists, &group(6, 7));
    assert_eq!(plan.tasks.len(), 1);
    assert_eq!(
        plan.tasks[0].then_terminate, None,
        "the new instance has not joined yet"
    );
}
