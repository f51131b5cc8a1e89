use super::Error;
use super::glibc::Version;
use crate::process::{self, build_step, file_error, step};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The C library of Amazon Linux 2023.
pub(super) const GLIBC: Version = Version(2, 34);

/// Links for a glibc that is older than this machine's. From PyPI, because the lab needs Python anyway and both are binary
/// packages; pinned, because the linker determines the bytes of the binary.
const PINNED: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.15.2"];

/// Builds `bootstrap` for `target` and returns its path.
pub(super) fn build(root: &Path, target: &'static str) -> Result<PathBuf, Error> {
    check_target(target)?;
    let folder = root.join("target/package-tools");
    let programs = install(&folder)?;
    let mut build = Command::new(programs.join("cargo-zigbuild"));
    build
        .args([
            "zigbuild",
            "--release",
            "--locked",
            "--package",
            "lambda",
            "--bin",
            "bootstrap",
        ])
        .args(["--target", &format!("{target}.{GLIBC}")])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("CARGO_ZIGBUILD_CACHE_DIR", folder.join("zigbuild"))
        .env("ZIG_GLOBAL_CACHE_DIR", folder.join("zig"))
        .env("ZIG_LOCAL_CACHE_DIR", folder.join("zig"))
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, &cargo_home()))
        .env("PATH", path_with(&programs));
    let heading = format!(
        "building bootstrap for {target} with glibc {GLIBC} (a release build: more than ten minutes the first time)"
    );
    build_step(&heading, &mut build)?;
    Ok(root.join("target").join(target).join("release/bootstrap"))
}

/// Removes this machine's paths from the binary, where panic messages name source files.
fn flags(root: &Path, cargo_home: &Path) -> OsString {
    let mut flags = OsString::new();
    for (from, to) in [(cargo_home, "/cargo"), (root, "/wekactl")] {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

fn check_target(target: &'static str) -> Result<(), Error> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let output = output.map_err(|source| process::Error::Start {
        program: "rustc".to_owned(),
        source,
    })?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && folder.is_dir() {
        Ok(())
    } else {
        Err(Error::NoTarget(target))
    }
}

/// Creates a Python environment with [`PINNED`], unless it exists, and returns the folder of its programs.
fn install(folder: &Path) -> Result<PathBuf, Error> {
    let environment = folder.join("venv");
    let programs = environment.join("bin");
    // Written last: an interrupted installation starts again.
    let stamp = environment.join("installed");
    let wanted = PINNED.join("\n");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted.as_bytes()) {
        return Ok(programs);
    }
    let mut python = Command::new("python3");
    python.args(["-m", "venv", "--clear"]).arg(&environment);
    step(&format!("creating {}", environment.display()), &mut python)
        .map_err(|source| Error::NoPython { source })?;
    let mut pip = Command::new(programs.join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ])
    .args(PINNED);
    let pinned = PINNED.join(" and ");
    step(
        &format!("installing {pinned} (once; downloads about 80 MB from PyPI)"),
        &mut pip,
    )?;
    std::fs::write(&stamp, wanted).map_err(file_error("write", &stamp))?;
    Ok(programs)
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo reads its home directory from the environment, and so must xtask"
)]
fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    )
}

/// Returns the search path with `programs` first, where cargo-zigbuild finds zig.
#[expect(
    clippy::disallowed_methods,
    reason = "a child process finds other programs by the search path"
)]
fn path_with(programs: &Path) -> OsString {
    let mut path = programs.as_os_str().to_owned();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_paths_are_remapped() {
        let flags = flags(Path::new("/src/my wekactl"), Path::new("/home/me/.cargo"));
        let flags: Vec<_> = flags.to_str().unwrap().split('\u{1f}').collect();
        assert_eq!(
            flags,
            [
                "--remap-path-prefix=/home/me/.cargo=/cargo",
                "--remap-path-prefix=/src/my wekactl=/wekactl",
            ]
        );
    }

    #[test]
    fn missing_target_error_shows_how_to_install_it() {
        let error = check_target("riscv32i-unknown-none-elf").unwrap_err().to_string();
        assert!(
            error.ends_with("run `rustup target add riscv32i-unknown-none-elf`"),
            "{error}"
        );
    }
}
