//! Prints a plan, as text or as JSON.

use crate::failure::CHANGES;
use crate::printer::{Printer, style};
use deployment::ClusterName;
use deployment::plan::{Action, Change, Plan, Step};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// A resource of a plan, for JSON.
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

/// The plan for JSON, one row per resource.
pub(crate) fn rows(plan: &Plan) -> Vec<Row<'_>> {
    let row = |step| Row {
        kind: kind(step),
        name: &step.desired.name,
        hostgroup: step.desired.id.group().map(|group| group.name()),
        action: action(&step.action),
        changes: match &step.action {
            Action::Update(changes) => changes.as_slice(),
            Action::Create | Action::Unchanged => &[],
        },
    };
    plan.steps.iter().map(row).collect()
}

/// Prints the plan as text.
pub(crate) fn show(plan: &Plan, printer: &Printer) {
    for line in lines(plan) {
        printer.line(&line);
    }
}

/// Ends a dry run: prints the plan as JSON if chosen, and returns the exit status.
pub(crate) fn dry_run(cluster: &ClusterName, plan: &Plan, detailed_exitcode: bool, printer: &Printer) -> u8 {
    if printer.is_json() {
        printer.json(&json!({ "cluster": cluster.as_str(), "dry_run": true, "plan": rows(plan) }));
    }
    if detailed_exitcode && !plan.is_empty() {
        CHANGES
    } else {
        0
    }
}

/// One line per resource, followed by the fields that differ.
fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let (sign, style) = match step.action {
            Action::Create => ("+", style::GOOD),
            Action::Update(_) => ("~", style::CHANGE),
            Action::Unchanged => (" ", style::DIM),
        };
        let (action, kind, name) = (action(&step.action), kind(step), &step.desired.name);
        lines.push(format!("{style}{sign} {action:<9} {kind:<22} {name}{style:#}"));
        if let Action::Update(changes) = &step.action {
            lines.extend(changes.iter().map(change));
        }
    }
    let count = |of: fn(&Action) -> bool| plan.steps.iter().filter(|step| of(&step.action)).count();
    let head = style::HEAD;
    lines.push(format!(
        "{head}Plan{head:#}: {} to create, {} to update, {} unchanged",
        count(|action| matches!(action, Action::Create)),
        count(|action| matches!(action, Action::Update(_))),
        count(|action| matches!(action, Action::Unchanged)),
    ));
    lines
}

fn kind(step: &Step) -> &'static str {
    step.desired.id.kind().label()
}

fn action(action: &Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update(_) => "update",
        Action::Unchanged => "unchanged",
    }
}

fn change(change: &Change) -> String {
    format!(
        "    {}: {} -> {}",
        change.field,
        short(&change.from),
        short(&change.to)
    )
}

/// A value on one line: the length of a list, the beginning of long text.
fn short(value: &Json) -> String {
    const MAX_CHARS: usize = 60;
    let text = match value {
        Json::Null => "(none)".to_owned(),
        Json::String(text) if text.is_empty() => "(empty)".to_owned(),
        Json::Array(list) if list.is_empty() => "(none)".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(list) if list.len() > 3 => format!("{} values", list.len()),
        other => other.to_string(),
    };
    if text.chars().count() > MAX_CHARS {
        format!("{}...", text.chars().take(MAX_CHARS).collect::<String>())
    } else {
        text
    }
}
