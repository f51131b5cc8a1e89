//! The Python environment of the local AWS: `target/lab/venv`, made when it is first needed and made anew when
//! `python/requirements.txt` changed.

use crate::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is installed.
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// The oldest Python that moto runs on.
const OLDEST: (u32, u32) = (3, 10);

/// Where the scripts lie.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// Makes the environment unless it stands already, and returns its interpreter. Says on standard error what it does,
/// because the first time it takes a minute and needs the package index.
///
/// Processes that need it at once make it once: one makes it, the rest wait.
///
/// # Errors
/// No Python, no package index, no room.
pub fn ensure() -> Result<PathBuf, Error> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab");
    fs::create_dir_all(&lab).map_err(machine("make", &lab))?;
    let lab = lab.canonicalize().map_err(machine("find", &lab))?;
    let (environment, interpreter) = (lab.join("venv"), lab.join("venv/bin/python"));
    // Written last: an environment without it was not finished.
    let installed = environment.join("installed.txt");
    let stands =
        || fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) && interpreter.exists();
    if stands() {
        return Ok(interpreter);
    }
    let lock_file = lab.join("venv.lock");
    let lock = File::create(&lock_file).map_err(machine("make", &lock_file))?;
    lock.lock().map_err(machine("lock", &lock_file))?;
    if stands() {
        return Ok(interpreter);
    }
    let python = find()?;
    say(&format!(
        "lab: making the Python environment of the local AWS in {} (once)",
        environment.display()
    ));
    finish(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
        "make a Python virtual environment",
        "on Debian and Ubuntu it needs the package python3-venv",
    )?;
    say("lab: installing moto and what it needs from the Python package index");
    finish(
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
        "is the package index reachable?",
    )?;
    fs::write(&installed, REQUIREMENTS).map_err(machine("write", &installed))?;
    Ok(interpreter)
}

/// The machine's Python, if it is new enough.
fn find() -> Result<&'static str, Error> {
    let (major, minor) = OLDEST;
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

fn finish(command: &mut Command, doing: &'static str, hint: &'static str) -> Result<(), Error> {
    let failed = |said| Error::Environment { doing, hint, said };
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(failed(String::from_utf8_lossy(&said).trim().to_owned()))
}

fn say(text: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(io::stderr(), "{text}");
}

pub(crate) fn machine(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Machine { doing, path, source }
}
