use super::Resolve;
use crate::secret::Secret;
use crate::value::{Outputs, Value};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    /// What Lambda's console shows.
    pub description: String,
    /// `provided.al2023`.
    pub runtime: String,
    /// `bootstrap`.
    pub handler: String,
    /// `x86_64` or `arm64`, as the package.
    pub architecture: String,
    /// Memory in MiB.
    pub memory_mib: i32,
    /// How long it may take, in seconds.
    pub timeout_seconds: i32,
    /// The SHA-256 of the package, in base64, as Lambda gives it.
    pub code_sha256: String,
    /// The role's ARN.
    pub role: Value,
    /// The ARN of the key that encrypts the environment.
    pub kms_key: Value,
    /// The environment, without the seal key.
    pub environment: BTreeMap<String, String>,
    /// The key under which fetch seals the credentials for scale (`SEAL_KEY`).
    pub seal_key: Option<Secret>,
    /// The VPC it is attached to, if it is.
    pub vpc: Option<Vpc>,
    /// `PassThrough`: traces are not sampled. The Go tool's functions have `Active`, and roles that may not write traces.
    pub tracing: String,
}

/// Where in a VPC a function sits. Lambda gives these ids in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vpc {
    /// Subnets, by id.
    pub subnets: BTreeSet<String>,
    /// Security groups, by id.
    pub security_groups: BTreeSet<String>,
}

impl Resolve for Function {
    fn resolve(&mut self, outputs: &Outputs) {
        super::resolve_all([&mut self.role, &mut self.kms_key], outputs);
    }

    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        vec![("seal_key", self.seal_key.as_ref())]
    }
}
