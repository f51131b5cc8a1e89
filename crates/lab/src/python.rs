//! The Python environment of the local AWS, `target/lab/venv`. It is created on first use and again whenever
//! `python/requirements.txt` changes.

use crate::Error;
use crate::installation::{Installation, report, run};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// moto needs this version or newer.
const MIN_PYTHON: (u32, u32) = (3, 10);

/// The folder with the Python scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// Creates the environment if it does not exist, and returns its interpreter. Prints its progress to standard error,
/// because the first time takes a minute and needs the package index.
///
/// # Errors
/// Python is missing, the package index is not reachable, or the disk is full.
pub fn ensure() -> Result<PathBuf, Error> {
    let installation = Installation {
        name: "venv",
        packages: REQUIREMENTS,
    };
    let environment = installation.ensure(install)?;
    Ok(environment.join("bin/python"))
}

fn install(environment: &Path) -> Result<(), Error> {
    let python = find_python()?;
    report(&format!(
        "lab: creating the Python environment of the local AWS in {} (once)",
        environment.display()
    ));
    run(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(environment),
        "create a Python virtual environment",
        "on Debian and Ubuntu, install the package python3-venv",
    )?;
    report("lab: installing moto and its dependencies from the Python package index");
    run(
        Command::new(environment.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(scripts().join("requirements.txt")),
        "install moto",
        "check that the package index is reachable",
    )
}

/// The first Python on the PATH that is new enough.
fn find_python() -> Result<&'static str, Error> {
    let (major, minor) = MIN_PYTHON;
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    ["python3", "python"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .args(["-c", &check])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
        .ok_or(Error::NoPython)
}
