use super::gates::{Gate, Gates};
use super::notice::notices;
use super::refusal::{Refusal, check_preconditions};
use super::report::{Action, Blocked, Counts, Decision, Reason, Report, Unmanaged};
use crate::cluster_view::{ClusterView, ContainerHealth, Machine, MachineState, SkipReason};
use crate::messages::{Instance, Role};
use crate::policy::{Group, MAX_UNHEALTHY_DRAINING, never_joined_limit};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveStatus, HostState, HostStatus, Lists};

/// The changes of a run, one task for each machine. Tasks do not depend on each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Draining machines first, the most urgent first, and then the machines that have left.
    pub tasks: Vec<Task>,
}

/// The changes to one machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Task {
    /// The address of the machine; `None` for drives that belong to no container.
    pub address: Option<IpAddr>,
    /// Sent in order. [`ends_task`](super::ends_task) determines whether a call that fails ends the task.
    pub calls: Vec<Call>,
    /// The instance on which nothing of the cluster remains after all calls have succeeded.
    pub then_terminate: Option<Instance>,
}

/// Decides what a run changes. The result does not depend on the order of the lists.
///
/// # Errors
/// [`Refusal`]: the run changes nothing.
pub fn plan(lists: &Lists, group: &Group, now: Timestamp) -> Result<(Plan, Report), Refusal> {
    check_preconditions(lists)?;
    let cluster_view = ClusterView::new(lists, group, now);
    Ok(plan_view(&cluster_view, lists, group, now))
}

/// How many machines of the group must be draining: those that already are, those that exceed the target, and at most two
/// unhealthy ones concurrently.
fn to_deactivate(counts: &Counts, target: usize) -> usize {
    let unhealthy = MAX_UNHEALTHY_DRAINING
        .saturating_sub(counts.deactivating)
        .min(counts.unhealthy);
    let excess = counts.size().saturating_sub(target);
    counts.deactivating.max(excess).max(unhealthy)
}

fn plan_view(cluster_view: &ClusterView<'_>, lists: &Lists, group: &Group, now: Timestamp) -> (Plan, Report) {
    let in_group = |machine: &&Machine<'_>| machine.instance.is_some();
    let skipped = cluster_view
        .machines
        .iter()
        .filter(|machine| machine.skip.is_some());
    let skipped_members = skipped
        .filter(in_group)
        .filter(|machine| !machine.is_removed())
        .count();
    let (managed, unmanaged): (Vec<_>, Vec<_>) = cluster_view
        .machines
        .iter()
        .filter(|machine| machine.skip.is_none())
        .partition(|machine| machine.instance.is_some());
    let count = |state| managed.iter().filter(|machine| machine.state == state).count();
    let counts = Counts {
        desired: group.desired as usize,
        healthy: count(MachineState::Healthy),
        unhealthy: count(MachineState::Unhealthy),
        deactivating: count(MachineState::Deactivating),
        skipped: skipped_members,
        phasing_out: cluster_view.phasing_out,
    };
    let floor = group.floor(&lists.status);
    let is_below_floor = counts.desired < floor;
    // A target below the floor drains nothing healthy. AWS then launches no replacement for an unhealthy machine, so that
    // repairs may not take the number of healthy machines below the floor either.
    let target = if is_below_floor {
        floor.max(counts.size())
    } else {
        counts.desired
    };
    let excess = counts.size().saturating_sub(target);
    // A machine of the group counts as draining until it is deregistered; any other machine until it has left the cluster.
    let is_leaving = |machine: &&Machine<'_>| machine.is_draining() && !machine.is_removed();
    let leftovers = cluster_view
        .machines
        .iter()
        .filter(|machine| !machine.is_draining());
    let leftovers: Vec<_> = leftovers.map(Machine::leftovers_as_machine).collect();
    // A machine that the run skips may still be draining.
    let skipped = cluster_view
        .machines
        .iter()
        .filter(|machine| machine.skip.is_some());
    let unmanaged_draining = match group.role {
        Role::Backend => unmanaged
            .iter()
            .copied()
            .chain(&leftovers)
            .chain(skipped)
            .filter(is_leaving)
            .count(),
        Role::Client => 0,
    };
    let managed_draining = managed.iter().filter(|machine| machine.is_draining()).count();
    let mut planner = Planner {
        budget: DisruptionBudget {
            excess,
            draining: managed_draining + unmanaged_draining,
            healthy: counts.healthy,
            floor,
            repairs: !is_below_floor || counts.healthy >= floor,
        },
        gates: Gates::new(lists, group),
        role: group.role,
        desired: counts.desired,
        size: counts.size(),
        max_deregistered: never_joined_limit(group.instances.len()),
        deregistered: 0,
        plan: Plan::default(),
        deregistrations: Vec::new(),
        decisions: Vec::new(),
    };
    let to_deactivate = to_deactivate(&counts, target);
    let mut kept_leftovers = planner.plan_managed(managed, to_deactivate);
    kept_leftovers.extend(planner.report_skipped(cluster_view));
    if group.role == Role::Backend {
        kept_leftovers.extend(planner.plan_unmanaged(unmanaged, group, now));
        planner.plan_unmanaged(kept_leftovers.iter().collect(), group, now);
        planner.plan_orphaned_drives(&cluster_view.orphaned);
    }
    let notices = notices(
        lists,
        group,
        &planner.gates,
        counts.size().saturating_sub(counts.desired),
    );
    let Planner {
        mut plan,
        deregistrations,
        mut decisions,
        ..
    } = planner;
    plan.tasks.extend(deregistrations);
    decisions.sort_by(|a, b| (a.address, &a.instance, &a.hosts).cmp(&(b.address, &b.instance, &b.hosts)));
    (
        plan,
        Report {
            counts,
            to_deactivate,
            decisions,
            notices,
        },
    )
}

/// How many machines may drain concurrently (invariants I2 and I3).
#[derive(Debug, Clone, Copy)]
struct DisruptionBudget {
    /// By how many machines the group exceeds its target.
    excess: usize,
    /// How many machines are draining, including those that this run starts to drain.
    draining: usize,
    /// How many healthy machines do not drain.
    healthy: usize,
    /// How many of them must remain.
    floor: usize,
    /// Whether an unhealthy machine may start to drain.
    repairs: bool,
}

impl DisruptionBudget {
    fn limit(self) -> usize {
        self.excess.max(MAX_UNHEALTHY_DRAINING)
    }

    /// Whether one more machine may drain. A healthy machine may drain only if the group exceeds its target.
    fn has_room(self, is_healthy: bool) -> bool {
        self.draining < if is_healthy { self.excess } else { self.limit() }
    }

    /// Whether enough healthy machines remain.
    fn check_floor(self, is_healthy: bool) -> Result<(), Gate> {
        let is_enough = if is_healthy {
            self.healthy > self.floor
        } else {
            self.repairs
        };
        let (healthy, floor) = (self.healthy, self.floor);
        is_enough.then_some(()).ok_or(Gate::FewHealthy { healthy, floor })
    }

    fn start(&mut self, is_healthy: bool) {
        self.draining += 1;
        self.healthy -= usize::from(is_healthy);
    }
}

struct Planner<'a> {
    budget: DisruptionBudget,
    gates: Gates<'a>,
    role: Role,
    desired: usize,
    size: usize,
    /// How many machines of the group a run may deregister.
    max_deregistered: usize,
    deregistered: usize,
    plan: Plan,
    /// The tasks of machines that have left: they come last in the plan, because draining is more urgent.
    deregistrations: Vec<Task>,
    decisions: Vec<Decision>,
}

impl Planner<'_> {
    /// Returns the leftovers of the machines that stay: they are removed like machines that are not in the group.
    fn plan_managed<'m>(
        &mut self,
        mut machines: Vec<&Machine<'m>>,
        to_deactivate: usize,
    ) -> Vec<Machine<'m>> {
        self.sort_by_urgency(&mut machines);
        let mut leftovers = Vec::new();
        for (position, machine) in machines.into_iter().enumerate() {
            let action = if machine.is_removed() {
                self.deregister_managed(machine)
            } else {
                self.keep_or_drain(machine, position < to_deactivate)
            };
            leftovers.extend(self.decide(machine, action));
        }
        leftovers
    }

    fn keep_or_drain(&mut self, machine: &Machine<'_>, chosen: bool) -> Action {
        let reason = match machine.state {
            MachineState::Deactivating => Reason::AlreadyDraining,
            MachineState::Unhealthy => Reason::Unhealthy(unhealthy_reason(machine)),
            MachineState::Healthy => Reason::Excess,
        };
        let is_healthy = machine.state == MachineState::Healthy;
        if is_healthy && !chosen {
            let mut statuses = machine.containers.iter().map(|container| container.host.status);
            return if statuses.any(|status| status == HostStatus::Down) {
                Action::KeepDown {
                    since: machine.down_since(),
                }
            } else {
                Action::Keep
            };
        }
        if !chosen {
            return self.wait(reason);
        }
        self.drain(machine, reason, is_healthy)
    }

    /// Continues to drain a machine, or starts to if the budget and the gates allow it.
    fn drain(&mut self, machine: &Machine<'_>, reason: Reason, is_healthy: bool) -> Action {
        if !machine.is_draining() {
            if !self.budget.has_room(is_healthy) {
                return self.wait(reason);
            }
            let floor = self.budget.check_floor(is_healthy);
            if let Err(gate) = floor.and_then(|()| self.gates.check(machine, is_healthy)) {
                return Action::Blocked { reason, gate };
            }
            self.budget.start(is_healthy);
            self.gates.start(machine);
        }
        self.deactivate(machine, &reason);
        Action::Deactivate(reason)
    }

    fn wait(&self, reason: Reason) -> Action {
        Action::Wait {
            reason,
            limit: self.budget.limit(),
        }
    }

    /// Backends that are not instances of this group. Returns the leftovers of those that stay.
    fn plan_unmanaged<'m>(
        &mut self,
        mut machines: Vec<&Machine<'m>>,
        group: &Group,
        now: Timestamp,
    ) -> Vec<Machine<'m>> {
        self.sort_by_urgency(&mut machines);
        let mut leftovers = Vec::new();
        for machine in machines {
            let action = if machine.is_removed() {
                self.deregister(machine)
            } else {
                self.drain_unmanaged_if_down(machine, group, now)
            };
            leftovers.extend(self.decide(machine, action));
        }
        leftovers
    }

    fn drain_unmanaged_if_down(&mut self, machine: &Machine<'_>, group: &Group, now: Timestamp) -> Action {
        let is_up = |status| {
            !matches!(
                status,
                HostStatus::Down | HostStatus::Degraded | HostStatus::Inactive
            )
        };
        let Some(since) = machine.down_since() else {
            let ups = machine
                .containers
                .iter()
                .filter(|container| is_up(container.host.status))
                .count();
            return Action::Unmanaged(match ups {
                _ if machine.is_draining() => Unmanaged::Draining,
                0 => Unmanaged::Down,
                ups if ups == machine.containers.len() => Unmanaged::Active,
                _ => Unmanaged::PartlyDown,
            });
        };
        if now.duration_since(since) <= group.grace_periods.unmanaged_down {
            return Action::Unmanaged(Unmanaged::Down);
        }
        self.drain(machine, Reason::UnmanagedDown { since }, false)
    }

    /// Moves the data of a machine away and takes its containers out of the cluster, as far as this is not done yet.
    ///
    /// Each drive has its own call, so that one that Weka refuses does not stop the others.
    fn deactivate(&mut self, machine: &Machine<'_>, reason: &Reason) {
        let drives = machine.entries().flat_map(|container| &container.drives);
        let mut drives: Vec<&DriveUuid> = drives
            .filter(|drive| drive.should_be_active != Some(false) && drive.status != DriveStatus::Inactive)
            .map(|drive| &drive.uuid)
            .collect();
        drives.sort_unstable();
        let is_member = |state: HostState| state == HostState::Active || state.is_in_maintenance();
        let mut hosts: Vec<HostId> = machine
            .entries()
            .filter(|container| is_member(container.host.state))
            .map(|container| container.host.id)
            .collect();
        hosts.sort_unstable();
        if drives.is_empty() && hosts.is_empty() {
            return;
        }
        // Clients reach their data through these ports: they move to other machines before the drives do.
        let mut calls = self.gates.delete_nfs_ports(machine);
        calls.extend(
            drives
                .into_iter()
                .map(|uuid| Call::DeactivateDrives(vec![uuid.clone()])),
        );
        // Weka's event log is read by people. The event comes last and is sent only once, when Weka has accepted the
        // deactivation: a call that Weka refuses is sent again each minute.
        let is_first = hosts.len() == machine.entries().count();
        if !hosts.is_empty() {
            calls.push(Call::DeactivateHosts(hosts));
        }
        if is_first {
            calls.push(Call::Event(format!(
                "wekactl: deactivating {}: {reason} (desired {}, current {})",
                machine.address, self.desired, self.size
            )));
        }
        self.plan.tasks.push(Task {
            address: Some(machine.address),
            calls,
            then_terminate: None,
        });
    }

    /// Deregisters a machine of the group that has left.
    ///
    /// If the last read of the host list fails, *terminate* is not told which instances are empty, and must find them
    /// again as instances that never joined. So a run deregisters no more machines than *terminate* may terminate for
    /// that reason.
    fn deregister_managed(&mut self, machine: &Machine<'_>) -> Action {
        if self.deregistered >= self.max_deregistered {
            return Action::DeregisterLater {
                limit: self.max_deregistered,
            };
        }
        let action = self.deregister(machine);
        self.deregistered += usize::from(action == Action::Deregister);
        action
    }

    /// Deregisters a machine that has left: first its containers, and then, when none remains, its drives. Weka is already
    /// deregistering a container in the state REMOVING.
    fn deregister(&mut self, machine: &Machine<'_>) -> Action {
        let drives = || machine.entries().flat_map(|container| &container.drives);
        let held = drives().filter(|drive| drive.status != DriveStatus::Inactive);
        if let Some(drive) = held.min_by(|a, b| a.uuid.cmp(&b.uuid)) {
            return Action::DeregisterPartly(Blocked::DriveNotInactive(drive.uuid.clone()));
        }
        let registered = || {
            machine
                .entries()
                .map(|container| container.host)
                .filter(|host| host.state == HostState::Inactive)
        };
        let (stopped, running): (Vec<_>, Vec<_>) =
            registered().partition(|host| host.status == HostStatus::Inactive);
        let running = running.into_iter().min_by_key(|host| host.id);
        let mut calls: Vec<_> = stopped
            .into_iter()
            .map(|host| Call::RemoveHost(host.id))
            .collect();
        calls.sort_unstable();
        if running.is_none() {
            let mut drives: Vec<_> = drives()
                .map(|drive| Call::RemoveDrives(vec![drive.uuid.clone()]))
                .collect();
            drives.sort_unstable();
            calls.extend(drives);
        }
        let then_terminate = machine.instance.filter(|_| running.is_none()).cloned();
        if !calls.is_empty() || then_terminate.is_some() {
            self.deregistrations.push(Task {
                address: Some(machine.address),
                calls,
                then_terminate,
            });
        }
        match running {
            None => Action::Deregister,
            Some(host) => Action::DeregisterPartly(Blocked::ContainerRuns(host.id)),
        }
    }

    fn plan_orphaned_drives(&mut self, drives: &[&DriveUuid]) {
        if drives.is_empty() {
            return;
        }
        let calls = drives
            .iter()
            .map(|uuid| Call::RemoveDrives(vec![(*uuid).clone()]));
        self.deregistrations.push(Task {
            address: None,
            calls: calls.collect(),
            then_terminate: None,
        });
        self.decisions.push(Decision {
            address: None,
            instance: None,
            hosts: Vec::new(),
            state: None,
            action: Action::DeregisterDrives(drives.len()),
        });
    }

    /// Reports the decision about a machine. If the action does not include the leftovers of a backend, they are returned as a
    /// machine of their own.
    fn decide<'m>(&mut self, machine: &Machine<'m>, action: Action) -> Option<Machine<'m>> {
        let includes_leftovers = matches!(
            action,
            Action::Skip(SkipReason::UnknownMode(_))
                | Action::Deactivate(_)
                | Action::Deregister
                | Action::DeregisterLater { .. }
                | Action::DeregisterPartly(_)
        );
        let is_separate = self.role == Role::Backend && !machine.leftovers.is_empty() && !includes_leftovers;
        let mut hosts: Vec<HostId> = if is_separate {
            machine
                .containers
                .iter()
                .map(|container| container.host.id)
                .collect()
        } else {
            machine.hosts().collect()
        };
        hosts.sort_unstable();
        self.decisions.push(Decision {
            address: Some(machine.address),
            instance: machine.instance.map(|instance| instance.id.clone()),
            hosts,
            state: Some(machine.state),
            action,
        });
        is_separate.then(|| machine.leftovers_as_machine())
    }

    /// Reports everything that the run skips, so that nothing is missing from the report.
    fn report_skipped<'m>(&mut self, cluster_view: &ClusterView<'m>) -> Vec<Machine<'m>> {
        let mut leftovers = Vec::new();
        for machine in &cluster_view.machines {
            if let Some(reason) = &machine.skip {
                leftovers.extend(self.decide(machine, Action::Skip(reason.clone())));
            }
        }
        for host in &cluster_view.no_address {
            self.decisions.push(Decision {
                address: None,
                instance: host.instance_id.as_ref().map(|id| id.0.clone()),
                hosts: vec![host.id],
                state: None,
                action: Action::NoAddress,
            });
        }
        for instance in &cluster_view.not_joined {
            self.decisions.push(Decision {
                address: instance.private_ip.parse().ok(),
                instance: Some(instance.id.clone()),
                hosts: Vec::new(),
                state: None,
                action: Action::NotJoined,
            });
        }
        leftovers
    }

    /// Deactivating machines first, then unhealthy, then healthy ones; within these, more inactive drives first, then the
    /// oldest, then by id. A machine of unknown age counts as the youngest, because an unknown fact must not make it drain
    /// sooner. A healthy machine that cannot leave, because it serves S3 or SMB, is chosen last.
    fn sort_by_urgency(&self, machines: &mut [&Machine<'_>]) {
        machines.sort_by_cached_key(|machine| {
            let added = machine.added();
            (
                machine.state,
                machine.state == MachineState::Healthy && self.gates.serves(machine).is_some(),
                Reverse(machine.inactive_drives()),
                added.is_none(),
                added,
                machine.hosts().min(),
            )
        });
    }
}

fn unhealthy_reason(machine: &Machine<'_>) -> String {
    let reason = machine
        .containers
        .iter()
        .find_map(|container| match &container.health {
            ContainerHealth::Unhealthy(reason) => Some(format!("{}: {reason}", container.host.id)),
            _ => None,
        });
    reason.unwrap_or_else(|| "unhealthy".to_owned())
}
