//! The instances of a cluster that is destroyed: they are terminated, or kept.
//!
//! Ownership is checked again when a step runs: since the plan was shown, the group may have launched instances, and a user may
//! have removed a tag to keep one.

use crate::cloud::Cloud;
use crate::error::{Context, Error, Result};
use crate::error_codes::{ignore_not_found, is_not_found, is_not_ready, is_throttled, is_validation_error};
use crate::inventory::Inventory;
use crate::resource::Find;
use crate::retry;
use crate::termination;
use crate::termination::batches::{BatchResult, run_batches};
use aws_sdk_ec2::types::{AttributeBooleanValue, Tag};
use aws_sdk_elasticloadbalancing::types::Instance as Registered;
use backon::Retryable;
use deployment::found::{Instance, TeardownInventory};
use deployment::ownership::{InstanceDisposition, Instances, instances};
use deployment::resource::AutoScalingGroup;
use deployment::{HostGroup, ResourceId, tags};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt};
use scaling::policy::MAX_TERMINATIONS_PER_RUN;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

const TERMINATE: &str = "ec2 TerminateInstances";

/// At most this many instances lose their termination protection concurrently, with one request each.
const MAX_CONCURRENT_UNPROTECTIONS: usize = 16;
/// At most this many batches are in progress concurrently.
const MAX_CONCURRENT_BATCHES: usize = 4;
/// Limit of DeleteTags.
const MAX_UNTAGGED: usize = 1000;
/// At most this many instances are listed in an error.
const MAX_LISTED: usize = 3;

/// Terminates the instances of a host group and removes all protection first. Batches run concurrently, so that the first
/// instances terminate while the last are still protected.
pub(super) async fn terminate(cloud: &Cloud, group: HostGroup) -> Result<()> {
    let owned = owned_instances(&inventory(cloud)).await?;
    let ids: Vec<String> = owned.of(group).map(|instance| instance.id.clone()).collect();
    let batches: Vec<Vec<String>> = ids
        .chunks(MAX_TERMINATIONS_PER_RUN)
        .map(<[String]>::to_vec)
        .collect();
    let each = batches.into_iter().map(|ids| async move {
        let unprotected = unprotect(cloud, ids, InstanceDisposition::Terminate).await;
        let terminated = run_batches(TERMINATE, vec![unprotected.done], 1, |ids| {
            terminate_batch(cloud, ids)
        })
        .await;
        unprotected.rejected.into_iter().chain(terminated.rejected)
    });
    let done: Vec<_> = stream::iter(each)
        .buffered(MAX_CONCURRENT_BATCHES)
        .collect()
        .await;
    check_rejected(done.into_iter().flatten())
}

async fn terminate_batch(cloud: &Cloud, ids: Vec<String>) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let terminate = || async {
        let request = cloud.clients.ec2.terminate_instances();
        let response = request.set_instance_ids(Some(ids.clone())).send().await;
        response.context(TERMINATE)
    };
    let response = terminate.retry(retry::removal()).when(is_throttled).await?;
    let terminating = response.terminating_instances.unwrap_or_default().into_iter();
    Ok(terminating.filter_map(|instance| instance.instance_id).collect())
}

/// Restores the instances of a host group to their state before import: without termination protection, and without wekactl's
/// tags on them, their volumes and their network interfaces. The tags are removed last, because they identify the instances.
pub(super) async fn untag(cloud: &Cloud, group: HostGroup) -> Result<()> {
    let owned = owned_instances(&inventory(cloud)).await?;
    let all: Vec<&Instance> = owned.of(group).collect();
    let ids = all.iter().map(|instance| instance.id.clone()).collect();
    let unprotected = unprotect(cloud, ids, InstanceDisposition::Keep).await;
    let ids: BTreeSet<&String> = unprotected.done.iter().collect();
    let instances: Vec<_> = all.iter().filter(|instance| ids.contains(&instance.id)).collect();
    let keys: BTreeSet<&str> = instances
        .iter()
        .flat_map(|instance| instance.tags.iter())
        .filter_map(|(key, _)| key.starts_with(tags::PREFIX).then_some(key))
        .collect();
    let tags: Vec<_> = keys
        .into_iter()
        .map(|key| Tag::builder().key(key).build())
        .collect();
    let resources = instances
        .iter()
        .flat_map(|instance| instance.attached.iter().chain([&instance.id]));
    let resources: Vec<String> = resources.cloned().collect();
    // Hazard: without a list of tags, EC2 deletes all tags, also the user's.
    if !tags.is_empty() {
        for batch in resources.chunks(MAX_UNTAGGED) {
            let untag = || async {
                let request = cloud
                    .clients
                    .ec2
                    .delete_tags()
                    .set_resources(Some(batch.to_vec()));
                let response = request.set_tags(Some(tags.clone())).send().await;
                response.context("ec2 DeleteTags")
            };
            untag.retry(retry::removal()).when(is_throttled).await?;
        }
    }
    check_rejected(unprotected.rejected.into_iter())
}

/// Detaches the instances that keep running, and waits until they have left the group.
///
/// AWS deregisters detached instances from the stack's own load balancer, which had its backends before there was a group: they
/// are registered again.
pub(super) async fn detach(cloud: &Cloud, group: HostGroup, disposition: InstanceDisposition) -> Result<()> {
    const OPERATION: &str = "autoscaling DetachInstances";
    let name = cloud.names.of(group);
    let detached = Mutex::new((BTreeSet::new(), BTreeSet::new()));
    let detach = || async {
        let inventory = inventory(cloud);
        let to_detach = owned_instances(&inventory).await?.to_detach(group, disposition);
        let groups = inventory.groups().await?.iter();
        let groups = groups.filter(|group| group.auto_scaling_group_name() == Some(&name));
        {
            let mut detached = detached.lock().unwrap_or_else(PoisonError::into_inner);
            detached.0.extend(to_detach.iter().cloned());
            let load_balancers = groups.flat_map(|group| group.load_balancer_names().to_vec());
            detached.1.extend(load_balancers);
        }
        if to_detach.is_empty() {
            return Ok(());
        }
        let to_detach: Vec<_> = to_detach.into_iter().collect();
        // The desired capacity is unchanged: the group is disabled, and the capacity may be lower than the number of members.
        let (_, failed) = termination::detach(&cloud.clients.autoscaling, &name, &to_detach, false).await;
        // Wait for an instance that is not in service yet, or is being detached.
        let is_state = |error: &Error| is_validation_error(error) || is_throttled(error);
        if let Some(failed) = failed.into_iter().find(|failed| !is_state(&failed.source)) {
            return Err(failed.source);
        }
        let waits = format!("group {name} still has {}", list(&to_detach));
        Err(Error::not_ready(OPERATION, waits))
    };
    detach.retry(retry::detaching()).when(is_not_ready).await?;
    let (ids, load_balancers) = detached.into_inner().unwrap_or_else(PoisonError::into_inner);
    if disposition == InstanceDisposition::Keep && !ids.is_empty() {
        for load_balancer in load_balancers {
            let instances = ids.iter().map(|id| Registered::builder().instance_id(id).build());
            let request = cloud.clients.elb.register_instances_with_load_balancer();
            let request = request.load_balancer_name(load_balancer);
            let response = request.set_instances(Some(instances.collect())).send().await;
            let response = response.context("elasticloadbalancing RegisterInstancesWithLoadBalancer");
            ignore_not_found(response)?;
        }
    }
    Ok(())
}

/// A new inventory: nothing is cached from the time of the plan.
fn inventory(cloud: &Cloud) -> Inventory<'_> {
    Inventory::new(&cloud.clients, &cloud.names, &cloud.account.region)
}

async fn owned_instances(inventory: &Inventory<'_>) -> Result<Instances> {
    let groups = HostGroup::ALL.map(|group| async move {
        let found = AutoScalingGroup::find(inventory, group).await?;
        Ok::<_, Error>((ResourceId::AutoScalingGroup(group), found))
    });
    let (found, running) = tokio::try_join!(try_join_all(groups), inventory.instances())?;
    let inventory_now = TeardownInventory {
        found: found.into_iter().collect(),
        instances: running,
        unreadable: None,
    };
    Ok(instances(inventory.names, &inventory_now))
}

/// Removes the termination protection. Stop protection also prevents a termination, but an instance that is kept keeps it.
async fn unprotect(cloud: &Cloud, ids: Vec<String>, disposition: InstanceDisposition) -> BatchResult {
    const OPERATION: &str = "ec2 ModifyInstanceAttribute";
    let one_by_one = ids.into_iter().map(|id| vec![id]).collect();
    let unprotect = |ids: Vec<String>| async move {
        for id in &ids {
            let off = || AttributeBooleanValue::builder().value(false).build();
            let request = || cloud.clients.ec2.modify_instance_attribute().instance_id(id);
            let stop =
                (disposition == InstanceDisposition::Terminate).then(|| request().disable_api_stop(off()));
            let termination = request().disable_api_termination(off());
            for request in stop.into_iter().chain([termination]) {
                let send = || async { request.clone().send().await.context(OPERATION) };
                send.retry(retry::removal()).when(is_throttled).await?;
            }
        }
        Ok(ids)
    };
    run_batches(OPERATION, one_by_one, MAX_CONCURRENT_UNPROTECTIONS, unprotect).await
}

/// An error if a request failed for another reason than that the instance does not exist.
fn check_rejected(rejected: impl Iterator<Item = (Vec<String>, Error)>) -> Result<()> {
    let mut rejected = rejected.filter(|(_, error)| !is_not_found(error));
    match rejected.next() {
        Some((ids, error)) => {
            let others: usize = rejected.map(|(ids, _)| ids.len()).sum();
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

/// The first ids, and the number of the others.
fn list(ids: &[String]) -> String {
    let listed: Vec<_> = ids.iter().take(MAX_LISTED).map(String::as_str).collect();
    let listed = listed.join(", ");
    match ids.len().saturating_sub(MAX_LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
