//! The order of a teardown.
//!
//! It is not simply the reverse of creation: disabling comes first, the table last, and resources that do not depend on each other
//! while they are deleted must not wait for the slow deletion of a group.

use super::{Step, StepId};
use crate::found::{FoundResource, TeardownInventory};
use crate::id::ResourceId;
use crate::names::{FunctionType, HostGroup, RoleUse};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The position of a step in the plan: what is disabled, then the instances, then the rest in reverse order of creation; the
/// key and the table come last.
pub(super) fn position(id: StepId) -> impl Ord {
    match id {
        StepId::Disable(ResourceId::Rule(_)) => (0, Reverse(id.resource())),
        StepId::Disable(id) | StepId::Apply(id) => (1, Reverse(id)),
        StepId::Delete(id @ (ResourceId::AttachedInstances(_) | ResourceId::PreparedInstances(_))) => {
            (2, Reverse(id))
        }
        StepId::Delete(id @ ResourceId::KmsKey) => (4, Reverse(id)),
        StepId::Delete(id @ ResourceId::Table) => (5, Reverse(id)),
        StepId::Delete(id) => (3, Reverse(id)),
    }
}

/// Sets the dependencies of each step.
pub(super) fn connect(steps: &mut [Step], inventory: &TeardownInventory) {
    let planned: BTreeSet<StepId> = steps.iter().map(|step| step.id).collect();
    for step in steps {
        let depends_on = match step.id {
            StepId::Disable(ResourceId::AutoScalingGroup(group)) => {
                BTreeSet::from([StepId::Disable(ResourceId::Rule(group))])
            }
            StepId::Disable(_) | StepId::Apply(_) => BTreeSet::new(),
            StepId::Delete(id) => dependencies(id, inventory, &planned),
        };
        step.depends_on = depends_on.intersection(&planned).copied().collect();
    }
}

/// Until these steps are done, the group still scales.
fn disabled(group: HostGroup) -> [StepId; 2] {
    [
        StepId::Disable(ResourceId::Rule(group)),
        StepId::Disable(ResourceId::AutoScalingGroup(group)),
    ]
}

fn dependencies(
    id: ResourceId,
    inventory: &TeardownInventory,
    planned: &BTreeSet<StepId>,
) -> BTreeSet<StepId> {
    use ResourceId as Id;
    // Table and key come last: the table contains what is needed to find the rest, and only the key decrypts it.
    if let Id::Table | Id::KmsKey = id {
        let last = [StepId::Delete(Id::Table), StepId::Delete(Id::KmsKey)];
        let before = planned.iter().filter(|step| !last.contains(step)).copied();
        let key = (id == Id::Table).then_some(StepId::Delete(Id::KmsKey));
        return before.chain(key).collect();
    }
    let groups: &[HostGroup] = match id.group() {
        Some(HostGroup::Backends) => &[HostGroup::Backends],
        Some(HostGroup::Clients) => &[HostGroup::Clients],
        None => &HostGroup::ALL,
    };
    let mut depends_on: BTreeSet<StepId> = groups.iter().flat_map(|&group| disabled(group)).collect();
    depends_on.extend(after(id, inventory).into_iter().map(StepId::Delete));
    depends_on
}

/// The resources that are deleted before this one.
fn after(id: ResourceId, inventory: &TeardownInventory) -> Vec<ResourceId> {
    use ResourceId as Id;
    match id {
        Id::PreparedInstances(group) => vec![Id::AttachedInstances(group)],
        // Deleting a group terminates its members.
        Id::AutoScalingGroup(group) => vec![Id::AttachedInstances(group), Id::PreparedInstances(group)],
        Id::Function(group, function) => {
            let mut after = vec![Id::StateMachine(group)];
            let logs = Id::LogGroup(group, Some(function));
            // An untagged log group is identified only by its function. If the function were deleted first, an interrupted
            // teardown would leave the log group behind.
            if is_untagged(inventory.found.get(&logs)) {
                after.push(logs);
            }
            after
        }
        Id::LogGroup(group, Some(function)) if !is_untagged(inventory.found.get(&id)) => {
            vec![Id::Function(group, function)]
        }
        Id::LogGroup(group, None) => vec![Id::StateMachine(group)],
        // A role is deleted after the resource that uses it.
        Id::Role(group, RoleUse::Function(function)) => vec![Id::Function(group, function)],
        Id::Role(group, RoleUse::StateMachine) => vec![Id::StateMachine(group)],
        Id::Role(group, RoleUse::Rule) => vec![Id::Rule(group)],
        Id::InvokePermission(group) => vec![Id::Function(group, FunctionType::Join)],
        // Hazard: a record with a deleted target would point at whoever gets that DNS name next (subdomain takeover).
        Id::Listener => vec![Id::AliasRecord],
        Id::LoadBalancer => vec![Id::AliasRecord, Id::Listener],
        Id::TargetGroup => vec![Id::Listener, Id::LoadBalancer],
        _ => Vec::new(),
    }
}

fn is_untagged(logs: Option<&Vec<FoundResource>>) -> bool {
    let untagged = |logs: &FoundResource| {
        logs.tags
            .as_ref()
            .is_none_or(|tags| tags.get(crate::tags::CLUSTER_NAME).is_none())
    };
    logs.is_some_and(|logs| logs.iter().any(untagged))
}
