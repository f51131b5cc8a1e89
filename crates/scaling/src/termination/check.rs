//! Holds a plan of *terminate* against the invariants before it is carried out. Written another way than the planner: it
//! starts from what is to be done and asks for each instance whether that may be.

use super::{AT_ONCE, Member, Plan, State, TO_JOIN, Why, never_joined_limit};
use crate::ids::InstanceId;
use crate::messages::ScaleResponse;
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The message does not say who is a member.
    #[error("something is terminated or detached without a list of members")]
    NoMembers,
    /// An instance is none of the group.
    #[error("{0} is no instance of the group")]
    NotOurs(InstanceId),
    /// An instance is to be terminated or detached twice.
    #[error("{0} is named twice")]
    Twice(InstanceId),
    /// I1.
    #[error("{0} is terminated, and a container on it is a member of the cluster")]
    Member(InstanceId),
    /// It is terminated for a reason that does not hold.
    #[error("{0} is terminated as {1:?}, which it is not")]
    Unfounded(InstanceId, Why),
    /// It is detached though nothing is wrong with it.
    #[error("{0} is detached, and is healthy or there")]
    Detached(InstanceId),
    /// More than a run may terminate.
    #[error("{0} instances are terminated, {AT_ONCE} may be")]
    TooMany(usize),
    /// I8.
    #[error("{number} instances are terminated for never having joined, {limit} may be")]
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
    if plan.detach.is_empty() && plan.terminate.is_empty() {
        return Ok(());
    }
    let Some(members) = response.members.as_deref().filter(|members| !members.is_empty()) else {
        return Err(Violation::NoMembers);
    };
    let ours: HashMap<&InstanceId, &Member> = group.iter().map(|member| (&member.id, member)).collect();
    let of_group = |id: &InstanceId| {
        ours.get(id)
            .copied()
            .ok_or_else(|| Violation::NotOurs(id.clone()))
    };
    for (place, id) in plan.detach.iter().enumerate() {
        let member = of_group(id)?;
        let gone = member
            .ec2
            .as_ref()
            .is_none_or(|ec2| ec2.state == State::Terminated);
        if member.healthy || (member.protected && !gone) {
            return Err(Violation::Detached(id.clone()));
        }
        if plan.detach[..place].contains(id) {
            return Err(Violation::Twice(id.clone()));
        }
    }
    let same = |text: &str, address: IpAddr| text.parse() == Ok(address);
    for (place, termination) in plan.terminate.iter().enumerate() {
        let id = &termination.id;
        let unfounded = || Violation::Unfounded(id.clone(), termination.why);
        let member = of_group(id)?;
        let ec2 = member.ec2.as_ref().ok_or_else(unfounded)?;
        let address = ec2.private_ip.ok_or_else(unfounded)?;
        let active = response
            .hosts
            .iter()
            .any(|host| host.status != "INACTIVE" && same(&host.private_ip, address));
        if active {
            return Err(Violation::Member(id.clone()));
        }
        let known = members.iter().any(|known| same(known, address));
        let founded = match termination.why {
            Why::Left => response
                .to_terminate
                .iter()
                .any(|asked| asked.id == id.as_str() && same(&asked.private_ip, address)),
            Why::Stopped => !known && !member.healthy && ec2.state == State::Stopped,
            Why::NeverJoined => {
                !known
                    && ec2
                        .launched
                        .is_some_and(|launched| now.duration_since(launched) > TO_JOIN)
            }
        };
        if !founded || ec2.state == State::Terminated {
            return Err(unfounded());
        }
        if plan.terminate[..place].iter().any(|other| other.id == *id) {
            return Err(Violation::Twice(id.clone()));
        }
    }
    if plan.terminate.len() > AT_ONCE {
        return Err(Violation::TooMany(plan.terminate.len()));
    }
    let number = plan
        .terminate
        .iter()
        .filter(|termination| termination.why == Why::NeverJoined)
        .count();
    let limit = never_joined_limit(group.len());
    if number > limit {
        return Err(Violation::TooManyNeverJoined { number, limit });
    }
    Ok(())
}
