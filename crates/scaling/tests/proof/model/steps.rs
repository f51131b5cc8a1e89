//! The possible steps of a state, and their effects.

use super::state::{Down, Ec2, Power, Run, SLOTS, Scaling, Slot, State, Terminating, time};
use super::weka;
use crate::cluster::address;
use scaling::drain::{CallFailure, check, ends_task, plan};
use weka_types::calls::Call;
use weka_types::lists::{DriveStatus, HostState};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A run reads the lists and decides.
    Begin,
    /// The run's next call succeeds.
    Proceed,
    /// It fails without effect.
    FailBefore,
    /// It takes effect, but its response is lost.
    FailAfter,
    /// A deactivated machine has moved its data away.
    Drained(usize),
    /// The data of a broken drive is rebuilt.
    Rebuilt(usize),
    /// The grace period of a machine that is down is over.
    DownForLong(usize),
    /// The join timeout of an instance is over.
    TimesOut(usize),
    /// The group reports an instance as unhealthy.
    Unhealthy(usize),
    /// The group launches an instance.
    Launch(usize),
    Join(usize),
    SetDesired(usize),
    Die(usize),
    Stop(usize),
    Break(usize),
    NeverJoins(usize),
}

impl Step {
    /// Whether it happens without a fault and without a change of the desired capacity.
    pub(super) fn is_progress(self) -> bool {
        !matches!(
            self,
            Self::FailBefore
                | Self::FailAfter
                | Self::SetDesired(_)
                | Self::Die(_)
                | Self::Stop(_)
                | Self::Break(_)
                | Self::NeverJoins(_)
        )
    }
}

pub(super) fn possible(state: &State, steps: &mut Vec<Step>) {
    match &state.run {
        Run::None => {
            steps.push(Step::Begin);
            steps.extend(
                (5..=7)
                    .filter(|desired| *desired != state.desired)
                    .map(Step::SetDesired),
            );
        }
        Run::Scaling(_) | Run::Terminating(_) => {
            steps.push(Step::Proceed);
            if state.faults.call_fails {
                steps.extend([Step::FailBefore, Step::FailAfter]);
            }
        }
    }
    // Steps that take minutes happen between runs, which take seconds. Faults happen at any time.
    let is_between_runs = state.run == Run::None;
    let is_below_desired = is_between_runs && state.members().count() < state.desired;
    let mut may_launch = is_below_desired;
    for (number, slot) in state.slots.iter().enumerate() {
        if is_between_runs {
            time_steps(number, slot, steps);
        }
        match &slot.instance {
            None if may_launch && slot.containers.is_empty() => {
                may_launch = false;
                steps.push(Step::Launch(number));
            }
            None => {}
            Some(ec2) => faults(state, number, slot, *ec2, steps),
        }
    }
}

/// The effects of time on a machine.
fn time_steps(number: usize, slot: &Slot, steps: &mut Vec<Step>) {
    let all =
        |expected: HostState| !slot.containers.is_empty() && slot.containers.iter().all(|s| *s == expected);
    if all(HostState::Deactivating) && (!slot.wanted || slot.drive != Some(DriveStatus::Active)) {
        steps.push(Step::Drained(number));
    }
    if slot.drive == Some(DriveStatus::Failed) {
        steps.push(Step::Rebuilt(number));
    }
    if slot.down == Down::Short && slot.is_occupied() {
        steps.push(Step::DownForLong(number));
    }
    let Some(ec2) = &slot.instance else { return };
    if ec2.power != Power::Running && ec2.member && !ec2.unhealthy {
        steps.push(Step::Unhealthy(number));
    }
    if ec2.power == Power::Running && slot.containers.is_empty() && !ec2.old && slot.drive.is_none() {
        steps.push(if ec2.never_joins {
            Step::TimesOut(number)
        } else {
            Step::Join(number)
        });
    }
}

/// The faults of an instance.
fn faults(state: &State, number: usize, slot: &Slot, ec2: Ec2, steps: &mut Vec<Step>) {
    if ec2.power != Power::Running {
        return;
    }
    if slot.is_occupied() {
        if state.faults.machine_dies {
            steps.push(Step::Die(number));
        }
        if state.faults.machine_stops {
            steps.push(Step::Stop(number));
        }
        if state.faults.drive_breaks && slot.drive == Some(DriveStatus::Active) {
            steps.push(Step::Break(number));
        }
    }
    let is_new = slot.containers.is_empty() && !ec2.old && slot.drive.is_none();
    if is_new && state.faults.never_joins && !ec2.never_joins {
        steps.push(Step::NeverJoins(number));
    }
}

pub(super) fn take(state: &mut State, step: Step) {
    match step {
        Step::Begin => begin(state),
        Step::Proceed => proceed(state, CallResult::Ok),
        Step::FailBefore => {
            state.faults.call_fails = false;
            proceed(state, CallResult::Before);
        }
        Step::FailAfter => {
            state.faults.call_fails = false;
            proceed(state, CallResult::After);
        }
        Step::Drained(number) => {
            let slot = &mut state.slots[number];
            slot.containers.fill(HostState::Inactive);
            slot.drive = slot.drive.map(|_| DriveStatus::Inactive);
        }
        Step::Rebuilt(number) => state.slots[number].drive = Some(DriveStatus::Inactive),
        Step::DownForLong(number) => state.slots[number].down = Down::Long,
        Step::Launch(number) => state.slots[number].instance = Some(Ec2::new()),
        Step::Join(number) => {
            state.slots[number].join();
            instance(state, number, |ec2| ec2.old = true);
        }
        Step::TimesOut(number) => instance(state, number, |ec2| ec2.old = true),
        Step::Unhealthy(number) => instance(state, number, |ec2| ec2.unhealthy = true),
        Step::SetDesired(desired) => state.desired = desired,
        Step::Die(number) => {
            state.faults.machine_dies = false;
            state.slots[number].down = Down::Short;
            instance(state, number, |ec2| ec2.power = Power::Terminated);
        }
        Step::Stop(number) => {
            state.faults.machine_stops = false;
            state.slots[number].down = Down::Short;
            instance(state, number, |ec2| ec2.power = Power::Stopped);
        }
        Step::Break(number) => {
            state.faults.drive_breaks = false;
            state.slots[number].drive = Some(DriveStatus::Failed);
        }
        Step::NeverJoins(number) => {
            state.faults.never_joins = false;
            instance(state, number, |ec2| ec2.never_joins = true);
        }
    }
    normalize(state);
}

/// Clears what no longer has an effect, to make equivalent states equal.
fn normalize(state: &mut State) {
    for slot in &mut state.slots {
        if slot.containers.is_empty() {
            slot.down = Down::No;
        }
        if slot
            .instance
            .is_some_and(|ec2| !ec2.member && ec2.power == Power::Terminated)
        {
            slot.instance = None;
        }
        if slot.drive.is_none() {
            slot.wanted = false;
        }
    }
}

fn instance(state: &mut State, number: usize, change: impl FnOnce(&mut Ec2)) {
    if let Some(ec2) = &mut state.slots[number].instance {
        change(ec2);
    }
}

fn begin(state: &mut State) {
    let (lists, group) = (state.lists(), state.group());
    let Ok((plan, report)) = plan(&lists, &group, time()) else {
        return;
    };
    if check(&plan, &lists, &group, time()).is_err() {
        state.violation = state.violation.or(Some("check"));
        return;
    }
    let size = report.counts.healthy + report.counts.unhealthy + report.counts.deactivating;
    state.run = Run::Scaling(Scaling {
        tasks: plan.tasks.into_iter().map(without_events).collect(),
        task: 0,
        call: 0,
        incomplete: false,
        removed: Vec::new(),
        min_remaining: state.desired.max(5),
        excess: size.saturating_sub(report.counts.desired),
    });
}

/// A task without its events, which change nothing and differ from run to run.
fn without_events(mut task: scaling::drain::Task) -> scaling::drain::Task {
    task.calls.retain(|call| !matches!(call, Call::Event(_)));
    task
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallResult {
    Ok,
    Before,
    After,
}

fn proceed(state: &mut State, result: CallResult) {
    match state.run.clone() {
        Run::None => {}
        Run::Scaling(run) => scale(state, run, result),
        Run::Terminating(run) => terminate(state, run, result),
    }
}

fn scale(state: &mut State, mut run: Scaling, result: CallResult) {
    let Some(task) = run.tasks.get(run.task).cloned() else {
        return read_hosts(state, &run, result);
    };
    let call = &task.calls[run.call];
    let refusal = match result {
        CallResult::Before => Err("no answer"),
        CallResult::Ok => weka::call(state, call, &run),
        CallResult::After => weka::call(state, call, &run).and(Err("the connection broke")),
    };
    let failure = refusal.err().map(|reason| CallFailure::new(reason.to_owned()));
    run.incomplete |= failure.is_some();
    if failure.is_none_or(|failure| !ends_task(call, &failure)) {
        run.call += 1;
    } else {
        run.next_task();
    }
    state.run = Run::Scaling(run);
    end_task(state);
}

/// Ends a task whose calls have all succeeded.
fn end_task(state: &mut State) {
    let Run::Scaling(run) = &mut state.run else { return };
    let Some(task) = run.tasks.get(run.task) else {
        return;
    };
    if run.call < task.calls.len() {
        return;
    }
    if task.then_terminate.is_some() && !run.incomplete {
        run.removed.extend(
            (0_u32..)
                .zip(0..SLOTS)
                .find(|(n, _)| Some(address(*n)) == task.address)
                .map(|(_, n)| n),
        );
    }
    run.next_task();
}

/// Reads the hosts again and lets *terminate* decide. A failure ends the run.
fn read_hosts(state: &mut State, run: &Scaling, result: CallResult) {
    state.run = Run::None;
    if result != CallResult::Ok {
        return;
    }
    let next = super::terminate::decide(state, &run.removed);
    if !next.detach.is_empty() || !next.terminate.is_empty() {
        state.run = Run::Terminating(next);
    }
}

/// Terminates the instances one by one, and then detaches them one by one, except for those whose termination failed.
fn terminate(state: &mut State, mut run: Terminating, result: CallResult) {
    if let Some(number) = run.terminate.pop() {
        if result != CallResult::Before {
            if run.occupied.contains(&number) {
                state.violation = state.violation.or(Some("I1"));
            }
            instance(state, number, |ec2| {
                ec2.protected = false;
                ec2.power = Power::Terminated;
            });
        }
        if result != CallResult::Ok {
            run.detach.retain(|other| *other != number);
        }
    } else if let Some(number) = run.detach.pop()
        && result != CallResult::Before
    {
        instance(state, number, |ec2| ec2.member = false);
    }
    let is_done = run.detach.is_empty() && run.terminate.is_empty();
    state.run = if is_done { Run::None } else { Run::Terminating(run) };
}
