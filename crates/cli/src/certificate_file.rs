//! Certificate files that are given with flags. Each error names the flag, the file and the reason.

use identity::Certificate;
use std::fmt::Display;
use std::path::Path;
use weka::Ca;

/// The certificates of `flag`, which verify those of the backends.
pub(crate) fn weka_ca(flag: &str, path: &Path) -> Result<Ca, String> {
    read(flag, path, Ca::from_pem)
}

/// The PEM text of `--identity-cert`.
pub(crate) fn identity(path: &Path) -> Result<String, String> {
    read("--identity-cert", path, |pem| {
        Certificate::from_pem(pem).map(|_| pem.trim().to_owned())
    })
}

fn read<T, E: Display>(
    flag: &str,
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let pem = std::fs::read_to_string(path)
        .map_err(|error| format!("{flag} {} cannot be read: {error}", path.display()))?;
    parse(&pem).map_err(|error| format!("{flag} {}: {error}", path.display()))
}
