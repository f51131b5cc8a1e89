//! What a run of *scale* changes: decided here, once, from the picture alone.

mod refusal;

pub use refusal::Refusal;

use crate::cluster_view::{ClusterView, ContainerHealth, Machine, MachineState};
use crate::messages::{Instance, Role};
use crate::policy::{Group, UNHEALTHY_AT_ONCE};
use crate::report::{Action, Blocked, Counts, Decision, Reason, Report, Unmanaged};
use crate::termination::never_joined_limit;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::net::IpAddr;
use weka_types::calls::Call;
use weka_types::ids::{DriveUuid, HostId};
use weka_types::lists::{DriveStatus, HostState, HostStatus, Lists};

/// What is done, machine by machine. Tasks do not depend on each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Machines on their way out first, in the order of urgency, then those that have left.
    pub tasks: Vec<Task>,
}

/// What is done about a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Task {
    /// The machine; none where it is about drives of no container.
    pub address: Option<IpAddr>,
    /// One after the other; the first that fails, unless it is best effort, ends the task.
    pub calls: Vec<Call>,
    /// The instance that nothing of the cluster is left on once all calls have succeeded.
    pub then_terminate: Option<Instance>,
}

/// Decides what a run changes.
///
/// The order of the lists does not matter: two runs that see the same cluster decide the same.
///
/// # Errors
/// [`Refusal`]: nothing at all is changed.
pub fn plan(lists: &Lists, group: &Group, now: Timestamp) -> Result<(Plan, Report), Refusal> {
    refusal::may_scale(lists, group)?;
    let cluster_view = ClusterView::new(lists, group, now);
    Ok(of_picture(&cluster_view, group, now))
}

/// How many machines of the group are to be on their way out: whatever is already is kept up, whatever exceeds the target
/// goes, and of unhealthy machines at most two go at a time.
pub fn to_deactivate(counts: &Counts) -> usize {
    let two_at_a_time = UNHEALTHY_AT_ONCE
        .saturating_sub(counts.deactivating)
        .min(counts.unhealthy);
    counts.deactivating.max(excess(counts)).max(two_at_a_time)
}

/// By how many machines the group exceeds its target.
fn excess(counts: &Counts) -> usize {
    (counts.healthy + counts.unhealthy + counts.deactivating).saturating_sub(counts.desired)
}

fn of_picture(cluster_view: &ClusterView<'_>, group: &Group, now: Timestamp) -> (Plan, Report) {
    let (ours, others): (Vec<_>, Vec<_>) = cluster_view
        .machines
        .iter()
        .filter(|machine| machine.anomaly.is_none())
        .partition(|machine| machine.instance.is_some());
    let count = |state| ours.iter().filter(|machine| machine.state == state).count();
    let counts = Counts {
        desired: group.desired as usize,
        healthy: count(MachineState::Healthy),
        unhealthy: count(MachineState::Unhealthy),
        deactivating: count(MachineState::Deactivating),
        phasing_out: cluster_view.phasing_out,
    };
    // Those that are no instances of the group are on their way out until they have left; of the group, until they are forgotten.
    let leaves = |machine: &&&Machine<'_>| machine.is_under_way() && !machine.is_removed();
    let elsewhere = match group.role {
        Role::Backend => others.iter().filter(leaves).count(),
        Role::Client => 0,
    };
    let mut deciding = Planner {
        room: DisruptionBudget {
            excess: excess(&counts),
            under_way: ours.iter().filter(|machine| machine.is_under_way()).count() + elsewhere,
        },
        desired: counts.desired,
        size: ours.len(),
        may_forget: never_joined_limit(group.instances.len()),
        forgotten: 0,
        plan: Plan::default(),
        leaving: Vec::new(),
        decisions: Vec::new(),
    };
    let to_deactivate = to_deactivate(&counts);
    deciding.group(ours, to_deactivate);
    if group.role == Role::Backend {
        deciding.leftovers(others, group, now);
        deciding.orphaned(&cluster_view.orphaned);
    }
    deciding.the_rest(cluster_view);
    let Planner {
        mut plan,
        leaving,
        mut decisions,
        ..
    } = deciding;
    plan.tasks.extend(leaving);
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

/// How many machines may be on their way out at a time (invariants I2 and I3).
#[derive(Debug, Clone, Copy)]
struct DisruptionBudget {
    /// By how many the group exceeds its target.
    excess: usize,
    /// How many are under way, those that are begun in this run too.
    under_way: usize,
}

impl DisruptionBudget {
    fn limit(self) -> usize {
        self.excess.max(UNHEALTHY_AT_ONCE)
    }

    /// Takes a place for one more machine, if there is one: a healthy one may go only where the target is exceeded.
    fn take(&mut self, healthy: bool) -> bool {
        let limit = if healthy { self.excess } else { self.limit() };
        let free = self.under_way < limit;
        self.under_way += usize::from(free);
        free
    }
}

struct Planner {
    room: DisruptionBudget,
    desired: usize,
    size: usize,
    /// How many machines of the group a run may forget, and has forgotten.
    may_forget: usize,
    forgotten: usize,
    plan: Plan,
    /// The tasks of machines that have left: the last of the plan, after what is urgent.
    leaving: Vec<Task>,
    decisions: Vec<Decision>,
}

impl Planner {
    fn group(&mut self, mut ours: Vec<&Machine<'_>>, to_deactivate: usize) {
        sort(&mut ours);
        for (place, machine) in ours.into_iter().enumerate() {
            let verdict = if machine.is_removed() {
                self.remove_ours(machine)
            } else {
                self.stay_or_go(machine, place < to_deactivate)
            };
            self.decide(machine, verdict);
        }
    }

    fn stay_or_go(&mut self, machine: &Machine<'_>, chosen: bool) -> Action {
        let why = match machine.state {
            MachineState::Deactivating => Reason::UnderWay,
            MachineState::Unhealthy => Reason::Unhealthy(ailment(machine)),
            MachineState::Healthy => Reason::Excess,
        };
        let healthy = machine.state == MachineState::Healthy;
        if chosen && (machine.is_under_way() || self.room.take(healthy)) {
            self.deactivate(machine, &why);
            return Action::Deactivate(why);
        }
        if healthy && !chosen {
            return Action::Keep;
        }
        Action::Wait {
            why,
            limit: self.room.limit(),
        }
    }

    /// Backends that are no instances of this group.
    fn leftovers(&mut self, mut others: Vec<&Machine<'_>>, group: &Group, now: Timestamp) {
        sort(&mut others);
        for machine in others {
            let verdict = if machine.is_removed() {
                self.remove(machine)
            } else {
                self.leftover(machine, group, now)
            };
            self.decide(machine, verdict);
        }
    }

    fn leftover(&mut self, machine: &Machine<'_>, group: &Group, now: Timestamp) -> Action {
        let is_up = |status| matches!(status, HostStatus::Up | HostStatus::Unknown);
        let Some(since) = machine.down_since() else {
            let ups = machine
                .containers
                .iter()
                .filter(|container| is_up(container.host.status))
                .count();
            return Action::Unmanaged(match ups {
                _ if machine.is_under_way() => Unmanaged::UnderWay,
                0 => Unmanaged::Down,
                ups if ups == machine.containers.len() => Unmanaged::Active,
                _ => Unmanaged::DownInPart,
            });
        };
        if now.duration_since(since) <= group.patience.leftover_down {
            return Action::Unmanaged(Unmanaged::Down);
        }
        let why = Reason::Leftover { since };
        if machine.is_under_way() || self.room.take(false) {
            self.deactivate(machine, &why);
            Action::Deactivate(why)
        } else {
            Action::Wait {
                why,
                limit: self.room.limit(),
            }
        }
    }

    /// Moves the data of a machine away and takes its containers out of the cluster, as far as that is not done yet.
    fn deactivate(&mut self, machine: &Machine<'_>, why: &Reason) {
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
        // Once: what Weka refuses is asked for again each minute, and its event log is for people.
        if calls.len() == 1 || !machine.is_under_way() {
            calls.push(Call::Event(format!(
                "wekactl: deactivating {}: {why} (desired {}, current {})",
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

    /// Forgets a machine of the group that has left, unless this run has forgotten as many as *terminate* would find again:
    /// if the last look fails, nobody is told which instances nothing is left on.
    fn remove_ours(&mut self, machine: &Machine<'_>) -> Action {
        if self.forgotten >= self.may_forget {
            return Action::RemoveLater {
                limit: self.may_forget,
            };
        }
        let verdict = self.remove(machine);
        self.forgotten += usize::from(verdict == Action::Remove);
        verdict
    }

    /// Forgets a machine that has left: first its containers, then, when none is left, its drives.
    fn remove(&mut self, machine: &Machine<'_>) -> Action {
        let drive = machine
            .drives()
            .find(|drive| drive.status != DriveStatus::Inactive);
        if let Some(drive) = drive {
            return Action::RemovePartly(Blocked::Drive(drive.uuid.clone()));
        }
        let stopped = |status| status == HostStatus::Inactive;
        let (gone, runs): (Vec<_>, Vec<_>) = machine
            .containers
            .iter()
            .partition(|container| stopped(container.host.status));
        let mut calls: Vec<_> = gone
            .iter()
            .map(|container| Call::RemoveHost(container.host.id))
            .collect();
        let drives: Vec<_> = machine.drives().map(|drive| drive.uuid.clone()).collect();
        if runs.is_empty() && !drives.is_empty() {
            calls.push(Call::RemoveDrives(drives));
        }
        let then_terminate = machine.instance.filter(|_| runs.is_empty()).cloned();
        if !calls.is_empty() {
            self.leaving.push(Task {
                address: Some(machine.address),
                calls,
                then_terminate,
            });
        }
        match runs.first() {
            None => Action::Remove,
            Some(container) => Action::RemovePartly(Blocked::Runs(container.host.id)),
        }
    }

    fn orphaned(&mut self, drives: &[&DriveUuid]) {
        if drives.is_empty() {
            return;
        }
        let uuids = drives.iter().map(|uuid| (*uuid).clone()).collect();
        self.leaving.push(Task {
            address: None,
            calls: vec![Call::RemoveDrives(uuids)],
            then_terminate: None,
        });
        self.decisions.push(Decision {
            address: None,
            instance: None,
            hosts: Vec::new(),
            state: None,
            verdict: Action::RemoveDrives(drives.len()),
        });
    }

    fn decide(&mut self, machine: &Machine<'_>, verdict: Action) {
        self.decisions.push(Decision {
            address: Some(machine.address),
            instance: machine.instance.map(|instance| instance.id.clone()),
            hosts: machine.hosts().collect(),
            state: Some(machine.state),
            verdict,
        });
    }

    /// What nothing is decided about, so that nobody has to wonder.
    fn the_rest(&mut self, cluster_view: &ClusterView<'_>) {
        for machine in &cluster_view.machines {
            if let Some(anomaly) = &machine.anomaly {
                self.decide(machine, Action::LeaveAlone(anomaly.clone()));
            }
        }
        for host in &cluster_view.no_address {
            self.decisions.push(Decision {
                address: None,
                instance: host.instance_id.as_ref().map(|id| id.0.clone()),
                hosts: vec![host.id],
                state: None,
                verdict: Action::NoAddress,
            });
        }
        for instance in &cluster_view.absent {
            self.decisions.push(Decision {
                address: instance.private_ip.parse().ok(),
                instance: Some(instance.id.clone()),
                hosts: Vec::new(),
                state: None,
                verdict: Action::NotJoined,
            });
        }
    }
}

/// Deactivating first, then unhealthy, then healthy; within these, more inactive drives first, then the oldest, then by
/// id. An unknown age is the youngest: what is not known is no reason to take a machine sooner.
fn sort(machines: &mut [&Machine<'_>]) {
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

fn ailment(machine: &Machine<'_>) -> String {
    let ailing = machine
        .containers
        .iter()
        .find_map(|container| match &container.health {
            ContainerHealth::Unhealthy(ailment) => Some(format!("{}: {ailment}", container.host.id)),
            _ => None,
        });
    ailing.unwrap_or_else(|| "unhealthy".to_owned())
}
