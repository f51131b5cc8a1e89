//! Checks a plan of *terminate* against the invariants before it is executed.
//!
//! It is written independently of the planner: it starts from what would be done, and looks up in the input everything that
//! must then be true. It knows no order and no precedence of rules. A violation is a bug in the planner; the run then
//! changes nothing.

use super::group::{Member, State};
use super::plan::{Plan, Termination};
use super::report::Reason;
use crate::messages::{Container, ScaleResponse};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use weka_types::ids::{HostId, InstanceId};

/// An invariant that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The plan changes something, although the message lists no members.
    #[error("the plan is not empty, but scale reports no member of the cluster")]
    NoMembers,
    /// An instance is not in the group, or the group is already terminating or detaching it.
    #[error("instance {0} must not be changed by this run")]
    NotInGroup(InstanceId),
    /// An instance is terminated or detached twice.
    #[error("instance {0} occurs twice in the plan")]
    Duplicate(InstanceId),
    /// A fact is missing that must be known of each terminated instance.
    #[error("instance {0} is terminated, but its {1} is unknown")]
    Unknown(InstanceId, &'static str),
    /// I1.
    #[error("instance {0} is terminated, but {1} of the cluster is on it")]
    MemberTerminated(InstanceId, HostId),
    /// An instance at whose address Weka lists a host is terminated, and *scale* did not request it.
    #[error("instance {0} is terminated, but Weka lists a host at its address")]
    ListedTerminated(InstanceId),
    #[error("instance {0} is terminated, but this reason does not hold: {1}")]
    NoReason(InstanceId, Reason),
    /// An instance is detached that is neither gone nor unprotected.
    #[error("instance {0} is detached, but is neither gone nor unprotected")]
    Detached(InstanceId),
    #[error("instance {0} is marked healthy, but is not an unhealthy running member of the cluster")]
    MarkedHealthy(InstanceId),
    #[error("{number} instances are terminated, but at most {limit} may be")]
    TooMany { number: usize, limit: usize },
    /// I8.
    #[error("{number} instances are terminated because they never joined, but at most {limit} may be")]
    TooManyNeverJoined { number: usize, limit: usize },
}

/// Checks a plan against the input that it was made from.
///
/// # Errors
/// The first [`Violation`] found.
pub fn check(
    plan: &Plan,
    response: &ScaleResponse,
    group: &[Member],
    now: Timestamp,
) -> Result<(), Violation> {
    if *plan == Plan::default() {
        return Ok(());
    }
    let members = response.members.as_deref().unwrap_or_default();
    if members.is_empty() {
        return Err(Violation::NoMembers);
    }
    let mut seen: Vec<&InstanceId> = Vec::new();
    for Termination {
        id,
        launch_time,
        reason,
    } in &plan.terminate
    {
        if seen.contains(&id) {
            return Err(Violation::Duplicate(id.clone()));
        }
        seen.push(id);
        let member = find_in_group(id, group)?;
        let unknown = |what| Violation::Unknown(id.clone(), what);
        let ec2 = member.ec2.as_ref().ok_or_else(|| unknown("state"))?;
        let address = ec2.private_ip.ok_or_else(|| unknown("address"))?;
        let may_be_address = |text: &str| is_same_address(text, address) || text.parse::<IpAddr>().is_err();
        for host in &response.hosts {
            let is_here = may_be_address(&host.private_ip) || host.instance_id.as_ref() == Some(id);
            if is_here && !["INACTIVE", "REMOVING"].contains(&host.status.as_str()) {
                return Err(Violation::MemberTerminated(id.clone(), host.host_id));
            }
        }
        let is_listed = members.iter().any(|text| may_be_address(text));
        let holds = match reason {
            Reason::LeftCluster => response
                .to_terminate
                .iter()
                .any(|requested| requested.id == id.0 && is_same_address(&requested.private_ip, address)),
            _ if is_listed => return Err(Violation::ListedTerminated(id.clone())),
            Reason::Stopped => !member.healthy && ec2.state == State::Stopped,
            Reason::NeverJoined => {
                let launched = ec2.launch_time.ok_or_else(|| unknown("launch time"))?;
                now.duration_since(launched) > SignedDuration::from_mins(30)
            }
        };
        let exists = !matches!(
            ec2.state,
            State::ShuttingDown | State::Terminated | State::Unknown
        );
        if !holds || !exists || *launch_time != ec2.launch_time {
            return Err(Violation::NoReason(id.clone(), *reason));
        }
    }
    for (index, id) in plan.detach.iter().enumerate() {
        if plan.detach[..index].contains(id) {
            return Err(Violation::Duplicate(id.clone()));
        }
        let member = find_in_group(id, group)?;
        let is_stopped = plan
            .terminate
            .iter()
            .any(|termination| termination.id == *id && termination.reason == Reason::Stopped);
        let is_gone = match &member.ec2 {
            None => !member.recent,
            Some(ec2) => ec2.state == State::Terminated,
        };
        let is_unprotected = member.ec2.is_some() && !member.protected;
        if member.healthy || !(is_gone || is_unprotected || is_stopped) {
            return Err(Violation::Detached(id.clone()));
        }
    }
    for (index, id) in plan.mark_healthy.iter().enumerate() {
        if plan.mark_healthy[..index].contains(id) || plan.detach.contains(id) || seen.contains(&id) {
            return Err(Violation::Duplicate(id.clone()));
        }
        let member = find_in_group(id, group)?;
        let address = member
            .ec2
            .as_ref()
            .filter(|ec2| ec2.state == State::Running)
            .and_then(|ec2| ec2.private_ip);
        let is_active_member = address.is_some_and(|address| {
            let is_inactive = |host: &Container| {
                let may_be_here = is_same_address(&host.private_ip, address)
                    || host.private_ip.parse::<IpAddr>().is_err()
                    || host.instance_id.as_ref() == Some(id);
                may_be_here && host.status != "ACTIVE"
            };
            members.iter().any(|text| is_same_address(text, address))
                && !response.hosts.iter().any(is_inactive)
        });
        if member.healthy || !is_active_member {
            return Err(Violation::MarkedHealthy(id.clone()));
        }
    }
    check_counts(plan, group)
}

fn check_counts(plan: &Plan, group: &[Member]) -> Result<(), Violation> {
    let (number, limit) = (plan.terminate.len(), 50);
    if number > limit {
        return Err(Violation::TooMany { number, limit });
    }
    let never_joined = plan
        .terminate
        .iter()
        .filter(|termination| termination.reason == Reason::NeverJoined);
    let number = never_joined.count();
    // A tenth of the group, or two in a small group.
    if number > 2 && number * 10 > group.len() {
        let limit = (group.len() / 10).max(2);
        return Err(Violation::TooManyNeverJoined { number, limit });
    }
    Ok(())
}

fn find_in_group<'a>(id: &InstanceId, group: &'a [Member]) -> Result<&'a Member, Violation> {
    group
        .iter()
        .find(|member| member.id == *id && member.lifecycle.is_actionable())
        .ok_or_else(|| Violation::NotInGroup(id.clone()))
}

fn is_same_address(text: &str, address: IpAddr) -> bool {
    text.parse::<IpAddr>()
        .is_ok_and(|parsed| parsed.to_canonical() == address.to_canonical())
}
