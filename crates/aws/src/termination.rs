//! The AWS calls of *terminate*: reads the group's instances and executes a plan for them.

pub(crate) mod batches;
mod execute;

pub(crate) use execute::PROTECTION_BATCH;
pub use execute::{ExecutionResult, FailedStep, Target, detach, execute};

use crate::error::Result;
use crate::group::{describe_group, describe_instances_by_id};
use aws_sdk_ec2::types::Instance;
use jiff::Timestamp;
use scaling::terminate::{Ec2, Lifecycle, Member, State};
use std::collections::HashMap;
use weka_types::ids::InstanceId;

/// The group's instances, as EC2 Auto Scaling and EC2 return them.
///
/// # Errors
/// A request failed, or the group does not exist. A field that is missing in a response is treated as unknown.
pub async fn members(
    autoscaling: &aws_sdk_autoscaling::Client,
    ec2: &aws_sdk_ec2::Client,
    group: &str,
) -> Result<Vec<Member>> {
    let members = describe_group(autoscaling, group)
        .await?
        .instances
        .unwrap_or_default();
    let ids: Vec<_> = members
        .iter()
        .filter_map(|member| member.instance_id.clone())
        .collect();
    let instances = describe_instances_by_id(ec2, &ids).await?;
    let mut instances: HashMap<String, Instance> = instances
        .into_iter()
        .filter_map(|instance| Some((instance.instance_id.clone()?, instance)))
        .collect();
    let members = members.into_iter().filter_map(|member| {
        let id = member.instance_id?;
        Some(Member {
            ec2: instances.remove(&id).map(ec2_details),
            id: InstanceId(id),
            // AWS documents two values. Only `Unhealthy` leads to an action.
            healthy: member.health_status.as_deref() != Some("Unhealthy"),
            lifecycle: member
                .lifecycle_state
                .map_or(Lifecycle::Unknown, |state| Lifecycle::from_api(state.as_str())),
            // An unprotected instance may be detached: an unknown value counts as protected.
            protected: member.protected_from_scale_in != Some(false),
        })
    });
    Ok(members.collect())
}

fn ec2_details(instance: Instance) -> Ec2 {
    let state = instance.state.and_then(|state| state.name);
    Ec2 {
        state: state.map_or(State::Unknown, |name| State::from_api(name.as_str())),
        private_ip: instance
            .private_ip_address
            .and_then(|address| address.parse().ok()),
        launch_time: instance
            .launch_time
            .and_then(|time| Timestamp::from_second(time.secs()).ok()),
    }
}

#[cfg(test)]
mod tests;
