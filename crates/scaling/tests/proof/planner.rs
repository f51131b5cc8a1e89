//! The planner against the oracle, over any cluster.

use crate::any::{any_cluster, shuffled};
use crate::cluster::now;
use crate::oracle::{Oracle, State};
use proptest::prelude::*;
use scaling::check::check;
use scaling::messages::Role;
use scaling::plan::{Plan, Refusal, plan};
use scaling::policy::Group;
use scaling::report::Action;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::lists::{DriveHost, DriveStatus, HostState, HostStatus, Lists, Mode};

/// The machines that a plan begins or goes on to take out of the cluster.
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

fn decided(lists: &Lists, group: &Group) -> Option<(Plan, scaling::report::Report)> {
    plan(lists, group, now()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_refusal_is_justified_and_never_missing((lists, group) in any_cluster()) {
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
                    Refusal::Twice(_) => false,
                };
                prop_assert!(justified, "{refusal}");
            }
        }
    }

    #[test]
    fn the_formula_and_the_order_decide((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, report)) = decided(&lists, &group) else { return Ok(()) };
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
            .filter(|decision| matches!(decision.verdict, Action::Deactivate(_)))
            .filter_map(|decision| decision.address)
            .filter(|ip| oracle.is_ours(*ip))
            .collect();
        // Those that have left need nothing more; for machines that are unhealthy and half-way out, or leave elsewhere,
        // invariant I2 may make others wait.
        let going: BTreeSet<_> = first.iter().copied().filter(|ip| !oracle.is_removed(*ip)).collect();
        prop_assert!(chosen.is_subset(&going), "{chosen:?} of {going:?}");
        let half_way =
            order.iter().any(|ip| oracle.state(*ip) == State::Unhealthy && oracle.is_under_way(*ip));
        if !half_way {
            let waiting = going.difference(&chosen).count();
            prop_assert!(waiting <= oracle.leaving_elsewhere(), "{chosen:?} of {going:?}");
        }
        for address in deactivated(&plan).into_iter().filter(|ip| oracle.is_ours(*ip)) {
            prop_assert!(chosen.contains(&address), "{address} was not chosen");
        }
    }

    #[test]
    fn the_checker_agrees((lists, group) in any_cluster()) {
        if let Ok((plan, _)) = plan(&lists, &group, now()) {
            prop_assert_eq!(check(&plan, &lists, &group, now()), Ok(()));
        }
    }

    #[test]
    fn the_order_of_the_lists_does_not_matter((lists, group) in any_cluster(), seed: u64) {
        let mut other = group.clone();
        other.instances.reverse();
        prop_assert_eq!(plan(&lists, &group, now()), plan(&shuffled(&lists, seed), &other, now()));
    }

    #[test]
    fn at_most_so_many_are_on_their_way_out((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, _)) = decided(&lists, &group) else { return Ok(()) };
        let begun: Vec<_> = deactivated(&plan).into_iter().filter(|ip| !oracle.is_under_way(*ip)).collect();
        if begun.is_empty() {
            return Ok(());
        }
        let ours = oracle.in_order();
        let under_way = ours.iter().filter(|ip| oracle.is_under_way(**ip)).count();
        // I2, with the machines that are no instances of the group and have not left.
        let excess = ours.len().saturating_sub(group.desired as usize);
        let elsewhere = oracle.leaving_elsewhere();
        let all = under_way + elsewhere + begun.len();
        prop_assert!(all <= excess.max(2), "{under_way}, {elsewhere} and {begun:?}, excess {excess}");
        // I3.
        let begun: Vec<_> = begun.into_iter().filter(|ip| oracle.is_ours(*ip)).collect();
        let remain = ours.len() - under_way - begun.len();
        if remain < (group.desired as usize).max(if group.role == Role::Backend { 5 } else { 0 }) {
            prop_assert!(begun.iter().all(|ip| oracle.state(*ip) == State::Unhealthy) && begun.len() <= 2);
        }
    }

    #[test]
    fn only_what_has_left_is_removed_and_only_what_is_gone_is_terminated((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, _)) = decided(&lists, &group) else { return Ok(()) };
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
                                DriveHost::Unknown => prop_assert!(false, "whose drive is not known"),
                            }
                        }
                    }
                    _ => {}
                }
            }
            if let Some(instance) = &task.then_terminate {
                prop_assert_eq!(instance.private_ip.parse().ok(), task.address);
                prop_assert!(group.instances.contains(instance));
                let here = oracle.hosts(task.address.unwrap());
                prop_assert!(here.iter().all(|host| removed.contains(&host.id)));
            }
        }
    }

    #[test]
    fn nothing_foreign_is_touched((lists, group) in any_cluster()) {
        let oracle = Oracle { lists: &lists, group: &group, now: now() };
        let Some((plan, report)) = decided(&lists, &group) else { return Ok(()) };
        let role = if group.role == Role::Backend { Mode::Backend } else { Mode::Client };
        for task in &plan.tasks {
            let Some(address) = task.address else {
                prop_assert_eq!(group.role, Role::Backend);
                continue;
            };
            prop_assert!(!oracle.is_odd(address), "{address} is odd");
            for call in &task.calls {
                if let Call::DeactivateHosts(ids) = call {
                    for id in ids {
                        let host = lists.hosts.0.iter().find(|host| host.id == *id).unwrap();
                        prop_assert_eq!((host.mode, host.host_ip, host.state), (role, Some(address), HostState::Active));
                    }
                }
            }
            if !oracle.is_ours(address) {
                prop_assert!(oracle.is_removed(address) || oracle.is_long_down(address), "{address}");
                prop_assert_eq!(group.role, Role::Backend);
            }
        }
        // Everything that is looked at is accounted for, once.
        let told = report.decisions.iter().flat_map(|decision| &decision.hosts).collect::<Vec<_>>();
        prop_assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len());
        let ours = |host: &&weka_types::lists::Host| {
            host.mode == role && (role == Mode::Backend || host.host_ip.is_none_or(|ip| oracle.is_ours(ip)))
        };
        prop_assert_eq!(lists.hosts.0.iter().filter(ours).count(), told.len());
    }
}
