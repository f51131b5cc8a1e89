//! Running programs and reporting on them.

use crate::progress;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot start {program}")]
    Start { program: String, source: std::io::Error },
    #[error("{step} failed ({status})")]
    Failed { step: String, status: ExitStatus },
    #[error("the lab failed")]
    Lab(#[source] lab::Error),
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: String,
        source: std::io::Error,
    },
    #[error("{0}")]
    Other(String),
}

/// Writes a line about the progress to stderr.
#[expect(clippy::print_stderr, reason = "xtask reports its progress here")]
pub(crate) fn log(line: &str) {
    eprintln!("{line}");
}

/// Writes a result to stdout.
pub(crate) fn print(text: &str) {
    // A closed pipe is not an error: the reader has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Runs a program under a heading and logs its duration.
pub(crate) fn step(heading: &str, command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    timed(heading, || {
        command
            .status()
            .map_err(|source| Error::Start { program, source })
    })
}

/// Runs a cargo command that builds, and shows how far it is: with cargo's own bar on a terminal, otherwise with a line every
/// half minute.
pub(crate) fn build_step(heading: &str, command: &mut Command) -> Result<(), Error> {
    if std::io::stderr().is_terminal() {
        step(heading, command)
    } else {
        timed(heading, || progress::run(command))
    }
}

fn timed(heading: &str, run: impl FnOnce() -> Result<ExitStatus, Error>) -> Result<(), Error> {
    log(&format!("== {heading}"));
    #[expect(
        clippy::disallowed_methods,
        reason = "a person who waits wants to know for how long"
    )]
    let start = Instant::now();
    let status = run()?;
    if !status.success() {
        return Err(Error::Failed {
            step: heading.to_owned(),
            status,
        });
    }
    log(&format!("== {heading}: done in {}", duration(start.elapsed())));
    Ok(())
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// Returns `cargo` with these arguments, to run in the workspace's root.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root);
    // Build scripts see the variables that cargo set for this program, and would run again because of them.
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

/// Runs these installations of the lab while `work` runs: they wait for the network, and it uses the processor.
pub(crate) fn with_installed<T>(
    installations: &[fn() -> Result<PathBuf, lab::Error>],
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    std::thread::scope(|scope| {
        let running: Vec<_> = installations.iter().map(|install| scope.spawn(install)).collect();
        let result = work();
        for installation in running {
            let installed = installation
                .join()
                .map_err(|_| Error::Other("an installation panicked".to_owned()))?;
            installed.map_err(Error::Lab)?;
        }
        result
    })
}

/// Maps an I/O error on `path` to [`Error::File`].
pub(crate) fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_durations_are_shown_in_minutes() {
        assert_eq!(duration(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(duration(Duration::from_secs(397)), "6 min 37 s");
    }
}
