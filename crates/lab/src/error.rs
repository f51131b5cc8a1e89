//! What can go wrong with the local AWS.

use std::io;
use std::path::PathBuf;

/// Why the local AWS did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine has no Python that moto runs on.
    #[error(
        "the local AWS needs Python 3.10 or newer: install it (Debian, Ubuntu: `apt-get install python3 python3-venv`)"
    )]
    NoPython,
    /// The environment could not be made.
    #[error("cannot {doing}; {hint}; it said:\n{said}")]
    Environment {
        /// The step.
        doing: &'static str,
        /// What usually helps.
        hint: &'static str,
        /// What the program wrote.
        said: String,
    },
    /// A file or process could not be worked with.
    #[error("cannot {doing} {path}")]
    Machine {
        /// The step.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// moto ended before it listened.
    #[error("moto does not start: {0} (what it wrote is above)")]
    NotStarted(std::process::ExitStatus),
    /// A script that works on the local AWS failed.
    #[error("{script} failed:\n{said}")]
    Script {
        /// Its name.
        script: String,
        /// What it wrote.
        said: String,
    },
    /// What a script or moto wrote is not what was expected.
    #[error("the answer of {of} cannot be read")]
    Answer {
        /// Who wrote it.
        of: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The local AWS could not be reached, or broke off.
    #[error("the local AWS did not answer {operation}")]
    Unreachable {
        /// What it was asked for.
        operation: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The local AWS could not do what it was asked for.
    #[error("the local AWS refused {operation}: {said}")]
    Refused {
        /// What it was asked for.
        operation: &'static str,
        /// What it said.
        said: String,
    },
    /// The functions could not be served.
    #[error("the functions cannot be served")]
    Functions {
        /// Why.
        source: io::Error,
    },
    /// The simulated cluster could not be served.
    #[error("the simulated cluster cannot be served")]
    WekaCluster {
        /// Why.
        source: io::Error,
    },
    /// A machine could not be started.
    #[error("instance {instance} cannot be booted")]
    Boot {
        /// Which.
        instance: String,
        /// Why.
        source: io::Error,
    },
    /// An instance that should be there is not, or is not as it must be.
    #[error("instance {instance} {problem}")]
    Instance {
        /// Which.
        instance: String,
        /// What is wrong.
        problem: &'static str,
    },
}
