use identity::Certificate;
use std::path::Path;

/// Reads the certificate file given with `--identity-cert`.
///
/// # Errors
/// A message that names the flag, the file and the reason.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let pem = std::fs::read_to_string(path)
        .map_err(|error| format!("--identity-cert {shown} cannot be read: {error}"))?;
    Certificate::from_pem(&pem).map_err(|error| format!("--identity-cert {shown}: {error}"))?;
    Ok(pem.trim().to_owned())
}
