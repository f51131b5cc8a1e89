//! A plan carried out before the user's eyes.

use crate::failure::{self, FAILED, Failure};
use crate::plan_view;
use crate::printer::Printer;
use crate::progress::Progress;
use aws::apply::apply;
use aws::cloud::Cloud;
use deployment::plan::Plan;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

/// What became of a plan.
pub(crate) struct Carried<'a>(Progress<'a>);

/// Carries the plan out, shown as it goes, and sums up. The first Ctrl-C begins nothing new.
///
/// # Errors
/// The second Ctrl-C: what was under way may be half done.
pub(crate) async fn carry_out<'a>(
    cloud: &Cloud,
    plan: &Plan,
    printer: &'a Printer,
) -> Result<Carried<'a>, Failure> {
    let begun = Instant::now();
    let mut progress = Progress::new(printer, plan);
    let (interrupt, interrupted) = watch::channel(false);
    tokio::select! {
        () = apply(cloud, plan, interrupted, |event| progress.event(event)) => {}
        () = interrupts(interrupt, printer) => {
            return Err(Failure::all(failure::INTERRUPTED, vec![
                "stopped at once: what was under way may be half made; run the command again, it goes on from there".to_owned(),
            ]));
        }
    }
    progress.sum_up(begun.elapsed());
    let carried = Carried(progress);
    if !carried.is_whole() {
        printer.line("What stands stays; run the same command again and it goes on from there.");
    }
    Ok(carried)
}

impl Carried<'_> {
    /// Whether all of it was done.
    pub(crate) fn is_whole(&self) -> bool {
        let summary = &self.0.summary;
        summary.failed + summary.skipped + summary.interrupted == 0
    }

    /// The command's exit status.
    pub(crate) fn exit_code(&self) -> u8 {
        match &self.0.summary {
            summary if summary.failed > 0 => FAILED,
            summary if summary.interrupted > 0 => failure::INTERRUPTED,
            _ => 0,
        }
    }

    /// The same for a program, with more that the command has to say.
    pub(crate) fn json(&self, cloud: &Cloud, plan: &Plan, more: Json) -> Json {
        let mut document = json!({
            "cluster": cloud.names.cluster().as_str(),
            "dry_run": false,
            "plan": plan_view::rows(plan),
            "results": self.0.outcomes,
            "summary": self.0.summary,
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
