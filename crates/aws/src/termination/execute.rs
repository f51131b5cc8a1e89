use super::batches::{BatchResult, run_batches};
use crate::error::{Context, Error, Result};
use aws_sdk_ec2::types::AttributeBooleanValue;
use scaling::termination::{AT_ONCE, Plan, Termination};
use std::collections::HashSet;
use std::fmt;
use tokio::time::{Instant, timeout_at};
use weka_types::ids::InstanceId;

/// How many instances' termination protection is switched off side by side; they are a request each.
const UNPROTECTED_AT_ONCE: usize = 20;
/// How many instances SetInstanceProtection takes.
pub(crate) const PROTECTION_BATCH: usize = 50;
/// How many instances DetachInstances takes.
const DETACHED: usize = 20;
/// How many requests about parts of a batch are under way at once.
const PARTS_AT_ONCE: usize = 4;

/// Whom a plan is carried out by.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// EC2 Auto Scaling.
    pub autoscaling: &'a aws_sdk_autoscaling::Client,
    /// EC2.
    pub ec2: &'a aws_sdk_ec2::Client,
    /// The group's name.
    pub group: &'a str,
    /// When the last answer must be there: what has not been answered then is left for the next run.
    pub last_answer: Instant,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The instances that EC2 said it terminates, in the plan's order.
    pub terminated: Vec<Termination>,
    /// The instances that the group let go of.
    pub detached: Vec<InstanceId>,
    /// What was not done.
    pub undone: Vec<FailedStep>,
}

/// A step that failed, and for whom: they are left for the next run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step} {}", list(.instances))]
pub struct FailedStep {
    /// Which step.
    pub step: Step,
    /// Which instances.
    pub instances: Vec<InstanceId>,
    /// Why.
    pub source: Error,
}

fn list(instances: &[InstanceId]) -> String {
    let ids: Vec<_> = instances.iter().map(InstanceId::as_str).collect();
    ids.join(" ")
}

/// A step of carrying out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Switching off EC2's termination protection.
    AllowTermination,
    /// Switching off the group's scale-in protection.
    AllowScaleIn,
    /// Terminating.
    Terminate,
    /// Switching the group's scale-in protection on again, of an instance that could not be terminated.
    ProtectAgain,
    /// Detaching from the group.
    Detach,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllowTermination => "switching off termination protection of",
            Self::AllowScaleIn => "switching off scale-in protection of",
            Self::Terminate => "terminating",
            Self::ProtectAgain => "switching on scale-in protection again of",
            Self::Detach => "detaching",
        })
    }
}

/// Carries out a plan. An instance for which a step fails takes no part in those that follow.
///
/// Scale-in protection goes only from whom termination protection has gone: the other way round the group could remove an
/// instance that it may not terminate. It comes back to whom is not terminated after all: else the next run would see an
/// unprotected instance, and let it go without terminating it.
pub async fn execute(to: Target<'_>, plan: &Plan) -> Outcome {
    let mut outcome = Outcome::default();
    let ids: Vec<String> = plan
        .terminate
        .iter()
        .map(|termination| termination.id.0.clone())
        .collect();

    let one_by_one = ids.into_iter().map(|id| vec![id]).collect();
    let sorted = run_batches(one_by_one, UNPROTECTED_AT_ONCE, |ids| to.allow_termination(ids)).await;
    let ids = outcome.note(Step::AllowTermination, sorted);

    let sorted = to.protection_from_scale_in(&ids, false).await;
    let unprotected = outcome.note(Step::AllowScaleIn, sorted);

    let whole = batches(&unprotected, AT_ONCE);
    let sorted = run_batches(whole, PARTS_AT_ONCE, |ids| to.terminate(ids)).await;
    let terminated: HashSet<String> = outcome.note(Step::Terminate, sorted).into_iter().collect();

    let left: Vec<String> = unprotected
        .into_iter()
        .filter(|id| !terminated.contains(id))
        .collect();
    let sorted = to.protection_from_scale_in(&left, true).await;
    outcome.note(Step::ProtectAgain, sorted);

    let (done, failed): (Vec<_>, Vec<_>) = plan
        .terminate
        .iter()
        .cloned()
        .partition(|termination| terminated.contains(&termination.id.0));
    outcome.terminated = done;
    let detach: Vec<String> = plan
        .detach
        .iter()
        .filter(|id| failed.iter().all(|termination| termination.id != **id))
        .map(|id| id.0.clone())
        .collect();
    let sorted = run_batches(batches(&detach, DETACHED), 1, |ids| to.detach(ids)).await;
    let detached = outcome.note(Step::Detach, sorted);
    outcome.detached = detached.into_iter().map(InstanceId).collect();
    outcome
}

const DETACH: &str = "autoscaling DetachInstances";

/// Detaches instances from a group, as many a call as AWS takes, one call after the other; with `lower`, the desired capacity
/// goes down by as many, else the group launches others. Gives those it was done with, and the others with the reason.
pub async fn detach(
    autoscaling: &aws_sdk_autoscaling::Client,
    group: &str,
    ids: &[String],
    lower: bool,
) -> (Vec<InstanceId>, Vec<FailedStep>) {
    let mut outcome = Outcome::default();
    let sorted = run_batches(batches(ids, DETACHED), 1, |ids| {
        detach_batch(autoscaling, group, ids, lower)
    });
    let detached = outcome.note(Step::Detach, sorted.await);
    (detached.into_iter().map(InstanceId).collect(), outcome.undone)
}

async fn detach_batch(
    autoscaling: &aws_sdk_autoscaling::Client,
    group: &str,
    ids: Vec<String>,
    lower: bool,
) -> Result<Vec<String>> {
    let ask = autoscaling
        .detach_instances()
        .auto_scaling_group_name(group)
        .set_instance_ids(Some(ids.clone()))
        .should_decrement_desired_capacity(lower);
    ask.send().await.context(DETACH)?;
    Ok(ids)
}

fn batches(ids: &[String], size: usize) -> Vec<Vec<String>> {
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

impl Outcome {
    /// Notes who was refused, and gives who was not.
    fn note(&mut self, step: Step, sorted: BatchResult) -> Vec<String> {
        self.undone
            .extend(sorted.refused.into_iter().map(|(ids, source)| FailedStep {
                step,
                instances: ids.into_iter().map(InstanceId).collect(),
                source,
            }));
        sorted.done
    }
}

impl Target<'_> {
    async fn allow_termination(self, ids: Vec<String>) -> Result<Vec<String>> {
        const ASK: &str = "ec2 ModifyInstanceAttribute";
        for id in &ids {
            let off = AttributeBooleanValue::builder().value(false).build();
            let ask = self.ec2.modify_instance_attribute().instance_id(id);
            let ask = ask.disable_api_termination(off).send();
            self.in_time(ASK, async { ask.await.context(ASK) }).await?;
        }
        Ok(ids)
    }

    async fn protection_from_scale_in(self, ids: &[String], on: bool) -> BatchResult {
        const ASK: &str = "autoscaling SetInstanceProtection";
        run_batches(
            batches(ids, PROTECTION_BATCH),
            PARTS_AT_ONCE,
            |ids: Vec<String>| async move {
                let ask = self
                    .autoscaling
                    .set_instance_protection()
                    .auto_scaling_group_name(self.group)
                    .set_instance_ids(Some(ids.clone()))
                    .protected_from_scale_in(on)
                    .send();
                self.in_time(ASK, async { ask.await.context(ASK) }).await?;
                Ok(ids)
            },
        )
        .await
    }

    async fn terminate(self, ids: Vec<String>) -> Result<Vec<String>> {
        const ASK: &str = "ec2 TerminateInstances";
        let ask = self.ec2.terminate_instances().set_instance_ids(Some(ids)).send();
        let answer = self.in_time(ASK, async { ask.await.context(ASK) }).await?;
        let terminating = answer.terminating_instances.unwrap_or_default().into_iter();
        Ok(terminating.filter_map(|instance| instance.instance_id).collect())
    }

    async fn detach(self, ids: Vec<String>) -> Result<Vec<String>> {
        let detached = detach_batch(self.autoscaling, self.group, ids, false);
        self.in_time(DETACH, detached).await
    }

    async fn in_time<T>(self, ask: &'static str, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let late = || Error::no_response(ask, "there was no answer while the function had time");
        timeout_at(self.last_answer, answer)
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}
