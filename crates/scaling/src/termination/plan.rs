use super::known::{Known, address};
use super::{
    AT_ONCE, Decision, Ec2, Gone, Leave, Member, Plan, Report, State, TO_JOIN, Termination, Verdict, Why,
    never_joined_limit,
};
use crate::ids::InstanceId;
use crate::messages::ScaleResponse;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

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
        verdict: Verdict::Leave(Some(Why::Left), Leave::NotInGroup),
    }));
    let judge = Judge { known, asked, now };
    let mut going = Vec::new();
    let mut detached = Vec::new();
    for &member in group.values() {
        let gone = gone(member);
        match judge.fate(member) {
            Fate::Fine => {}
            Fate::Leave(why, leave) => decisions.push(Decision {
                id: member.id.clone(),
                verdict: Verdict::Leave(why, leave),
            }),
            Fate::Terminate(why) => going.push((why, member)),
        }
        detached.extend(gone.map(|gone| (member, gone)));
    }

    let (going, left) = limited(going, group.len());
    decisions.extend(left);
    let later: BTreeSet<&InstanceId> = decisions
        .iter()
        .filter(|decision| matches!(decision.verdict, Verdict::NextRun(_)))
        .map(|decision| &decision.id)
        .collect();
    // One that the next run terminates must be in the group until then.
    detached.retain(|(member, _)| !later.contains(&member.id));
    let mut detach: BTreeSet<InstanceId> = detached.iter().map(|(member, _)| member.id.clone()).collect();
    decisions.extend(detached.into_iter().map(|(member, gone)| Decision {
        id: member.id.clone(),
        verdict: Verdict::Detach(gone),
    }));
    for (why, member) in &going {
        if *why == Why::Stopped {
            detach.insert(member.id.clone());
        }
        decisions.push(Decision {
            id: member.id.clone(),
            verdict: Verdict::Terminate(*why),
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

/// Why an unhealthy instance is detached.
fn gone(member: &Member) -> Option<Gone> {
    if member.healthy || !member.lifecycle.is_ours() {
        return None;
    }
    match &member.ec2 {
        None => Some(Gone::Unknown),
        Some(ec2) if ec2.state == State::Terminated => Some(Gone::Terminated),
        Some(_) if !member.protected => Some(Gone::Unprotected),
        Some(_) => None,
    }
}

/// What becomes of an instance, apart from being detached.
enum Fate {
    Fine,
    Leave(Option<Why>, Leave),
    Terminate(Why),
}

struct Judge<'a> {
    known: Known<'a>,
    /// What *scale* asks for: the instances, with the addresses that it says they have.
    asked: BTreeMap<InstanceId, BTreeSet<&'a str>>,
    now: Timestamp,
}

impl Judge<'_> {
    /// The first rule that says something of an instance decides about it: what one refuses no other takes up.
    fn fate(&self, member: &Member) -> Fate {
        let asked = self.asked.get(&member.id);
        let why = asked.map(|_| Why::Left);
        if !member.lifecycle.is_ours() {
            return Fate::Leave(why, Leave::Lifecycle(member.lifecycle));
        }
        let Some(ec2) = &member.ec2 else {
            // Detached where the group calls it unhealthy, which it will in a minute or two.
            return match why {
                None if !member.healthy => Fate::Fine,
                why => Fate::Leave(why, Leave::Gone),
            };
        };
        match ec2.state {
            State::Terminated if asked.is_none() && !member.healthy => return Fate::Fine,
            State::ShuttingDown | State::Terminated | State::Unknown => {
                return Fate::Leave(why, Leave::State(ec2.state));
            }
            State::Pending | State::Running | State::Stopping | State::Stopped => {}
        }
        if let Some(addresses) = asked {
            return self.asked_for(member, ec2, addresses);
        }
        // Unprotected too: a run that was broken off may have left it so, and to detach it alone would leave it behind.
        if !member.healthy && ec2.state == State::Stopped {
            return self.unless_member(member, ec2, Why::Stopped);
        }
        match self.never_joined(member, ec2) {
            Fate::Fine if !member.healthy && member.protected => {
                Fate::Leave(None, Leave::Unhealthy(ec2.state))
            }
            fate => fate,
        }
    }

    fn asked_for(&self, member: &Member, ec2: &Ec2, addresses: &BTreeSet<&str>) -> Fate {
        if let Some(has) = ec2.private_ip
            && addresses
                .iter()
                .any(|asked| address(asked) != Some(has.to_canonical()))
        {
            let asked = addresses.iter().copied().collect::<Vec<_>>().join(" and ");
            return Fate::Leave(Some(Why::Left), Leave::OtherAddress { asked, has });
        }
        self.unless_member(member, ec2, Why::Left)
    }

    fn never_joined(&self, member: &Member, ec2: &Ec2) -> Fate {
        if ec2
            .private_ip
            .is_some_and(|address| self.known.has_member(address))
        {
            return Fate::Fine;
        }
        match ec2.launched {
            Some(launched) if self.now.duration_since(launched) <= TO_JOIN => Fate::Fine,
            Some(_) => self.unless_member(member, ec2, Why::NeverJoined),
            None => Fate::Leave(Some(Why::NeverJoined), Leave::NoLaunchTime),
        }
    }

    fn unless_member(&self, member: &Member, ec2: &Ec2, why: Why) -> Fate {
        let may_go = match ec2.private_ip {
            None => Err(Leave::NoAddress),
            Some(address) => self.known.may_go(&member.id, address, why),
        };
        match may_go {
            Ok(()) => Fate::Terminate(why),
            Err(leave) => Fate::Leave(Some(why), leave),
        }
    }
}

/// Holds what would be terminated to what a run may: the most urgent first, of those that never joined the oldest first
/// and none if there are too many (invariant I8).
fn limited(mut going: Vec<(Why, &Member)>, group: usize) -> (Vec<(Why, &Member)>, Vec<Decision>) {
    let decision = |member: &Member, verdict| Decision {
        id: member.id.clone(),
        verdict,
    };
    let mut left = Vec::new();
    let limit = never_joined_limit(group);
    let number = going.iter().filter(|(why, _)| *why == Why::NeverJoined).count();
    if number > limit {
        let too_many = Verdict::Leave(Some(Why::NeverJoined), Leave::TooMany { number, limit });
        let (never, others): (Vec<_>, _) = going.into_iter().partition(|(why, _)| *why == Why::NeverJoined);
        left.extend(
            never
                .into_iter()
                .map(|(_, member)| decision(member, too_many.clone())),
        );
        going = others;
    }
    going.sort_unstable_by_key(|(why, member)| {
        let launched = member.ec2.as_ref().and_then(|ec2| ec2.launched);
        (*why, launched.filter(|_| *why == Why::NeverJoined), &member.id)
    });
    let later = going.split_off(going.len().min(AT_ONCE));
    left.extend(
        later
            .into_iter()
            .map(|(why, member)| decision(member, Verdict::NextRun(why))),
    );
    (going, left)
}
