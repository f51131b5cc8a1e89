//! What a run of *terminate* does: which instances of the group are detached, which are terminated, and why not the others.
//!
//! *terminate* cannot ask Weka: what it knows of the cluster is what *scale* saw last. Whoever may be a member is left
//! alone, whatever else speaks for terminating it (invariant I1), and a fact that is missing is a reason to leave alone.

mod check;
mod facts;
mod known;
mod plan;
mod report;

pub use check::{Violation, check};
pub use facts::{Ec2, Lifecycle, Member, State};
pub use plan::{Refusal, plan};
pub use report::{Action, Decision, DetachReason, Report, SkipReason};

use jiff::{SignedDuration, Timestamp};
use std::fmt;
use weka_types::ids::InstanceId;

/// How many instances a run terminates at most: what AWS's APIs take in one call each, and little enough for an operator
/// to step in.
pub const AT_ONCE: usize = 50;

/// How long an instance has to join the cluster: installing Weka takes minutes, and the script tries for long.
pub const JOIN_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);

/// How many instances of a group of this size may be terminated in one run for never having joined (invariant I8).
pub fn never_joined_limit(group: usize) -> usize {
    (group / 10).clamp(2, AT_ONCE)
}

/// What is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Detached, the desired capacity kept, so that the group launches others. Last of all, and of those that are
    /// terminated in the same run only those of which that succeeded: who is detached is out of this loop's sight.
    pub detach: Vec<InstanceId>,
    /// Terminated, the most urgent first.
    pub terminate: Vec<Termination>,
}

/// An instance that is terminated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    /// Which.
    pub id: InstanceId,
    /// When it was launched.
    pub launched: Option<Timestamp>,
    /// Reason.
    pub why: Reason,
}

/// Reason an instance is terminated, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// *scale* asks for it: all its containers were removed from the cluster.
    Left,
    /// The group calls it unhealthy, and it is stopped. It is detached then.
    Stopped,
    /// It is a member of no cluster though it had time to become one.
    NeverJoined,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("scale asks for it: all its containers have left the cluster"),
            Self::Stopped => f.write_str("the group calls it unhealthy, and it is stopped"),
            Self::NeverJoined => write!(
                f,
                "a member of no cluster, though launched over {} minutes ago",
                JOIN_TIMEOUT.as_mins()
            ),
        }
    }
}
