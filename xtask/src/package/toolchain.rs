use super::glibc::Version;
use super::{Error, read};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The C library of Amazon Linux 2023.
pub(super) const GLIBC: Version = Version(2, 34);

/// What links for an older glibc than this machine's. From PyPI because Python is needed for the lab anyway and both come as
/// ready binaries; pinned, because the linker decides about bytes.
const PINNED: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.15.2"];

/// Builds the functions' binary for `target` and says where it lies.
pub(super) fn build(root: &Path, target: &'static str) -> Result<PathBuf, Error> {
    check_target(target)?;
    let folder = root.join("target/package-tools");
    let programs = install(&folder)?;
    progress(&format!(
        "building bootstrap for {target} with glibc {GLIBC}: minutes the first time"
    ));
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
    run(build, "cargo zigbuild")?;
    Ok(root.join("target").join(target).join("release/bootstrap"))
}

/// Keeps this machine's paths out of the binary, where panics name source files.
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
    let output = output.map_err(|source| Error::NotStarted {
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

/// Makes the Python environment with [`PINNED`], if it is not there, and says where its programs are.
fn install(folder: &Path) -> Result<PathBuf, Error> {
    let environment = folder.join("venv");
    let programs = environment.join("bin");
    // Written last: an installation that broke off is begun again.
    let stamp = environment.join("installed");
    let wanted = PINNED.join("\n");
    if read(&stamp).is_ok_and(|installed| installed == wanted.as_bytes()) {
        return Ok(programs);
    }
    let (shown, pinned) = (environment.display(), PINNED.join(" and "));
    progress(&format!(
        "making {shown} with {pinned} (from PyPI, about 80 MB, once)"
    ));
    let mut python = Command::new("python3");
    python.args(["-m", "venv", "--clear"]).arg(&environment);
    run(python, "python3 -m venv")?;
    let mut pip = Command::new(programs.join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ])
    .args(PINNED);
    run(pip, "pip install")?;
    std::fs::write(&stamp, wanted).map_err(|source| Error::File {
        doing: "cannot write",
        path: stamp,
        source,
    })?;
    Ok(programs)
}

fn run(mut command: Command, program: &str) -> Result<(), Error> {
    let program = program.to_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Failed { program, status }),
        Err(source) => Err(Error::NotStarted { program, source }),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo finds its home by the environment, and so must this"
)]
fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    )
}

/// The search path with `programs` before it: cargo-zigbuild looks there for zig.
#[expect(
    clippy::disallowed_methods,
    reason = "a program that is started finds others by the search path"
)]
fn path_with(programs: &Path) -> OsString {
    let mut path = programs.as_os_str().to_owned();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

#[expect(clippy::print_stderr, reason = "says what it does while it takes minutes")]
fn progress(what: &str) {
    eprintln!("{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_paths_are_left_out() {
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
    fn a_target_that_is_not_there_says_how_to_get_it() {
        let error = check_target("riscv32i-unknown-none-elf").unwrap_err().to_string();
        assert!(
            error.ends_with("run `rustup target add riscv32i-unknown-none-elf`"),
            "{error}"
        );
    }
}
