//! Holds a plan of *terminate* against the invariants before it is carried out.
//!
//! Written another way than the planner: it starts from what is to be done, and looks in what was given for all that would
//! have to be true of it. It knows no order and no precedence of rules. What it refuses is a defect of the planner; the run
//! then changes nothing.

use super::{Member, Plan, Reason, State, Termination};
use crate::messages::ScaleResponse;
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use weka_types::ids::InstanceId;

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Something is to be done by a message that does not say who is a member.
    #[error("something is to be done, but scale names no member of the cluster")]
    NoMembers,
    /// An instance is none of the group, or the group is letting go of it.
    #[error("instance {0} is not for this run to change")]
    Foreign(InstanceId),
    /// An instance is to be terminated or detached twice.
    #[error("instance {0} is named twice")]
    Twice(InstanceId),
    /// A fact is missing that must be known of whoever is terminated.
    #[error("instance {0} is terminated, but its {1} is not known")]
    Unknown(InstanceId, &'static str),
    /// I1.
    #[error("instance {0} is terminated, but {1} of the cluster is on it")]
    MemberTerminated(InstanceId, weka_types::ids::HostId),
    /// Who is known to Weka is terminated for another reason than that it left.
    #[error("instance {0} is terminated, but Weka knows a host at its address")]
    KnownTerminated(InstanceId),
    /// The reason for which an instance is terminated does not hold.
    #[error("instance {0} is terminated without a reason: it is not true that {1}")]
    NoReason(InstanceId, Reason),
    /// An instance is detached that is neither gone nor let go.
    #[error("instance {0} is detached, but is neither gone nor unprotected")]
    Detached(InstanceId),
    /// More than a run may terminate.
    #[error("{number} instances are terminated, at most {limit} may be")]
    TooMany {
        /// How many are.
        number: usize,
        /// How many may be.
        limit: usize,
    },
    /// I8.
    #[error("{number} instances are terminated for never having joined, at most {limit} may be")]
    TooManyNeverJoined {
        /// How many are.
        number: usize,
        /// How many may be.
        limit: usize,
    },
}

/// Checks a plan against what it was made of.
///
/// # Errors
/// The first [`Violation`] found.
pub fn check(
    plan: &Plan,
    response: &ScaleResponse,
    group: &[Member],
    now: Timestamp,
) -> Result<(), Violation> {
    if plan.terminate.is_empty() && plan.detach.is_empty() {
        return Ok(());
    }
    let members = response.members.as_deref().unwrap_or_default();
    if members.is_empty() {
        return Err(Violation::NoMembers);
    }
    let mut seen: Vec<&InstanceId> = Vec::new();
    for Termination { id, launched, why } in &plan.terminate {
        if seen.contains(&id) {
            return Err(Violation::Twice(id.clone()));
        }
        seen.push(id);
        let member = of_group(id, group)?;
        let unknown = |what| Violation::Unknown(id.clone(), what);
        let ec2 = member.ec2.as_ref().ok_or_else(|| unknown("state"))?;
        let address = ec2.private_ip.ok_or_else(|| unknown("address"))?;
        let may_stand_for = |text: &str| is(text, address) || text.parse::<IpAddr>().is_err();
        for host in &response.hosts {
            let here = may_stand_for(&host.private_ip) || host.instance_id.as_ref() == Some(id);
            if here && host.status != "INACTIVE" {
                return Err(Violation::MemberTerminated(id.clone(), host.host_id));
            }
        }
        let is_known = members.iter().any(|text| may_stand_for(text));
        let holds = match why {
            Reason::Left => response
                .to_terminate
                .iter()
                .any(|asked| asked.id == id.0 && is(&asked.private_ip, address)),
            _ if is_known => return Err(Violation::KnownTerminated(id.clone())),
            Reason::Stopped => !member.healthy && ec2.state == State::Stopped,
            Reason::NeverJoined => {
                let at = ec2.launched.ok_or_else(|| unknown("launch time"))?;
                now.duration_since(at) > SignedDuration::from_mins(30)
            }
        };
        let lives = !matches!(
            ec2.state,
            State::ShuttingDown | State::Terminated | State::Unknown
        );
        if !holds || !lives || *launched != ec2.launched {
            return Err(Violation::NoReason(id.clone(), *why));
        }
    }
    for (place, id) in plan.detach.iter().enumerate() {
        if plan.detach[..place].contains(id) {
            return Err(Violation::Twice(id.clone()));
        }
        let member = of_group(id, group)?;
        let stopped = plan
            .terminate
            .iter()
            .any(|termination| termination.id == *id && termination.why == Reason::Stopped);
        let is_gone = member
            .ec2
            .as_ref()
            .is_none_or(|ec2| ec2.state == State::Terminated);
        if member.healthy || (member.protected && !is_gone && !stopped) {
            return Err(Violation::Detached(id.clone()));
        }
    }
    count(plan, group)
}

fn count(plan: &Plan, group: &[Member]) -> Result<(), Violation> {
    let (number, limit) = (plan.terminate.len(), 50);
    if number > limit {
        return Err(Violation::TooMany { number, limit });
    }
    let never = plan
        .terminate
        .iter()
        .filter(|termination| termination.why == Reason::NeverJoined);
    let number = never.count();
    // A tenth of the group; two in a small one.
    if number > 2 && number * 10 > group.len() {
        let limit = (group.len() / 10).max(2);
        return Err(Violation::TooManyNeverJoined { number, limit });
    }
    Ok(())
}

fn of_group<'a>(id: &InstanceId, group: &'a [Member]) -> Result<&'a Member, Violation> {
    group
        .iter()
        .find(|member| member.id == *id && member.lifecycle.is_ours())
        .ok_or_else(|| Violation::Foreign(id.clone()))
}

fn is(text: &str, address: IpAddr) -> bool {
    text.parse::<IpAddr>()
        .is_ok_and(|parsed| parsed.to_canonical() == address.to_canonical())
}
