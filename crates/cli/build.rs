//! Embeds the commit and the Lambda packages that `cargo xtask package` built.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes the location to a build script in its environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    // Cargo reruns this script at every build if a watched path is missing: create the folder and watch only that.
    let packages = root.join("target/package");
    fs::create_dir_all(&packages)?;
    emit(&format!("cargo::rerun-if-changed={}", packages.display()));
    let mut list = String::from("&[");
    for architecture in ["arm64", "x86_64"] {
        let package = packages.join(format!("wekactl-lambda-{architecture}.zip"));
        writeln!(list)?;
        if package.is_file() {
            write!(list, "    ({architecture:?}, include_bytes!({:?})),", package)?;
        }
    }
    list.push_str("\n]");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("packages.rs"), list)?;
    let commit = git(&root, &["rev-parse", "--short=12", "HEAD"]);
    emit(&format!(
        "cargo::rustc-env=WEKACTL_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    ));
    // The log of HEAD changes with each commit; HEAD itself only names a branch.
    if let Some(log) = git(&root, &["rev-parse", "--git-path", "logs/HEAD"]) {
        let log = root.join(log);
        if log.is_file() {
            emit(&format!("cargo::rerun-if-changed={}", log.display()));
        }
    }
    Ok(())
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn emit(line: &str) {
    println!("{line}");
}
