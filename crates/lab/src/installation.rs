//! Tools that are installed below `target/lab` on first use, and again whenever the list of their packages changes.

use crate::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with installed packages.
pub(crate) struct Installation {
    /// Its name below `target/lab`.
    pub(crate) name: &'static str,
    /// The pinned versions. Another text means another installation.
    pub(crate) packages: &'static str,
}

impl Installation {
    /// Calls `install` if the folder does not exist or has other packages, and returns the folder. Concurrent processes are safe: one
    /// installs, and the others wait.
    ///
    /// # Errors
    /// The installation failed, or the disk is full.
    pub(crate) fn ensure(&self, install: impl FnOnce(&Path) -> Result<(), Error>) -> Result<PathBuf, Error> {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab");
        fs::create_dir_all(&lab).map_err(io_error("create", &lab))?;
        let lab = lab.canonicalize().map_err(io_error("find", &lab))?;
        let folder = lab.join(self.name);
        // Written last: a folder without this file is incomplete.
        let installed = folder.join("installed.txt");
        let is_ready = || fs::read_to_string(&installed).is_ok_and(|text| text == self.packages);
        if is_ready() {
            return Ok(folder);
        }
        let lock_file = lab.join(format!("{}.lock", self.name));
        let lock = File::create(&lock_file).map_err(io_error("create", &lock_file))?;
        lock.lock().map_err(io_error("lock", &lock_file))?;
        if !is_ready() {
            install(&folder)?;
            fs::write(&installed, self.packages).map_err(io_error("write", &installed))?;
        }
        Ok(folder)
    }
}

/// Runs a command of an installation.
///
/// # Errors
/// [`Error::Environment`] with the output of the command.
pub(crate) fn run(command: &mut Command, action: &'static str, hint: &'static str) -> Result<(), Error> {
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

pub(crate) fn report(text: &str) {
    // A closed standard error must not fail the command.
    let _ = writeln!(io::stderr(), "{text}");
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
