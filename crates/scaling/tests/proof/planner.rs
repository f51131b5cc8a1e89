//! The planner compared with the oracle, for any cluster.

use crate::cluster::now;
use crate::oracle::{Oracle, State};
use crate::strategies::{any_cluster, shuffled};
use proptest::prelude::*;
use scaling::drain::Action;
use scaling::drain::check;
use scaling::drain::{Plan, Refusal, plan};
use scaling::messages::Role;
use scaling::policy::Group;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::lists::{DriveHost, DriveStatus, HostState, HostStatus, Lists, Mode};

/// The machines that a plan starts or continues to drain.
fn deactivated(plan: &Plan) -> BTreeSet<IpAddr> {
    let calls = |call: &Call| {
        matches!(
            call,
            Call::DeactivateDrives(_) | Call::DeactivateHosts(_) | Call::Event(_)
        )
    };
    plan.tasks
        .iter()
        .filter(|task| task.calls.iter().any(calls))
        .filter_map(|task| task.address)
        .collect()
}

fn planned(lists: &Lists, group: &Group) -> Option<(Plan, scaling::drain::Report)> {
    plan(lists, group, now()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn refusals_match_the_oracle((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        match plan(&lists, &group, now()) {
            Ok(_) => prop_assert!(!oracle.refuses()),
            Err(refusal) => {
                prop_assert!(oracle.refuses(), "{refusal}");
                let justified = match &refusal {
                    Refusal::NotStarted(status) => status != "STARTED" && *status == lists.status.io_status,
                    Refusal::Upgrading(upgrade) => lists.status.upgrade.as_ref() == Some(upgrade),
                    Refusal::SkipScaleDown => lists.overrides.0.contains(&"skip_scale_down".to_owned()),
                    Refusal::NotMultiContainer => true,
                    Refusal::BelowMinimum { desired, minimum } => desired < minimum && *desired == group.desired,
                    Refusal::Duplicate(_) => false,
                };
                prop_assert!(justified, "{refusal}");
            }
        }
    }

    #[test]
    fn chosen_machines_follow_the_formula_and_the_order((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, report)) = planned(&lists, &group) else { return Ok(()) };
        prop_assert_eq!(i64::try_from(report.counts.healthy).unwrap(), oracle.count(State::Healthy));
        prop_assert_eq!(i64::try_from(report.counts.unhealthy).unwrap(), oracle.count(State::Unhealthy));
        prop_assert_eq!(i64::try_from(report.counts.deactivating).unwrap(), oracle.count(State::Deactivating));
        let number = oracle.to_deactivate();
        prop_assert_eq!(i64::try_from(report.to_deactivate).unwrap(), number);
        let order = oracle.in_order();
        let first: BTreeSet<_> = order[..usize::try_from(number).unwrap()].iter().copied().collect();
        let chosen: BTreeSet<_> = report
            .decisions
            .iter()
            .filter(|decision| matches!(decision.action, Action::Deactivate(_)))
            .filter_map(|decision| decision.address)
            .filter(|ip| oracle.is_managed(*ip))
            .collect();
        // Machines that have left need nothing more. Invariant I2 may make others wait for unhealthy machines that are partly
        // drained and for unmanaged ones.
        let expected: BTreeSet<_> = first.iter().copied().filter(|ip| !oracle.is_removed(*ip)).collect();
        prop_assert!(chosen.is_subset(&expected), "{chosen:?} of {expected:?}");
        let is_partly_drained =
            order.iter().any(|ip| oracle.state(*ip) == State::Unhealthy && oracle.is_draining(*ip));
        if !is_partly_drained {
            let waiting = expected.difference(&chosen).count();
            prop_assert!(waiting <= oracle.unmanaged_draining(), "{chosen:?} of {expected:?}");
        }
        for address in deactivated(&plan).into_iter().filter(|ip| oracle.is_managed(*ip)) {
            prop_assert!(chosen.contains(&address), "{address} was not chosen");
        }
    }

    #[test]
    fn checker_accepts_every_plan((lists, group) in any_cluster()) {
        if let Ok((plan, _)) = plan(&lists, &group, now()) {
            prop_assert_eq!(check(&plan, &lists, &group, now()), Ok(()));
        }
    }

    #[test]
    fn plan_does_not_depend_on_the_order_of_the_lists((lists, group) in any_cluster(), seed: u64) {
        let mut other = group.clone();
        other.instances.reverse();
        prop_assert_eq!(plan(&lists, &group, now()), plan(&shuffled(&lists, seed), &other, now()));
    }

    #[test]
    fn number_of_draining_machines_stays_within_the_limits((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, _)) = planned(&lists, &group) else { return Ok(()) };
        let started: Vec<_> = deactivated(&plan).into_iter().filter(|ip| !oracle.is_draining(*ip)).collect();
        if started.is_empty() {
            return Ok(());
        }
        let managed = oracle.in_order();
        let draining = managed.iter().filter(|ip| oracle.is_draining(**ip)).count();
        // I2, including unmanaged machines that have not left.
        let excess = managed.len().saturating_sub(group.desired as usize);
        let unmanaged = oracle.unmanaged_draining();
        let all = draining + unmanaged + started.len();
        prop_assert!(all <= excess.max(2), "{draining}, {unmanaged} and {started:?}, excess {excess}");
        // I3.
        let started: Vec<_> = started.into_iter().filter(|ip| oracle.is_managed(*ip)).collect();
        let remain = managed.len() - draining - started.len();
        if remain < (group.desired as usize).max(if group.role == Role::Backend { 5 } else { 0 }) {
            prop_assert!(started.iter().all(|ip| oracle.state(*ip) == State::Unhealthy) && started.len() <= 2);
        }
    }

    #[test]
    fn only_removed_machines_are_deregistered_and_terminated((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, _)) = planned(&lists, &group) else { return Ok(()) };
        for task in &plan.tasks {
            let mut removed = BTreeSet::new();
            for call in &task.calls {
                match call {
                    Call::RemoveHost(id) => {
                        let host = lists.hosts.0.iter().find(|host| host.id == *id).unwrap();
                        prop_assert_eq!((host.state, host.status), (HostState::Inactive, HostStatus::Inactive));
                        prop_assert_eq!(host.host_ip, task.address);
                        prop_assert!(oracle.is_removed(task.address.unwrap()));
                        removed.insert(*id);
                    }
                    Call::RemoveDrives(uuids) => {
                        for uuid in uuids {
                            let drive = lists.drives.0.iter().find(|drive| drive.uuid == *uuid).unwrap();
                            prop_assert_eq!(drive.status, DriveStatus::Inactive);
                            match drive.host {
                                DriveHost::Host(id) => prop_assert!(removed.contains(&id)),
                                DriveHost::None => prop_assert_eq!(task.address, None),
                                DriveHost::Unknown => prop_assert!(false, "the container of the drive is unknown"),
                            }
                        }
                    }
                    _ => {}
                }
            }
            if let Some(instance) = &task.then_terminate {
                prop_assert_eq!(instance.private_ip.parse().ok(), task.address);
                prop_assert!(group.instances.contains(instance));
                let hosts = oracle.hosts(task.address.unwrap());
                prop_assert!(hosts.iter().all(|host| removed.contains(&host.id)));
            }
        }
    }

    #[test]
    fn nothing_foreign_is_changed((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, report)) = planned(&lists, &group) else { return Ok(()) };
        let role = if group.role == Role::Backend { Mode::Backend } else { Mode::Client };
        for task in &plan.tasks {
            let Some(address) = task.address else {
                prop_assert_eq!(group.role, Role::Backend);
                continue;
            };
            prop_assert!(!oracle.has_anomaly(address), "{address} has an anomaly");
            for call in &task.calls {
                if let Call::DeactivateHosts(ids) = call {
                    for id in ids {
                        let host = lists.hosts.0.iter().find(|host| host.id == *id).unwrap();
                        prop_assert_eq!((host.mode, host.host_ip, host.state), (role, Some(address), HostState::Active));
                    }
                }
            }
            if !oracle.is_managed(address) {
                prop_assert!(oracle.is_removed(address) || oracle.is_long_down(address), "{address}");
                prop_assert_eq!(group.role, Role::Backend);
            }
        }
        // Every container is reported exactly once.
        let reported = report.decisions.iter().flat_map(|decision| &decision.hosts).collect::<Vec<_>>();
        prop_assert_eq!(reported.iter().collect::<BTreeSet<_>>().len(), reported.len());
        let is_in_view = |host: &&weka_types::lists::Host| {
            host.mode == role && (role == Mode::Backend || host.host_ip.is_none_or(|ip| oracle.is_managed(ip)))
        };
        prop_assert_eq!(lists.hosts.0.iter().filter(is_in_view).count(), reported.len());
    }
}
