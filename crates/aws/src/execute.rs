//! Executes a plan: creates, updates and deletes resources.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::error_codes::is_retryable_delete;
use crate::graph;
use crate::resource::{self, DeferredCleanup};
use crate::retry;
use backon::Retryable;
use deployment::Outputs;
use deployment::plan::{Action, Desired, Plan, Step, StepId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tracing::Instrument;

/// What happened to a step.
pub type Event = graph::Event<StepId, Error>;

/// What is known after the execution of a plan.
#[derive(Debug, Clone, Default)]
pub struct Executed {
    /// The outputs of all resources that exist.
    pub outputs: Outputs,
    /// What AWS finishes later, one line each.
    pub deferred: Vec<DeferredCleanup>,
}

/// Executes the steps that change something; independent steps run concurrently.
///
/// `report` gets each event as it happens. `waiting` gets the error each time that a deletion waits for AWS. Once `interrupt` is
/// true, no step is started.
pub async fn execute(
    cloud: &Cloud,
    plan: &Plan,
    interrupt: watch::Receiver<bool>,
    report: impl FnMut(Event),
    waiting: impl Fn(StepId, &Error),
) -> Executed {
    let cloud = &cloud.limited();
    let executed = Mutex::new(Executed {
        outputs: plan.outputs.clone(),
        deferred: Vec::new(),
    });
    let changes = |step: &&Step| !matches!(step.action, Action::Unchanged(_));
    let steps: BTreeMap<StepId, &Step> = plan
        .steps
        .iter()
        .filter(changes)
        .map(|step| (step.id, step))
        .collect();
    let depends_on = steps
        .keys()
        .map(|&id| (id, dependencies(plan, id, &steps)))
        .collect();
    let work = |id: StepId| {
        let (step, executed, waiting) = (steps.get(&id).copied(), &executed, &waiting);
        let name = step.map_or("", |step| step.name.as_str());
        let span = tracing::info_span!("step", kind = id.resource().kind().label(), name);
        async move {
            match step {
                Some(step) => execute_step(cloud, step, executed, waiting).await,
                None => Ok(()),
            }
        }
        .instrument(span)
    };
    graph::run(depends_on, interrupt, work, report).await;
    executed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The executed steps that a step waits for, directly or through unchanged resources.
fn dependencies(plan: &Plan, id: StepId, steps: &BTreeMap<StepId, &Step>) -> BTreeSet<StepId> {
    let direct = |id: StepId| {
        let step = plan.steps.iter().find(|step| step.id == id);
        step.into_iter().flat_map(|step| &step.depends_on).copied()
    };
    let mut dependencies = BTreeSet::new();
    let mut open: Vec<_> = direct(id).collect();
    let mut seen = BTreeSet::new();
    while let Some(dependency) = open.pop() {
        if steps.contains_key(&dependency) {
            dependencies.insert(dependency);
        } else if seen.insert(dependency) {
            open.extend(direct(dependency));
        }
    }
    dependencies
}

async fn execute_step(
    cloud: &Cloud,
    step: &Step,
    executed: &Mutex<Executed>,
    waiting: &impl Fn(StepId, &Error),
) -> Result<()> {
    let id = step.id.resource();
    let resolved = |desired: &Desired| {
        let mut body = desired.body.clone();
        body.resolve(&lock(executed).outputs);
        body
    };
    match &step.action {
        Action::Create(desired) => {
            let outputs = resource::create(cloud, desired, &resolved(desired)).await?;
            lock(executed).outputs.add(id, outputs);
        }
        Action::Update { desired, actual, .. } => {
            let outputs = resource::update(cloud, desired, &resolved(desired), actual).await?;
            lock(executed).outputs.add(id, outputs);
        }
        Action::Unchanged(_) => {}
        Action::Teardown(teardown) => {
            // Deleting is idempotent: it is retried as a whole until AWS accepts it.
            let delete = || async { resource::delete(cloud, id, teardown).await };
            let accepted = || async {
                delete
                    .retry(retry::removal())
                    .when(is_retryable_delete)
                    .notify(|error, _| waiting(step.id, error))
                    .await
            };
            let deferred = accepted
                .retry(retry::polling(cloud.wait_for_interfaces))
                .when(|error| matches!(error, Error::Postponed { .. }))
                .notify(|error, _| waiting(step.id, error))
                .await?;
            lock(executed).deferred.extend(deferred);
        }
    }
    Ok(())
}

fn lock(executed: &Mutex<Executed>) -> MutexGuard<'_, Executed> {
    // A step that panicked has added nothing: the rest is still valid.
    executed.lock().unwrap_or_else(PoisonError::into_inner)
}
