//! From what stands of a cluster to its removal: what goes, in which order, and what is left alone.
//!
//! Only what is the cluster's goes: what bears its tag, key and value, or can bear none and is bound to what does. What is
//! merely called as the cluster's resources are is reported, and left alone.

mod claims;
mod order;
mod remnant;

pub use claims::{Foreign, Instances, Why, instances};
pub use remnant::{Facts, Instance, Remnant, Seen, role_id};

use crate::names::{HostGroup, Names};
use crate::resource::{Kind, ResourceId};
use claims::Claims;
use std::collections::{BTreeMap, BTreeSet};

/// Which step. Ordered as a removal is shown: first what keeps the cluster from scaling while it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepId {
    /// The resource does nothing by itself any more: a rule starts nothing, a group neither launches nor terminates.
    SwitchOff(ResourceId),
    /// The resource goes.
    Remove(ResourceId),
}

impl StepId {
    /// The resource.
    pub fn resource(self) -> ResourceId {
        match self {
            Self::SwitchOff(id) | Self::Remove(id) => id,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Keeps it from doing anything by itself.
    SwitchOff,
    /// Terminates instances, whatever protects them from it.
    Terminate,
    /// Takes instances out of their group.
    Detach,
    /// Takes wekactl's tags and the termination protection from instances that go on running.
    Release,
    /// Deletes it.
    Delete,
    /// Has AWS delete it in some days.
    Schedule,
}

impl Verb {
    /// As a plan says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SwitchOff => "stop",
            Self::Terminate => "terminate",
            Self::Detach => "detach",
            Self::Release => "release",
            Self::Delete => "delete",
            Self::Schedule => "schedule",
        }
    }

    /// As it is said once it is done.
    pub fn done(self) -> &'static str {
        match self {
            Self::SwitchOff => "stopped",
            Self::Terminate => "terminated",
            Self::Detach => "detached",
            Self::Release => "released",
            Self::Delete => "deleted",
            Self::Schedule => "scheduled",
        }
    }
}

/// A step of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub id: StepId,
    /// What it does.
    pub verb: Verb,
    /// To what, as it is shown.
    pub name: String,
    /// What stands of the resource: several where AWS lets several bear one name. Of instances none: they come and go, and are
    /// looked at again when their turn comes.
    pub remnants: Vec<Remnant>,
    /// What becomes of the instances.
    pub fate: InstanceDisposition,
    /// The steps that come before it.
    pub needs: BTreeSet<StepId>,
}

impl Step {
    /// What kind of thing it is about, as it is shown.
    pub fn label(&self) -> &'static str {
        match self.id.resource() {
            ResourceId::PreparedInstances(_) | ResourceId::AttachedInstances(_) => "instances",
            id => id.kind().label(),
        }
    }
}

/// What becomes of the instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceDisposition {
    /// They are terminated.
    Terminate,
    /// They leave their group and run on.
    Keep,
}

/// How a cluster is removed.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    /// What is done, in the order in which it is shown.
    pub steps: Vec<Step>,
    /// What is called as the cluster's resources are, or tagged so, and is left alone.
    pub foreign: Vec<Foreign>,
    /// What AWS is removing already: the kind and the name.
    pub going: Vec<(Kind, String)>,
    /// What could not be found out, and what it means.
    pub unknown: Vec<String>,
}

impl Removal {
    /// Decides about what was seen.
    pub fn new(names: &Names, region: &str, seen: &Seen, fate: InstanceDisposition) -> Self {
        let mut removal = Self::default();
        let mut ours = BTreeMap::new();
        let claims = Claims::new(names, region, seen);
        for (&id, remnants) in &seen.remnants {
            for remnant in remnants {
                if remnant.going {
                    removal.going.push((id.kind(), remnant.name.clone()));
                } else {
                    match claims.judge(id, remnant) {
                        Ok(()) => ours.entry(id).or_insert_with(Vec::new).push(remnant.clone()),
                        Err(why) => removal.foreign.push(Foreign {
                            kind: id.kind(),
                            name: name_of(std::slice::from_ref(remnant)),
                            why,
                        }),
                    }
                }
            }
        }
        for (id, remnants) in ours {
            let name = name_of(&remnants);
            if let ResourceId::Rule(_) | ResourceId::AutoScalingGroup(_) = id {
                removal.add(
                    StepId::SwitchOff(id),
                    Verb::SwitchOff,
                    name.clone(),
                    &remnants,
                    fate,
                );
            }
            let verb = match id {
                ResourceId::KmsKey => Verb::Schedule,
                _ => Verb::Delete,
            };
            removal.add(StepId::Remove(id), verb, name, &remnants, fate);
        }
        for group in HostGroup::ALL {
            removal.instances(names, group, seen, fate);
        }
        removal.foreign.extend(instances(names, seen).foreign);
        let unknown = seen.unreadable.iter().map(|reason| {
            format!(
                "the settings cannot be read ({reason}): if import made a DNS alias, it is not found and stays"
            )
        });
        removal.unknown = unknown.collect();
        removal.steps.sort_by_key(|step| order::shown(step.id));
        order::connect(&mut removal.steps, seen);
        removal
    }

    /// Whether nothing of the cluster stands.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn add(&mut self, id: StepId, verb: Verb, name: String, remnants: &[Remnant], fate: InstanceDisposition) {
        self.steps.push(Step {
            id,
            verb,
            name,
            remnants: remnants.to_vec(),
            fate,
            needs: BTreeSet::new(),
        });
    }

    fn instances(&mut self, names: &Names, group: HostGroup, seen: &Seen, fate: InstanceDisposition) {
        let instances = instances(names, seen);
        let count = |ids: &BTreeSet<String>| match ids.len() {
            1 => format!("{}: 1 instance", names.of(group)),
            many => format!("{}: {many} instances", names.of(group)),
        };
        let leaving = instances.leaving(group, fate);
        if !leaving.is_empty() {
            let id = StepId::Remove(ResourceId::AttachedInstances(group));
            self.add(id, Verb::Detach, count(&leaving), &[], fate);
        }
        let ours: BTreeSet<_> = instances.of(group).map(|instance| instance.id.clone()).collect();
        if !ours.is_empty() {
            let verb = match fate {
                InstanceDisposition::Terminate => Verb::Terminate,
                InstanceDisposition::Keep => Verb::Release,
            };
            let id = StepId::Remove(ResourceId::PreparedInstances(group));
            self.add(id, verb, count(&ours), &[], fate);
        }
    }
}

/// One name for all that stands of a resource.
fn name_of(remnants: &[Remnant]) -> String {
    let name = remnants.first().map(|one| one.name.clone()).unwrap_or_default();
    let part = |remnant: &Remnant| match remnant.facts {
        Facts::Api => Some("API"),
        Facts::Plan(_) => Some("usage plan"),
        Facts::ApiKey => Some("API key"),
        _ => None,
    };
    let parts: Vec<_> = remnants.iter().filter_map(part).collect();
    match (parts.as_slice(), remnants.len()) {
        ([], 0 | 1) | (["API"], _) => name,
        ([], several) => format!("{name} and {} more", several - 1),
        (parts, _) => format!("{name} ({})", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests;
