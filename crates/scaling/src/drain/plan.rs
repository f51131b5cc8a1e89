use super::refusal::{Refusal, check_preconditions};
use super::report::{Action, Blocked, Counts, Decision, Reason, Report, Unmanaged};
use crate::cluster_view::{ClusterView, ContainerHealth, Machine, MachineState};
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
    /// Sent in order. The first call that fails ends the task, unless it is best effort.
    pub calls: Vec<Call>,
    /// The instance on which nothing of the cluster remains after all calls have succeeded.
    pub then_terminate: Option<Instance>,
}

/// Decides what a run changes. The result does not depend on the order of the lists.
///
/// # Errors
/// [`Refusal`]: the run changes nothing.
pub fn plan(lists: &Lists, group: &Group, now: Timestamp) -> Result<(Plan, Report), Refusal> {
    check_preconditions(lists, group)?;
    let cluster_view = ClusterView::new(lists, group, now);
    Ok(plan_view(&cluster_view, group, now))
}

/// How many machines of the group must be draining: those that already are, those that exceed the desired capacity, and
/// at most two unhealthy ones concurrently.
fn to_deactivate(counts: &Counts) -> usize {
    let unhealthy = MAX_UNHEALTHY_DRAINING
        .saturating_sub(counts.deactivating)
        .min(counts.unhealthy);
    counts.deactivating.max(excess(counts)).max(unhealthy)
}

/// By how many machines the group exceeds its desired capacity.
fn excess(counts: &Counts) -> usize {
    (counts.healthy + counts.unhealthy + counts.deactivating).saturating_sub(counts.desired)
}

fn plan_view(cluster_view: &ClusterView<'_>, group: &Group, now: Timestamp) -> (Plan, Report) {
    let (managed, unmanaged): (Vec<_>, Vec<_>) = cluster_view
        .machines
        .iter()
        .filter(|machine| machine.anomaly.is_none())
        .partition(|machine| machine.instance.is_some());
    let count = |state| managed.iter().filter(|machine| machine.state == state).count();
    let counts = Counts {
        desired: group.desired as usize,
        healthy: count(MachineState::Healthy),
        unhealthy: count(MachineState::Unhealthy),
        deactivating: count(MachineState::Deactivating),
        phasing_out: cluster_view.phasing_out,
    };
    // A machine of the group counts as draining until it is deregistered; any other machine until it has left the cluster.
    let is_leaving = |machine: &&&Machine<'_>| machine.is_draining() && !machine.is_removed();
    let unmanaged_draining = match group.role {
        Role::Backend => unmanaged.iter().filter(is_leaving).count(),
        Role::Client => 0,
    };
    let managed_draining = managed.iter().filter(|machine| machine.is_draining()).count();
    let mut planner = Planner {
        budget: DisruptionBudget {
            excess: excess(&counts),
            draining: managed_draining + unmanaged_draining,
        },
        desired: counts.desired,
        size: managed.len(),
        max_deregistered: never_joined_limit(group.instances.len()),
        deregistered: 0,
        plan: Plan::default(),
        deregistrations: Vec::new(),
        decisions: Vec::new(),
    };
    let to_deactivate = to_deactivate(&counts);
    planner.plan_managed(managed, to_deactivate);
    if group.role == Role::Backend {
        planner.plan_unmanaged(unmanaged, group, now);
        planner.plan_orphaned_drives(&cluster_view.orphaned);
    }
    planner.report_skipped(cluster_view);
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
        },
    )
}

/// How many machines may drain concurrently (invariants I2 and I3).
#[derive(Debug, Clone, Copy)]
struct DisruptionBudget {
    /// By how many machines the group exceeds its desired capacity.
    excess: usize,
    /// How many machines are draining, including those that this run starts to drain.
    draining: usize,
}

impl DisruptionBudget {
    fn limit(self) -> usize {
        self.excess.max(MAX_UNHEALTHY_DRAINING)
    }

    /// Reserves a place for one more draining machine, if one is free. A healthy machine may drain only if the group
    /// exceeds its desired capacity.
    fn reserve(&mut self, healthy: bool) -> bool {
        let limit = if healthy { self.excess } else { self.limit() };
        let is_free = self.draining < limit;
        self.draining += usize::from(is_free);
        is_free
    }
}

struct Planner {
    budget: DisruptionBudget,
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

impl Planner {
    fn plan_managed(&mut self, mut machines: Vec<&Machine<'_>>, to_deactivate: usize) {
        sort_by_urgency(&mut machines);
        for (position, machine) in machines.into_iter().enumerate() {
            let action = if machine.is_removed() {
                self.deregister_managed(machine)
            } else {
                self.keep_or_drain(machine, position < to_deactivate)
            };
            self.decide(machine, action);
        }
    }

    fn keep_or_drain(&mut self, machine: &Machine<'_>, chosen: bool) -> Action {
        let reason = match machine.state {
            MachineState::Deactivating => Reason::AlreadyDraining,
            MachineState::Unhealthy => Reason::Unhealthy(unhealthy_reason(machine)),
            MachineState::Healthy => Reason::Excess,
        };
        let healthy = machine.state == MachineState::Healthy;
        if chosen && (machine.is_draining() || self.budget.reserve(healthy)) {
            self.deactivate(machine, &reason);
            return Action::Deactivate(reason);
        }
        if healthy && !chosen {
            return Action::Keep;
        }
        Action::Wait {
            reason,
            limit: self.budget.limit(),
        }
    }

    /// Backends that are not instances of this group.
    fn plan_unmanaged(&mut self, mut machines: Vec<&Machine<'_>>, group: &Group, now: Timestamp) {
        sort_by_urgency(&mut machines);
        for machine in machines {
            let action = if machine.is_removed() {
                self.deregister(machine)
            } else {
                self.drain_unmanaged_if_down(machine, group, now)
            };
            self.decide(machine, action);
        }
    }

    fn drain_unmanaged_if_down(&mut self, machine: &Machine<'_>, group: &Group, now: Timestamp) -> Action {
        let is_up = |status| matches!(status, HostStatus::Up | HostStatus::Unknown);
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
        let reason = Reason::UnmanagedDown { since };
        if machine.is_draining() || self.budget.reserve(false) {
            self.deactivate(machine, &reason);
            Action::Deactivate(reason)
        } else {
            Action::Wait {
                reason,
                limit: self.budget.limit(),
            }
        }
    }

    /// Moves the data of a machine away and takes its containers out of the cluster, as far as this is not done yet.
    fn deactivate(&mut self, machine: &Machine<'_>, reason: &Reason) {
        let drives: Vec<DriveUuid> = machine
            .drives()
            .filter(|drive| drive.should_be_active != Some(false) && drive.status != DriveStatus::Inactive)
            .map(|drive| drive.uuid.clone())
            .collect();
        let hosts: Vec<HostId> = machine
            .containers
            .iter()
            .filter(|container| container.host.state == HostState::Active)
            .map(|container| container.host.id)
            .collect();
        if drives.is_empty() && hosts.is_empty() {
            return;
        }
        let mut calls = Vec::with_capacity(3);
        if !drives.is_empty() {
            calls.push(Call::DeactivateDrives(drives));
        }
        // Only once: a call that Weka refuses is sent again each minute, and must not fill the event log, which people read.
        if calls.len() == 1 || !machine.is_draining() {
            calls.push(Call::Event(format!(
                "wekactl: deactivating {}: {reason} (desired {}, current {})",
                machine.address, self.desired, self.size
            )));
        }
        if !hosts.is_empty() {
            calls.push(Call::DeactivateHosts(hosts));
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

    /// Deregisters a machine that has left: first its containers, and then, when none remains, its drives.
    fn deregister(&mut self, machine: &Machine<'_>) -> Action {
        let drive = machine
            .drives()
            .find(|drive| drive.status != DriveStatus::Inactive);
        if let Some(drive) = drive {
            return Action::DeregisterPartly(Blocked::DriveNotInactive(drive.uuid.clone()));
        }
        let (stopped, running): (Vec<_>, Vec<_>) = machine
            .containers
            .iter()
            .partition(|container| container.host.status == HostStatus::Inactive);
        let mut calls: Vec<_> = stopped
            .iter()
            .map(|container| Call::RemoveHost(container.host.id))
            .collect();
        let drives: Vec<_> = machine.drives().map(|drive| drive.uuid.clone()).collect();
        if running.is_empty() && !drives.is_empty() {
            calls.push(Call::RemoveDrives(drives));
        }
        let then_terminate = machine.instance.filter(|_| running.is_empty()).cloned();
        if !calls.is_empty() {
            self.deregistrations.push(Task {
                address: Some(machine.address),
                calls,
                then_terminate,
            });
        }
        match running.first() {
            None => Action::Deregister,
            Some(container) => Action::DeregisterPartly(Blocked::ContainerRuns(container.host.id)),
        }
    }

    fn plan_orphaned_drives(&mut self, drives: &[&DriveUuid]) {
        if drives.is_empty() {
            return;
        }
        let uuids = drives.iter().map(|uuid| (*uuid).clone()).collect();
        self.deregistrations.push(Task {
            address: None,
            calls: vec![Call::RemoveDrives(uuids)],
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

    fn decide(&mut self, machine: &Machine<'_>, action: Action) {
        self.decisions.push(Decision {
            address: Some(machine.address),
            instance: machine.instance.map(|instance| instance.id.clone()),
            hosts: machine.hosts().collect(),
            state: Some(machine.state),
            action,
        });
    }

    /// Reports everything that the run skips, so that nothing is missing from the report.
    fn report_skipped(&mut self, cluster_view: &ClusterView<'_>) {
        for machine in &cluster_view.machines {
            if let Some(anomaly) = &machine.anomaly {
                self.decide(machine, Action::Skip(anomaly.clone()));
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
    }
}

/// Deactivating machines first, then unhealthy, then healthy ones; within these, more inactive drives first, then the
/// oldest, then by id. A machine of unknown age counts as the youngest, because an unknown fact must not make it drain
/// sooner.
fn sort_by_urgency(machines: &mut [&Machine<'_>]) {
    machines.sort_by_cached_key(|machine| {
        let added = machine.added();
        (
            machine.state,
            Reverse(machine.inactive_drives()),
            added.is_none(),
            added,
            machine.hosts().min(),
        )
    });
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
