//! The Lambda package: given, carried, or lying beside the program.

use crate::failure::Failure;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployment::desired;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// The packages that were there when the program was built: architecture and archive.
pub(crate) const EMBEDDED_PACKAGES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/packages.rs"));

/// The functions' code.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) archive: Vec<u8>,
    pub(crate) facts: desired::Package,
}

/// Finds the package.
///
/// # Errors
/// There is none, or the one given is no Lambda package.
pub(crate) fn find(given: Option<&Path>) -> Result<Package, Failure> {
    if let Some(path) = given {
        return read(path);
    }
    if let Some((_, archive)) = EMBEDDED_PACKAGES.first() {
        return check(archive.to_vec(), "the package carried");
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    for architecture in ["arm64", "x86_64"] {
        let path = beside
            .as_ref()
            .map(|folder| folder.join(format!("wekactl-lambda-{architecture}.zip")));
        if let Some(path) = path.filter(|path| path.is_file()) {
            return read(&path);
        }
    }
    Err(Failure::plain(
        "there is no Lambda package: make one with `cargo xtask package` and build wekactl again, or name it with --lambda-package",
    ))
}

fn read(path: &Path) -> Result<Package, Failure> {
    let what = format!("the Lambda package {}", path.display());
    let archive =
        std::fs::read(path).map_err(|error| Failure::failed(&format!("{what} cannot be read"), &error))?;
    check(archive, &what)
}

fn check(archive: Vec<u8>, what: &str) -> Result<Package, Failure> {
    let no_package = |reason: &str| {
        Failure::plain(format!(
            "{what} is none: {reason}; `cargo xtask package` makes one"
        ))
    };
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&archive))
        .map_err(|_| no_package("it is no zip archive"))?;
    let mut program = zip
        .by_name("bootstrap")
        .map_err(|_| no_package("it has no file bootstrap"))?;
    let mut header = [0; 20];
    program
        .read_exact(&mut header)
        .map_err(|_| no_package("its bootstrap is no program"))?;
    drop(program);
    // The machine that an ELF program is for stands at offset 18.
    let architecture = match (&header[..4], u16::from_le_bytes([header[18], header[19]])) {
        (b"\x7fELF", 62) => "x86_64",
        (b"\x7fELF", 183) => "arm64",
        _ => {
            return Err(no_package(
                "its bootstrap is no Linux program for x86_64 or arm64",
            ));
        }
    };
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(&archive));
    Ok(Package {
        facts: desired::Package {
            sha256,
            architecture: architecture.to_owned(),
        },
        archive,
    })
}
