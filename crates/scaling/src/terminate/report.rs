//! The decision about each instance that has a problem, and its reason, for the log, for people and for tests.

use super::group::{Lifecycle, State};
use crate::policy::{JOIN_TIMEOUT, MAX_TERMINATIONS_PER_RUN};
use std::fmt;
use std::net::IpAddr;
use weka_types::ids::{HostId, InstanceId};

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report shows what was refused and why"]
pub struct Report {
    /// Sorted by instance. An instance without a problem has no decision; an instance that is both detached and terminated
    /// has two.
    pub decisions: Vec<Decision>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub id: InstanceId,
    pub action: Action,
}

/// What the run does with an instance. The [`Display`](fmt::Display) text is the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Detach the instance, which is unhealthy in the group.
    Detach(DetachReason),
    Terminate(Reason),
    /// Report the instance to the group as healthy: it runs, and is an active member of the cluster.
    MarkHealthy,
    /// The limit of terminations per run is reached; the next run terminates the instance.
    NextRun(Reason),
    /// Skip the instance, although there may be a reason to terminate it.
    Skip(Option<Reason>, SkipReason),
}

/// Why an instance is terminated, the most urgent reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// *scale* requested it: all its containers were removed from the cluster.
    LeftCluster,
    /// It is unhealthy in the group and stopped. It is also detached.
    Stopped,
    /// It has not joined the cluster within the timeout.
    NeverJoined,
}

/// Why an unhealthy instance is detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetachReason {
    /// It has no scale-in protection.
    Unprotected,
    NotInEc2,
    Terminated,
}

/// Why an instance is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// A container on it is a member of the cluster (invariant I1).
    Container {
        host: HostId,
        state: String,
    },
    /// Weka lists a host at its address.
    Member,
    /// The message has this text in place of a member's address: the instance may be that member.
    InvalidMemberAddress(String),
    NotInGroup,
    /// Its address differs from the one in the message of *scale*.
    OtherAddress {
        expected: String,
        actual: IpAddr,
    },
    /// The group is already terminating or detaching it, or its lifecycle state is unknown.
    Lifecycle(Lifecycle),
    NotInEc2,
    /// It is unhealthy in the group, but neither gone nor stopped.
    Unhealthy(State),
    /// It is already terminating or terminated, or its state is unknown.
    State(State),
    NoAddress,
    NoLaunchTime,
    /// Too many instances never joined (invariant I8): the cause must be something else.
    TooMany {
        number: usize,
        /// How many may be terminated in one run.
        limit: usize,
    },
}

impl Report {
    /// The problems that an operator must look at, one per line: they do not resolve by themselves.
    pub fn errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let mut never_joined = Vec::new();
        let mut limits = None;
        for Decision { id, action } in &self.decisions {
            match action {
                Action::Skip(_, SkipReason::TooMany { number, limit }) => {
                    never_joined.push(id.as_str());
                    limits = Some((number, limit));
                }
                // The instance is already gone or terminating, which is what scale requested.
                Action::Skip(
                    Some(Reason::LeftCluster),
                    SkipReason::NotInEc2
                    | SkipReason::Lifecycle(Lifecycle::Terminating | Lifecycle::Detaching)
                    | SkipReason::State(State::ShuttingDown | State::Terminated),
                ) => {}
                Action::Skip(Some(Reason::LeftCluster), skip_reason) => {
                    errors.push(format!(
                        "{id} is not terminated, although scale requested it: {skip_reason}"
                    ));
                }
                _ => {}
            }
        }
        if let Some((number, limit)) = limits {
            let ids = never_joined.join(" ");
            errors.push(format!(
                "{number} instances never joined the cluster, but at most {limit} may be terminated in one run: there must \
                 be another cause, and none of them is terminated: {ids}"
            ));
        }
        errors
    }
}

impl Action {
    /// The value of `verdict` in the log of *terminate*. Stable: alarms and queries match it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Detach(_) => "detach",
            Self::Terminate(_) => "terminate",
            Self::MarkHealthy => "mark healthy",
            Self::NextRun(_) => "wait",
            Self::Skip(..) => "leave alone",
        }
    }

    /// Whether too many instances never joined, which an operator must look at.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Skip(_, SkipReason::TooMany { .. }))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detach(reason) => write!(f, "unhealthy in the group, and {reason}"),
            Self::Terminate(reason) => reason.fmt(f),
            Self::MarkHealthy => {
                f.write_str("unhealthy in the group, but running and an active member of the cluster")
            }
            Self::NextRun(reason) => write!(
                f,
                "{reason}; waiting for the next run, because a run terminates at most {MAX_TERMINATIONS_PER_RUN} instances"
            ),
            Self::Skip(Some(reason), skip_reason) => write!(f, "{reason}; skipped: {skip_reason}"),
            Self::Skip(None, skip_reason) => skip_reason.fmt(f),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftCluster => f.write_str("scale requested it: all its containers have left the cluster"),
            Self::Stopped => f.write_str("unhealthy in the group, and stopped"),
            Self::NeverJoined => write!(
                f,
                "not a member of the cluster, although launched more than {} minutes ago",
                JOIN_TIMEOUT.as_mins()
            ),
        }
    }
}

impl fmt::Display for DetachReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unprotected => "not protected from scale-in",
            Self::NotInEc2 => "not found in EC2",
            Self::Terminated => "terminated",
        })
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { host, state } => write!(f, "{host} on it is {state}"),
            Self::Member => f.write_str("Weka lists a host at its address"),
            Self::InvalidMemberAddress(text) => write!(
                f,
                "it may be the member for which scale reports '{text}', which is not an address"
            ),
            Self::NotInGroup => f.write_str("it is not an instance of the group"),
            Self::OtherAddress { expected, actual } => {
                write!(f, "its address is {actual}, but scale reports {expected}")
            }
            Self::NoAddress => f.write_str("it has no address"),
            Self::Lifecycle(lifecycle) => write!(f, "it is {lifecycle} in the group"),
            Self::NotInEc2 => f.write_str("it is not found in EC2"),
            Self::Unhealthy(state) => write!(
                f,
                "it is unhealthy in the group, but {state}: neither gone nor stopped"
            ),
            Self::State(state) => write!(f, "it is {state}"),
            Self::NoLaunchTime => f.write_str("its launch time is unknown"),
            Self::TooMany { number, limit } => write!(
                f,
                "{number} instances never joined, but at most {limit} may be terminated in one run: there must be another cause"
            ),
        }
    }
}
