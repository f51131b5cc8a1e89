use crate::printer::{Printer, style};
use deployment::removal::{Removal, Step, Verb};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// A step, for JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostgroup: Option<&'static str>,
    action: &'static str,
}

/// The steps for JSON.
pub(crate) fn rows(removal: &Removal) -> Vec<Row<'_>> {
    let row = |step: &'_ Step| {
        let group = step.id.resource().group();
        (group.map(|group| group.name()), step.label(), step.verb.name())
    };
    let rows = removal.steps.iter().map(|step| {
        let (hostgroup, kind, action) = row(step);
        Row {
            kind,
            name: &step.name,
            hostgroup,
            action,
        }
    });
    rows.collect()
}

/// Resources that are skipped, that AWS is already deleting, and that could not be read; for JSON.
pub(crate) fn remarks(removal: &Removal) -> Json {
    json!({
        "left_alone": removal.foreign.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "going": removal.going.iter().map(|(kind, name)| format!("{} {name}", kind.label())).collect::<Vec<_>>(),
        "unknown": removal.unknown,
    })
}

/// Prints one line per step.
pub(crate) fn show(removal: &Removal, printer: &Printer) {
    for step in &removal.steps {
        let (sign, style) = match step.verb {
            Verb::Terminate | Verb::Delete | Verb::Schedule => ("-", style::BAD),
            Verb::SwitchOff | Verb::Detach | Verb::Release => ("~", style::CHANGE),
        };
        let (verb, label, name) = (step.verb.name(), step.label(), &step.name);
        printer.line(&format!("{style}{sign} {verb:<9} {label:<22} {name}{style:#}"));
    }
    for foreign in &removal.foreign {
        printer.warn(&foreign.to_string());
    }
    for unknown in &removal.unknown {
        printer.warn(unknown);
    }
    for (kind, name) in &removal.going {
        printer.line(&format!(
            "  {} {name} is already being deleted by AWS",
            kind.label()
        ));
    }
    let count = |verb| removal.steps.iter().filter(|step| step.verb == verb).count();
    let head = style::HEAD;
    let deleted = count(Verb::Delete) + count(Verb::Schedule);
    if !removal.is_empty() {
        printer.line(&format!(
            "{head}Plan{head:#}: {deleted} to delete, {} skipped",
            removal.foreign.len()
        ));
    }
}
