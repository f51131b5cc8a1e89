//! Running programs, and saying what is done.

use std::io::Write;
use std::process::{Command, ExitStatus};
use std::time::Instant;

/// A step that did not go well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program that could not be started.
    #[error("{program} could not be started")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program that failed.
    #[error("{step} failed ({status})")]
    Failed {
        /// What was being done.
        step: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// Something of the lab.
    #[error("the lab failed")]
    Lab(#[source] lab::Error),
    /// A file.
    #[error("{path} could not be {doing}")]
    File {
        /// What was to be done to it.
        doing: &'static str,
        /// Which.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Something that is not as it must be.
    #[error("{0}")]
    Other(String),
}

/// A line about what is going on, on stderr.
#[expect(clippy::print_stderr, reason = "this is how xtask tells what it does")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Text on stdout.
pub(crate) fn print(text: &str) {
    // A reader that has gone away is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Runs a step under a heading, and says how long it took.
pub(crate) fn step(heading: &str, command: &mut Command) -> Result<(), Error> {
    say(&format!("== {heading}"));
    #[expect(
        clippy::disallowed_methods,
        reason = "a person waits for it and wants to know for how long"
    )]
    let begun = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|source| Error::Start { program, source })?;
    if !status.success() {
        return Err(Error::Failed {
            step: heading.to_owned(),
            status,
        });
    }
    say(&format!("== {heading}: {:.0} s", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// `cargo` with these arguments, in the workspace's root.
pub(crate) fn cargo(root: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root);
    // What this program was built with would have everything built anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"].contains(&text.as_ref())
        {
            command.env_remove(&name);
        }
    }
    command
}
