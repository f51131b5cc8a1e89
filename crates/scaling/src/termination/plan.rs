use super::known::{Known, address};
use super::{
    AT_ONCE, Action, Decision, DetachReason, Ec2, JOIN_TIMEOUT, Member, Plan, Reason, Report, SkipReason,
    State, Termination, never_joined_limit,
};
use crate::messages::ScaleResponse;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use weka_types::ids::InstanceId;

/// A message that nothing may be decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not say who is a member of the cluster.
    #[error(
        "the scale -> terminate message does not say who is a member of the cluster: nothing is terminated"
    )]
    NoMembers,
    /// It says that nobody is.
    #[error("the scale -> terminate message says that the cluster has no member: nothing is terminated")]
    NoMember,
}

/// Decides which instances of the group are detached and which are terminated. The order of what is given does not matter.
///
/// # Errors
/// [`Refusal`]: nothing at all is done.
pub fn plan(response: &ScaleResponse, group: &[Member], now: Timestamp) -> Result<(Plan, Report), Refusal> {
    let members = response.members.as_deref().ok_or(Refusal::NoMembers)?;
    let known = Known::new(response, members).ok_or(Refusal::NoMember)?;
    let group: BTreeMap<&InstanceId, &Member> = group.iter().map(|member| (&member.id, member)).collect();
    let mut asked: BTreeMap<InstanceId, BTreeSet<&str>> = BTreeMap::new();
    for instance in &response.to_terminate {
        let addresses = asked.entry(InstanceId::from(instance.id.as_str())).or_default();
        addresses.insert(&instance.private_ip);
    }

    let mut decisions = Vec::new();
    let foreign = asked.keys().filter(|id| !group.contains_key(id));
    decisions.extend(foreign.map(|id| Decision {
        id: id.clone(),
        verdict: Action::SkipReason(Some(Reason::Left), SkipReason::NotInGroup),
    }));
    let judge = Judge { known, asked, now };
    let mut going = Vec::new();
    let mut detached = Vec::new();
    for &member in group.values() {
        let gone = gone(member);
        match judge.fate(member) {
            InstanceDisposition::Fine => {}
            InstanceDisposition::SkipReason(why, leave) => decisions.push(Decision {
                id: member.id.clone(),
                verdict: Action::SkipReason(why, leave),
            }),
            InstanceDisposition::Terminate(why) => going.push((why, member)),
        }
        detached.extend(gone.map(|gone| (member, gone)));
    }

    let (going, left) = limited(going, group.len());
    decisions.extend(left);
    let later: BTreeSet<&InstanceId> = decisions
        .iter()
        .filter(|decision| matches!(decision.verdict, Action::NextRun(_)))
        .map(|decision| &decision.id)
        .collect();
    // One that the next run terminates must be in the group until then.
    detached.retain(|(member, _)| !later.contains(&member.id));
    let mut detach: BTreeSet<InstanceId> = detached.iter().map(|(member, _)| member.id.clone()).collect();
    decisions.extend(detached.into_iter().map(|(member, gone)| Decision {
        id: member.id.clone(),
        verdict: Action::Detach(gone),
    }));
    for (why, member) in &going {
        if *why == Reason::Stopped {
            detach.insert(member.id.clone());
        }
        decisions.push(Decision {
            id: member.id.clone(),
            verdict: Action::Terminate(*why),
        });
    }
    // Stable: of two decisions on one instance, detaching stands before terminating.
    decisions.sort_by(|a, b| a.id.cmp(&b.id));
    let terminate = going.into_iter().map(|(why, member)| Termination {
        id: member.id.clone(),
        launched: member.ec2.as_ref().and_then(|ec2| ec2.launched),
        why,
    });
    let plan = Plan {
        detach: detach.into_iter().collect(),
        terminate: terminate.collect(),
    };
    Ok((plan, Report { decisions }))
}

/// Reason an unhealthy instance is detached.
fn gone(member: &Member) -> Option<DetachReason> {
    if member.healthy || !member.lifecycle.is_ours() {
        return None;
    }
    match &member.ec2 {
        None => Some(DetachReason::Unknown),
        Some(ec2) if ec2.state == State::Terminated => Some(DetachReason::Terminated),
        Some(_) if !member.protected => Some(DetachReason::Unprotected),
        Some(_) => None,
    }
}

/// What becomes of an instance, apart from being detached.
enum InstanceDisposition {
    Fine,
    SkipReason(Option<Reason>, SkipReason),
    Terminate(Reason),
}

struct Judge<'a> {
    known: Known<'a>,
    /// What *scale* asks for: the instances, with the addresses that it says they have.
    asked: BTreeMap<InstanceId, BTreeSet<&'a str>>,
    now: Timestamp,
}

impl Judge<'_> {
    /// The first rule that says something of an instance decides about it: what one refuses no other takes up.
    fn fate(&self, member: &Member) -> InstanceDisposition {
        let asked = self.asked.get(&member.id);
        let why = asked.map(|_| Reason::Left);
        if !member.lifecycle.is_ours() {
            return InstanceDisposition::SkipReason(why, SkipReason::Lifecycle(member.lifecycle));
        }
        let Some(ec2) = &member.ec2 else {
            // Detached where the group calls it unhealthy, which it will in a minute or two.
            return match why {
                None if !member.healthy => InstanceDisposition::Fine,
                why => InstanceDisposition::SkipReason(why, SkipReason::DetachReason),
            };
        };
        match ec2.state {
            State::Terminated if asked.is_none() && !member.healthy => return InstanceDisposition::Fine,
            State::ShuttingDown | State::Terminated | State::Unknown => {
                return InstanceDisposition::SkipReason(why, SkipReason::State(ec2.state));
            }
            State::Pending | State::Running | State::Stopping | State::Stopped => {}
        }
        if let Some(addresses) = asked {
            return self.asked_for(member, ec2, addresses);
        }
        // Unprotected too: a run that was broken off may have left it so, and to detach it alone would leave it behind.
        if !member.healthy && ec2.state == State::Stopped {
            return self.unless_member(member, ec2, Reason::Stopped);
        }
        match self.never_joined(member, ec2) {
            InstanceDisposition::Fine if !member.healthy && member.protected => {
                InstanceDisposition::SkipReason(None, SkipReason::Unhealthy(ec2.state))
            }
            fate => fate,
        }
    }

    fn asked_for(&self, member: &Member, ec2: &Ec2, addresses: &BTreeSet<&str>) -> InstanceDisposition {
        if let Some(has) = ec2.private_ip
            && addresses
                .iter()
                .any(|asked| address(asked) != Some(has.to_canonical()))
        {
            let asked = addresses.iter().copied().collect::<Vec<_>>().join(" and ");
            return InstanceDisposition::SkipReason(
                Some(Reason::Left),
                SkipReason::OtherAddress { asked, has },
            );
        }
        self.unless_member(member, ec2, Reason::Left)
    }

    fn never_joined(&self, member: &Member, ec2: &Ec2) -> InstanceDisposition {
        if ec2
            .private_ip
            .is_some_and(|address| self.known.has_member(address))
        {
            return InstanceDisposition::Fine;
        }
        match ec2.launched {
            Some(launched) if self.now.duration_since(launched) <= JOIN_TIMEOUT => InstanceDisposition::Fine,
            Some(_) => self.unless_member(member, ec2, Reason::NeverJoined),
            None => InstanceDisposition::SkipReason(Some(Reason::NeverJoined), SkipReason::NoLaunchTime),
        }
    }

    fn unless_member(&self, member: &Member, ec2: &Ec2, why: Reason) -> InstanceDisposition {
        let may_go = match ec2.private_ip {
            None => Err(SkipReason::NoAddress),
            Some(address) => self.known.may_go(&member.id, address, why),
        };
        match may_go {
            Ok(()) => InstanceDisposition::Terminate(why),
            Err(leave) => InstanceDisposition::SkipReason(Some(why), leave),
        }
    }
}

/// Holds what would be terminated to what a run may: the most urgent first, of those that never joined the oldest first
/// and none if there are too many (invariant I8).
fn limited(mut going: Vec<(Reason, &Member)>, group: usize) -> (Vec<(Reason, &Member)>, Vec<Decision>) {
    let decision = |member: &Member, verdict| Decision {
        id: member.id.clone(),
        verdict,
    };
    let mut left = Vec::new();
    let limit = never_joined_limit(group);
    let number = going
        .iter()
        .filter(|(why, _)| *why == Reason::NeverJoined)
        .count();
    if number > limit {
        let too_many = Action::SkipReason(Some(Reason::NeverJoined), SkipReason::TooMany { number, limit });
        let (never, others): (Vec<_>, _) = going
            .into_iter()
            .partition(|(why, _)| *why == Reason::NeverJoined);
        left.extend(
            never
                .into_iter()
                .map(|(_, member)| decision(member, too_many.clone())),
        );
        going = others;
    }
    going.sort_unstable_by_key(|(why, member)| {
        let launched = member.ec2.as_ref().and_then(|ec2| ec2.launched);
        (*why, launched.filter(|_| *why == Reason::NeverJoined), &member.id)
    });
    let later = going.split_off(going.len().min(AT_ONCE));
    left.extend(
        later
            .into_iter()
            .map(|(why, member)| decision(member, Action::NextRun(why))),
    );
    (going, left)
}
