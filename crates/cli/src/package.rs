//! The Lambda package: from `--lambda-package`, embedded, or next to the program.

use crate::failure::Failure;
use crate::flags::PackageFlag;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::desired;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// The packages that existed when the program was built: architecture and archive.
pub(crate) const EMBEDDED_PACKAGES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/packages.rs"));

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) archive: Vec<u8>,
    pub(crate) metadata: desired::Package,
}

/// # Errors
/// No package is found, or the file is not a Lambda package.
pub(crate) fn find(flag: &PackageFlag) -> Result<Package, Failure> {
    if let Some(path) = &flag.lambda_package {
        return read(path);
    }
    if let Some((_, archive)) = EMBEDDED_PACKAGES.first() {
        return check(archive.to_vec(), "the embedded Lambda package");
    }
    let folder = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    for architecture in ["arm64", "x86_64"] {
        let path = folder
            .as_ref()
            .map(|folder| folder.join(format!("wekactl-lambda-{architecture}.zip")));
        if let Some(path) = path.filter(|path| path.is_file()) {
            return read(&path);
        }
    }
    Err(Failure::plain(
        "no Lambda package found: build one with `cargo xtask package` and rebuild wekactl, or use --lambda-package",
    ))
}

fn read(path: &Path) -> Result<Package, Failure> {
    let label = format!("the Lambda package {}", path.display());
    let archive =
        std::fs::read(path).map_err(|error| Failure::failed(&format!("{label} cannot be read"), &error))?;
    check(archive, &label)
}

fn check(archive: Vec<u8>, label: &str) -> Result<Package, Failure> {
    let invalid = |reason: &str| {
        Failure::plain(format!(
            "{label} is not valid: {reason}; build one with `cargo xtask package`"
        ))
    };
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&archive))
        .map_err(|_| invalid("it is not a zip archive"))?;
    let mut program = zip
        .by_name("bootstrap")
        .map_err(|_| invalid("it has no file named bootstrap"))?;
    let mut header = [0; 20];
    program
        .read_exact(&mut header)
        .map_err(|_| invalid("its bootstrap is not a program"))?;
    drop(program);
    // e_machine of an ELF header is at offset 18.
    let architecture = match (&header[..4], u16::from_le_bytes([header[18], header[19]])) {
        (b"\x7fELF", 62) => "x86_64",
        (b"\x7fELF", 183) => "arm64",
        _ => {
            return Err(invalid(
                "its bootstrap is not a Linux program for x86_64 or arm64",
            ));
        }
    };
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(&archive));
    Ok(Package {
        metadata: desired::Package {
            sha256,
            architecture: architecture.to_owned(),
        },
        archive,
    })
}
