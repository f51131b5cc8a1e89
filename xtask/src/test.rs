//! `cargo xtask test`: every check that CI runs. It stops at the first failure.

use crate::process::{Error, build_step, cargo, step, with_installed};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn run(root: &Path) -> Result<(), Error> {
    ensure_shellcheck()?;
    step("format", &mut cargo(root, &["fmt", "--all", "--check"]))?;
    // Always the whole workspace: a single package gets other features, and the AWS crates would be built twice.
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    let tools = [lab::ensure_python, lab::ensure_policy_tools];
    with_installed(&tools, || build_step("clippy", &mut cargo(root, &clippy)))?;
    let doc = ["doc", "--workspace", "--no-deps", "--locked"];
    build_step(
        "documentation",
        cargo(root, &doc).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    let build = ["test", "--workspace", "--locked", "--no-run"];
    build_step("building the tests", &mut cargo(root, &build))?;
    // Last, so that the output ends with its summary.
    step(
        "tests",
        &mut cargo(
            root,
            &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"],
        ),
    )
}

/// Installs shellcheck, which the tests of the scripts need, if it is missing.
fn ensure_shellcheck() -> Result<(), Error> {
    let version = Command::new("shellcheck")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if version.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.arg("apt-get");
        }
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null());
        command
    };
    step("updating the package lists", &mut apt(&["update", "-qq"]))?;
    step(
        "installing shellcheck",
        &mut apt(&["install", "-y", "-qq", "shellcheck"]),
    )
}
