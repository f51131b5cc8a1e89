use std::path::Path;
use weka::Ca;

/// Reads the certificate file given with `flag`.
///
/// # Errors
/// A message that names the flag, the file and the reason.
pub(crate) fn read(flag: &str, path: &Path) -> Result<Ca, String> {
    let pem = std::fs::read_to_string(path)
        .map_err(|error| format!("{flag} {} cannot be read: {error}", path.display()))?;
    Ca::from_pem(&pem).map_err(|error| format!("{flag} {}: {error}", path.display()))
}
