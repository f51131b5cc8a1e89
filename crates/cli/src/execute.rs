//! Executes a plan and shows its progress.

use crate::failure::{self, FAILED, Failure};
use crate::plan_view;
use crate::printer::Printer;
use crate::progress::{Outcome, Progress, Row, Summary};
use aws::cloud::Cloud;
use aws::execute::Event;
use deployment::plan::{Action, Plan, StepId};
use deployment::{HostGroup, Outputs, ResourceId};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) struct ExecutionResult {
    /// Of the created and updated resources.
    pub(crate) outputs: Outputs,
    /// What AWS finishes later, one line each.
    pub(crate) deferred: Vec<String>,
    outcomes: Vec<Outcome>,
    summary: Summary,
}

/// Executes the plan, shows its progress and prints a summary. After the first Ctrl-C, no further step starts.
///
/// # Errors
/// A second Ctrl-C: steps in progress may be partly done.
pub(crate) async fn execute(
    cloud: &Cloud,
    plan: &Plan,
    printer: &Printer,
) -> Result<ExecutionResult, Failure> {
    let rows = plan.steps.iter().map(|step| {
        let words = plan_view::words(&step.action);
        let row = Row {
            kind: plan_view::kind(step),
            name: step.name.clone(),
            done: words.result,
            counts: words.counts,
        };
        (step.id, row)
    });
    let is_teardown = plan.steps.iter().any(|step| step.action.desired().is_none());
    let counted: &[_] = if is_teardown {
        &["stopped", "removed"]
    } else {
        &["made", "changed", "unchanged"]
    };
    let mut progress = Progress::new(printer, rows, counted);
    let unchanged = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Unchanged(_)));
    if !is_teardown {
        progress.count("unchanged", unchanged.count());
    }
    let progress = RefCell::new(progress);
    let started = Instant::now();
    let (interrupt, interrupted) = watch::channel(false);
    let done = RefCell::new(BTreeSet::new());
    let report = |event| {
        if let Event::Done(id) = event {
            done.borrow_mut().insert(id);
        }
        progress.borrow_mut().event(event);
    };
    let waiting = |id: StepId, error: &aws::Error| progress.borrow_mut().waits(id, &error.to_string());
    let executed = tokio::select! {
        executed = aws::execute::execute(cloud, plan, interrupted, report, waiting) => executed,
        () = interrupts(interrupt, printer) => {
            return Err(Failure::all(failure::INTERRUPTED, vec![
                "stopped immediately: steps in progress may be partly done; rerun the command to resume".to_owned(),
            ]));
        }
    };
    let progress = progress.into_inner();
    progress.sum_up(started.elapsed());
    let result = ExecutionResult {
        outputs: executed.outputs,
        deferred: executed.deferred,
        outcomes: progress.outcomes,
        summary: progress.summary,
    };
    if !result.is_complete() {
        printer.line("Completed steps are kept. Rerun the command to resume.");
        for group in paused(plan, &done.borrow()) {
            printer.warn(&format!(
                "the schedule of host group {group} is disabled, so its group is not scaled: rerun the command to enable it again"
            ));
        }
    }
    Ok(result)
}

/// The host groups whose schedule an update has disabled and not enabled again.
fn paused<'a>(plan: &'a Plan, done: &'a BTreeSet<StepId>) -> impl Iterator<Item = HostGroup> + 'a {
    plan.steps.iter().filter_map(|step| match step.id {
        StepId::Disable(rule @ ResourceId::Rule(group))
            if done.contains(&step.id)
                && matches!(step.action, Action::Update { .. })
                && !done.contains(&StepId::Apply(rule)) =>
        {
            Some(group)
        }
        _ => None,
    })
}

impl ExecutionResult {
    /// Whether every step succeeded.
    pub(crate) fn is_complete(&self) -> bool {
        let summary = &self.summary;
        summary.failed + summary.postponed + summary.skipped + summary.interrupted == 0
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match &self.summary {
            summary if summary.failed > 0 => FAILED,
            summary if summary.interrupted > 0 => failure::INTERRUPTED,
            summary if summary.postponed > 0 => failure::POSTPONED,
            _ => 0,
        }
    }

    /// The JSON document, with the command's own fields in `more`.
    pub(crate) fn json(&self, cloud: &Cloud, plan: &Plan, more: impl IntoIterator<Item = Json>) -> Json {
        let result = json!({ "results": self.outcomes, "summary": self.summary });
        let more = std::iter::once(result).chain(more);
        plan_view::document(cloud.names.cluster(), plan, false, more)
    }
}

/// Sends the first Ctrl-C to `interrupt`; returns on the second.
async fn interrupts(interrupt: watch::Sender<bool>, printer: &Printer) {
    for second in [false, true] {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        if !second {
            printer.line("Interrupted: waiting for the steps in progress; no further step starts. Press Ctrl-C again to stop immediately.");
            let _ = interrupt.send(true);
        }
    }
}
