//! Puts into the binary what it was built from: the commit, and the Lambda packages that `cargo xtask package` has made.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[expect(
    clippy::disallowed_methods,
    reason = "a build script is told by its environment where it is"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    let mut list = String::from("&[");
    for architecture in ["arm64", "x86_64"] {
        let package = root.join(format!("target/package/wekactl-lambda-{architecture}.zip"));
        writeln!(list)?;
        if package.is_file() {
            write!(list, "    ({architecture:?}, include_bytes!({:?})),", package)?;
        }
        emit(&format!("cargo::rerun-if-changed={}", package.display()));
    }
    list.push_str("\n]");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("packages.rs"), list)?;
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .current_dir(&root)
        .output();
    let commit = commit.ok().filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
    emit(&format!(
        "cargo::rustc-env=WEKACTL_COMMIT={}",
        commit.as_deref().map_or("unknown", str::trim)
    ));
    emit(&format!(
        "cargo::rerun-if-changed={}",
        root.join(".git/HEAD").display()
    ));
    Ok(())
}

fn emit(line: &str) {
    println!("{line}");
}
