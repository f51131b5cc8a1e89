//! From what stands to what is desired.

use crate::names::{ClusterName, FunctionType, HostGroup};
use crate::resource::{Body, Function, Kind, ResourceId};
use crate::secret::HIDDEN;
use crate::tags::{CLUSTER_NAME, Tags};
use crate::value::{Output, Outputs};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A resource as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Which one.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// What it is to be.
    pub body: Body,
    /// The tags it is to have; `None` for a kind that bears none.
    pub tags: Option<Tags>,
    /// What must be there before it.
    pub needs: BTreeSet<ResourceId>,
}

/// A resource as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualResource {
    /// Its name, which for a role AWS knows and nobody else.
    pub name: String,
    /// What it is.
    pub body: Body,
    /// The tags it has; `None` for a kind that bears none.
    pub tags: Option<Tags>,
    /// What others refer to.
    pub outputs: Vec<(Output, String)>,
}

/// What stands of each resource that was looked for.
pub type Observed = BTreeMap<ResourceId, ActualResource>;

/// How a field differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field, with dots between the levels: `environment.ROLE`, `tags.team`.
    pub field: String,
    /// What it is; null for nothing.
    pub from: Json,
    /// What it is to be; null for nothing.
    pub to: Json,
}

/// What is done about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Create,
    /// These fields are changed.
    Update(Vec<Change>),
    /// Nothing.
    Unchanged,
}

/// A resource with what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How it is to be.
    pub desired: Desired,
    /// What is done.
    pub action: Action,
    /// How it stands.
    pub actual: Option<ActualResource>,
}

/// What leads from what stands to what is desired, in the order in which a plan is shown.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A step for each resource.
    pub steps: Vec<Step>,
    /// The outputs of what stands.
    pub outputs: Outputs,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A resource bears the name and is not the cluster's.
    #[error(
        "{} '{name}' exists and {}: it is left alone; remove or rename it, or import under another name", kind.label(),
        owner.as_ref().map_or_else(|| format!("is not wekactl's (no tag {CLUSTER_NAME})"), |owner| format!("belongs to cluster '{owner}'"))
    )]
    Foreign {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// The cluster that its tag names.
        owner: Option<String>,
    },
    /// A field that cannot be changed differs.
    #[error("{} '{name}' has {field} {from}, wekactl needs {to}, and AWS cannot change it: remove the resource, then run again", kind.label())]
    Fixed {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// The field.
        field: String,
        /// What it is.
        from: Json,
        /// What it would have to be.
        to: Json,
    },
}

impl Plan {
    /// Compares what is desired with what stands.
    ///
    /// # Errors
    /// Every resource that stands in the way.
    pub fn new(
        cluster: &ClusterName,
        mut desired: Vec<Desired>,
        mut observed: Observed,
    ) -> Result<Self, Vec<Conflict>> {
        keep_seal_keys(&mut desired, &observed);
        let mut plan = Self::default();
        for (&id, standing) in &observed {
            plan.outputs.add(id, standing.outputs.iter().cloned());
        }
        let mut conflicts = Vec::new();
        desired.sort_by_key(|resource| resource.id);
        for mut desired in desired {
            let standing = observed.remove(&desired.id);
            let action = match &standing {
                None => Action::Create,
                Some(standing) => {
                    conflicts.extend(foreign(cluster, desired.id, standing));
                    desired.name.clone_from(&standing.name);
                    let mut body = desired.body.clone();
                    body.resolve(&plan.outputs);
                    let mut changes = changes(&body, desired.tags.as_ref(), standing);
                    changes.retain(|change| !is_more_than_wanted(desired.id.kind(), change));
                    conflicts.extend(fixed(&desired, &changes));
                    if changes.is_empty() {
                        Action::Unchanged
                    } else {
                        Action::Update(changes)
                    }
                }
            };
            plan.steps.push(Step {
                desired,
                action,
                actual: standing,
            });
        }
        if conflicts.is_empty() {
            Ok(plan)
        } else {
            Err(conflicts)
        }
    }

    /// The part of the plan that these resources are, for support: everything else stays as it is.
    ///
    /// # Errors
    /// What they need and what is not there: kind and name of each.
    pub fn only(mut self, chosen: impl Fn(ResourceId) -> bool) -> Result<Self, BTreeSet<(Kind, String)>> {
        let (kept, left): (Vec<_>, Vec<_>) = self.steps.into_iter().partition(|step| chosen(step.desired.id));
        let needs: BTreeSet<_> = kept.iter().flat_map(|step| &step.desired.needs).collect();
        let absent: BTreeSet<_> = left
            .iter()
            .filter(|step| step.action == Action::Create && needs.contains(&step.desired.id))
            .map(|step| (step.desired.id.kind(), step.desired.name.clone()))
            .collect();
        if absent.is_empty() {
            self.steps = kept;
            Ok(self)
        } else {
            Err(absent)
        }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Unchanged)
    }
}

/// Both functions of a host group must have one seal key: that which stands, if both have it.
fn keep_seal_keys(desired: &mut [Desired], observed: &Observed) {
    let standing = |group, function| match &observed.get(&ResourceId::Function(group, function))?.body {
        Body::Function(Function { seal_key, .. }) => seal_key.as_ref(),
        _ => None,
    };
    for group in HostGroup::ALL {
        let Some(key) = standing(group, FunctionType::Fetch) else {
            continue;
        };
        if standing(group, FunctionType::Scale) != Some(key) {
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

fn foreign(cluster: &ClusterName, id: ResourceId, standing: &ActualResource) -> Option<Conflict> {
    let tags = standing.tags.as_ref()?;
    // Lambda makes the log group of a function by itself, without tags, when the function first writes a line and there is
    // none: those of the Go tool's functions, and one that a function wrote to while it was being destroyed.
    if matches!(id, ResourceId::LogGroup(_, Some(_))) && tags.get(CLUSTER_NAME).is_none() {
        return None;
    }
    (!tags.are_of(cluster)).then(|| Conflict::Foreign {
        kind: id.kind(),
        name: standing.name.clone(),
        owner: tags.get(CLUSTER_NAME).map(str::to_owned),
    })
}

/// The fields that AWS does not let change.
fn fixed_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Table => &["hash_key"],
        Kind::LoadBalancer => &["scheme"],
        Kind::TargetGroup => &["protocol", "port", "vpc"],
        _ => &[],
    }
}

/// The lists to which users may add their own: what is wanted must be among them.
fn open_lists(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::AutoScalingGroup => &["suspended", "target_groups", "classic_load_balancers"],
        _ => &[],
    }
}

fn is_more_than_wanted(kind: Kind, change: &Change) -> bool {
    let (Json::Array(from), Json::Array(to)) = (&change.from, &change.to) else {
        return false;
    };
    open_lists(kind).contains(&change.field.as_str()) && to.iter().all(|wanted| from.contains(wanted))
}

fn fixed(desired: &Desired, changes: &[Change]) -> Vec<Conflict> {
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

fn changes(body: &Body, tags: Option<&Tags>, standing: &ActualResource) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", &standing.body.fields(), &body.fields(), &mut changes);
    let hidden = |secret: bool| if secret { Json::from(HIDDEN) } else { Json::Null };
    for ((field, from), (_, to)) in standing.body.secrets().into_iter().zip(body.secrets()) {
        // Where the field itself differs, the comparison above has said so.
        if from != to && !changes.iter().any(|change| change.field == field) {
            changes.push(Change {
                field: field.to_owned(),
                from: hidden(from.is_some()),
                to: hidden(to.is_some()),
            });
        }
    }
    if let (Some(tags), Some(standing)) = (tags, &standing.tags) {
        changes.extend(tags.missing_in(standing).iter().map(|(key, value)| Change {
            field: format!("tags.{key}"),
            from: standing.get(key).map_or(Json::Null, Json::from),
            to: Json::from(value),
        }));
    }
    changes
}

/// Adds each field that differs. Objects are compared level by level, lists as a whole.
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
