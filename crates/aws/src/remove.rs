//! Carries a removal out.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::error_codes::is_retryable_delete;
use crate::graph;
use crate::inventory::Inventory;
use crate::resource;
use crate::retry;
use backon::Retryable;
use deployment::removal::{InstanceDisposition, Removal, Step, StepId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use tracing::Instrument;

/// What happened to a step.
pub type Event = graph::Event<StepId, Error>;

/// Removes what the removal says, everything that is independent side by side. Gives what is left to AWS, a line each.
///
/// Each event is reported as it happens, and each time that a step waits for AWS `waiting` is told for what. Once
/// `interrupt` is true no step is begun any more.
pub async fn remove(
    cloud: &Cloud,
    removal: &Removal,
    interrupt: watch::Receiver<bool>,
    report: impl FnMut(Event),
    waiting: impl Fn(StepId, &Error),
) -> Vec<String> {
    let cloud = &cloud.limited();
    let left = Mutex::new(Vec::new());
    let steps: BTreeMap<StepId, &Step> = removal.steps.iter().map(|step| (step.id, step)).collect();
    let needs = removal.steps.iter().map(|step| (step.id, step.needs.clone()));
    let work = |id: StepId| {
        let (step, left, waiting) = (steps.get(&id).copied(), &left, &waiting);
        let name = step.map_or("", |step| step.name.as_str());
        let span = tracing::info_span!("step", kind = id.resource().kind().label(), name);
        async move {
            let Some(step) = step else { return Ok(()) };
            let line = carry_out(cloud, step, waiting).await?;
            left.lock().unwrap_or_else(PoisonError::into_inner).extend(line);
            Ok(())
        }
        .instrument(span)
    };
    graph::run(needs.collect(), interrupt, work, report).await;
    left.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A step is the same done twice as once: whatever AWS will take later only, it is begun anew.
async fn carry_out(cloud: &Cloud, step: &Step, waiting: &impl Fn(StepId, &Error)) -> Result<Option<String>> {
    let delete = || async { resource::delete(cloud, step).await };
    delete
        .retry(retry::removal())
        .when(is_retryable_delete)
        .notify(|error, _| waiting(step.id, error))
        .await
}

/// Looks again at what is left; with `patient` until nothing is, or for some seconds: what AWS's lists show is a little old.
///
/// # Errors
/// A request failed.
pub async fn look_again(cloud: &Cloud, fate: InstanceDisposition, patient: bool) -> Result<Removal> {
    let look = || async {
        let inventory =
            Inventory::new(&cloud.clients, &cloud.names, &cloud.account.region).with_account(&cloud.account);
        let seen = inventory.remains().await.map_err(Rest::Unknown)?;
        let rest = Removal::new(&cloud.names, &cloud.account.region, &seen, fate);
        if rest.is_empty() {
            Ok(rest)
        } else {
            Err(Rest::Stands(Box::new(rest)))
        }
    };
    let looked = if patient {
        look.retry(retry::seconds())
            .when(|rest| matches!(rest, Rest::Stands(_)))
            .await
    } else {
        look().await
    };
    match looked {
        Ok(rest) => Ok(rest),
        Err(Rest::Stands(rest)) => Ok(*rest),
        Err(Rest::Unknown(error)) => Err(error),
    }
}

/// Why it is not over.
enum Rest {
    /// This is left.
    Stands(Box<Removal>),
    /// It could not be seen.
    Unknown(Error),
}
