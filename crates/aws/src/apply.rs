//! Carries a plan out.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::graph;
use crate::resource::{self, From, Given, Target};
use deployment::plan::{Action, Plan, Step};
use deployment::{Outputs, ResourceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use tracing::Instrument;

/// What happened to a resource.
pub type Event = graph::Event<ResourceId, Error>;

/// Makes and changes what the plan says, everything that is independent side by side.
///
/// Each event is reported as it happens. Once `interrupt` is true no resource is begun any more. Gives what is known of the
/// resources after it: what the plan knew, and what AWS has given since.
pub async fn apply(
    cloud: &Cloud,
    plan: &Plan,
    interrupt: watch::Receiver<bool>,
    report: impl FnMut(Event),
) -> Outputs {
    let cloud = &cloud.limited();
    let outputs = Mutex::new(plan.outputs.clone());
    let steps: BTreeMap<ResourceId, &Step> = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Unchanged)
        .map(|step| (step.desired.id, step))
        .collect();
    let needs = steps
        .iter()
        .map(|(&id, _)| (id, needs_of(plan, id, &steps)))
        .collect();
    let work = |id: ResourceId| {
        let step = steps.get(&id).copied();
        let outputs = &outputs;
        let name = step.map_or("", |step| step.desired.name.as_str());
        let span = tracing::info_span!("step", kind = id.kind().label(), name);
        async move {
            let Some(step) = step else { return Ok(()) };
            let known = lock(outputs).clone();
            let given = carry_out(cloud, step, &known).await?;
            lock(outputs).add(id, given);
            Ok(())
        }
        .instrument(span)
    };
    graph::run(needs, interrupt, work, report).await;
    lock(&outputs).clone()
}

/// What a step waits for among the steps that are carried out: also by way of resources that stay unchanged.
fn needs_of(plan: &Plan, id: ResourceId, steps: &BTreeMap<ResourceId, &Step>) -> BTreeSet<ResourceId> {
    let direct = |id: ResourceId| {
        plan.steps
            .iter()
            .find(|step| step.desired.id == id)
            .into_iter()
            .flat_map(|step| &step.desired.needs)
            .copied()
    };
    let mut needs = BTreeSet::new();
    let mut open: Vec<_> = direct(id).collect();
    let mut seen = BTreeSet::new();
    while let Some(need) = open.pop() {
        if steps.contains_key(&need) {
            needs.insert(need);
        } else if seen.insert(need) {
            open.extend(direct(need));
        }
    }
    needs
}

async fn carry_out(cloud: &Cloud, step: &Step, outputs: &Outputs) -> Result<Given> {
    let mut body = step.desired.body.clone();
    body.resolve(outputs);
    let target = Target {
        id: step.desired.id,
        name: &step.desired.name,
        tags: step.desired.tags.as_ref(),
    };
    match (&step.action, &step.actual) {
        (Action::Update(changes), Some(standing)) => {
            resource::update(cloud, &target, &body, &From { standing, changes }).await
        }
        (Action::Unchanged, _) => Ok(Vec::new()),
        _ => resource::create(cloud, &target, &body).await,
    }
}

fn lock(outputs: &Mutex<Outputs>) -> std::sync::MutexGuard<'_, Outputs> {
    // A step that panicked has added nothing: what is known stays true.
    outputs.lock().unwrap_or_else(PoisonError::into_inner)
}
