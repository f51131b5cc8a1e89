//! What can happen next, and what it does.

use super::state::{Down, Ec2, Power, Run, SLOTS, Scaling, Slot, State, Terminating, time};
use super::weka::weka;
use crate::cluster::address;
use scaling::check::check;
use scaling::plan::plan;
use weka_types::calls::Call;
use weka_types::lists::{DriveStatus, HostState};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A run looks and decides.
    Begin,
    /// The run's next step succeeds.
    Go,
    /// It fails and did nothing.
    FailBefore,
    /// It is carried out, and its answer is lost.
    FailAfter,
    /// The data is off a machine that was told to leave.
    Drained(usize),
    /// A broken drive's data is rebuilt.
    Rebuilt(usize),
    /// A machine is down for long by now.
    Ages(usize),
    /// An instance was launched long ago by now.
    GrowsOld(usize),
    /// The group notices that an instance does not run.
    Noticed(usize),
    /// The group launches an instance.
    Launch(usize),
    Join(usize),
    Desire(usize),
    Die(usize),
    Stop(usize),
    Break(usize),
    NeverJoins(usize),
}

impl Step {
    /// Whether it happens by itself: no fault, and nobody changes the target.
    pub(super) fn is_onward(self) -> bool {
        !matches!(
            self,
            Self::FailBefore
                | Self::FailAfter
                | Self::Desire(_)
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
                    .map(Step::Desire),
            );
        }
        Run::Scaling(_) | Run::Terminating(_) => {
            steps.push(Step::Go);
            if state.faults.call_fails {
                steps.extend([Step::FailBefore, Step::FailAfter]);
            }
        }
    }
    // What takes minutes happens between runs, which take seconds; what strikes strikes at any time.
    let between = state.run == Run::None;
    let short = between && state.members().count() < state.desired;
    let mut launches = short;
    for (number, slot) in state.slots.iter().enumerate() {
        if between {
            time_steps(number, slot, steps);
        }
        match &slot.instance {
            None if launches && slot.containers.is_empty() => {
                launches = false;
                steps.push(Step::Launch(number));
            }
            None => {}
            Some(ec2) => faults(state, number, slot, *ec2, steps),
        }
    }
}

/// What time does to a machine.
fn time_steps(number: usize, slot: &Slot, steps: &mut Vec<Step>) {
    let all = |of: HostState| !slot.containers.is_empty() && slot.containers.iter().all(|s| *s == of);
    if all(HostState::Deactivating) && (!slot.wanted || slot.drive != Some(DriveStatus::Active)) {
        steps.push(Step::Drained(number));
    }
    if slot.drive == Some(DriveStatus::Failed) {
        steps.push(Step::Rebuilt(number));
    }
    if slot.down == Down::Short && slot.is_busy() {
        steps.push(Step::Ages(number));
    }
    let Some(ec2) = &slot.instance else { return };
    if ec2.power != Power::Running && ec2.member && !ec2.unhealthy {
        steps.push(Step::Noticed(number));
    }
    if ec2.power == Power::Running && slot.containers.is_empty() && !ec2.old && slot.drive.is_none() {
        steps.push(if ec2.never_joins {
            Step::GrowsOld(number)
        } else {
            Step::Join(number)
        });
    }
}

/// What may strike an instance.
fn faults(state: &State, number: usize, slot: &Slot, ec2: Ec2, steps: &mut Vec<Step>) {
    if ec2.power != Power::Running {
        return;
    }
    if slot.is_busy() {
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
    let new = slot.containers.is_empty() && !ec2.old && slot.drive.is_none();
    if new && state.faults.never_joins && !ec2.never_joins {
        steps.push(Step::NeverJoins(number));
    }
}

pub(super) fn take(state: &mut State, step: Step) {
    match step {
        Step::Begin => begin(state),
        Step::Go => go(state, Answer::Ok),
        Step::FailBefore => {
            state.faults.call_fails = false;
            go(state, Answer::Before);
        }
        Step::FailAfter => {
            state.faults.call_fails = false;
            go(state, Answer::After);
        }
        Step::Drained(number) => {
            let slot = &mut state.slots[number];
            slot.containers.fill(HostState::Inactive);
            slot.drive = slot.drive.map(|_| DriveStatus::Inactive);
        }
        Step::Rebuilt(number) => state.slots[number].drive = Some(DriveStatus::Inactive),
        Step::Ages(number) => state.slots[number].down = Down::Long,
        Step::Launch(number) => state.slots[number].instance = Some(Ec2::new()),
        Step::Join(number) => {
            state.slots[number].join();
            instance(state, number, |ec2| ec2.old = true);
        }
        Step::GrowsOld(number) => instance(state, number, |ec2| ec2.old = true),
        Step::Noticed(number) => instance(state, number, |ec2| ec2.unhealthy = true),
        Step::Desire(desired) => state.desired = desired,
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
    forget(state);
}

/// What nobody can see any more.
fn forget(state: &mut State) {
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
        state.broken = state.broken.or(Some("check"));
        return;
    }
    let size = report.counts.healthy + report.counts.unhealthy + report.counts.deactivating;
    state.run = Run::Scaling(Scaling {
        tasks: plan.tasks.into_iter().map(silent).collect(),
        task: 0,
        call: 0,
        left: Vec::new(),
        floor: group.floor(),
        excess: size.saturating_sub(report.counts.desired),
    });
}

/// A task without what it says to Weka's event log: that changes nothing, and differs from run to run.
fn silent(mut task: scaling::plan::Task) -> scaling::plan::Task {
    task.calls.retain(|call| !matches!(call, Call::Event(_)));
    task
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Ok,
    Before,
    After,
}

fn go(state: &mut State, answer: Answer) {
    match state.run.clone() {
        Run::None => {}
        Run::Scaling(run) => scale(state, run, answer),
        Run::Terminating(run) => terminate(state, run, answer),
    }
}

fn scale(state: &mut State, mut run: Scaling, answer: Answer) {
    let Some(task) = run.tasks.get(run.task).cloned() else {
        return look(state, &run, answer);
    };
    let call = &task.calls[run.call];
    let done = answer != Answer::Before && weka(state, call, &run);
    if done && answer == Answer::Ok {
        run.call += 1;
    } else {
        // The first call that fails ends the task.
        run.task += 1;
        run.call = 0;
    }
    state.run = Run::Scaling(run);
    end_task(state);
}

/// A task of which all is done lets its instance go.
fn end_task(state: &mut State) {
    let Run::Scaling(run) = &mut state.run else { return };
    let Some(task) = run.tasks.get(run.task) else {
        return;
    };
    if run.call < task.calls.len() {
        return;
    }
    if task.then_terminate.is_some() {
        run.left.extend(
            (0_u32..)
                .zip(0..SLOTS)
                .find(|(n, _)| Some(address(*n)) == task.address)
                .map(|(_, n)| n),
        );
    }
    run.task += 1;
    run.call = 0;
}

/// The last look, and what *terminate* decides by it. One that fails ends the run.
fn look(state: &mut State, run: &Scaling, answer: Answer) {
    state.run = Run::None;
    if answer != Answer::Ok {
        return;
    }
    let next = super::terminate::decide(state, &run.left);
    if !next.detach.is_empty() || !next.terminate.is_empty() {
        state.run = Run::Terminating(next);
    }
}

/// Terminates one after the other, then detaches one after the other, of those that were to be terminated only whom that
/// succeeded with.
fn terminate(state: &mut State, mut run: Terminating, answer: Answer) {
    if let Some(number) = run.terminate.pop() {
        if answer != Answer::Before {
            if run.busy.contains(&number) {
                state.broken = state.broken.or(Some("I1"));
            }
            instance(state, number, |ec2| {
                ec2.protected = false;
                ec2.power = Power::Terminated;
            });
        }
        if answer != Answer::Ok {
            run.detach.retain(|other| *other != number);
        }
    } else if let Some(number) = run.detach.pop()
        && answer != Answer::Before
    {
        instance(state, number, |ec2| ec2.member = false);
    }
    let over = run.detach.is_empty() && run.terminate.is_empty();
    state.run = if over { Run::None } else { Run::Terminating(run) };
}
