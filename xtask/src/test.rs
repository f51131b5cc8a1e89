//! `cargo xtask test`: everything that CI runs. It fails at the first red.

use crate::run::{Error, cargo, say, step};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs it.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    shellcheck()?;
    say("== Python environment for moto, under target/lab");
    lab::ensure_python().map_err(Error::Lab)?;
    step("format", &mut cargo(root, &["fmt", "--all", "--check"]))?;
    // The whole workspace each time: a package chosen alone has other features, and AWS's crates would be built twice.
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    step("clippy", &mut cargo(root, &clippy))?;
    let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    step(
        "documentation",
        cargo(root, &doc).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    // Last, so that its summary is what is read at the end.
    step(
        "tests",
        &mut cargo(
            root,
            &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"],
        ),
    )
}

/// The scripts' checker, installed if it is missing.
fn shellcheck() -> Result<(), Error> {
    let there = Command::new("shellcheck")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if there.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.arg("apt-get");
        }
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null());
        command
    };
    step(
        "installing shellcheck: package lists",
        &mut apt(&["update", "-qq"]),
    )?;
    step(
        "installing shellcheck",
        &mut apt(&["install", "-y", "-qq", "shellcheck"]),
    )
}
