//! The rules once more, as the specification words them, without regard to speed and order.

use crate::any::{Scene, now};
use jiff::SignedDuration;
use scaling::termination::{Lifecycle, Member, Reason, State};
use std::collections::BTreeSet;
use std::net::IpAddr;
use weka_types::ids::InstanceId;

/// What is to be done; none where the message is refused.
pub(crate) struct Expected {
    /// In the order in which it is to be done.
    pub(crate) terminate: Vec<(InstanceId, Reason)>,
    pub(crate) detach: BTreeSet<InstanceId>,
    pub(crate) too_many: bool,
}

pub(crate) fn same(text: &str, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    text == address.to_string() || text == address.to_ipv6_mapped().to_string()
}

/// Invariant I1: no container that is not INACTIVE is at the instance's address, or says that it runs on it.
pub(crate) fn is_free(scene: &Scene, member: &Member) -> bool {
    let address = member.ec2.as_ref().and_then(|ec2| ec2.private_ip);
    scene.response.hosts.iter().all(|host| {
        host.status == "INACTIVE"
            || (host.instance_id.as_ref() != Some(&member.id)
                && !address.is_some_and(|address| same(&host.private_ip, address)))
    })
}

/// Whether it is said of every member where it is.
fn all_placed(scene: &Scene) -> bool {
    let members = scene.response.members.iter().flatten();
    let hosts = scene.response.hosts.iter().map(|host| &host.private_ip);
    members.chain(hosts).all(|text| text.parse::<IpAddr>().is_ok())
}

/// Whether a rule says that an instance is terminated, the numbers apart.
pub(crate) fn qualifies(scene: &Scene, member: &Member, why: Reason) -> bool {
    let Some(ec2) = &member.ec2 else { return false };
    let Some(address) = ec2.private_ip else {
        return false;
    };
    let in_group = matches!(
        member.lifecycle,
        Lifecycle::Pending | Lifecycle::InService | Lifecycle::Standby
    );
    let there = matches!(
        ec2.state,
        State::Pending | State::Running | State::Stopping | State::Stopped
    );
    let mut asked = scene
        .response
        .to_terminate
        .iter()
        .filter(|asked| asked.id == member.id.0)
        .peekable();
    let is_asked = asked.peek().is_some();
    let known = scene
        .response
        .members
        .iter()
        .flatten()
        .any(|text| same(text, address));
    let reason = match why {
        Reason::Left => is_asked && asked.all(|asked| same(&asked.private_ip, address)),
        Reason::Stopped => !is_asked && !known && !member.healthy && ec2.state == State::Stopped,
        Reason::NeverJoined => {
            let stopped = !member.healthy && ec2.state == State::Stopped;
            let old = |launched| now().duration_since(launched) > SignedDuration::from_mins(30);
            !is_asked && !known && !stopped && ec2.launched.is_some_and(old)
        }
    };
    in_group && there && reason && is_free(scene, member) && all_placed(scene)
}

pub(crate) fn expected(scene: &Scene) -> Option<Expected> {
    let members = scene.response.members.as_ref()?;
    members.iter().find(|text| text.parse::<IpAddr>().is_ok())?;
    let of = |why| {
        let mut of: Vec<&Member> = scene
            .group
            .iter()
            .filter(|member| qualifies(scene, member, why))
            .collect();
        of.sort_by_key(|member| member.id.clone());
        of
    };
    let mut late = of(Reason::NeverJoined);
    late.sort_by_key(|member| member.ec2.as_ref().unwrap().launched);
    let limit = (scene.group.len() / 10).clamp(2, 50);
    let too_many = late.len() > limit;
    if too_many {
        late.clear();
    }
    let mut terminate: Vec<(InstanceId, Reason)> = Vec::new();
    for (why, members) in [
        (Reason::Left, of(Reason::Left)),
        (Reason::Stopped, of(Reason::Stopped)),
        (Reason::NeverJoined, late),
    ] {
        terminate.extend(members.iter().map(|member| (member.id.clone(), why)));
    }
    let later: Vec<_> = terminate.iter().skip(50).map(|(id, _)| id.clone()).collect();
    terminate.truncate(50);
    let detach = scene.group.iter().filter(|member| {
        let in_group = matches!(
            member.lifecycle,
            Lifecycle::Pending | Lifecycle::InService | Lifecycle::Standby
        );
        let gone = member
            .ec2
            .as_ref()
            .is_none_or(|ec2| ec2.state == State::Terminated);
        let stopped = terminate.contains(&(member.id.clone(), Reason::Stopped));
        in_group && !member.healthy && (gone || !member.protected || stopped) && !later.contains(&member.id)
    });
    Some(Expected {
        detach: detach.map(|member| member.id.clone()).collect(),
        terminate,
        too_many,
    })
}
