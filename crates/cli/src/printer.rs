//! All printing: data goes to stdout, everything else to stderr.

use crate::args::{Color, Output};
use crate::failure::Failure;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Colors by meaning.
pub(crate) mod style {
    use super::{AnsiColor, Style};

    /// Created or succeeded.
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
    /// Changed or needs attention.
    pub(crate) const CHANGE: Style = AnsiColor::Yellow.on_default();
    pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
    /// Unchanged or less important.
    pub(crate) const DIM: Style = Style::new().dimmed();
    pub(crate) const HEAD: Style = Style::new().bold();
}

#[derive(Debug)]
pub(crate) struct Printer {
    output: Output,
    choice: ColorChoice,
}

impl Printer {
    pub(crate) fn new(output: Output, color: Color) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { output, choice }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Whether progress can be redrawn in place.
    pub(crate) fn is_live(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Prints data to stdout.
    pub(crate) fn data(&self, text: &str) {
        // A closed pipe (`| head`) is not an error.
        let _ = AutoStream::new(std::io::stdout(), self.choice).write_all(text.as_bytes());
    }

    /// Prints a result to stdout as JSON.
    pub(crate) fn json(&self, document: &impl Serialize) {
        let text = serde_json::to_string_pretty(document)
            .unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"));
        self.data(&format!("{text}\n"));
    }

    /// Prints a message to stderr.
    pub(crate) fn line(&self, text: &str) {
        let _ = writeln!(AutoStream::new(std::io::stderr(), self.choice), "{text}");
    }

    pub(crate) fn warn(&self, text: &str) {
        let style = style::CHANGE;
        self.line(&format!("{style}warning{style:#}: {text}"));
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let (bad, head) = (style::BAD, style::HEAD);
        if self.is_json() {
            self.json(failure);
        }
        for error in &failure.errors {
            self.line(&format!("{bad}error{bad:#}: {error}"));
        }
        if let Some(hint) = &failure.hint {
            self.line(&format!("{head}hint{head:#}: {hint}"));
        }
    }

    /// Prints a table to stdout.
    pub(crate) fn table<const N: usize>(
        &self,
        titles: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(titles.map(str::to_uppercase));
        for row in rows {
            table.add_row(row);
        }
        let lines = table
            .lines()
            .map(|line| format!("{}\n", line.trim_end().trim_start()));
        self.data(&lines.collect::<String>());
    }
}
