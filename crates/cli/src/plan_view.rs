//! Prints a plan, as text or as JSON.

use crate::failure::CHANGES;
use crate::flags::DryRunFlags;
use crate::printer::{Printer, style};
use deployment::ownership::{SkipReason, Skipped};
use deployment::plan::{Action, Change, Plan, Step, TeardownAction};
use deployment::{ClusterName, ResourceId};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// A step of a plan, for JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostgroup: Option<&'static str>,
    action: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [Change],
}

/// How a step is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// In a plan.
    action: &'static str,
    /// Of a completed step. JSON keeps the words of earlier versions.
    pub(crate) result: &'static str,
    /// The key of the summary that counts a completed step.
    pub(crate) counts: &'static str,
}

pub(crate) fn words(action: &Action) -> Words {
    let (action, result, counts) = match action {
        Action::Create(_) => ("create", "made", "made"),
        Action::Update { .. } => ("update", "changed", "changed"),
        Action::Unchanged(_) => ("unchanged", "unchanged", "unchanged"),
        Action::Teardown(teardown) => match teardown.action {
            TeardownAction::Disable => ("stop", "stopped", "stopped"),
            TeardownAction::Terminate => ("terminate", "terminated", "removed"),
            TeardownAction::Detach => ("detach", "detached", "removed"),
            TeardownAction::Untag => ("release", "released", "removed"),
            TeardownAction::Delete => ("delete", "deleted", "removed"),
            TeardownAction::ScheduleDeletion => ("schedule", "scheduled", "removed"),
        },
    };
    Words {
        action,
        result,
        counts,
    }
}

/// The kind of a step's resource. A teardown acts on instances in two ways; both are called instances.
pub(crate) fn kind(step: &Step) -> &'static str {
    match (&step.action, step.id.resource()) {
        (Action::Teardown(_), ResourceId::PreparedInstances(_) | ResourceId::AttachedInstances(_)) => {
            "instances"
        }
        (_, id) => id.kind().label(),
    }
}

/// The plan for JSON, one row per step.
pub(crate) fn rows(plan: &Plan) -> Vec<Row<'_>> {
    let row = |step| Row {
        kind: kind(step),
        name: &step.name,
        hostgroup: step.id.resource().group().map(|group| group.name()),
        action: words(&step.action).action,
        changes: match &step.action {
            Action::Update { changes, .. } => changes,
            _ => &[],
        },
    };
    plan.steps.iter().map(row).collect()
}

/// What a teardown skips, what AWS is already deleting, and what could not be read; for JSON.
pub(crate) fn remarks(plan: &Plan) -> Json {
    let skipped = skipped(plan).map(ToString::to_string);
    let deleting = deleting(plan).map(|skipped| format!("{} {}", skipped.kind.label(), skipped.name));
    json!({
        "left_alone": skipped.collect::<Vec<_>>(),
        "going": deleting.collect::<Vec<_>>(),
        "unknown": plan.unknown,
    })
}

fn skipped(plan: &Plan) -> impl Iterator<Item = &Skipped> {
    let skipped = plan.skipped.iter();
    skipped.filter(|skipped| skipped.reason != SkipReason::Deleting)
}

/// What AWS is already deleting.
pub(crate) fn deleting(plan: &Plan) -> impl Iterator<Item = &Skipped> {
    let skipped = plan.skipped.iter();
    skipped.filter(|skipped| skipped.reason == SkipReason::Deleting)
}

/// Prints the plan as text.
pub(crate) fn show(plan: &Plan, printer: &Printer) {
    for step in &plan.steps {
        printer.line(&line(step));
        if let Action::Update { changes, .. } = &step.action {
            for changed in changes {
                printer.line(&change(changed));
            }
        }
    }
    for skipped in skipped(plan) {
        printer.warn(&skipped.to_string());
    }
    for unknown in &plan.unknown {
        printer.warn(unknown);
    }
    for deleting in deleting(plan) {
        let (kind, name) = (deleting.kind.label(), &deleting.name);
        printer.line(&format!("  {kind} {name} is already being deleted by AWS"));
    }
    let is_teardown = plan.steps.iter().any(|step| step.action.desired().is_none());
    let head = style::HEAD;
    let count = |of: fn(&Action) -> bool| plan.steps.iter().filter(|step| of(&step.action)).count();
    if is_teardown {
        let deletes = |action: &Action| ["delete", "schedule"].contains(&words(action).action);
        printer.line(&format!(
            "{head}Plan{head:#}: {} to delete, {} skipped",
            count(deletes),
            skipped(plan).count()
        ));
    } else if !plan.steps.is_empty() {
        printer.line(&format!(
            "{head}Plan{head:#}: {} to create, {} to update, {} unchanged",
            count(|action| matches!(action, Action::Create(_))),
            count(|action| matches!(action, Action::Update { .. })),
            count(|action| matches!(action, Action::Unchanged(_))),
        ));
    }
}

/// Ends a command that executes nothing: prints the plan as JSON if chosen, and returns the exit status.
pub(crate) fn finish(
    cluster: &ClusterName,
    plan: &Plan,
    dry_run: &DryRunFlags,
    more: Json,
    printer: &Printer,
) -> u8 {
    if printer.is_json() {
        printer.json(&document(cluster, plan, dry_run.dry_run, [more]));
    }
    if dry_run.detailed_exitcode && !plan.is_empty() {
        CHANGES
    } else {
        0
    }
}

/// The plan as a JSON document, with the fields of `more`.
pub(crate) fn document(
    cluster: &ClusterName,
    plan: &Plan,
    dry_run: bool,
    more: impl IntoIterator<Item = Json>,
) -> Json {
    let mut document = json!({ "cluster": cluster.as_str(), "dry_run": dry_run, "plan": rows(plan) });
    if let Json::Object(document) = &mut document {
        let more = more.into_iter().filter_map(|more| match more {
            Json::Object(fields) => Some(fields),
            _ => None,
        });
        document.extend(more.flatten());
    }
    document
}

fn line(step: &Step) -> String {
    let (sign, style) = match &step.action {
        Action::Create(_) => ("+", style::GOOD),
        Action::Update { .. } => ("~", style::CHANGE),
        Action::Unchanged(_) => (" ", style::DIM),
        Action::Teardown(teardown) => match teardown.action {
            TeardownAction::Terminate | TeardownAction::Delete | TeardownAction::ScheduleDeletion => {
                ("-", style::BAD)
            }
            TeardownAction::Disable | TeardownAction::Detach | TeardownAction::Untag => ("~", style::CHANGE),
        },
    };
    let (action, kind, name) = (words(&step.action).action, kind(step), &step.name);
    format!("{style}{sign} {action:<9} {kind:<22} {name}{style:#}")
}

fn change(change: &Change) -> String {
    let (from, to) = match (&change.from, &change.to) {
        (Json::Array(from), Json::Array(to))
            if is_long(to) && from.iter().all(|value| to.contains(value)) =>
        {
            (format!("{} of {}", from.len(), to.len()), to.len().to_string())
        }
        (from, to) => (short(from), short(to)),
    };
    format!("    {}: {from} -> {to}", change.field)
}

/// Whether a list is shown by its length.
fn is_long(list: &[Json]) -> bool {
    list.len() > 3
}

/// A value on one line: the length of a list, the beginning of long text.
fn short(value: &Json) -> String {
    const MAX_CHARS: usize = 60;
    let text = match value {
        Json::Null => "(none)".to_owned(),
        Json::String(text) if text.is_empty() => "(empty)".to_owned(),
        Json::Array(list) if list.is_empty() => "(none)".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(list) if is_long(list) => format!("{} values", list.len()),
        other => other.to_string(),
    };
    if text.chars().count() > MAX_CHARS {
        format!("{}...", text.chars().take(MAX_CHARS).collect::<String>())
    } else {
        text
    }
}
