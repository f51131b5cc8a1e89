//! The AWS calls of *terminate*: reads the group's instances and executes a plan for them.

pub(crate) mod batches;
mod execute;

pub(crate) use execute::PROTECTION_BATCH;
pub use execute::{ExecutionResult, FailedStep, Target, detach, execute};

use crate::error::{Context, Error, Result};
use crate::group::{describe_group, describe_instances_by_id};
use aws_sdk_autoscaling::types::Activity;
use aws_sdk_ec2::types::Instance;
use jiff::Timestamp;
use scaling::policy::VISIBLE_AFTER;
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
    now: Timestamp,
) -> Result<(Vec<Member>, Option<Error>)> {
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
    let is_missing = ids.iter().any(|id| !instances.contains_key(id));
    // Without the activities, every instance that EC2 does not list counts as recent.
    let (recent, error) = if is_missing {
        match recent_activities(autoscaling, group, now).await {
            Ok(descriptions) => (Some(descriptions), None),
            Err(error) => (None, Some(error)),
        }
    } else {
        (None, None)
    };
    let members = members.into_iter().filter_map(|member| {
        let id = member.instance_id?;
        Some(Member {
            recent: !instances.contains_key(&id)
                && recent.as_ref().is_none_or(|recent| mentions(recent, &id)),
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
    Ok((members.collect(), error))
}

/// The descriptions of the group's activities that are in progress or started at most five minutes ago. The description of a launch
/// is `Launching a new EC2 instance: i-1`; no other field has the instance.
async fn recent_activities(
    autoscaling: &aws_sdk_autoscaling::Client,
    group: &str,
    now: Timestamp,
) -> Result<String> {
    const OPERATION: &str = "autoscaling DescribeScalingActivities";
    let is_recent = |activity: &Activity| {
        let started = activity
            .start_time()
            .map(aws_sdk_autoscaling::primitives::DateTime::secs);
        activity.end_time().is_none()
            || started.is_none_or(|started| now.as_second() - started <= VISIBLE_AFTER.as_secs())
    };
    let mut descriptions = String::new();
    let mut token = None;
    loop {
        let request = autoscaling
            .describe_scaling_activities()
            .auto_scaling_group_name(group)
            .set_next_token(token);
        let page = request.send().await.context(OPERATION)?;
        let activities = page.activities();
        for activity in activities.iter().filter(|activity| is_recent(activity)) {
            descriptions.push_str(activity.description().unwrap_or_default());
            descriptions.push('\n');
        }
        // Activities in progress come first, then those that started last.
        let has_more = activities.last().is_some_and(is_recent);
        token = page.next_token.filter(|_| has_more);
        if token.is_none() {
            return Ok(descriptions);
        }
    }
}

fn mentions(descriptions: &str, id: &str) -> bool {
    descriptions
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .any(|word| word == id)
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
