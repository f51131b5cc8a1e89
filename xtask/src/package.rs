//! `cargo xtask package`: builds `bootstrap` for Amazon Linux 2023 and zips it for Lambda.
//!
//! The build is reproducible: the linker, the C library and the compression are pinned, and neither the machine's paths nor a
//! time are in the result. `update` compares the package's SHA-256 with the function's, so another build of the same sources
//! must not upload the code again.

pub(crate) mod archive;
mod glibc;
mod toolchain;

use crate::process::{self, file_error};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Processor architecture of the functions
    #[arg(long, value_enum, default_value_t = Arch::of_this_machine())]
    arch: Arch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    /// AWS Graviton.
    #[value(name = "arm64")]
    Arm64,
}

impl Arch {
    fn of_this_machine() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::X86_64
        }
    }

    /// The Rust target.
    fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names that Lambda uses.
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the Rust target {0} is not installed: run `rustup target add {0}`")]
    NoTarget(&'static str),
    #[error("cannot create a Python environment: install Python 3 with its venv module")]
    NoPython { source: process::Error },
    #[error(transparent)]
    Process(#[from] process::Error),
    #[error("Lambda cannot run {}: {reason}", .path.display())]
    Binary { path: PathBuf, reason: String },
    #[error("cannot create the archive")]
    Archive { source: zip::result::ZipError },
}

/// The path of the package for an architecture.
fn path(root: &Path, arch: Arch) -> PathBuf {
    root.join(format!("target/package/wekactl-lambda-{arch}.zip"))
}

/// The path of the package for this machine's architecture.
pub(crate) fn path_here(root: &Path) -> PathBuf {
    path(root, Arch::of_this_machine())
}

/// Builds `bootstrap`, checks that Lambda can load it, and zips it.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Package, Error> {
    let arch = arguments.arch;
    let binary = toolchain::build(root, arch.target())?;
    let bytes = std::fs::read(&binary).map_err(file_error("read", &binary))?;
    let needed = glibc::newest_needed(&bytes).map_err(|reason| Error::Binary {
        path: binary.clone(),
        reason,
    })?;
    if needed > toolchain::GLIBC {
        let reason = format!(
            "it needs glibc {needed}, but Amazon Linux 2023 has {}",
            toolchain::GLIBC
        );
        return Err(Error::Binary { path: binary, reason });
    }
    let package = Package {
        path: path(root, arch),
        bytes: archive::zip("bootstrap", &bytes, archive::Compression::Best)
            .map_err(|source| Error::Archive { source })?,
    };
    // The build of wekactl watches this folder and embeds the packages in it.
    let folder = package.path.parent().unwrap_or(root);
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&package.path, &package.bytes));
    written.map_err(file_error("write", &package.path))?;
    // A closed pipe does not affect the package.
    let _ = report(&package, &bytes, needed);
    Ok(package)
}

fn report(package: &Package, binary: &[u8], glibc: glibc::Version) -> io::Result<()> {
    let hash = package.sha256();
    let mut out = io::stdout().lock();
    writeln!(out, "package        {}", package.path.display())?;
    writeln!(
        out,
        "size           {} bytes (bootstrap: {} bytes)",
        package.bytes.len(),
        binary.len()
    )?;
    writeln!(out, "glibc          {glibc}")?;
    writeln!(out, "sha256         {}", hex::encode(hash))?;
    writeln!(
        out,
        "CodeSha256     {}",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, hash)
    )
}
