//! `cargo xtask package`: the functions' binary, built for Amazon Linux 2023 and zipped for Lambda.
//!
//! The same sources give the same bytes on every machine: the linker, the C library and the compression are pinned, the
//! paths of the machine are left out of the binary, and the archive carries no time. Lambda tells by the SHA-256 whether a function
//! has this package, so a build that only looks different would make every `update` upload it again.

pub(crate) mod archive;
mod glibc;
mod toolchain;

use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The processor of the functions
    #[arg(long, value_enum, default_value_t = Arch::of_this_machine())]
    arch: Arch,
}

/// A processor that Lambda has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit x86.
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

    /// Rust's name of the target.
    fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As Lambda calls it.
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A package that was made.
#[derive(Debug)]
pub(crate) struct Package {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Rust's standard library for the target is missing.
    #[error("rust's target {0} is not installed: run `rustup target add {0}`")]
    NoTarget(&'static str),
    /// A program could not be started.
    #[error("{program} cannot be run{}", hint(.program))]
    NotStarted { program: String, source: io::Error },
    /// A program failed; it has said why.
    #[error("{program} failed: {status}")]
    Failed { program: String, status: ExitStatus },
    /// A file could not be read or written.
    #[error("{doing} {}", .path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The binary is not one that Lambda can load.
    #[error("{} is no package for Lambda: {reason}", .path.display())]
    Binary { path: PathBuf, reason: String },
    /// The archive could not be made.
    #[error("the archive cannot be made")]
    Archive { source: zip::result::ZipError },
}

fn hint(program: &str) -> &'static str {
    if program.starts_with("python3") {
        ": install Python 3 with its venv module"
    } else {
        ""
    }
}

/// Where the package for a processor lies once it is made.
fn path(root: &Path, arch: Arch) -> PathBuf {
    root.join(format!("target/package/wekactl-lambda-{arch}.zip"))
}

/// Where the package for this machine's processor lies once it is made.
pub(crate) fn path_here(root: &Path) -> PathBuf {
    path(root, Arch::of_this_machine())
}

/// Builds, checks and zips the functions' binary. `root` is the workspace's.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Package, Error> {
    let arch = arguments.arch;
    let binary = toolchain::build(root, arch.target())?;
    let bytes = read(&binary)?;
    let needed = glibc::newest(&bytes).map_err(|reason| Error::Binary {
        path: binary.clone(),
        reason,
    })?;
    if needed > toolchain::GLIBC {
        let reason = format!(
            "it needs glibc {needed}, Amazon Linux 2023 has {}",
            toolchain::GLIBC
        );
        return Err(Error::Binary { path: binary, reason });
    }
    let package = Package {
        path: path(root, arch),
        bytes: archive::zip("bootstrap", &bytes).map_err(|source| Error::Archive { source })?,
    };
    // Only packages lie in that folder: the build of wekactl watches it.
    let folder = package.path.parent().unwrap_or(root);
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&package.path, &package.bytes));
    written.map_err(|source| Error::File {
        doing: "cannot write",
        path: package.path.clone(),
        source,
    })?;
    // That nobody reads the report does not make the package worse.
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

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File {
        doing: "cannot read",
        path: path.to_owned(),
        source,
    })
}
