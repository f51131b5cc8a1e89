//! What comes before what.

use super::{Remnant, Seen, Step, StepId};
use crate::names::{FunctionType, HostGroup, RoleUse};
use crate::resource::ResourceId;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Where a step is shown: what is switched off first, then the instances, then what came last when the cluster was made; the
/// key and the table at the end.
pub(super) fn shown(id: StepId) -> impl Ord {
    match id {
        StepId::SwitchOff(ResourceId::Rule(_)) => (0, Reverse(id.resource())),
        StepId::SwitchOff(id) => (1, Reverse(id)),
        StepId::Remove(id @ (ResourceId::AttachedInstances(_) | ResourceId::PreparedInstances(_))) => {
            (2, Reverse(id))
        }
        StepId::Remove(id @ ResourceId::KmsKey) => (4, Reverse(id)),
        StepId::Remove(id @ ResourceId::Table) => (5, Reverse(id)),
        StepId::Remove(id) => (3, Reverse(id)),
    }
}

/// Says of each step which of the others it needs.
pub(super) fn connect(steps: &mut [Step], seen: &Seen) {
    let there: BTreeSet<StepId> = steps.iter().map(|step| step.id).collect();
    for step in steps {
        let needs = match step.id {
            StepId::SwitchOff(ResourceId::AutoScalingGroup(group)) => {
                BTreeSet::from([StepId::SwitchOff(ResourceId::Rule(group))])
            }
            StepId::SwitchOff(_) => BTreeSet::new(),
            StepId::Remove(id) => needs_of(id, seen, &there),
        };
        step.needs = needs.intersection(&there).copied().collect();
    }
}

/// While one of these is not done, the group still scales.
fn quiet(group: HostGroup) -> [StepId; 2] {
    [
        StepId::SwitchOff(ResourceId::Rule(group)),
        StepId::SwitchOff(ResourceId::AutoScalingGroup(group)),
    ]
}

fn needs_of(id: ResourceId, seen: &Seen, there: &BTreeSet<StepId>) -> BTreeSet<StepId> {
    use ResourceId as Id;
    // The table says how to find the rest, and only the key opens it.
    if let Id::Table | Id::KmsKey = id {
        let last = [StepId::Remove(Id::Table), StepId::Remove(Id::KmsKey)];
        let before = there.iter().filter(|one| !last.contains(one)).copied();
        let key = (id == Id::Table).then_some(StepId::Remove(Id::KmsKey));
        return before.chain(key).collect();
    }
    let groups: &[HostGroup] = match id.group() {
        Some(HostGroup::Backends) => &[HostGroup::Backends],
        Some(HostGroup::Clients) => &[HostGroup::Clients],
        None => &HostGroup::ALL,
    };
    let mut needs: BTreeSet<StepId> = groups.iter().flat_map(|&group| quiet(group)).collect();
    needs.extend(after(id, seen).into_iter().map(StepId::Remove));
    needs
}

/// The resources that go before this one, beside those that all wait for.
fn after(id: ResourceId, seen: &Seen) -> Vec<ResourceId> {
    use ResourceId as Id;
    match id {
        Id::PreparedInstances(group) => vec![Id::AttachedInstances(group)],
        // A group that is deleted takes its members with it.
        Id::AutoScalingGroup(group) => vec![Id::AttachedInstances(group), Id::PreparedInstances(group)],
        Id::Function(group, function) => {
            let mut after = vec![Id::StateMachine(group)];
            let logs = Id::LogGroup(group, Some(function));
            // Known by its function alone, it goes while that stands: a run that is broken off between the two must not leave
            // it behind as nobody's.
            if goes_first(seen.remnants.get(&logs)) {
                after.push(logs);
            }
            after
        }
        Id::LogGroup(group, Some(function)) if !goes_first(seen.remnants.get(&id)) => {
            vec![Id::Function(group, function)]
        }
        Id::LogGroup(group, None) => vec![Id::StateMachine(group)],
        // Without its role, what uses it only fails.
        Id::Role(group, RoleUse::Function(function)) => vec![Id::Function(group, function)],
        Id::Role(group, RoleUse::StateMachine) => vec![Id::StateMachine(group)],
        Id::Role(group, RoleUse::Rule) => vec![Id::Rule(group)],
        Id::InvokePermission(group) => vec![Id::Function(group, FunctionType::Join)],
        // A record that points at nothing would hand its name to whoever gets that address next.
        Id::Listener => vec![Id::AliasRecord],
        Id::LoadBalancer => vec![Id::AliasRecord, Id::Listener],
        Id::TargetGroup => vec![Id::Listener, Id::LoadBalancer],
        _ => Vec::new(),
    }
}

fn goes_first(logs: Option<&Vec<Remnant>>) -> bool {
    let untagged = |logs: &Remnant| {
        logs.tags
            .as_ref()
            .is_none_or(|tags| tags.get(crate::tags::CLUSTER_NAME).is_none())
    };
    logs.is_some_and(|logs| logs.iter().any(untagged))
}
