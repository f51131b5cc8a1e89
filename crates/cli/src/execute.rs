//! Steps carried out before the user's eyes.

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

/// What became of the steps.
pub(crate) struct ExecutionResult {
    /// What is known of the resources now.
    pub(crate) outputs: Outputs,
    outcomes: Vec<Outcome>,
    summary: Summary,
}

/// Carries the plan out, shown as it goes, and sums up. The first Ctrl-C begins nothing new.
///
/// # Errors
/// The second Ctrl-C: what was under way may be half done.
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

/// Does the work, which tells `progress` of its steps, and sums up. The first Ctrl-C has it begin nothing new.
///
/// # Errors
/// The second Ctrl-C: what was under way may be half done.
pub(crate) async fn run_interruptible<K: Copy + Ord, T, W: Future<Output = T>>(
    printer: &Printer,
    progress: &RefCell<Progress<'_, K>>,
    work: impl FnOnce(watch::Receiver<bool>) -> W,
) -> Result<T, Failure> {
    let begun = Instant::now();
    let (interrupt, interrupted) = watch::channel(false);
    let done = tokio::select! {
        done = work(interrupted) => done,
        () = interrupts(interrupt, printer) => {
            return Err(Failure::all(failure::INTERRUPTED, vec![
                "stopped at once: what was under way may be half done; run the command again, it goes on from there".to_owned(),
            ]));
        }
    };
    progress.borrow().sum_up(begun.elapsed());
    Ok(done)
}

impl ExecutionResult {
    /// What `progress` was told; where it is not all, the user is told how it goes on.
    pub(crate) fn of<K>(progress: Progress<'_, K>, printer: &Printer) -> Self {
        let carried = Self {
            outputs: Outputs::default(),
            outcomes: progress.outcomes,
            summary: progress.summary,
        };
        if !carried.is_whole() {
            printer.line("What stands stays; run the same command again and it goes on from there.");
        }
        carried
    }

    /// Whether all of it was done.
    pub(crate) fn is_whole(&self) -> bool {
        let summary = &self.summary;
        summary.failed + summary.skipped + summary.interrupted == 0
    }

    /// The command's exit status.
    pub(crate) fn exit_code(&self) -> u8 {
        match &self.summary {
            summary if summary.failed > 0 => FAILED,
            summary if summary.interrupted > 0 => failure::INTERRUPTED,
            _ => 0,
        }
    }

    /// The same for a program, with more that the command has to say.
    pub(crate) fn json(&self, cloud: &Cloud, plan: &Plan, more: Json) -> Json {
        self.json_of(cloud, json!(plan_view::rows(plan)), more)
    }

    /// The same of a plan that is given as its rows.
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

/// The first Ctrl-C begins nothing new; this ends with the second.
async fn interrupts(interrupt: watch::Sender<bool>, printer: &Printer) {
    for again in [false, true] {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        if !again {
            printer.line("Interrupted: what is under way is finished, nothing more is begun; Ctrl-C again stops at once.");
            let _ = interrupt.send(true);
        }
    }
}
