//! What a run decided about each instance with which not all is well: for the log, for people, for tests.

use super::{AT_ONCE, Lifecycle, Reason, State};
use std::fmt;
use std::net::IpAddr;
use weka_types::ids::{HostId, InstanceId};

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report says what was refused and why"]
pub struct Report {
    /// The decisions, by instance. An instance that is simply fine has none; one that is both detached and terminated has
    /// two.
    pub decisions: Vec<Decision>,
}

/// What was decided about an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub id: InstanceId,
    /// What.
    pub verdict: Action,
}

/// What is done with an instance, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is detached, because the group calls it unhealthy and it is as said.
    Detach(DetachReason),
    /// It is terminated.
    Terminate(Reason),
    /// It would be, but a run terminates so many at most: the next one goes on.
    NextRun(Reason),
    /// It is left alone, though there may be a reason to terminate it.
    SkipReason(Option<Reason>, SkipReason),
}

/// Reason an unhealthy instance is detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetachReason {
    /// It is not protected from scale-in.
    Unprotected,
    /// EC2 does not know it.
    Unknown,
    /// It is terminated.
    Terminated,
}

/// Reason an instance is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// A container on it is in the cluster (invariant I1).
    Container {
        /// The container.
        host: HostId,
        /// Its state.
        state: String,
    },
    /// Weka knows a host at its address.
    Member,
    /// The message names a member by what is no address: it may be this instance.
    Unplaced(String),
    /// It is no instance of the group.
    NotInGroup,
    /// It has another address than *scale* says.
    OtherAddress {
        /// What *scale* says.
        asked: String,
        /// What EC2 says.
        has: IpAddr,
    },
    /// The group is at it already, or it is not known what it does with it.
    Lifecycle(Lifecycle),
    /// EC2 does not know it.
    DetachReason,
    /// The group calls it unhealthy, but it is neither gone nor stopped.
    Unhealthy(State),
    /// It is terminated already, or it is not known what it does.
    State(State),
    /// It has no address.
    NoAddress,
    /// It is not known when it was launched.
    NoLaunchTime,
    /// Too many never joined (invariant I8): something else is wrong.
    TooMany {
        /// How many.
        number: usize,
        /// How many may be terminated in a run.
        limit: usize,
    },
}

impl Report {
    /// What an operator is to look at, a line each: it does not pass by itself.
    pub fn errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let mut too_many = Vec::new();
        let mut limits = None;
        for Decision { id, verdict } in &self.decisions {
            match verdict {
                Action::SkipReason(_, SkipReason::TooMany { number, limit }) => {
                    too_many.push(id.as_str());
                    limits = Some((number, limit));
                }
                // Who is gone, or is terminated already, is what was asked for.
                Action::SkipReason(
                    Some(Reason::Left),
                    SkipReason::DetachReason
                    | SkipReason::Lifecycle(Lifecycle::Terminating | Lifecycle::Detaching)
                    | SkipReason::State(State::ShuttingDown | State::Terminated),
                ) => {}
                Action::SkipReason(Some(Reason::Left), leave) => {
                    errors.push(format!(
                        "{id} is not terminated, though scale asks for it: {leave}"
                    ));
                }
                _ => {}
            }
        }
        if let Some((number, limit)) = limits {
            let ids = too_many.join(" ");
            errors.push(format!(
                "{number} instances are members of no cluster, at most {limit} may be terminated in a run: something \
                 else is wrong, and none of them is terminated: {ids}"
            ));
        }
        errors
    }
}

impl Action {
    /// In a word, the same for every instance that it is said of.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Detach(_) => "detach",
            Self::Terminate(_) => "terminate",
            Self::NextRun(_) => "wait",
            Self::SkipReason(..) => "leave alone",
        }
    }

    /// Whether too many instances never joined: an operator must look at it, it does not pass by itself.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::SkipReason(_, SkipReason::TooMany { .. }))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detach(gone) => write!(f, "the group calls it unhealthy, and {gone}"),
            Self::Terminate(why) => why.fmt(f),
            Self::NextRun(why) => write!(
                f,
                "{why}; waits for the next run, because a run terminates {AT_ONCE} at most"
            ),
            Self::SkipReason(Some(why), leave) => write!(f, "{why}; but {leave}"),
            Self::SkipReason(None, leave) => leave.fmt(f),
        }
    }
}

impl fmt::Display for DetachReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unprotected => "it is not protected from scale-in",
            Self::Unknown => "EC2 does not know it",
            Self::Terminated => "it is terminated",
        })
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { host, state } => write!(f, "{host} on it is {state}"),
            Self::Member => f.write_str("Weka knows a host at its address"),
            Self::Unplaced(text) => write!(
                f,
                "it may be the member of which scale gives '{text}' for an address"
            ),
            Self::NotInGroup => f.write_str("it is no instance of the group"),
            Self::OtherAddress { asked, has } => {
                write!(f, "its address is {has}, and not {asked} as scale says")
            }
            Self::NoAddress => f.write_str("it has no address"),
            Self::Lifecycle(lifecycle) => write!(f, "in the group it is {lifecycle}"),
            Self::DetachReason => f.write_str("EC2 does not know it"),
            Self::Unhealthy(state) => write!(
                f,
                "the group calls it unhealthy, but it is {state}, neither gone nor stopped"
            ),
            Self::State(state) => write!(f, "it is {state}"),
            Self::NoLaunchTime => f.write_str("it is not known when it was launched"),
            Self::TooMany { number, limit } => write!(
                f,
                "{number} instances never joined, and at most {limit} may be terminated in a run: something else is wrong"
            ),
        }
    }
}
