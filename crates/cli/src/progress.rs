//! What happens while a plan is carried out: a live list on a terminal, plain lines elsewhere; and the summary.

use crate::failure;
use crate::printer::{Printer, style};
use aws::graph::Event;
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

/// A step as it is shown.
#[derive(Debug)]
pub(crate) struct Row {
    /// The kind of its resource.
    pub(crate) kind: &'static str,
    /// Its resource's name.
    pub(crate) name: String,
    /// What is said of it once it is done: `made`.
    pub(crate) done: &'static str,
    /// As what it counts in the summary then.
    pub(crate) counts: &'static str,
}

/// How many of each.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    done: BTreeMap<&'static str, usize>,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    pub(crate) interrupted: usize,
}

/// Shows events as they come, and keeps what became of each step.
pub(crate) struct Progress<'a, K> {
    printer: &'a Printer,
    rows: BTreeMap<K, Row>,
    counted: &'static [&'static str],
    bars: Option<MultiProgress>,
    running: BTreeMap<K, (Instant, Option<ProgressBar>)>,
    waiting: BTreeMap<K, String>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) summary: Summary,
}

impl<'a, K: Copy + Ord> Progress<'a, K> {
    /// Of these steps. The summary tells how many count as each of `counted`, in this order.
    pub(crate) fn new(
        printer: &'a Printer,
        rows: impl IntoIterator<Item = (K, Row)>,
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
            outcomes: Vec::new(),
            summary: Summary {
                done: counted.iter().map(|&what| (what, 0)).collect(),
                ..Summary::default()
            },
        }
    }

    /// Counts what there is nothing to be done about.
    pub(crate) fn count(&mut self, what: &'static str, many: usize) {
        *self.summary.done.entry(what).or_default() += many;
    }

    fn label(&self, id: K) -> String {
        let row = self.rows.get(&id);
        row.map(|row| format!("{} {}", row.kind, row.name))
            .unwrap_or_default()
    }

    /// Says what a step waits for, once as long as it is the same.
    pub(crate) fn waits(&mut self, id: K, what: &str) {
        if self.waiting.insert(id, what.to_owned()).as_deref() != Some(what) {
            let dim = style::DIM;
            self.say(&format!("{dim}… waits      {}: {what}{dim:#}", self.label(id)));
        }
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.printer.line(line)),
            None => self.printer.line(line),
        }
    }

    /// Takes an event in.
    pub(crate) fn event(&mut self, event: Event<K, aws::Error>) {
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
                self.say(&format!(
                    "{good}✓{good:#} {result:<10} {} {dim}{seconds:.1}s{dim:#}",
                    self.label(id)
                ));
                self.outcome(id, result, Some(took), None, None);
            }
            Event::Failed(id, error) => {
                let took = self.finish(id);
                self.summary.failed += 1;
                self.say(&format!("{bad}✗{bad:#} failed     {}: {error}", self.label(id)));
                if let Some(hint) = failure::hint(&error) {
                    self.say(&format!("             {hint}"));
                }
                self.outcome(id, "failed", Some(took), Some(&error), None);
            }
            Event::Skipped(id, because) => {
                self.summary.skipped += 1;
                self.say(&format!(
                    "{dim}- skipped    {}, which needs {}{dim:#}",
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

    fn finish(&mut self, id: K) -> Duration {
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
        id: K,
        result: &'static str,
        took: Option<Duration>,
        error: Option<&aws::Error>,
        because_of: Option<K>,
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

    /// The summary in a line.
    pub(crate) fn sum_up(&self, took: Duration) {
        let summary = &self.summary;
        let of = |what: &&'static str| summary.done.get(what).copied().unwrap_or_default();
        let done: Vec<_> = self
            .counted
            .iter()
            .map(|what| format!("{} {what}", of(what)))
            .collect();
        let head = style::HEAD;
        let mut line = format!(
            "{head}Done{head:#} in {:.1} s: {}",
            took.as_secs_f64(),
            done.join(", ")
        );
        for (count, what) in [
            (summary.failed, "failed"),
            (summary.skipped, "skipped because of what failed"),
            (summary.interrupted, "not begun"),
        ] {
            if count > 0 {
                line += &format!(", {count} {what}");
            }
        }
        self.printer.line(&line);
    }
}
