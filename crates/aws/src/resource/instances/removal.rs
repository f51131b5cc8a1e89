//! What becomes of the instances of a cluster that goes: terminated, or let go.
//!
//! Whose they are is judged again when it is done: since the plan was shown, the group may have launched some, and a user may
//! have taken a tag away to keep one.

use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::{ignore_not_found, is_not_found, is_not_ready, is_throttled, is_validation_error};
use crate::inventory::Inventory;
use crate::retry;
use crate::termination;
use crate::termination::batches::{BatchResult, run_batches};
use aws_sdk_ec2::types::{AttributeBooleanValue, Tag};
use aws_sdk_elasticloadbalancing::types::Instance as Registered;
use backon::Retryable;
use deployment::removal::{Instance, InstanceDisposition, Instances, Step, instances};
use deployment::{HostGroup, tags};
use futures::stream::{self, StreamExt};
use scaling::policy::MAX_TERMINATIONS_PER_RUN;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How many instances' termination protection is switched off side by side; they are a request each.
const UNPROTECTED_AT_ONCE: usize = 16;
/// How many batches are under way at once.
const PARTS_AT_ONCE: usize = 4;
/// How many resources DeleteTags takes.
const UNTAGGED_AT_ONCE: usize = 1000;
/// How many errors are told of instances that were refused: they are alike.
const TOLD: usize = 3;
const TERMINATE: &str = "ec2 TerminateInstances";

/// Terminates the host group's instances, whatever protects them: batches of them side by side, so that the first are on their
/// way out while the last are still protected.
pub(super) async fn terminate(cloud: &Cloud, step: &Step) -> Result<()> {
    let group = group_of(step)?;
    let now = now(&look(cloud)).await?;
    let ids: Vec<String> = now.of(group).map(|instance| instance.id.clone()).collect();
    let batches: Vec<Vec<String>> = ids
        .chunks(MAX_TERMINATIONS_PER_RUN)
        .map(<[String]>::to_vec)
        .collect();
    let each = batches.into_iter().map(|ids| async move {
        let unprotected = unprotect(cloud, ids).await;
        let terminated = run_batches(TERMINATE, vec![unprotected.done], 1, |ids| {
            terminate_batch(cloud, ids)
        })
        .await;
        unprotected.rejected.into_iter().chain(terminated.rejected)
    });
    let done: Vec<_> = stream::iter(each).buffered(PARTS_AT_ONCE).collect().await;
    refused(done.into_iter().flatten())
}

async fn terminate_batch(cloud: &Cloud, ids: Vec<String>) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let ask = || async {
        let ask = cloud
            .clients
            .ec2
            .terminate_instances()
            .set_instance_ids(Some(ids.clone()));
        ask.send().await.context(TERMINATE)
    };
    let answer = ask.retry(retry::removal()).when(is_throttled).await?;
    let terminating = answer.terminating_instances.unwrap_or_default().into_iter();
    Ok(terminating.filter_map(|instance| instance.instance_id).collect())
}

/// Lets the host group's instances run on as if they had never been imported: without termination protection, without
/// wekactl's tags on them, their volumes and their network interfaces. The tags go last, because by them they are found.
pub(super) async fn release(cloud: &Cloud, step: &Step) -> Result<()> {
    let group = group_of(step)?;
    let now = now(&look(cloud)).await?;
    let all: Vec<&Instance> = now.of(group).collect();
    let unprotected = unprotect(cloud, all.iter().map(|instance| instance.id.clone()).collect()).await;
    let free: BTreeSet<&String> = unprotected.done.iter().collect();
    let free: Vec<_> = all
        .iter()
        .filter(|instance| free.contains(&instance.id))
        .collect();
    let keys: BTreeSet<&str> = free
        .iter()
        .flat_map(|instance| instance.tags.iter())
        .filter_map(|(key, _)| key.starts_with(tags::PREFIX).then_some(key))
        .collect();
    let tags: Vec<_> = keys
        .into_iter()
        .map(|key| Tag::builder().key(key).build())
        .collect();
    let resources = free
        .iter()
        .flat_map(|instance| instance.attached.iter().chain([&instance.id]));
    let resources: Vec<String> = resources.cloned().collect();
    // Without a tag to take away, EC2 would take them all, the user's too.
    if !tags.is_empty() {
        for batch in resources.chunks(UNTAGGED_AT_ONCE) {
            let ask = || async {
                let ask = cloud
                    .clients
                    .ec2
                    .delete_tags()
                    .set_resources(Some(batch.to_vec()));
                ask.set_tags(Some(tags.clone()))
                    .send()
                    .await
                    .context("ec2 DeleteTags")
            };
            ask.retry(retry::removal()).when(is_throttled).await?;
        }
    }
    refused(unprotected.rejected.into_iter())
}

/// Takes out of the group who is to run on, and waits until they are out.
///
/// The stack's own load balancer had its backends before there was a group: AWS takes from it who leaves the group, so they
/// are put back.
pub(super) async fn detach(cloud: &Cloud, step: &Step) -> Result<()> {
    const ASK: &str = "autoscaling DetachInstances";
    let group = group_of(step)?;
    let name = cloud.names.of(group);
    let left = Mutex::new((BTreeSet::new(), BTreeSet::new()));
    let ask = || async {
        let look = look(cloud);
        let leaving = now(&look).await?.leaving(group, step.fate);
        let balancers = look
            .groups()
            .await?
            .iter()
            .filter(|one| one.auto_scaling_group_name() == Some(&name));
        {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left.0.extend(leaving.iter().cloned());
            left.1
                .extend(balancers.flat_map(|one| one.load_balancer_names().to_vec()));
        }
        if leaving.is_empty() {
            return Ok(());
        }
        let leaving: Vec<_> = leaving.into_iter().collect();
        // The desired capacity stays: nothing is launched in the group any more, and it may be lower than its members are.
        let autoscaling = &cloud.clients.autoscaling;
        let (_, undone) = termination::detach(autoscaling, &name, &leaving, false).await;
        // One that is not in service yet, or is on its way out already, is waited for.
        let is_state = |error: &Error| is_validation_error(error) || is_throttled(error);
        if let Some(undone) = undone.into_iter().find(|undone| !is_state(&undone.source)) {
            return Err(undone.source);
        }
        let waits = format!("group {name} still has {}", list(&leaving));
        Err(Error::not_ready(ASK, waits))
    };
    ask.retry(retry::removal()).when(is_not_ready).await?;
    let (ids, balancers) = left.into_inner().unwrap_or_else(PoisonError::into_inner);
    if step.fate == InstanceDisposition::Keep && !ids.is_empty() {
        for balancer in balancers {
            let instances = ids.iter().map(|id| Registered::builder().instance_id(id).build());
            let ask = cloud.clients.elb.register_instances_with_load_balancer();
            let ask = ask
                .load_balancer_name(balancer)
                .set_instances(Some(instances.collect()));
            let answer = ask.send().await;
            let answer = answer.context("elasticloadbalancing RegisterInstancesWithLoadBalancer");
            ignore_not_found(answer)?;
        }
    }
    Ok(())
}

fn look(cloud: &Cloud) -> Inventory<'_> {
    Inventory::new(&cloud.clients, &cloud.names, &cloud.account.region)
}

async fn now(inventory: &Inventory<'_>) -> Result<Instances> {
    Ok(instances(inventory.names, &inventory.instances_now().await?))
}

fn group_of(step: &Step) -> Result<HostGroup> {
    let group = step.id.resource().group();
    group.ok_or_else(|| Error::bug("ec2 DescribeInstances", "not of a host group"))
}

async fn unprotect(cloud: &Cloud, ids: Vec<String>) -> BatchResult {
    const ASK: &str = "ec2 ModifyInstanceAttribute";
    let one_by_one = ids.into_iter().map(|id| vec![id]).collect();
    run_batches(
        ASK,
        one_by_one,
        UNPROTECTED_AT_ONCE,
        |ids: Vec<String>| async move {
            for id in &ids {
                let ask = || async {
                    let off = AttributeBooleanValue::builder().value(false).build();
                    let ask = cloud.clients.ec2.modify_instance_attribute().instance_id(id);
                    ask.disable_api_termination(off).send().await.context(ASK)
                };
                ask.retry(retry::removal()).when(is_throttled).await?;
            }
            Ok(ids)
        },
    )
    .await
}

/// An error, if there is one that is not about an instance that is gone.
fn refused(refused: impl Iterator<Item = (Vec<String>, Error)>) -> Result<()> {
    let mut refused = refused.filter(|(_, error)| !is_not_found(error));
    match refused.next() {
        Some((ids, error)) => {
            let others: usize = refused.map(|(ids, _)| ids.len()).sum();
            let more = if others > 0 {
                format!(" and {others} more")
            } else {
                String::new()
            };
            Err(error.with_subject(&format!("{}{more}", list(&ids))))
        }
        None => Ok(()),
    }
}

/// Some of the ids, and how many there are beside them.
fn list(ids: &[String]) -> String {
    let told = ids
        .iter()
        .take(TOLD)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match ids.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}
