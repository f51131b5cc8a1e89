//! Executes a plan of *terminate*: it determines the order of the steps and which instances take part in each of them. The
//! caller sends the requests of a step.

use super::plan::{Plan, Termination};
use std::collections::HashSet;
use std::fmt;
use weka_types::ids::InstanceId;

/// A step of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Disable EC2's termination protection.
    AllowTermination,
    /// Disable the group's scale-in protection.
    AllowScaleIn,
    Terminate,
    /// Enable the group's scale-in protection again for an instance that was not terminated.
    ProtectAgain,
    /// Detach from the group.
    Detach,
    /// Report to the group as healthy.
    MarkHealthy,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllowTermination => "disabling termination protection of",
            Self::AllowScaleIn => "disabling scale-in protection of",
            Self::Terminate => "terminating",
            Self::ProtectAgain => "restoring scale-in protection of",
            Self::Detach => "detaching",
            Self::MarkHealthy => "marking as healthy",
        })
    }
}

/// The result of a step for each of its instances.
#[derive(Debug)]
pub struct StepResult<E> {
    pub done: Vec<InstanceId>,
    /// The instances for which the step failed, with the error.
    pub failed: Vec<(Vec<InstanceId>, E)>,
}

/// A step that failed for some instances. They are left to the next run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step} {}", list(.instances))]
pub struct FailedStep<E: std::error::Error + 'static> {
    pub step: Step,
    pub instances: Vec<InstanceId>,
    pub source: E,
}

fn list(instances: &[InstanceId]) -> String {
    let ids: Vec<_> = instances.iter().map(InstanceId::as_str).collect();
    ids.join(" ")
}

/// What happened when a plan was executed.
#[derive(Debug)]
pub struct ExecutionResult<E: std::error::Error + 'static> {
    /// The instances that EC2 reported as terminating, in the plan's order.
    pub terminated: Vec<Termination>,
    /// The instances that were detached from the group.
    pub detached: Vec<InstanceId>,
    /// The instances that were reported to the group as healthy.
    pub marked_healthy: Vec<InstanceId>,
    pub failed_steps: Vec<FailedStep<E>>,
}

impl<E: std::error::Error + 'static> Default for ExecutionResult<E> {
    fn default() -> Self {
        Self {
            terminated: Vec::new(),
            detached: Vec::new(),
            marked_healthy: Vec::new(),
            failed_steps: Vec::new(),
        }
    }
}

impl<E: std::error::Error + 'static> ExecutionResult<E> {
    /// Records the failures of a step and returns the instances for which it succeeded.
    fn record(&mut self, step: Step, result: StepResult<E>) -> Vec<InstanceId> {
        self.failed_steps
            .extend(result.failed.into_iter().map(|(instances, source)| FailedStep {
                step,
                instances,
                source,
            }));
        result.done
    }
}

/// Executes a plan. `run_step` sends the requests of one step. An instance for which a step fails is left out of the
/// following steps.
///
/// Scale-in protection is disabled only after termination protection. Termination protection does not restrict the group: if EC2
/// refuses to disable it, only scale-in protection keeps the instance from being removed by a scale-in. Scale-in protection of an
/// instance that was not terminated is restored: the next run would otherwise detach the unprotected instance without terminating
/// it.
pub async fn execute<E, F>(plan: &Plan, run_step: impl Fn(Step, Vec<InstanceId>) -> F) -> ExecutionResult<E>
where
    E: std::error::Error + 'static,
    F: Future<Output = StepResult<E>>,
{
    let mut result = ExecutionResult::default();
    let ids = plan
        .terminate
        .iter()
        .map(|termination| termination.id.clone())
        .collect();
    let step_result = run_step(Step::AllowTermination, ids).await;
    let ids = result.record(Step::AllowTermination, step_result);

    let step_result = run_step(Step::AllowScaleIn, ids).await;
    let unprotected = result.record(Step::AllowScaleIn, step_result);

    let step_result = run_step(Step::Terminate, unprotected.clone()).await;
    let terminated: HashSet<InstanceId> = result.record(Step::Terminate, step_result).into_iter().collect();

    let not_terminated = unprotected
        .into_iter()
        .filter(|id| !terminated.contains(id))
        .collect();
    let step_result = run_step(Step::ProtectAgain, not_terminated).await;
    result.record(Step::ProtectAgain, step_result);

    let (terminating, failed): (Vec<_>, Vec<_>) = plan
        .terminate
        .iter()
        .cloned()
        .partition(|termination| terminated.contains(&termination.id));
    result.terminated = terminating;
    let detach = plan
        .detach
        .iter()
        .filter(|id| failed.iter().all(|termination| termination.id != **id))
        .cloned()
        .collect();
    let step_result = run_step(Step::Detach, detach).await;
    result.detached = result.record(Step::Detach, step_result);

    let step_result = run_step(Step::MarkHealthy, plan.mark_healthy.clone()).await;
    result.marked_healthy = result.record(Step::MarkHealthy, step_result);
    result
}
