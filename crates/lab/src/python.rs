//! The Python environment of the local AWS, `target/lab/venv`. It is created on first use and again whenever
//! `python/requirements.txt` changes.

use crate::Error;
use std::fs::{self, File};
use std::io::{self, Write};
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
/// Concurrent processes are safe: one creates the environment, and the others wait.
///
/// # Errors
/// Python is missing, the package index is not reachable, or the disk is full.
pub fn ensure() -> Result<PathBuf, Error> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab");
    fs::create_dir_all(&lab).map_err(io_error("create", &lab))?;
    let lab = lab.canonicalize().map_err(io_error("find", &lab))?;
    let (environment, interpreter) = (lab.join("venv"), lab.join("venv/bin/python"));
    // Written last: an environment without this file is incomplete.
    let installed = environment.join("installed.txt");
    let is_ready =
        || fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) && interpreter.exists();
    if is_ready() {
        return Ok(interpreter);
    }
    let lock_file = lab.join("venv.lock");
    let lock = File::create(&lock_file).map_err(io_error("create", &lock_file))?;
    lock.lock().map_err(io_error("lock", &lock_file))?;
    if is_ready() {
        return Ok(interpreter);
    }
    let python = find_python()?;
    report(&format!(
        "lab: creating the Python environment of the local AWS in {} (once)",
        environment.display()
    ));
    run(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
        "create a Python virtual environment",
        "on Debian and Ubuntu, install the package python3-venv",
    )?;
    report("lab: installing moto and its dependencies from the Python package index");
    run(
        Command::new(&interpreter)
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
    )?;
    fs::write(&installed, REQUIREMENTS).map_err(io_error("write", &installed))?;
    Ok(interpreter)
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

fn run(command: &mut Command, action: &'static str, hint: &'static str) -> Result<(), Error> {
    let failed = |output| Error::Environment { action, hint, output };
    let result = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if result.status.success() {
        return Ok(());
    }
    let output = [result.stdout, result.stderr].concat();
    Err(failed(String::from_utf8_lossy(&output).trim().to_owned()))
}

fn report(text: &str) {
    // A closed standard error must not fail the command.
    let _ = writeln!(io::stderr(), "{text}");
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
