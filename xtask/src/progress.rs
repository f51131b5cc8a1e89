//! Cargo's progress as plain lines, for logs and pipes.

use crate::process::{Error, log};
use std::io::{BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The time between two lines.
const INTERVAL: Duration = Duration::from_secs(30);

/// The width that cargo may use for its progress bar. It is wide, so that the names of the crates fit.
const WIDTH: &str = "160";

/// Cargo writes one line per crate. The progress lines replace them.
const REPLACED: [&str; 8] = [
    "Blocking",
    "Checking",
    "Compiling",
    "Documenting",
    "Downloaded",
    "Downloading",
    "Executable",
    "Fresh",
];

/// Runs a cargo command whose stderr is not a terminal, where cargo itself shows no progress.
pub(crate) fn run(command: &mut Command) -> Result<std::process::ExitStatus, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = |source| Error::Start {
        program: program.clone(),
        source,
    };
    let mut child = command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", WIDTH)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(stderr) = child.stderr.take() {
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || read_lines(stderr, |line| sender.send(line).is_ok()));
        show(&lines);
        // The reader ends when cargo closes its stderr. A panic there loses lines, not the result.
        let _ = reader.join();
    }
    child.wait().map_err(start)
}

/// Splits at line ends and at carriage returns, which end a progress bar, until `consume` returns false.
fn read_lines(stderr: impl Read, mut consume: impl FnMut(String) -> bool) {
    let mut line = Vec::new();
    for byte in BufReader::new(stderr).bytes().map_while(Result::ok) {
        if byte == b'\n' || byte == b'\r' {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            if !consume(text) {
                return;
            }
        } else {
            line.push(byte);
        }
    }
    if !line.is_empty() {
        consume(String::from_utf8_lossy(&line).into_owned());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person who waits wants to know for how long"
)]
fn show(lines: &Receiver<String>) {
    let start = Instant::now();
    let mut due = INTERVAL;
    let mut progress = None;
    loop {
        match lines.recv_timeout(due.saturating_sub(start.elapsed())) {
            Ok(line) => match classify(&line) {
                Line::Progress(text) => progress = Some(text),
                Line::Message => log(&line),
                Line::Replaced => {}
            },
            Err(RecvTimeoutError::Timeout) => {
                let seconds = start.elapsed().as_secs();
                let text = progress.as_deref().unwrap_or("starting");
                log(&format!("   {seconds} s: {text}"));
                due += INTERVAL;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// The state of the build, for people.
    Progress(String),
    /// A line that the progress replaces.
    Replaced,
    /// A warning, an error or a result, which is shown as it is.
    Message,
}

fn classify(line: &str) -> Line {
    let text = line.trim();
    if let Some(progress) = parse_bar(text) {
        return Line::Progress(progress);
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    // Only cargo's own status lines are indented and begin with one of these words.
    if text.is_empty() || (line.starts_with(' ') && REPLACED.contains(&first)) {
        Line::Replaced
    } else {
        Line::Message
    }
}

/// Reads `Building [====>   ] 12/320: aws-sdk-ec2, aws-sdk-iam`.
fn parse_bar(text: &str) -> Option<String> {
    let (_, rest) = text.strip_prefix("Building [")?.split_once("] ")?;
    let (count, crates) = rest.split_once(':').unwrap_or((rest, ""));
    let (done, total) = count.split_once('/')?;
    let (done, total): (u32, u32) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
    let crates = crates.trim();
    Some(if crates.is_empty() {
        format!("{done} of {total} steps of the build are done")
    } else {
        format!("{done} of {total} steps of the build are done; now {crates}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(output: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        read_lines(output.as_bytes(), |line| {
            lines.push(classify(&line));
            true
        });
        lines
    }

    #[test]
    fn progress_bar_becomes_a_sentence() {
        let progress = "    Building [==>      ] 12/320: aws-sdk-ec2, aws-sdk-iam      \r";
        let expected = "12 of 320 steps of the build are done; now aws-sdk-ec2, aws-sdk-iam";
        assert_eq!(lines(progress), [Line::Progress(expected.to_owned())]);
        let end = "    Building [========>] 320/320\r";
        let expected = "320 of 320 steps of the build are done";
        assert_eq!(lines(end), [Line::Progress(expected.to_owned())]);
    }

    #[test]
    fn messages_are_kept_and_crate_lines_are_dropped() {
        let output = "   Compiling syn v2.0.119\nerror[E0583]: file not found\n\n    Finished `dev` profile\nCompiling";
        assert_eq!(
            lines(output),
            [
                Line::Replaced,
                Line::Message,
                Line::Replaced,
                Line::Message,
                Line::Message
            ]
        );
    }

    #[test]
    fn malformed_bar_is_a_message() {
        assert_eq!(lines("Building [==> ] soon"), [Line::Message]);
    }
}
