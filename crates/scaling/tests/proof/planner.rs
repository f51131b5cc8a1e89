//! The planner compared with the oracle, for any cluster.

use crate::cluster::now;
use crate::oracle::{Oracle, OracleMachine, State};
use crate::strategies::{any_cluster, shuffled};
use proptest::prelude::*;
use scaling::drain::{Action, Gate, Plan, Refusal, Task, check, plan};
use scaling::messages::Role;
use scaling::policy::Group;
use std::collections::BTreeSet;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveHost, DriveStatus, Host, HostState, HostStatus, Lists, Mode};

/// The numbers of the machines that a task changes.
fn machines_of(task: &Task, oracle: &Oracle<'_>) -> BTreeSet<usize> {
    let drive_host = |uuid: &DriveUuid| {
        let drive = oracle
            .lists
            .drives
            .0
            .iter()
            .find(|drive| drive.uuid == *uuid)
            .unwrap();
        match drive.host {
            DriveHost::Host(id) => Some(id),
            DriveHost::None | DriveHost::Unknown => None,
        }
    };
    let hosts = task.calls.iter().flat_map(|call| match call {
        Call::DeactivateHosts(ids) => ids.clone(),
        Call::DeactivateDrives(uuids) | Call::RemoveDrives(uuids) => {
            uuids.iter().filter_map(drive_host).collect()
        }
        Call::RemoveHost(id) => vec![*id],
        Call::DeleteInterfacePort { port, .. } => vec![port.host_id],
        Call::Event(_) => vec![],
    });
    hosts.map(|id| oracle.number_of(id).unwrap()).collect()
}

/// The machines of which a plan starts or continues to drain the current containers.
fn deactivated(plan: &Plan, oracle: &Oracle<'_>) -> BTreeSet<usize> {
    let drains = |task: &&Task| {
        task.calls
            .iter()
            .any(|call| matches!(call, Call::DeactivateDrives(_) | Call::DeactivateHosts(_)))
    };
    let is_current = |task: &&Task| {
        let is_current = |id: &HostId| {
            let machine = &oracle.machines[oracle.number_of(*id).unwrap()];
            machine.hosts.iter().any(|host| host.id == *id)
        };
        hosts_of(task, oracle.lists).iter().any(is_current)
    };
    let tasks = plan.tasks.iter().filter(drains).filter(is_current);
    tasks.flat_map(|task| machines_of(task, oracle)).collect()
}

/// The containers that a task deactivates, or whose drives it deactivates.
fn hosts_of(task: &Task, lists: &Lists) -> BTreeSet<HostId> {
    let mut hosts = BTreeSet::new();
    for call in &task.calls {
        match call {
            Call::DeactivateHosts(ids) => hosts.extend(ids),
            Call::DeactivateDrives(uuids) => {
                for drive in lists.drives.0.iter().filter(|drive| uuids.contains(&drive.uuid)) {
                    if let DriveHost::Host(id) = drive.host {
                        hosts.insert(id);
                    }
                }
            }
            _ => {}
        }
    }
    hosts
}

fn planned(lists: &Lists, group: &Group) -> Option<(Plan, scaling::drain::Report)> {
    plan(lists, group, now()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn refusals_match_the_oracle((lists, group) in any_cluster()) {
        let oracle = Oracle::new(&lists, &group, now());
        match plan(&lists, &group, now()) {
            Ok(_) => prop_assert!(!oracle.refuses()),
            Err(refusal) => {
                prop_assert!(oracle.refuses(), "{refusal}");
                let justified = match &refusal {
                    Refusal::NotStarted(status) => status != "STARTED" && *status == lists.status.io_status,
                    Refusal::Upgrading(upgrade) => lists.status.upgrade.as_ref() == Some(upgrade),
                    Refusal::SkipScaleDown => lists.overrides.0.contains(&"skip_scale_down".to_owned()),
                    Refusal::NotMultiContainer => true,
                    Refusal::Duplicate(_) => false,
                };
                prop_assert!(justified, "{refusal}");
            }
        }
    }

    #[test]
    fn chosen_machines_follow_the_formula_and_the_order((lists, group) in any_cluster()) {
        let oracle = Oracle::new(&lists, &group, now());
        let Some((plan, report)) = planned(&lists, &group) else { return Ok(()) };
        prop_assert_eq!(i64::try_from(report.counts.healthy).unwrap(), oracle.count(State::Healthy));
        prop_assert_eq!(i64::try_from(report.counts.unhealthy).unwrap(), oracle.count(State::Unhealthy));
        prop_assert_eq!(i64::try_from(report.counts.deactivating).unwrap(), oracle.count(State::Deactivating));
        prop_assert_eq!(i64::try_from(report.counts.skipped).unwrap(), oracle.skipped_members());
        let number = oracle.to_deactivate();
        prop_assert_eq!(i64::try_from(report.to_deactivate).unwrap(), number);
        let order = oracle.in_order();
        let number = usize::try_from(number).unwrap().min(order.len());
        let first: BTreeSet<_> = order[..number].iter().copied().collect();
        let with_action = |matches: fn(&Action) -> bool| -> BTreeSet<usize> {
            let decisions = report.decisions.iter().filter(|decision| matches(&decision.action));
            let machines = decisions.filter(|decision| decision.instance.is_some());
            machines.map(|decision| oracle.number_of(decision.hosts[0]).unwrap()).collect()
        };
        let chosen = with_action(|action| matches!(action, Action::Deactivate(_)));
        let blocked = with_action(|action| matches!(action, Action::Blocked { .. }));
        // Machines that have left need nothing more. Invariant I2 may make others wait for unhealthy machines that are partly
        // drained and for unmanaged ones.
        let expected: BTreeSet<_> =
            first.iter().copied().filter(|number| !oracle.machines[*number].is_removed()).collect();
        prop_assert!(chosen.is_subset(&expected), "{chosen:?} of {expected:?}");
        let machine = |number: &usize| &oracle.machines[*number];
        let is_partly_drained = order.iter().map(machine).any(|machine| {
            oracle.state(machine) == State::Unhealthy && oracle.is_draining(machine)
        });
        if !is_partly_drained {
            let waiting = expected.iter().filter(|number| !chosen.contains(number) && !blocked.contains(number)).count();
            prop_assert!(waiting <= oracle.unmanaged_draining(), "{chosen:?} of {expected:?}");
        }
        for number in deactivated(&plan, &oracle).into_iter().filter(|number| machine(number).instance.is_some()) {
            prop_assert!(chosen.contains(&number), "machine {number} was not chosen");
        }
        for decision in &report.decisions {
            let Action::Blocked { gate, .. } = &decision.action else { continue };
            let machine = machine(&oracle.number_of(decision.hosts[0]).unwrap());
            let is_healthy = oracle.state(machine) == State::Healthy;
            let is_justified = match gate {
                Gate::Serves(..) => oracle.serves_files(machine),
                // In this run, or after other machines that it drains.
                Gate::FewHealthy { .. } => {
                    let drained = i64::try_from(chosen.len()).unwrap();
                    oracle.count(State::Healthy) - drained <= oracle.floor()
                }
                Gate::Capacity { .. } => is_healthy && lists.status.capacity.total_bytes.is_some(),
                _ => is_healthy && !oracle.may_lose_a_healthy_machine(),
            };
            prop_assert!(is_justified, "{gate}");
        }
    }

    #[test]
    fn healthy_machine_starts_to_drain_only_if_the_data_is_protected((lists, group) in any_cluster()) {
        let oracle = Oracle::new(&lists, &group, now());
        let Some((plan, _)) = planned(&lists, &group) else { return Ok(()) };
        for number in deactivated(&plan, &oracle) {
            let machine = &oracle.machines[number];
            if oracle.is_draining(machine) {
                continue;
            }
            prop_assert!(!oracle.serves_files(machine));
            prop_assert!(oracle.state(machine) != State::Healthy || oracle.may_lose_a_healthy_machine());
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
        let oracle = Oracle::new(&lists, &group, now());
        let Some((plan, _)) = planned(&lists, &group) else { return Ok(()) };
        let machine = |number: &usize| &oracle.machines[*number];
        let started: Vec<_> =
            deactivated(&plan, &oracle).into_iter().filter(|number| !oracle.is_draining(machine(number))).collect();
        if started.is_empty() {
            return Ok(());
        }
        let managed = oracle.in_order();
        let draining = managed.iter().filter(|number| oracle.is_draining(machine(number))).count();
        // I2, including unmanaged machines that have not left.
        let size = usize::try_from(oracle.size()).unwrap();
        let target = usize::try_from(oracle.target()).unwrap();
        let excess = size.saturating_sub(target);
        let unmanaged = oracle.unmanaged_draining();
        let all = draining + unmanaged + started.len();
        prop_assert!(all <= excess.max(2), "{draining}, {unmanaged} and {started:?}, excess {excess}");
        // I3.
        let started: Vec<_> = started.into_iter().filter(|number| machine(number).instance.is_some()).collect();
        let is_healthy = |number: &usize| oracle.state(machine(number)) == State::Healthy;
        let remain = size - draining - started.len();
        if remain < target {
            prop_assert!(!started.iter().any(is_healthy) && started.len() <= 2);
        }
        let healthy = i64::try_from(started.iter().filter(|number| is_healthy(number)).count()).unwrap();
        let is_below_floor = i64::from(group.desired) < oracle.floor();
        prop_assert!(healthy == 0 || oracle.count(State::Healthy) - healthy >= oracle.floor());
        prop_assert!(started.is_empty() || !is_below_floor || oracle.count(State::Healthy) >= oracle.floor());
    }

    #[test]
    fn only_removed_machines_are_deregistered_and_terminated((lists, group) in any_cluster()) {
        let oracle = Oracle::new(&lists, &group, now());
        let Some((plan, _)) = planned(&lists, &group) else { return Ok(()) };
        for task in &plan.tasks {
            let mut removed = BTreeSet::new();
            for call in &task.calls {
                match call {
                    Call::RemoveHost(id) => {
                        let host = lists.hosts.0.iter().find(|host| host.id == *id).unwrap();
                        prop_assert_eq!((host.state, host.status), (HostState::Inactive, HostStatus::Inactive));
                        prop_assert_eq!(oracle.address(host), task.address);
                        let machine = &oracle.machines[oracle.number_of(*id).unwrap()];
                        let is_leftover = machine.leftovers.iter().any(|host| host.id == *id);
                        let leftovers_have_left = machine.leftovers.iter().all(|host| host.state.is_removed());
                        prop_assert!(machine.is_removed() || (is_leftover && leftovers_have_left));
                        removed.insert(*id);
                    }
                    Call::RemoveDrives(uuids) => {
                        for uuid in uuids {
                            let drive = lists.drives.0.iter().find(|drive| drive.uuid == *uuid).unwrap();
                            prop_assert_eq!(drive.status, DriveStatus::Inactive);
                            let is_removing = |id: HostId| {
                                lists.hosts.0.iter().any(|host| host.id == id && host.state == HostState::Removing)
                            };
                            match drive.host {
                                DriveHost::Host(id) => prop_assert!(removed.contains(&id) || is_removing(id)),
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
                let is_it = |machine: &&OracleMachine<'_>| machine.instance.as_ref() == Some(&instance.id);
                let machine = oracle.machines.iter().find(is_it).unwrap();
                let is_removed_host = |host: &Host| removed.contains(&host.id) || host.state == HostState::Removing;
                prop_assert!(machine.all().all(is_removed_host));
            }
        }
    }

    #[test]
    fn only_machines_of_the_group_and_machines_that_are_gone_are_changed((lists, group) in any_cluster()) {
        let oracle = Oracle::new(&lists, &group, now());
        let Some((plan, _)) = planned(&lists, &group) else { return Ok(()) };
        let role = if group.role == Role::Backend { Mode::Backend } else { Mode::Client };
        for task in &plan.tasks {
            if task.address.is_none() {
                prop_assert_eq!(group.role, Role::Backend);
                continue;
            }
            for call in &task.calls {
                if let Call::DeactivateHosts(ids) = call {
                    prop_assert!(!ids.is_empty());
                    for id in ids {
                        let host = lists.hosts.0.iter().find(|host| host.id == *id).unwrap();
                        prop_assert_eq!((host.mode, oracle.address(host)), (role, task.address));
                        prop_assert!(host.state == HostState::Active || host.state.is_in_maintenance());
                    }
                }
            }
            for number in machines_of(task, &oracle) {
                let machine = &oracle.machines[number];
                let is_leftover = |id: &HostId| machine.leftovers.iter().any(|host| host.id == *id);
                let only_leftovers = hosts_of(task, &lists).iter().all(is_leftover)
                    && task.calls.iter().all(|call| !matches!(call, Call::RemoveHost(id) if !is_leftover(id)));
                let is_gone = |hosts: &[&Host]| {
                    oracle.is_long_down(hosts) || hosts.iter().all(|host| host.state.is_removed())
                };
                if only_leftovers {
                    prop_assert!(is_gone(&machine.leftovers) || oracle.is_draining(machine));
                    continue;
                }
                prop_assert!(oracle.is_clear(machine), "{machine:?} is not clear");
                if machine.instance.is_none() {
                    prop_assert!(machine.is_removed() || is_gone(&machine.hosts), "{machine:?}");
                    prop_assert_eq!(group.role, Role::Backend);
                }
            }
        }
    }

    /// I10.
    #[test]
    fn every_container_and_instance_is_reported_exactly_once((lists, group) in any_cluster()) {
        let oracle = Oracle::new(&lists, &group, now());
        let Some((_, report)) = planned(&lists, &group) else { return Ok(()) };
        let reported = report.decisions.iter().flat_map(|decision| &decision.hosts).collect::<Vec<_>>();
        prop_assert_eq!(reported.iter().collect::<BTreeSet<_>>().len(), reported.len());
        let role = if group.role == Role::Backend { Mode::Backend } else { Mode::Client };
        let is_in_view = |host: &&Host| {
            let has_role = host.mode == role || host.mode == Mode::Unknown;
            let is_managed = || match oracle.address(host) {
                None => true,
                Some(_) => oracle.number_of(host.id).is_some(),
            };
            has_role && (role == Mode::Backend || is_managed())
        };
        prop_assert_eq!(lists.hosts.0.iter().filter(is_in_view).count(), reported.len());
        for instance in &group.instances {
            let number = report
                .decisions
                .iter()
                .filter(|decision| decision.instance.as_ref() == Some(&instance.id))
                .filter(|decision| decision.action != Action::NoAddress)
                .count();
            prop_assert_eq!(number, 1, "{}", &instance.id);
        }
    }
}
