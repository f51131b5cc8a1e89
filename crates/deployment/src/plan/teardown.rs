//! The plan of a teardown: the desired state is empty.

use super::order;
use super::{Action, Plan, Step, StepId, Teardown, TeardownAction};
use crate::found::{Details, FoundResource, TeardownInventory};
use crate::id::ResourceId;
use crate::names::{HostGroup, Names};
use crate::ownership::{InstanceDisposition, Instances, Ownership, SkipReason, Skipped, instances};
use std::collections::{BTreeMap, BTreeSet};

impl Plan {
    /// Deletes everything that belongs to the cluster, and lists what is skipped.
    pub fn teardown(
        names: &Names,
        region: &str,
        inventory: &TeardownInventory,
        disposition: InstanceDisposition,
    ) -> Self {
        let mut plan = Self::default();
        let mut owned: BTreeMap<ResourceId, Vec<FoundResource>> = BTreeMap::new();
        let ownership = Ownership::new(names, region, inventory);
        for (&id, found) in &inventory.found {
            for resource in found {
                let checked = if resource.is_deleting {
                    Err(SkipReason::Deleting)
                } else {
                    ownership.check(id, resource)
                };
                match checked {
                    Ok(()) => owned.entry(id).or_default().push(resource.clone()),
                    Err(reason) => plan.skipped.push(Skipped {
                        kind: id.kind(),
                        name: match reason {
                            SkipReason::Deleting => resource.name.clone(),
                            _ => name_of(std::slice::from_ref(resource)),
                        },
                        reason,
                    }),
                }
            }
        }
        for (id, found) in owned {
            if let ResourceId::Rule(_) | ResourceId::AutoScalingGroup(_) = id {
                plan.add(StepId::Disable(id), TeardownAction::Disable, &found, disposition);
            }
            let action = match id {
                ResourceId::KmsKey => TeardownAction::ScheduleDeletion,
                _ => TeardownAction::Delete,
            };
            plan.add(StepId::Delete(id), action, &found, disposition);
        }
        let instances = instances(names, inventory);
        for group in HostGroup::ALL {
            plan.add_instances(names, group, &instances, disposition);
        }
        plan.skipped.extend(instances.skipped);
        let unknown = inventory.unreadable.iter().map(|reason| {
            format!("the settings cannot be read ({reason}): if import created a DNS alias, it is not found and remains")
        });
        plan.unknown = unknown.collect();
        plan.steps.sort_by_key(|step| order::position(step.id));
        order::connect(&mut plan.steps, inventory);
        plan
    }

    fn add(
        &mut self,
        id: StepId,
        action: TeardownAction,
        found: &[FoundResource],
        disposition: InstanceDisposition,
    ) {
        self.steps.push(Step {
            id,
            name: name_of(found),
            action: Action::Teardown(Teardown {
                action,
                found: found.to_vec(),
                instances: disposition,
            }),
            depends_on: BTreeSet::new(),
        });
    }

    /// Instances come and go: the step finds them again when it runs.
    fn add_instances(
        &mut self,
        names: &Names,
        group: HostGroup,
        instances: &Instances,
        disposition: InstanceDisposition,
    ) {
        let mut add = |id, action, count| {
            let plural = if count == 1 { "" } else { "s" };
            self.steps.push(Step {
                id: StepId::Delete(id),
                name: format!("{}: {count} instance{plural}", names.of(group)),
                action: Action::Teardown(Teardown {
                    action,
                    found: Vec::new(),
                    instances: disposition,
                }),
                depends_on: BTreeSet::new(),
            });
        };
        let to_detach = instances.to_detach(group, disposition).len();
        if to_detach > 0 {
            add(
                ResourceId::AttachedInstances(group),
                TeardownAction::Detach,
                to_detach,
            );
        }
        let owned = instances.of(group).count();
        if owned > 0 {
            let action = match disposition {
                InstanceDisposition::Terminate => TeardownAction::Terminate,
                InstanceDisposition::Keep => TeardownAction::Untag,
            };
            add(ResourceId::PreparedInstances(group), action, owned);
        }
    }
}

/// One name for all resources of an id.
fn name_of(found: &[FoundResource]) -> String {
    let name = found.first().map(|first| first.name.clone()).unwrap_or_default();
    let part = |resource: &FoundResource| match resource.details {
        Details::Api => Some("API"),
        Details::UsagePlan(_) => Some("usage plan"),
        Details::ApiKey => Some("API key"),
        _ => None,
    };
    let parts: Vec<_> = found.iter().filter_map(part).collect();
    match (parts.as_slice(), found.len()) {
        ([], 0 | 1) | (["API"], _) => name,
        ([], several) => format!("{name} and {} more", several - 1),
        (parts, _) => format!("{name} ({})", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests;
