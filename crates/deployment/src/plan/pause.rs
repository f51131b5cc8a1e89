//! Pauses the schedule of a host group while the functions that the state machine calls are updated.
//!
//! A function refuses the messages of another version and those that another key signed. A run in between would fail, which is
//! safe, but looks like an error.

use super::{Action, Change, Desired, Step, StepId};
use crate::actual::ActualResource;
use crate::id::ResourceId;
use crate::names::{FunctionType, HostGroup};
use crate::resource::{Body, Rule};
use std::collections::BTreeSet;

const ENABLED: &str = "ENABLED";
const DISABLED: &str = "DISABLED";

/// If a function of the group will exchange other messages, inserts the step that disables the enabled `rule` before it, and returns
/// the step. `rule` then has the state that it will have, so that the update of the rule enables it again.
///
/// The update of the rule depends on the state machine and so on its functions. If it is not reached, the rule stays disabled, and
/// the next update enables it.
pub(super) fn insert(steps: &mut Vec<Step>, group: HostGroup, rule: &mut ActualResource) -> Option<StepId> {
    let changes_messages = |step: &Step| changes_messages(step, group);
    let first = steps.iter().position(changes_messages)?;
    let Body::Rule(body) = &mut rule.body else {
        return None;
    };
    if body.state != ENABLED {
        return None;
    }
    // Only the state changes. The update of the rule removes other targets.
    let enabled = Rule {
        other_targets: Vec::new(),
        ..body.clone()
    };
    let disabled = Rule {
        state: DISABLED.to_owned(),
        ..enabled.clone()
    };
    DISABLED.clone_into(&mut body.state);
    let id = StepId::Disable(ResourceId::Rule(group));
    for step in steps.iter_mut().filter(|step| changes_messages(step)) {
        step.depends_on.insert(id);
    }
    let step = Step {
        id,
        name: rule.name.clone(),
        action: Action::Update {
            desired: Desired {
                id: id.resource(),
                name: rule.name.clone(),
                body: disabled.into(),
                tags: rule.tags.clone(),
                depends_on: BTreeSet::new(),
            },
            actual: Box::new(rule.with_body(enabled.into())),
            changes: vec![Change {
                field: "state".to_owned(),
                from: ENABLED.into(),
                to: DISABLED.into(),
            }],
        },
        depends_on: BTreeSet::new(),
    };
    steps.insert(first, step);
    Some(id)
}

/// Removes the steps that pause a schedule for none of the other steps: its rule then keeps its state.
pub(super) fn remove_unneeded(steps: &mut Vec<Step>) {
    for group in HostGroup::ALL {
        let rule = ResourceId::Rule(group);
        let (pause, resume) = (StepId::Disable(rule), StepId::Apply(rule));
        let is_needed = |step: &Step| step.id != resume && step.depends_on.contains(&pause);
        if !steps.iter().any(|step| step.id == pause) || steps.iter().any(is_needed) {
            continue;
        }
        steps.retain(|step| step.id != pause);
        for step in steps.iter_mut().filter(|step| step.id == resume) {
            if let Action::Update {
                desired,
                actual,
                changes,
            } = &mut step.action
            {
                if let Body::Rule(actual) = &mut actual.body {
                    ENABLED.clone_into(&mut actual.state);
                }
                changes.retain(|change| change.field != "state");
                if changes.is_empty() {
                    step.action = Action::Unchanged(desired.clone());
                }
            }
        }
    }
}

/// Whether the step gives a function that the state machine calls other code, another key or another environment.
fn changes_messages(step: &Step, group: HostGroup) -> bool {
    let (ResourceId::Function(of, function), Action::Update { changes, .. }) =
        (step.id.resource(), &step.action)
    else {
        return false;
    };
    let matters = |change: &Change| {
        ["code_sha256", "seal_key"].contains(&change.field.as_str())
            || change.field.starts_with("environment")
    };
    of == group && FunctionType::OF_STATE_MACHINE.contains(&function) && changes.iter().any(matters)
}
