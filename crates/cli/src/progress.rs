//! Progress of a plan's execution: a live list on a terminal, else plain lines; and the summary.

use crate::failure;
use crate::printer::{Printer, style};
use aws::execute::Event;
use deployment::plan::StepId;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// The result of a step, for JSON.
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

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// Result of a completed step in JSON, such as `made`.
    pub(crate) done: &'static str,
    /// Key of the summary that counts a completed step.
    pub(crate) counts: &'static str,
}

/// Number of steps by result, for JSON and the last line.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    done: BTreeMap<&'static str, usize>,
    pub(crate) failed: usize,
    /// AWS must delete something first, which takes it long; a later destroy completes them.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) postponed: usize,
    pub(crate) skipped: usize,
    pub(crate) interrupted: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Prints events and keeps the result of each step.
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    rows: BTreeMap<StepId, Row>,
    counted: &'static [&'static str],
    bars: Option<MultiProgress>,
    running: BTreeMap<StepId, (Instant, Option<ProgressBar>)>,
    waiting: BTreeMap<StepId, String>,
    postponed: BTreeSet<StepId>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) summary: Summary,
}

impl<'a> Progress<'a> {
    /// `counted` are the keys of the summary, in the order of its line.
    pub(crate) fn new(
        printer: &'a Printer,
        rows: impl IntoIterator<Item = (StepId, Row)>,
        counted: &'static [&'static str],
    ) -> Self {
        Self {
            printer,
            rows: rows.into_iter().collect(),
            counted,
            bars: printer
                .is_live()
                .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            running: BTreeMap::new(),
            waiting: BTreeMap::new(),
            postponed: BTreeSet::new(),
            outcomes: Vec::new(),
            summary: Summary {
                done: counted.iter().map(|&what| (what, 0)).collect(),
                ..Summary::default()
            },
        }
    }

    pub(crate) fn count(&mut self, key: &'static str, number: usize) {
        *self.summary.done.entry(key).or_default() += number;
    }

    fn label(&self, id: StepId) -> String {
        let row = self.rows.get(&id);
        row.map(|row| format!("{} {}", row.kind, row.name))
            .unwrap_or_default()
    }

    /// Prints what a step waits for, unless that is unchanged.
    pub(crate) fn waits(&mut self, id: StepId, reason: &str) {
        if self.waiting.insert(id, reason.to_owned()).as_deref() != Some(reason) {
            let dim = style::DIM;
            self.print(&format!("{dim}… waiting    {}: {reason}{dim:#}", self.label(id)));
        }
    }

    fn print(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.printer.line(line)),
            None => self.printer.line(line),
        }
    }

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
                let (result, counts) = self.rows.get(&id).map_or(("", ""), |row| (row.done, row.counts));
                self.count(counts, 1);
                let seconds = took.as_secs_f64();
                self.print(&format!(
                    "{good}✓{good:#} {:<10} {} {dim}{seconds:.1}s{dim:#}",
                    shown(result),
                    self.label(id)
                ));
                self.outcome(id, result, Some(took), None, None);
            }
            Event::Failed(id, error @ aws::Error::Postponed { .. }) => {
                let took = self.finish(id);
                self.postpone(id);
                self.print(&format!("{dim}… postponed  {}: {error}{dim:#}", self.label(id)));
                self.outcome(id, "postponed", Some(took), Some(&error), None);
            }
            Event::Skipped(id, because) if self.postponed.contains(&because) => {
                self.postpone(id);
                self.print(&format!(
                    "{dim}… postponed  {}: it is deleted after {}{dim:#}",
                    self.label(id),
                    self.label(because)
                ));
                self.outcome(id, "postponed", None, None, Some(because));
            }
            Event::Failed(id, error) => {
                let took = self.finish(id);
                self.summary.failed += 1;
                self.print(&format!("{bad}✗{bad:#} failed     {}: {error}", self.label(id)));
                if let Some(hint) = failure::hint(&error) {
                    self.print(&format!("             {hint}"));
                }
                self.outcome(id, "failed", Some(took), Some(&error), None);
            }
            Event::Skipped(id, because) => {
                self.summary.skipped += 1;
                self.print(&format!(
                    "{dim}- skipped    {}: it depends on {}{dim:#}",
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

    fn postpone(&mut self, id: StepId) {
        self.summary.postponed += 1;
        self.postponed.insert(id);
    }

    fn finish(&mut self, id: StepId) -> Duration {
        let Some((started, bar)) = self.running.remove(&id) else {
            return Duration::ZERO;
        };
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        started.elapsed()
    }

    fn outcome(
        &mut self,
        id: StepId,
        result: &'static str,
        took: Option<Duration>,
        error: Option<&aws::Error>,
        because_of: Option<StepId>,
    ) {
        let row = self.rows.get(&id);
        self.outcomes.push(Outcome {
            kind: row.map_or("", |row| row.kind),
            name: row.map(|row| row.name.clone()).unwrap_or_default(),
            result,
            milliseconds: took.map(|took| took.as_millis()),
            error: error.map(ToString::to_string),
            hint: error.and_then(failure::hint),
            because_of: because_of.map(|id| self.label(id)),
        });
    }

    /// Prints the summary.
    pub(crate) fn sum_up(&self, took: Duration) {
        let summary = &self.summary;
        let number = |key: &&'static str| summary.done.get(key).copied().unwrap_or_default();
        let done: Vec<_> = self
            .counted
            .iter()
            .map(|key| format!("{} {}", number(key), shown(key)))
            .collect();
        let head = style::HEAD;
        let mut line = format!(
            "{head}Done{head:#} in {:.1} s: {}",
            took.as_secs_f64(),
            done.join(", ")
        );
        for (number, result) in [
            (summary.failed, "failed"),
            (summary.postponed, "postponed"),
            (summary.skipped, "skipped because of a failure"),
            (summary.interrupted, "not started"),
        ] {
            if number > 0 {
                line += &format!(", {number} {result}");
            }
        }
        self.printer.line(&line);
    }
}

/// The word for a result in text. JSON keeps the words of earlier versions.
fn shown(result: &str) -> &str {
    match result {
        "made" => "created",
        "changed" => "updated",
        other => other,
    }
}
