//! The plan: the steps from the actual state to the desired one, which for a teardown is empty.

mod order;
mod pause;
mod teardown;

use crate::actual::{ActualResource, Observed};
use crate::desired::keep_deadlines;
use crate::found::FoundResource;
use crate::id::{Kind, ResourceId};
use crate::names::{ClusterName, FunctionType, HostGroup};
use crate::ownership::{InstanceDisposition, Skipped};
use crate::resource::{Body, Function};
use crate::secret::HIDDEN;
use crate::tags::{CLUSTER_NAME, Tags};
use crate::value::Outputs;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The desired state of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    pub id: ResourceId,
    pub name: String,
    pub body: Body,
    /// `None` for a kind without tags.
    pub tags: Option<Tags>,
    /// The resources that must exist before this one.
    pub depends_on: BTreeSet<ResourceId>,
}

/// How a field differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The path of the field: `environment.ROLE`, `tags.team`.
    pub field: String,
    /// Null if the field does not exist.
    pub from: Json,
    /// Null if the field is removed.
    pub to: Json,
}

/// A step of a plan. Some resources have two: in a teardown, and a rule in an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepId {
    /// Creates or updates the resource.
    Apply(ResourceId),
    /// Stops the resource from acting by itself: a rule starts nothing, a group neither launches nor terminates. An update does this
    /// to a rule while functions change.
    Disable(ResourceId),
    Delete(ResourceId),
}

impl StepId {
    pub fn resource(self) -> ResourceId {
        match self {
            Self::Apply(id) | Self::Disable(id) | Self::Delete(id) => id,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: StepId,
    /// The name as a plan shows it.
    pub name: String,
    pub action: Action,
    /// The steps that must be done before this one.
    pub depends_on: BTreeSet<StepId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create(Desired),
    Update {
        desired: Desired,
        actual: Box<ActualResource>,
        changes: Vec<Change>,
    },
    Unchanged(Desired),
    Teardown(Teardown),
}

impl Action {
    /// The desired state; `None` for a teardown.
    pub fn desired(&self) -> Option<&Desired> {
        match self {
            Self::Create(desired) | Self::Update { desired, .. } | Self::Unchanged(desired) => Some(desired),
            Self::Teardown(_) => None,
        }
    }
}

/// How a resource is torn down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teardown {
    pub action: TeardownAction,
    /// Empty for instances, which come and go: the step finds them again when it runs.
    pub found: Vec<FoundResource>,
    pub instances: InstanceDisposition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeardownAction {
    Disable,
    /// Terminates instances and removes all protection first.
    Terminate,
    /// Detaches instances from their group.
    Detach,
    /// Removes wekactl's tags and the termination protection from instances that keep running.
    Untag,
    Delete,
    /// AWS deletes the resource after some days.
    ScheduleDeletion,
}

/// The steps in the order in which a plan shows them.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// The outputs of the resources that exist.
    pub outputs: Outputs,
    /// What a teardown does not touch although it has a name or tag of the cluster.
    pub skipped: Vec<Skipped>,
    /// What a teardown could not find out, and the consequence.
    pub unknown: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A resource has the name and is not the cluster's.
    #[error(
        "{} '{name}' exists and {}: remove or rename it, or import under another name", kind.label(),
        owner.as_ref().map_or_else(|| format!("is not wekactl's (no tag {CLUSTER_NAME})"), |owner| format!("belongs to cluster '{owner}'"))
    )]
    Unowned {
        kind: Kind,
        name: String,
        /// The cluster in its tag.
        owner: Option<String>,
    },
    /// A field differs that AWS cannot change.
    #[error("{} '{name}' has {field} {from}, wekactl needs {to}, and AWS cannot change it: remove the resource and rerun the command", kind.label())]
    Fixed {
        kind: Kind,
        name: String,
        field: String,
        from: Json,
        to: Json,
    },
}

impl Plan {
    /// Compares the desired state with the actual one.
    ///
    /// # Errors
    /// All conflicts together.
    pub fn new(
        cluster: &ClusterName,
        mut desired: Vec<Desired>,
        mut observed: Observed,
    ) -> Result<Self, Vec<Conflict>> {
        keep_seal_keys(&mut desired, &observed);
        keep_boundaries(&mut desired, &observed);
        keep_deadlines(&mut desired, &observed);
        let mut plan = Self::default();
        for (&id, actual) in &observed {
            plan.outputs.add(id, actual.outputs.iter().cloned());
        }
        let mut conflicts = Vec::new();
        desired.sort_by_key(|resource| resource.id);
        for mut desired in desired {
            let (id, depends_on) = (desired.id, &desired.depends_on);
            let mut depends_on: BTreeSet<_> = depends_on.iter().copied().map(StepId::Apply).collect();
            let mut actual = observed.remove(&id);
            if let (ResourceId::Rule(group), Some(actual)) = (id, &mut actual) {
                depends_on.extend(pause::insert(&mut plan.steps, group, actual));
            }
            if let Some(actual) = &actual {
                desired.name.clone_from(&actual.name);
            }
            plan.steps.push(Step {
                id: StepId::Apply(id),
                name: desired.name.clone(),
                action: match actual {
                    None => Action::Create(desired),
                    Some(actual) => plan.compare(cluster, desired, actual, &mut conflicts),
                },
                depends_on,
            });
        }
        if conflicts.is_empty() {
            Ok(plan)
        } else {
            Err(conflicts)
        }
    }

    fn compare(
        &self,
        cluster: &ClusterName,
        desired: Desired,
        actual: ActualResource,
        conflicts: &mut Vec<Conflict>,
    ) -> Action {
        conflicts.extend(check_owner(cluster, desired.id, &actual));
        let mut body = desired.body.clone();
        body.resolve(&self.outputs);
        let mut changes = changes(&body, desired.tags.as_ref(), &actual);
        changes.retain(|change| !has_additional_elements(desired.id.kind(), change));
        conflicts.extend(check_fixed_fields(&desired, &changes));
        if changes.is_empty() {
            Action::Unchanged(desired)
        } else {
            Action::Update {
                desired,
                actual: Box::new(actual),
                changes,
            }
        }
    }

    /// The steps of these resources only, for support.
    ///
    /// # Errors
    /// Kind and name of each missing dependency.
    pub fn only(mut self, chosen: impl Fn(ResourceId) -> bool) -> Result<Self, BTreeSet<(Kind, String)>> {
        let (mut kept, others): (Vec<_>, Vec<_>) = self
            .steps
            .into_iter()
            .partition(|step| chosen(step.id.resource()));
        pause::remove_unneeded(&mut kept);
        let depends_on: BTreeSet<_> = kept.iter().flat_map(|step| &step.depends_on).collect();
        let missing: BTreeSet<_> = others
            .iter()
            .filter(|step| matches!(step.action, Action::Create(_)) && depends_on.contains(&step.id))
            .map(|step| (step.id.resource().kind(), step.name.clone()))
            .collect();
        if missing.is_empty() {
            self.steps = kept;
            Ok(self)
        } else {
            Err(missing)
        }
    }

    /// Whether the plan changes nothing.
    pub fn is_empty(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step.action, Action::Unchanged(_)))
    }
}

/// The functions of a host group must have the same seal key: keep the actual one if *fetch* and *scale* have it.
fn keep_seal_keys(desired: &mut [Desired], observed: &Observed) {
    let actual = |group, function| match &observed.get(&ResourceId::Function(group, function))?.body {
        Body::Function(Function { seal_key, .. }) => seal_key.as_ref(),
        _ => None,
    };
    for group in HostGroup::ALL {
        let Some(key) = actual(group, FunctionType::Fetch) else {
            continue;
        };
        if actual(group, FunctionType::Scale) != Some(key) {
            continue;
        }
        for resource in desired.iter_mut() {
            if let (ResourceId::Function(of, _), Body::Function(function)) = (resource.id, &mut resource.body)
                && of == group
                && function.seal_key.is_some()
            {
                function.seal_key = Some(key.clone());
            }
        }
    }
}

/// A boundary that an administrator has set limits a role: only another boundary replaces it.
fn keep_boundaries(desired: &mut [Desired], observed: &Observed) {
    for resource in desired {
        if let Body::Role(role) = &mut resource.body
            && role.permissions_boundary.is_none()
            && let Some(Body::Role(actual)) = observed.get(&resource.id).map(|actual| &actual.body)
        {
            role.permissions_boundary.clone_from(&actual.permissions_boundary);
        }
    }
}

fn check_owner(cluster: &ClusterName, id: ResourceId, actual: &ActualResource) -> Option<Conflict> {
    let tags = actual.tags.as_ref()?;
    // Lambda creates the log group of a function without tags when the function first writes to it: for functions of
    // wekactl 1.x, and for a function that ran while its cluster was destroyed.
    if matches!(id, ResourceId::LogGroup(_, Some(_))) && tags.get(CLUSTER_NAME).is_none() {
        return None;
    }
    (!tags.are_of(cluster)).then(|| Conflict::Unowned {
        kind: id.kind(),
        name: actual.name.clone(),
        owner: tags.get(CLUSTER_NAME).map(str::to_owned),
    })
}

/// The fields that AWS cannot change.
fn fixed_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Table => &["hash_key"],
        Kind::LoadBalancer => &["scheme"],
        Kind::TargetGroup => &["protocol", "port", "vpc"],
        _ => &[],
    }
}

/// The lists to which users may add elements: they must contain the desired ones.
fn open_lists(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::AutoScalingGroup => &["suspended", "target_groups", "classic_load_balancers"],
        _ => &[],
    }
}

fn has_additional_elements(kind: Kind, change: &Change) -> bool {
    let (Json::Array(from), Json::Array(to)) = (&change.from, &change.to) else {
        return false;
    };
    open_lists(kind).contains(&change.field.as_str()) && to.iter().all(|element| from.contains(element))
}

fn check_fixed_fields(desired: &Desired, changes: &[Change]) -> Vec<Conflict> {
    let kind = desired.id.kind();
    changes
        .iter()
        .filter(|change| fixed_fields(kind).contains(&change.field.as_str()))
        .map(|change| Conflict::Fixed {
            kind,
            name: desired.name.clone(),
            field: change.field.clone(),
            from: change.from.clone(),
            to: change.to.clone(),
        })
        .collect()
}

fn changes(body: &Body, tags: Option<&Tags>, actual: &ActualResource) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", &actual.body.fields(), &body.fields(), &mut changes);
    let hidden = |secret: bool| if secret { Json::from(HIDDEN) } else { Json::Null };
    for ((field, from), (_, to)) in actual.body.secrets().into_iter().zip(body.secrets()) {
        // If the field itself differs, the comparison above has found it.
        if from != to && !changes.iter().any(|change| change.field == field) {
            changes.push(Change {
                field: field.to_owned(),
                from: hidden(from.is_some()),
                to: hidden(to.is_some()),
            });
        }
    }
    if let (Some(tags), Some(actual)) = (tags, &actual.tags) {
        changes.extend(tags.missing_in(actual).iter().map(|(key, value)| Change {
            field: format!("tags.{key}"),
            from: actual.get(key).map_or(Json::Null, Json::from),
            to: Json::from(value),
        }));
    }
    changes
}

/// Adds each field that differs. Objects are compared recursively, lists as a whole.
fn compare(field: &str, from: &Json, to: &Json, changes: &mut Vec<Change>) {
    if from == to {
        return;
    }
    if let (Json::Object(from), Json::Object(to)) = (from, to) {
        let names: BTreeSet<_> = from.keys().chain(to.keys()).collect();
        for name in names {
            let field = if field.is_empty() {
                name.clone()
            } else {
                format!("{field}.{name}")
            };
            let of = |map: &serde_json::Map<_, _>| map.get(name).cloned().unwrap_or(Json::Null);
            compare(&field, &of(from), &of(to), changes);
        }
    } else {
        changes.push(Change {
            field: field.to_owned(),
            from: from.clone(),
            to: to.clone(),
        });
    }
}

#[cfg(test)]
mod tests;
