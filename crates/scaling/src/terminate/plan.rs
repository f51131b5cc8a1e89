use super::group::{Ec2, Lifecycle, Member, State};
use super::membership::{Membership, parse_address};
use super::report::{Action, Decision, DetachReason, Reason, Report, SkipReason};
use crate::messages::ScaleResponse;
use crate::policy::{JOIN_TIMEOUT, MAX_TERMINATIONS_PER_RUN, never_joined_limit};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use weka_types::ids::InstanceId;

/// The changes of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The instances to detach without lowering the desired capacity, so that the group launches replacements.
    ///
    /// The loop does not see an instance again after it is detached. So instances are detached last, and of those that
    /// are also terminated, only those whose termination succeeded.
    pub detach: Vec<InstanceId>,
    /// The instances to terminate, the most urgent first.
    pub terminate: Vec<Termination>,
    /// The running members of the cluster that the group reports as unhealthy.
    ///
    /// The group never does this itself: an instance that was stopped and started stays unhealthy, and the group would replace it
    /// as soon as `ReplaceUnhealthy` is resumed.
    pub mark_healthy: Vec<InstanceId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    pub id: InstanceId,
    pub launch_time: Option<Timestamp>,
    pub reason: Reason,
}

/// A message from which nothing can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the scale -> terminate message has no list of the cluster's members: nothing is terminated")]
    MembersMissing,
    #[error("the scale -> terminate message lists no member of the cluster: nothing is terminated")]
    NoMembers,
}

/// Decides which instances of the group are detached and which are terminated. The result does not depend on the order of
/// the arguments.
///
/// # Errors
/// [`Refusal`]: the run changes nothing.
pub fn plan(response: &ScaleResponse, group: &[Member], now: Timestamp) -> Result<(Plan, Report), Refusal> {
    let members = response.members.as_deref().ok_or(Refusal::MembersMissing)?;
    let membership = Membership::new(response, members).ok_or(Refusal::NoMembers)?;
    let group: BTreeMap<&InstanceId, &Member> = group.iter().map(|member| (&member.id, member)).collect();
    let mut requested: BTreeMap<InstanceId, BTreeSet<&str>> = BTreeMap::new();
    for instance in &response.to_terminate {
        let addresses = requested
            .entry(InstanceId::from(instance.id.as_str()))
            .or_default();
        addresses.insert(&instance.private_ip);
    }

    let mut decisions = Vec::new();
    let not_in_group = requested.keys().filter(|id| !group.contains_key(id));
    decisions.extend(not_in_group.map(|id| Decision {
        id: id.clone(),
        action: Action::Skip(Some(Reason::LeftCluster), SkipReason::NotInGroup),
    }));
    let planner = Planner {
        membership,
        requested,
        now,
    };
    let mut terminations = Vec::new();
    let mut detachments = Vec::new();
    let mut mark_healthy = Vec::new();
    for &member in group.values() {
        match planner.disposition(member) {
            InstanceDisposition::Keep => {}
            InstanceDisposition::Skip(reason, skip_reason) => decisions.push(Decision {
                id: member.id.clone(),
                action: Action::Skip(reason, skip_reason),
            }),
            InstanceDisposition::Terminate(reason) => terminations.push((reason, member)),
            InstanceDisposition::MarkHealthy => {
                mark_healthy.push(member.id.clone());
                decisions.push(Decision {
                    id: member.id.clone(),
                    action: Action::MarkHealthy,
                });
                continue;
            }
        }
        detachments.extend(detach_reason(member).map(|reason| (member, reason)));
    }

    let (terminations, postponed) = apply_limits(terminations, group.len());
    decisions.extend(postponed);
    let next_run: BTreeSet<&InstanceId> = decisions
        .iter()
        .filter(|decision| matches!(decision.action, Action::NextRun(_)))
        .map(|decision| &decision.id)
        .collect();
    // An instance that the next run terminates must stay in the group until then.
    detachments.retain(|(member, _)| !next_run.contains(&member.id));
    let mut detach: BTreeSet<InstanceId> = detachments.iter().map(|(member, _)| member.id.clone()).collect();
    decisions.extend(detachments.into_iter().map(|(member, reason)| Decision {
        id: member.id.clone(),
        action: Action::Detach(reason),
    }));
    for (reason, member) in &terminations {
        if *reason == Reason::Stopped {
            detach.insert(member.id.clone());
        }
        decisions.push(Decision {
            id: member.id.clone(),
            action: Action::Terminate(*reason),
        });
    }
    // The sort is stable: of two decisions about one instance, detach comes before terminate.
    decisions.sort_by(|a, b| a.id.cmp(&b.id));
    let terminate = terminations.into_iter().map(|(reason, member)| Termination {
        id: member.id.clone(),
        launch_time: member.ec2.as_ref().and_then(|ec2| ec2.launch_time),
        reason,
    });
    let plan = Plan {
        detach: detach.into_iter().collect(),
        terminate: terminate.collect(),
        mark_healthy,
    };
    Ok((plan, Report { decisions }))
}

/// Why an unhealthy instance is detached, if it is.
fn detach_reason(member: &Member) -> Option<DetachReason> {
    if member.healthy || !member.lifecycle.is_actionable() {
        return None;
    }
    match &member.ec2 {
        None if member.recent => None,
        None => Some(DetachReason::NotInEc2),
        Some(ec2) if ec2.state == State::Terminated => Some(DetachReason::Terminated),
        Some(_) if !member.protected => Some(DetachReason::Unprotected),
        Some(_) => None,
    }
}

/// What happens to an instance, except for detaching.
enum InstanceDisposition {
    Keep,
    Skip(Option<Reason>, SkipReason),
    Terminate(Reason),
    /// It is not detached either.
    MarkHealthy,
}

struct Planner<'a> {
    membership: Membership<'a>,
    /// The instances that *scale* requests to terminate, with the addresses that it reports for them.
    requested: BTreeMap<InstanceId, BTreeSet<&'a str>>,
    now: Timestamp,
}

impl Planner<'_> {
    /// The first rule that matches decides: an instance that one rule skips is not terminated by another.
    fn disposition(&self, member: &Member) -> InstanceDisposition {
        let requested = self.requested.get(&member.id);
        let reason = requested.map(|_| Reason::LeftCluster);
        if !member.lifecycle.is_actionable() {
            return InstanceDisposition::Skip(reason, SkipReason::Lifecycle(member.lifecycle));
        }
        let Some(ec2) = &member.ec2 else {
            // It is detached once the group reports it as unhealthy, which takes a minute or two.
            return match reason {
                None if !member.healthy && !member.recent => InstanceDisposition::Keep,
                reason => InstanceDisposition::Skip(reason, SkipReason::NotInEc2),
            };
        };
        match ec2.state {
            State::Terminated if requested.is_none() && !member.healthy => return InstanceDisposition::Keep,
            State::ShuttingDown | State::Terminated | State::Unknown => {
                return InstanceDisposition::Skip(reason, SkipReason::State(ec2.state));
            }
            State::Pending | State::Running | State::Stopping | State::Stopped => {}
        }
        if let Some(addresses) = requested {
            return self.requested_disposition(member, ec2, addresses);
        }
        // Also without scale-in protection: an interrupted run may have removed it, and an instance that is only detached
        // would be left behind.
        if !member.healthy && ec2.state == State::Stopped {
            return self.terminate_unless_member(member, ec2, Reason::Stopped);
        }
        match self.never_joined_disposition(member, ec2) {
            InstanceDisposition::Keep if self.is_wrongly_unhealthy(member, ec2) => {
                InstanceDisposition::MarkHealthy
            }
            InstanceDisposition::Keep if !member.healthy && member.protected => {
                InstanceDisposition::Skip(None, SkipReason::Unhealthy(ec2.state))
            }
            disposition => disposition,
        }
    }

    /// Whether the group reports an instance as unhealthy that runs and is an active member of the cluster.
    fn is_wrongly_unhealthy(&self, member: &Member, ec2: &Ec2) -> bool {
        let is_active = |address| self.membership.is_active(&member.id, address);
        !member.healthy
            && member.lifecycle == Lifecycle::InService
            && ec2.state == State::Running
            && ec2.private_ip.is_some_and(is_active)
    }

    fn requested_disposition(
        &self,
        member: &Member,
        ec2: &Ec2,
        addresses: &BTreeSet<&str>,
    ) -> InstanceDisposition {
        if let Some(actual) = ec2.private_ip
            && addresses
                .iter()
                .any(|expected| parse_address(expected) != Some(actual.to_canonical()))
        {
            let expected = addresses.iter().copied().collect::<Vec<_>>().join(" and ");
            return InstanceDisposition::Skip(
                Some(Reason::LeftCluster),
                SkipReason::OtherAddress { expected, actual },
            );
        }
        self.terminate_unless_member(member, ec2, Reason::LeftCluster)
    }

    fn never_joined_disposition(&self, member: &Member, ec2: &Ec2) -> InstanceDisposition {
        if ec2
            .private_ip
            .is_some_and(|address| self.membership.has_member(address))
        {
            return InstanceDisposition::Keep;
        }
        match ec2.launch_time {
            Some(launched) if self.now.duration_since(launched) <= JOIN_TIMEOUT => InstanceDisposition::Keep,
            Some(_) => self.terminate_unless_member(member, ec2, Reason::NeverJoined),
            None => InstanceDisposition::Skip(Some(Reason::NeverJoined), SkipReason::NoLaunchTime),
        }
    }

    fn terminate_unless_member(&self, member: &Member, ec2: &Ec2, reason: Reason) -> InstanceDisposition {
        let removed = match ec2.private_ip {
            None => Err(SkipReason::NoAddress),
            Some(address) => self.membership.check_removed(&member.id, address, reason),
        };
        match removed {
            Ok(()) => InstanceDisposition::Terminate(reason),
            Err(skip_reason) => InstanceDisposition::Skip(Some(reason), skip_reason),
        }
    }
}

/// Applies the limits of a run: the most urgent terminations first; of the instances that never joined, the oldest first,
/// and none at all if there are too many (invariant I8). Returns the remaining terminations and the decisions about the
/// others.
fn apply_limits(
    mut terminations: Vec<(Reason, &Member)>,
    group_size: usize,
) -> (Vec<(Reason, &Member)>, Vec<Decision>) {
    let decision = |member: &Member, action| Decision {
        id: member.id.clone(),
        action,
    };
    let mut postponed = Vec::new();
    let limit = never_joined_limit(group_size);
    let number = terminations
        .iter()
        .filter(|(reason, _)| *reason == Reason::NeverJoined)
        .count();
    if number > limit {
        let too_many = Action::Skip(Some(Reason::NeverJoined), SkipReason::TooMany { number, limit });
        let (never_joined, others): (Vec<_>, _) = terminations
            .into_iter()
            .partition(|(reason, _)| *reason == Reason::NeverJoined);
        postponed.extend(
            never_joined
                .into_iter()
                .map(|(_, member)| decision(member, too_many.clone())),
        );
        terminations = others;
    }
    terminations.sort_unstable_by_key(|(reason, member)| {
        let launched = member.ec2.as_ref().and_then(|ec2| ec2.launch_time);
        (
            *reason,
            launched.filter(|_| *reason == Reason::NeverJoined),
            &member.id,
        )
    });
    let next_run = terminations.split_off(terminations.len().min(MAX_TERMINATIONS_PER_RUN));
    postponed.extend(
        next_run
            .into_iter()
            .map(|(reason, member)| decision(member, Action::NextRun(reason))),
    );
    (terminations, postponed)
}
