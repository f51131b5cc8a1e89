use crate::failure::Failure;
use crate::package::EMBEDDED_PACKAGES;
use crate::printer::Printer;
use serde_json::json;
use sha2::{Digest, Sha256};

pub(crate) fn run(printer: &Printer) -> Result<u8, Failure> {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("WEKACTL_COMMIT"));
    let hex = |archive: &[u8]| {
        Sha256::digest(archive)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let packages: Vec<_> = EMBEDDED_PACKAGES
        .iter()
        .map(|(architecture, archive)| (*architecture, hex(archive)))
        .collect();
    if printer.is_json() {
        let packages: Vec<_> = packages
            .iter()
            .map(|(architecture, sha256)| json!({ "architecture": architecture, "sha256": sha256 }))
            .collect();
        printer.json(&json!({ "version": version, "commit": commit, "lambda_packages": packages }));
    } else {
        let mut text = format!("wekactl {version}\ncommit {commit}\n");
        for (architecture, sha256) in &packages {
            text += &format!("Lambda package {architecture} sha256:{sha256}\n");
        }
        if packages.is_empty() {
            text += "no embedded Lambda package\n";
        }
        printer.data(&text);
    }
    Ok(0)
}
