//! The rules of the specification, written independently of the planner.

use crate::strategies::{Scene, now};
use jiff::SignedDuration;
use scaling::terminate::{Lifecycle, Member, Reason, State};
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::ids::InstanceId;

/// The expected plan.
pub(crate) struct Expected {
    /// In order of urgency.
    pub(crate) terminate: Vec<(InstanceId, Reason)>,
    pub(crate) detach: BTreeSet<InstanceId>,
    pub(crate) mark_healthy: BTreeSet<InstanceId>,
    pub(crate) too_many: bool,
}

pub(crate) fn is_same(text: &str, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    text == address.to_string() || text == address.to_ipv6_mapped().to_string()
}

/// Invariant I1: no container that has not left the cluster has the instance's address or id.
pub(crate) fn is_free(scene: &Scene, member: &Member) -> bool {
    let address = member.ec2.as_ref().and_then(|ec2| ec2.private_ip);
    scene.response.hosts.iter().all(|host| {
        host.status == "INACTIVE"
            || host.status == "REMOVING"
            || (host.instance_id.as_ref() != Some(&member.id)
                && !address.is_some_and(|address| is_same(&host.private_ip, address)))
    })
}

/// Whether all members have a valid address.
fn all_addresses_valid(scene: &Scene) -> bool {
    let members = scene.response.members.iter().flatten();
    let hosts = scene.response.hosts.iter().map(|host| &host.private_ip);
    members.chain(hosts).all(|text| text.parse::<IpAddr>().is_ok())
}

/// Whether a rule says that an instance is terminated, regardless of the limits.
pub(crate) fn qualifies(scene: &Scene, member: &Member, reason: Reason) -> bool {
    let Some(ec2) = &member.ec2 else { return false };
    let Some(address) = ec2.private_ip else {
        return false;
    };
    let in_group = matches!(
        member.lifecycle,
        Lifecycle::Pending | Lifecycle::InService | Lifecycle::Standby
    );
    let exists = matches!(
        ec2.state,
        State::Pending | State::Running | State::Stopping | State::Stopped
    );
    let mut requested = scene
        .response
        .to_terminate
        .iter()
        .filter(|requested| requested.id == member.id.0)
        .peekable();
    let is_requested = requested.peek().is_some();
    let is_listed = scene
        .response
        .members
        .iter()
        .flatten()
        .any(|text| is_same(text, address));
    let holds = match reason {
        Reason::LeftCluster => {
            is_requested && requested.all(|requested| is_same(&requested.private_ip, address))
        }
        Reason::Stopped => !is_requested && !is_listed && !member.healthy && ec2.state == State::Stopped,
        Reason::NeverJoined => {
            let stopped = !member.healthy && ec2.state == State::Stopped;
            let is_old = |launched| now().duration_since(launched) > SignedDuration::from_mins(30);
            !is_requested && !is_listed && !stopped && ec2.launch_time.is_some_and(is_old)
        }
    };
    in_group && exists && holds && is_free(scene, member) && all_addresses_valid(scene)
}

/// Whether an instance in service runs and is a member whose containers are all active, and whose termination is not requested. A
/// message without any active container lists only the others.
pub(crate) fn is_active_member(scene: &Scene, member: &Member) -> bool {
    let Some(address) = member.ec2.as_ref().and_then(|ec2| ec2.private_ip) else {
        return false;
    };
    let response = &scene.response;
    let is_listed = response
        .members
        .iter()
        .flatten()
        .any(|text| is_same(text, address));
    let containers: Vec<_> = response
        .hosts
        .iter()
        .filter(|host| host.instance_id.as_ref() == Some(&member.id) || is_same(&host.private_ip, address))
        .collect();
    let lists_active = response.hosts.iter().any(|host| host.status == "ACTIVE");
    member.lifecycle == Lifecycle::InService
        && member.ec2.as_ref().is_some_and(|ec2| ec2.state == State::Running)
        && is_listed
        && containers.iter().all(|host| host.status == "ACTIVE")
        && (!containers.is_empty() || !lists_active)
        && response
            .to_terminate
            .iter()
            .all(|requested| requested.id != member.id.0)
        && all_addresses_valid(scene)
}

pub(crate) fn expected(scene: &Scene) -> Option<Expected> {
    let members = scene.response.members.as_ref()?;
    members.iter().find(|text| text.parse::<IpAddr>().is_ok())?;
    let qualifying = |reason| {
        let mut members: Vec<&Member> = scene
            .group
            .iter()
            .filter(|member| qualifies(scene, member, reason))
            .collect();
        members.sort_by_key(|member| member.id.clone());
        members
    };
    let mut never_joined = qualifying(Reason::NeverJoined);
    never_joined.sort_by_key(|member| member.ec2.as_ref().unwrap().launch_time);
    let limit = (scene.group.len() / 10).clamp(2, 50);
    let too_many = never_joined.len() > limit;
    if too_many {
        never_joined.clear();
    }
    let mut terminate: Vec<(InstanceId, Reason)> = Vec::new();
    for (reason, members) in [
        (Reason::LeftCluster, qualifying(Reason::LeftCluster)),
        (Reason::Stopped, qualifying(Reason::Stopped)),
        (Reason::NeverJoined, never_joined),
    ] {
        terminate.extend(members.iter().map(|member| (member.id.clone(), reason)));
    }
    let next_run: Vec<_> = terminate.iter().skip(50).map(|(id, _)| id.clone()).collect();
    terminate.truncate(50);
    let detach = scene.group.iter().filter(|member| {
        let in_group = matches!(
            member.lifecycle,
            Lifecycle::Pending | Lifecycle::InService | Lifecycle::Standby
        );
        let is_gone = match &member.ec2 {
            None => !member.recent,
            Some(ec2) => ec2.state == State::Terminated,
        };
        let is_unprotected = member.ec2.is_some() && !member.protected;
        let is_stopped = terminate.contains(&(member.id.clone(), Reason::Stopped));
        in_group
            && !member.healthy
            && !is_active_member(scene, member)
            && (is_gone || is_unprotected || is_stopped)
            && !next_run.contains(&member.id)
    });
    let unhealthy = scene.group.iter().filter(|member| !member.healthy);
    let mark_healthy = unhealthy.filter(|member| is_active_member(scene, member));
    Some(Expected {
        mark_healthy: mark_healthy.map(|member| member.id.clone()).collect(),
        detach: detach.map(|member| member.id.clone()).collect(),
        terminate,
        too_many,
    })
}
