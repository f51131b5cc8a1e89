//! What happens while a plan is carried out: a live list on a terminal, plain lines elsewhere; and the summary.

use crate::failure;
use crate::printer::{Printer, style};
use aws::apply::Event;
use deployment::ResourceId;
use deployment::plan::{Action, Plan};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What became of a resource.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    kind: &'static str,
    name: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because_of: Option<String>,
}

/// How many of each.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Summary {
    pub(crate) made: usize,
    pub(crate) changed: usize,
    pub(crate) unchanged: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    pub(crate) interrupted: usize,
}

/// Shows events as they come, and keeps what became of each resource.
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    names: BTreeMap<ResourceId, (String, bool)>,
    bars: Option<MultiProgress>,
    running: BTreeMap<ResourceId, (Instant, Option<ProgressBar>)>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) summary: Summary,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(printer: &'a Printer, plan: &Plan) -> Self {
        let names = plan.steps.iter().map(|step| {
            (
                step.desired.id,
                (step.desired.name.clone(), step.action == Action::Create),
            )
        });
        let unchanged = plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Unchanged)
            .count();
        Self {
            printer,
            names: names.collect(),
            bars: printer
                .is_live()
                .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            running: BTreeMap::new(),
            outcomes: Vec::new(),
            summary: Summary {
                unchanged,
                ..Summary::default()
            },
        }
    }

    fn label(&self, id: ResourceId) -> String {
        let name = self.names.get(&id).map_or("", |(name, _)| name);
        format!("{} {name}", id.kind().label())
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.printer.line(line)),
            None => self.printer.line(line),
        }
    }

    /// Takes an event in.
    pub(crate) fn event(&mut self, event: Event) {
        let (good, bad, dim) = (style::GOOD, style::BAD, style::DIM);
        match event {
            Event::Started(id) => {
                let bar = self.bars.as_ref().map(|bars| {
                    let bar = bars.add(ProgressBar::new_spinner());
                    if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
                        bar.set_style(style);
                    }
                    bar.set_message(self.label(id));
                    bar.enable_steady_tick(Duration::from_millis(100));
                    bar
                });
                self.running.insert(id, (Instant::now(), bar));
            }
            Event::Done(id) => {
                let took = self.finish(id);
                let made = self.names.get(&id).is_some_and(|(_, made)| *made);
                *(if made {
                    &mut self.summary.made
                } else {
                    &mut self.summary.changed
                }) += 1;
                let result = if made { "made" } else { "changed" };
                let seconds = took.as_secs_f64();
                self.say(&format!(
                    "{good}✓{good:#} {result:<8} {} {dim}{seconds:.1}s{dim:#}",
                    self.label(id)
                ));
                self.outcome(id, result, Some(took), None, None);
            }
            Event::Failed(id, error) => {
                let took = self.finish(id);
                self.summary.failed += 1;
                self.say(&format!("{bad}✗{bad:#} failed   {}: {error}", self.label(id)));
                if let Some(hint) = failure::hint(&error) {
                    self.say(&format!("           {hint}"));
                }
                self.outcome(id, "failed", Some(took), Some(&error), None);
            }
            Event::Skipped(id, because) => {
                self.summary.skipped += 1;
                self.say(&format!(
                    "{dim}- skipped  {}, which needs {}{dim:#}",
                    self.label(id),
                    self.label(because)
                ));
                self.outcome(id, "skipped", None, None, Some(because));
            }
            Event::Interrupted(id) => {
                self.summary.interrupted += 1;
                self.outcome(id, "interrupted", None, None, None);
            }
        }
    }

    fn finish(&mut self, id: ResourceId) -> Duration {
        let Some((begun, bar)) = self.running.remove(&id) else {
            return Duration::ZERO;
        };
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        begun.elapsed()
    }

    fn outcome(
        &mut self,
        id: ResourceId,
        result: &'static str,
        took: Option<Duration>,
        error: Option<&aws::Error>,
        because_of: Option<ResourceId>,
    ) {
        self.outcomes.push(Outcome {
            kind: id.kind().label(),
            name: self
                .names
                .get(&id)
                .map(|(name, _)| name.clone())
                .unwrap_or_default(),
            result,
            milliseconds: took.map(|took| took.as_millis()),
            error: error.map(ToString::to_string),
            hint: error.and_then(failure::hint),
            because_of: because_of.map(|id| self.label(id)),
        });
    }

    /// The summary in a line.
    pub(crate) fn sum_up(&self, took: Duration) {
        let Summary {
            made,
            changed,
            unchanged,
            failed,
            skipped,
            interrupted,
        } = self.summary;
        let head = style::HEAD;
        let mut line = format!(
            "{head}Done{head:#} in {:.1} s: {made} made, {changed} changed, {unchanged} unchanged",
            took.as_secs_f64()
        );
        for (count, what) in [
            (failed, "failed"),
            (skipped, "skipped because of what failed"),
            (interrupted, "not begun"),
        ] {
            if count > 0 {
                line += &format!(", {count} {what}");
            }
        }
        self.printer.line(&line);
    }
}
