use super::batches::{BatchResult, run_batches};
use crate::error::{Context, Error, Result};
use aws_sdk_ec2::types::AttributeBooleanValue;
use scaling::policy::MAX_TERMINATIONS_PER_RUN;
use scaling::terminate::{Plan, Termination};
use std::collections::HashSet;
use std::fmt;
use tokio::time::{Instant, timeout_at};
use weka_types::ids::InstanceId;

const MODIFY: &str = "ec2 ModifyInstanceAttribute";
const PROTECT: &str = "autoscaling SetInstanceProtection";
const TERMINATE: &str = "ec2 TerminateInstances";
const DETACH: &str = "autoscaling DetachInstances";

/// The maximum number of concurrent requests that disable termination protection. Each is for one instance.
const MODIFY_CONCURRENCY: usize = 20;
/// The maximum number of instances of one SetInstanceProtection request.
pub(crate) const PROTECTION_BATCH: usize = 50;
/// The maximum number of instances of one DetachInstances request.
const DETACH_BATCH: usize = 20;
/// The maximum number of concurrent requests for the parts of a batch.
const BATCH_CONCURRENCY: usize = 4;

/// Where and until when a plan is executed.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub autoscaling: &'a aws_sdk_autoscaling::Client,
    pub ec2: &'a aws_sdk_ec2::Client,
    /// The Auto Scaling group's name.
    pub group: &'a str,
    /// Deadline of the last response. A request without a response by then is left to the next run.
    pub last_response: Instant,
}

/// The result of an execution.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The instances that EC2 reported as terminating, in the plan's order.
    pub terminated: Vec<Termination>,
    /// The instances that were detached from the group.
    pub detached: Vec<InstanceId>,
    pub failed_steps: Vec<FailedStep>,
}

/// A step that failed for some instances. They are left to the next run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step} {}", list(.instances))]
pub struct FailedStep {
    pub step: Step,
    pub instances: Vec<InstanceId>,
    pub source: Error,
}

fn list(instances: &[InstanceId]) -> String {
    let ids: Vec<_> = instances.iter().map(InstanceId::as_str).collect();
    ids.join(" ")
}

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
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllowTermination => "disabling termination protection of",
            Self::AllowScaleIn => "disabling scale-in protection of",
            Self::Terminate => "terminating",
            Self::ProtectAgain => "restoring scale-in protection of",
            Self::Detach => "detaching",
        })
    }
}

/// Executes a plan. An instance for which a step fails is left out of the following steps.
///
/// Disable scale-in protection only after termination protection: in the other order, the group could remove an instance that
/// cannot be terminated. Restore scale-in protection of an instance that was not terminated: the next run would otherwise detach the
/// unprotected instance without terminating it.
pub async fn execute(target: Target<'_>, plan: &Plan) -> Outcome {
    let mut outcome = Outcome::default();
    let ids: Vec<String> = plan
        .terminate
        .iter()
        .map(|termination| termination.id.0.clone())
        .collect();

    let one_by_one = ids.into_iter().map(|id| vec![id]).collect();
    let result = run_batches(MODIFY, one_by_one, MODIFY_CONCURRENCY, |ids| {
        target.allow_termination(ids)
    })
    .await;
    let ids = outcome.record(Step::AllowTermination, result);

    let result = target.set_scale_in_protection(&ids, false).await;
    let unprotected = outcome.record(Step::AllowScaleIn, result);

    let terminate = batches(&unprotected, MAX_TERMINATIONS_PER_RUN);
    let result = run_batches(TERMINATE, terminate, BATCH_CONCURRENCY, |ids| {
        target.terminate(ids)
    })
    .await;
    let terminated: HashSet<String> = outcome.record(Step::Terminate, result).into_iter().collect();

    let not_terminated: Vec<String> = unprotected
        .into_iter()
        .filter(|id| !terminated.contains(id))
        .collect();
    let result = target.set_scale_in_protection(&not_terminated, true).await;
    outcome.record(Step::ProtectAgain, result);

    let (terminating, failed): (Vec<_>, Vec<_>) = plan
        .terminate
        .iter()
        .cloned()
        .partition(|termination| terminated.contains(&termination.id.0));
    outcome.terminated = terminating;
    let detach: Vec<String> = plan
        .detach
        .iter()
        .filter(|id| failed.iter().all(|termination| termination.id != **id))
        .map(|id| id.0.clone())
        .collect();
    let result = run_batches(DETACH, batches(&detach, DETACH_BATCH), 1, |ids| {
        target.detach(ids)
    })
    .await;
    let detached = outcome.record(Step::Detach, result);
    outcome.detached = detached.into_iter().map(InstanceId).collect();
    outcome
}

/// Detaches instances from a group, one batch after the other. With `decrement`, the desired capacity decreases by the number of
/// instances; otherwise the group launches replacements. Returns the detached instances, and the failed steps for the others.
pub async fn detach(
    autoscaling: &aws_sdk_autoscaling::Client,
    group: &str,
    ids: &[String],
    decrement: bool,
) -> (Vec<InstanceId>, Vec<FailedStep>) {
    let mut outcome = Outcome::default();
    let result = run_batches(DETACH, batches(ids, DETACH_BATCH), 1, |ids| {
        detach_batch(autoscaling, group, ids, decrement)
    });
    let detached = outcome.record(Step::Detach, result.await);
    (
        detached.into_iter().map(InstanceId).collect(),
        outcome.failed_steps,
    )
}

async fn detach_batch(
    autoscaling: &aws_sdk_autoscaling::Client,
    group: &str,
    ids: Vec<String>,
    decrement: bool,
) -> Result<Vec<String>> {
    let request = autoscaling
        .detach_instances()
        .auto_scaling_group_name(group)
        .set_instance_ids(Some(ids.clone()))
        .should_decrement_desired_capacity(decrement);
    request.send().await.context(DETACH)?;
    Ok(ids)
}

fn batches(ids: &[String], size: usize) -> Vec<Vec<String>> {
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

impl Outcome {
    /// Records the rejected instances and returns the others.
    fn record(&mut self, step: Step, result: BatchResult) -> Vec<String> {
        self.failed_steps
            .extend(result.rejected.into_iter().map(|(ids, source)| FailedStep {
                step,
                instances: ids.into_iter().map(InstanceId).collect(),
                source,
            }));
        result.done
    }
}

impl Target<'_> {
    async fn allow_termination(self, ids: Vec<String>) -> Result<Vec<String>> {
        for id in &ids {
            let off = AttributeBooleanValue::builder().value(false).build();
            let request = self.ec2.modify_instance_attribute().instance_id(id);
            let request = request.disable_api_termination(off).send();
            self.in_time(MODIFY, async { request.await.context(MODIFY) })
                .await?;
        }
        Ok(ids)
    }

    async fn set_scale_in_protection(self, ids: &[String], enabled: bool) -> BatchResult {
        run_batches(
            PROTECT,
            batches(ids, PROTECTION_BATCH),
            BATCH_CONCURRENCY,
            |ids: Vec<String>| async move {
                let request = self
                    .autoscaling
                    .set_instance_protection()
                    .auto_scaling_group_name(self.group)
                    .set_instance_ids(Some(ids.clone()))
                    .protected_from_scale_in(enabled)
                    .send();
                self.in_time(PROTECT, async { request.await.context(PROTECT) })
                    .await?;
                Ok(ids)
            },
        )
        .await
    }

    async fn terminate(self, ids: Vec<String>) -> Result<Vec<String>> {
        let request = self.ec2.terminate_instances().set_instance_ids(Some(ids)).send();
        let response = self
            .in_time(TERMINATE, async { request.await.context(TERMINATE) })
            .await?;
        let terminating = response.terminating_instances.unwrap_or_default().into_iter();
        Ok(terminating.filter_map(|instance| instance.instance_id).collect())
    }

    async fn detach(self, ids: Vec<String>) -> Result<Vec<String>> {
        let detached = detach_batch(self.autoscaling, self.group, ids, false);
        self.in_time(DETACH, detached).await
    }

    async fn in_time<T>(
        self,
        operation: &'static str,
        response: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let timeout = || Error::no_response(operation, "no response before the function's time limit");
        timeout_at(self.last_response, response)
            .await
            .unwrap_or_else(|_| Err(timeout()))
    }
}
