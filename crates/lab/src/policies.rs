//! Tools that judge IAM policies and state machines, and know nothing of wekactl: `policies/judge.mjs`. They run in Node.js, and are
//! installed in `target/lab/policies`.

use crate::Error;
use crate::installation::{Installation, io_error, report, run};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LOCK: &str = include_str!("../policies/package-lock.json");
const SCRIPT: &str = include_str!("../policies/judge.mjs");

/// What is judged.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The account of all requests.
    pub account: String,
    /// Policies by name.
    pub policies: BTreeMap<String, Value>,
    pub requests: Vec<PolicyRequest>,
    /// The names of policies that allow on all resources only actions that take no resource.
    pub scoped: Vec<String>,
    /// Definitions of state machines by name.
    pub state_machines: BTreeMap<String, Value>,
}

/// A request that the policies of a principal must allow or deny.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyRequest {
    pub principal: String,
    /// The names of the principal's policies.
    pub policies: Vec<String>,
    #[serde(flatten)]
    pub request: IamRequest,
    pub allowed: bool,
}

/// What IAM evaluates for a call.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub struct IamRequest {
    pub action: String,
    pub resource: String,
    /// Condition keys and their values.
    pub context: BTreeMap<String, Value>,
}

impl Judgement {
    /// What is wrong, one line each.
    ///
    /// # Errors
    /// Node.js or npm is missing, or a package cannot be installed.
    pub fn wrong(&self) -> Result<Vec<String>, Error> {
        let folder = ensure()?;
        // The modules are found next to the script.
        let file = tempfile::Builder::new().suffix(".mjs").tempfile_in(&folder);
        let file = file.map_err(io_error("create a file in", &folder))?;
        let script = file.path();
        fs::write(script, SCRIPT).map_err(io_error("write", script))?;
        let mut node = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io_error("run with Node.js", script))?;
        let input = serde_json::to_vec(self);
        let input = input.map_err(|source| Error::InvalidOutput {
            of: "the test".to_owned(),
            source,
        })?;
        if let Some(mut stdin) = node.stdin.take() {
            stdin.write_all(&input).map_err(io_error("write to", script))?;
        }
        let output = node.wait_with_output().map_err(io_error("wait for", script))?;
        if !output.status.success() {
            return Err(Error::Script {
                script: script.display().to_string(),
                output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Error::InvalidOutput {
            of: script.display().to_string(),
            source,
        })
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// Installs the packages if necessary, and returns their folder.
///
/// # Errors
/// npm is missing, the package registry is not reachable, or the disk is full.
pub fn ensure() -> Result<PathBuf, Error> {
    let installation = Installation {
        name: "policies",
        packages: LOCK,
    };
    installation.ensure(|folder| {
        report("lab: installing the simulator of IAM policies from the npm registry (once)");
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        for file in ["package.json", "package-lock.json"] {
            let source = sources().join(file);
            fs::copy(&source, folder.join(file)).map_err(io_error("copy", &source))?;
        }
        run(
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
                .current_dir(folder),
            "install the simulator of IAM policies",
            "install Node.js 20 or newer with npm, and check that the npm registry is reachable",
        )
    })
}
