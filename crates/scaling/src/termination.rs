//! What a run of *terminate* does: which instances of the group are detached, which are terminated, and why not the others.
//!
//! *terminate* cannot ask Weka: what it knows of the cluster is what *scale* saw last. Whoever may be a member is left
//! alone, whatever else speaks for terminating it (invariant I1).

mod check;

pub use check::{Violation, check};

use crate::ids::InstanceId;
use crate::lists::HostState;
use crate::messages::{Instance, ScaleResponse};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

/// How many instances a run terminates at most.
pub const AT_ONCE: usize = 50;

/// How long an instance has to join.
pub const TO_JOIN: SignedDuration = SignedDuration::from_mins(30);

/// How many instances of a group of this size may be terminated in one run for never having joined (invariant I8).
pub fn never_joined_limit(group: usize) -> usize {
    (group / 10).clamp(2, AT_ONCE)
}

/// An instance of the group, as EC2 Auto Scaling and EC2 have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: InstanceId,
    /// Whether EC2 Auto Scaling calls it healthy.
    pub healthy: bool,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// What EC2 says of it; none if EC2 does not know it (any more).
    pub ec2: Option<Ec2>,
}

/// What EC2 says of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2 {
    /// What it does.
    pub state: State,
    /// Its private address; an instance that is terminated has none.
    pub private_ip: Option<IpAddr>,
    /// When it was launched.
    pub launched: Option<Timestamp>,
}

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It starts or runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// It is stopped.
    Stopped,
    /// It is being terminated, or is.
    Terminated,
    /// A word of a later EC2.
    Unknown,
}

/// What is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Detached, the desired capacity kept: the group launches others. Last of all, and of those that are terminated in the
    /// same run only those of which that succeeded: who is detached is out of this loop's sight.
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
    /// Why.
    pub why: Why,
}

/// Why an instance is terminated, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// All its containers were removed from the cluster.
    Left,
    /// The group calls it unhealthy, and it is stopped. It is detached once it is terminated.
    Stopped,
    /// It is a member of no cluster though it had time to become one.
    NeverJoined,
}

/// What was decided about an instance with which not all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub id: InstanceId,
    /// What.
    pub verdict: Verdict,
}

/// What is done with an instance, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is detached, because the group calls it unhealthy and it is as said.
    Detach(Gone),
    /// It is terminated.
    Terminate(Why),
    /// It would be, but a run terminates so many at most: the next one goes on.
    NextRun,
    /// It is left alone.
    Leave(Leave),
}

/// Why an unhealthy instance is detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It is not protected from scale-in.
    Unprotected,
    /// EC2 does not know it.
    Unknown,
    /// It is terminated.
    Terminated,
}

/// Why an instance is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// A container on it is a member of the cluster.
    Member(HostStateWord),
    /// Weka knows a host at its address.
    Known,
    /// It is none of the group's.
    NotOurs,
    /// Another instance has the address by now, or this one has another.
    OtherAddress(Option<IpAddr>),
    /// It is unhealthy, but neither gone nor stopped.
    NotStopped(State),
    /// It is not known when it was launched.
    Age,
    /// It has no address.
    Address,
    /// Too many never joined (invariant I8): something else is wrong.
    TooMany {
        /// How many.
        number: usize,
        /// How many may be terminated.
        limit: usize,
    },
}

/// A container's state in Weka's word.
pub type HostStateWord = String;

/// A message that nothing may be decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not say who is a member of the cluster.
    #[error("the message of scale does not say who is a member of the cluster: nothing is terminated")]
    NoMembers,
    /// It says that nobody is.
    #[error("the message of scale says that the cluster has no member: nothing is terminated")]
    Empty,
}

/// Decides which instances are detached and terminated.
///
/// # Errors
/// [`Refusal`]: nothing at all is done.
pub fn plan(
    response: &ScaleResponse,
    group: &[Member],
    now: Timestamp,
) -> Result<(Plan, Vec<Decision>), Refusal> {
    let members = response.members.as_ref().ok_or(Refusal::NoMembers)?;
    if members.is_empty() {
        return Err(Refusal::Empty);
    }
    let mut deciding = Deciding {
        known: members.iter().map(|address| normal(address)).collect(),
        active: active(response),
        plan: Plan::default(),
        decisions: Vec::new(),
        done: HashSet::new(),
    };
    let group: BTreeMap<&InstanceId, &Member> = group.iter().map(|member| (&member.id, member)).collect();
    for member in group.values().filter(|member| !member.healthy) {
        deciding.unhealthy(member);
    }
    let mut asked: Vec<&Instance> = response.to_terminate.iter().collect();
    asked.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    asked.dedup();
    for instance in asked {
        deciding.left(
            instance,
            group.get(&InstanceId::from(instance.id.as_str())).copied(),
        );
    }
    deciding.never_joined(&group, now);
    Ok(deciding.end())
}

/// The state of a container that is not INACTIVE, by address: what keeps an instance from being terminated.
fn active(response: &ScaleResponse) -> HashMap<String, HostStateWord> {
    response
        .hosts
        .iter()
        .filter(|host| host.status != HostState::Inactive.word())
        .map(|host| (normal(&host.private_ip), host.status.clone()))
        .collect()
}

/// An address in one form, whoever wrote it.
fn normal(address: &str) -> String {
    address
        .parse::<IpAddr>()
        .map_or_else(|_| address.to_owned(), |address| address.to_string())
}

struct Deciding<'a> {
    known: BTreeSet<String>,
    active: HashMap<String, HostStateWord>,
    plan: Plan,
    decisions: Vec<Decision>,
    done: HashSet<&'a InstanceId>,
}

impl<'a> Deciding<'a> {
    fn decide(&mut self, id: &InstanceId, verdict: Verdict) {
        self.decisions.push(Decision {
            id: id.clone(),
            verdict,
        });
    }

    fn terminate(&mut self, member: &'a Member, why: Why) {
        self.done.insert(&member.id);
        let launched = member.ec2.as_ref().and_then(|ec2| ec2.launched);
        self.plan.terminate.push(Termination {
            id: member.id.clone(),
            launched,
            why,
        });
    }

    fn leave(&mut self, id: &InstanceId, leave: Leave) {
        self.decide(id, Verdict::Leave(leave));
    }

    /// Why an instance at this address may not be terminated, by what *scale* saw last.
    fn is_member(&self, address: IpAddr) -> Option<Leave> {
        let address = address.to_string();
        if let Some(state) = self.active.get(&address) {
            return Some(Leave::Member(state.clone()));
        }
        self.known.contains(&address).then_some(Leave::Known)
    }

    /// Rule 1: what the group calls unhealthy.
    fn unhealthy(&mut self, member: &'a Member) {
        let gone = match &member.ec2 {
            None => Some(Gone::Unknown),
            Some(Ec2 {
                state: State::Terminated,
                ..
            }) => Some(Gone::Terminated),
            Some(_) if !member.protected => Some(Gone::Unprotected),
            Some(_) => None,
        };
        let is_stopped = member.ec2.as_ref().is_some_and(|ec2| ec2.state == State::Stopped);
        if is_stopped && gone.is_none_or(|gone| gone == Gone::Unprotected) {
            let address = member.ec2.as_ref().and_then(|ec2| ec2.private_ip);
            let leave = address.map_or(Some(Leave::Address), |address| self.is_member(address));
            match leave {
                // Unprotected, too: to detach it alone would leave it behind to cost money.
                None => return self.terminate(member, Why::Stopped),
                Some(leave) if gone.is_none() => return self.leave(&member.id, leave),
                Some(_) => {}
            }
        }
        match gone {
            None if is_stopped => {}
            None => {
                let state = member.ec2.as_ref().map_or(State::Unknown, |ec2| ec2.state);
                self.leave(&member.id, Leave::NotStopped(state));
            }
            Some(gone) => {
                // One that runs unprotected may still be one that the loop let go.
                if gone != Gone::Unprotected {
                    self.done.insert(&member.id);
                }
                self.plan.detach.push(member.id.clone());
                self.decide(&member.id, Verdict::Detach(gone));
            }
        }
    }

    /// Rule 2: what *scale* says has left the cluster.
    fn left(&mut self, instance: &Instance, member: Option<&'a Member>) {
        let id = InstanceId::from(instance.id.as_str());
        let Some(member) = member else {
            return self.leave(&id, Leave::NotOurs);
        };
        if self.done.contains(&member.id) {
            return;
        }
        let address = member.ec2.as_ref().and_then(|ec2| ec2.private_ip);
        if member
            .ec2
            .as_ref()
            .is_none_or(|ec2| ec2.state == State::Terminated)
        {
            return self.leave(&id, Leave::Address);
        }
        if address.is_none() || instance.private_ip.parse().ok() != address {
            return self.leave(&id, Leave::OtherAddress(address));
        }
        match address
            .and_then(|address| self.active.get(&address.to_string()))
            .cloned()
        {
            Some(state) => self.leave(&id, Leave::Member(state)),
            None => self.terminate(member, Why::Left),
        }
    }

    /// Rule 3: what never joined.
    fn never_joined(&mut self, group: &BTreeMap<&'a InstanceId, &'a Member>, now: Timestamp) {
        let mut late = Vec::new();
        for member in group
            .values()
            .filter(|member| !self.done.contains(&member.id))
            .collect::<Vec<_>>()
        {
            let Some(ec2) = &member.ec2 else { continue };
            if ec2.state == State::Terminated {
                continue;
            }
            let Some(address) = ec2.private_ip else {
                self.leave(&member.id, Leave::Address);
                continue;
            };
            if self.is_member(address).is_some() {
                continue;
            }
            match ec2.launched {
                None => self.leave(&member.id, Leave::Age),
                Some(launched) if now.duration_since(launched) > TO_JOIN => late.push((launched, *member)),
                Some(_) => {}
            }
        }
        let limit = never_joined_limit(group.len());
        let number = late.len();
        late.sort_unstable_by_key(|(launched, member)| (*launched, &member.id));
        for (_, member) in late {
            if number > limit {
                self.leave(&member.id, Leave::TooMany { number, limit });
            } else {
                self.terminate(member, Why::NeverJoined);
            }
        }
    }

    fn end(mut self) -> (Plan, Vec<Decision>) {
        // Stable: within one reason the order stays.
        self.plan.terminate.sort_by_key(|termination| termination.why);
        let later = self
            .plan
            .terminate
            .split_off(AT_ONCE.min(self.plan.terminate.len()));
        for termination in later {
            self.decide(&termination.id, Verdict::NextRun);
        }
        // What one rule leaves alone another may have a reason for.
        let done: HashSet<_> = self
            .plan
            .terminate
            .iter()
            .map(|termination| &termination.id)
            .collect();
        self.decisions.retain(|decision| {
            !matches!(decision.verdict, Verdict::Leave(_)) || !done.contains(&decision.id)
        });
        for termination in self.plan.terminate.clone() {
            self.decide(&termination.id, Verdict::Terminate(termination.why));
        }
        self.decisions.sort_by(|a, b| a.id.cmp(&b.id));
        (self.plan, self.decisions)
    }
}

impl Verdict {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Detach(_) => "detach",
            Self::Terminate(_) => "terminate",
            Self::NextRun => "wait",
            Self::Leave(_) => "leave alone",
        }
    }

    /// Whether it is something that an operator must look at: it does not pass by itself.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Leave(Leave::TooMany { .. }))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detach(Gone::Unprotected) => f.write_str("unhealthy, and not protected from scale-in"),
            Self::Detach(Gone::Unknown) => f.write_str("unhealthy, and EC2 does not know it"),
            Self::Detach(Gone::Terminated) => f.write_str("unhealthy, and terminated"),
            Self::Terminate(Why::Left) => f.write_str("all its containers have left the cluster"),
            Self::Terminate(Why::Stopped) => f.write_str("unhealthy, and stopped"),
            Self::Terminate(Why::NeverJoined) => {
                write!(
                    f,
                    "a member of no cluster, though launched over {} minutes ago",
                    TO_JOIN.as_mins()
                )
            }
            Self::NextRun => write!(f, "a run terminates {AT_ONCE} at most"),
            Self::Leave(leave) => leave.fmt(f),
        }
    }
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(state) => write!(f, "a container on it is {state}"),
            Self::Known => f.write_str("Weka knows a host at its address"),
            Self::NotOurs => f.write_str("it is no instance of the group"),
            Self::OtherAddress(Some(address)) => write!(f, "its address is {address}, not the one asked for"),
            Self::OtherAddress(None) | Self::Address => f.write_str("it has no address"),
            Self::NotStopped(state) => write!(f, "unhealthy, but {state:?}, neither gone nor stopped"),
            Self::Age => f.write_str("it is not known when it was launched"),
            Self::TooMany { number, limit } => write!(
                f,
                "{number} instances are members of no cluster, at most {limit} are terminated for that: something else is wrong"
            ),
        }
    }
}
