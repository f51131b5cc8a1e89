use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the local AWS needs Python 3.10 or newer: install it (Debian, Ubuntu: `apt-get install python3 python3-venv`)"
    )]
    NoPython,
    /// The Python environment cannot be created.
    #[error("cannot {action}; {hint}; output:\n{output}")]
    Environment {
        action: &'static str,
        hint: &'static str,
        output: String,
    },
    #[error("cannot {action} {path}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// moto exited before it listened.
    #[error("moto does not start: {0} (see its output above)")]
    NotStarted(std::process::ExitStatus),
    #[error("{script} failed:\n{output}")]
    Script { script: String, output: String },
    /// A script or moto returned unexpected JSON.
    #[error("cannot parse the output of {of}")]
    InvalidOutput { of: String, source: serde_json::Error },
    /// The connection to the local AWS failed or was interrupted.
    #[error("no response from the local AWS for {operation}")]
    Unreachable {
        operation: &'static str,
        source: io::Error,
    },
    #[error("the local AWS rejected {operation}: {message}")]
    Rejected {
        operation: &'static str,
        message: String,
    },
    #[error("cannot sign an event: {0}")]
    Event(String),
    #[error("cannot serve the functions")]
    Functions { source: io::Error },
    #[error("cannot serve the simulated cluster")]
    WekaCluster { source: io::Error },
    #[error("cannot boot instance {instance}")]
    Boot { instance: String, source: io::Error },
    /// An instance lacks something that the scaling loop needs.
    #[error("instance {instance} {problem}")]
    Instance { instance: String, problem: &'static str },
}
