//! Executes a plan and shows its progress.

use crate::failure::{self, FAILED, Failure};
use crate::plan_view;
use crate::printer::Printer;
use crate::progress::{Outcome, Progress, Row, Summary};
use aws::apply::apply;
use aws::cloud::Cloud;
use deployment::Outputs;
use deployment::plan::{Action, Plan};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) struct ExecutionResult {
    /// Of the created and updated resources.
    pub(crate) outputs: Outputs,
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
        let done = match step.action {
            Action::Create => "made",
            Action::Update(_) | Action::Unchanged => "changed",
        };
        let row = Row {
            kind: step.desired.id.kind().label(),
            name: step.desired.name.clone(),
            done,
            counts: done,
        };
        (step.desired.id, row)
    });
    let mut progress = Progress::new(printer, rows, &["made", "changed", "unchanged"]);
    let unchanged = plan.steps.iter().filter(|step| step.action == Action::Unchanged);
    progress.count("unchanged", unchanged.count());
    let progress = RefCell::new(progress);
    let outputs = run_interruptible(printer, &progress, |interrupted| {
        apply(cloud, plan, interrupted, |event| {
            progress.borrow_mut().event(event)
        })
    })
    .await?;
    Ok(ExecutionResult {
        outputs,
        ..ExecutionResult::of(progress.into_inner(), printer)
    })
}

/// Runs `work`, which reports its steps to `progress`, and prints a summary. After the first Ctrl-C, no further step starts.
///
/// # Errors
/// A second Ctrl-C: steps in progress may be partly done.
pub(crate) async fn run_interruptible<K: Copy + Ord, T, W: Future<Output = T>>(
    printer: &Printer,
    progress: &RefCell<Progress<'_, K>>,
    work: impl FnOnce(watch::Receiver<bool>) -> W,
) -> Result<T, Failure> {
    let started = Instant::now();
    let (interrupt, interrupted) = watch::channel(false);
    let done = tokio::select! {
        done = work(interrupted) => done,
        () = interrupts(interrupt, printer) => {
            return Err(Failure::all(failure::INTERRUPTED, vec![
                "stopped immediately: steps in progress may be partly done; rerun the command to resume".to_owned(),
            ]));
        }
    };
    progress.borrow().sum_up(started.elapsed());
    Ok(done)
}

impl ExecutionResult {
    /// Takes the results from `progress`. If they are incomplete, prints how to resume.
    pub(crate) fn of<K>(progress: Progress<'_, K>, printer: &Printer) -> Self {
        let result = Self {
            outputs: Outputs::default(),
            outcomes: progress.outcomes,
            summary: progress.summary,
        };
        if !result.is_complete() {
            printer.line("Completed steps are kept. Rerun the command to resume.");
        }
        result
    }

    /// Whether every step succeeded.
    pub(crate) fn is_complete(&self) -> bool {
        let summary = &self.summary;
        summary.failed + summary.skipped + summary.interrupted == 0
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match &self.summary {
            summary if summary.failed > 0 => FAILED,
            summary if summary.interrupted > 0 => failure::INTERRUPTED,
            _ => 0,
        }
    }

    /// The JSON document, with the command's own fields in `more`.
    pub(crate) fn json(&self, cloud: &Cloud, plan: &Plan, more: Json) -> Json {
        self.json_of(cloud, json!(plan_view::rows(plan)), more)
    }

    /// The JSON document of a plan given as its rows.
    pub(crate) fn json_of(&self, cloud: &Cloud, rows: Json, more: Json) -> Json {
        let mut document = json!({
            "cluster": cloud.names.cluster().as_str(),
            "dry_run": false,
            "plan": rows,
            "results": self.outcomes,
            "summary": self.summary,
        });
        if let (Json::Object(document), Json::Object(more)) = (&mut document, more) {
            document.extend(more);
        }
        document
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
