use super::batches::{BatchResult, run_batches};
use crate::error::{Context, Error, Result};
use aws_sdk_ec2::types::AttributeBooleanValue;
use scaling::policy::MAX_TERMINATIONS_PER_RUN;
use scaling::terminate::{self, Plan, Step, StepResult};
use tokio::time::{Instant, timeout_at};
use weka_types::ids::InstanceId;

const MODIFY: &str = "ec2 ModifyInstanceAttribute";
const PROTECT: &str = "autoscaling SetInstanceProtection";
const TERMINATE: &str = "ec2 TerminateInstances";
const DETACH: &str = "autoscaling DetachInstances";
const SET_HEALTH: &str = "autoscaling SetInstanceHealth";

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

pub type ExecutionResult = scaling::terminate::ExecutionResult<Error>;
pub type FailedStep = scaling::terminate::FailedStep<Error>;

/// Executes a plan.
pub async fn execute(target: Target<'_>, plan: &Plan) -> ExecutionResult {
    terminate::execute(plan, |step, ids| target.run_step(step, ids)).await
}

/// Detaches instances from a group, one batch after the other. With `decrement`, the desired capacity decreases by the number of
/// instances; otherwise the group launches replacements. Returns the detached instances, and the failed steps for the others.
pub async fn detach(
    autoscaling: &aws_sdk_autoscaling::Client,
    group: &str,
    ids: &[String],
    decrement: bool,
) -> (Vec<InstanceId>, Vec<FailedStep>) {
    let result = run_batches(DETACH, batches(ids, DETACH_BATCH), 1, |ids| {
        detach_batch(autoscaling, group, ids, decrement)
    });
    let StepResult { done, failed } = step_result(result.await);
    let failed = failed.into_iter().map(|(instances, source)| FailedStep {
        step: Step::Detach,
        instances,
        source,
    });
    (done, failed.collect())
}

fn step_result(result: BatchResult) -> StepResult<Error> {
    let instance_ids = |ids: Vec<String>| ids.into_iter().map(InstanceId).collect();
    let failed = result.rejected.into_iter();
    StepResult {
        done: instance_ids(result.done),
        failed: failed.map(|(ids, error)| (instance_ids(ids), error)).collect(),
    }
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

impl Target<'_> {
    /// Sends the requests of a step.
    async fn run_step(self, step: Step, ids: Vec<InstanceId>) -> StepResult<Error> {
        let ids: Vec<String> = ids.into_iter().map(|id| id.0).collect();
        step_result(match step {
            Step::AllowTermination => {
                let one_by_one = ids.into_iter().map(|id| vec![id]).collect();
                run_batches(MODIFY, one_by_one, MODIFY_CONCURRENCY, |ids| {
                    self.allow_termination(ids)
                })
                .await
            }
            Step::AllowScaleIn => self.set_scale_in_protection(&ids, false).await,
            Step::Terminate => {
                let batches = batches(&ids, MAX_TERMINATIONS_PER_RUN);
                run_batches(TERMINATE, batches, BATCH_CONCURRENCY, |ids| self.terminate(ids)).await
            }
            Step::ProtectAgain => self.set_scale_in_protection(&ids, true).await,
            Step::Detach => run_batches(DETACH, batches(&ids, DETACH_BATCH), 1, |ids| self.detach(ids)).await,
            Step::MarkHealthy => {
                let one_by_one = batches(&ids, 1);
                run_batches(SET_HEALTH, one_by_one, BATCH_CONCURRENCY, |ids| {
                    self.mark_healthy(ids)
                })
                .await
            }
        })
    }

    async fn allow_termination(self, ids: Vec<String>) -> Result<Vec<String>> {
        for id in &ids {
            let off = || AttributeBooleanValue::builder().value(false).build();
            let request = || self.ec2.modify_instance_attribute().instance_id(id);
            // Stop protection, which the instance may have from its launch template, also prevents the termination. A request changes
            // one attribute.
            for request in [
                request().disable_api_stop(off()),
                request().disable_api_termination(off()),
            ] {
                let response = async { request.send().await.context(MODIFY) };
                self.in_time(MODIFY, response).await?;
            }
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

    async fn mark_healthy(self, ids: Vec<String>) -> Result<Vec<String>> {
        for id in &ids {
            let request = self.autoscaling.set_instance_health().instance_id(id);
            let request = request.health_status("Healthy").send();
            self.in_time(SET_HEALTH, async { request.await.context(SET_HEALTH) })
                .await?;
        }
        Ok(ids)
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
