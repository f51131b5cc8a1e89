use super::Resolve;
use crate::secret::Secret;
use crate::value::{Outputs, Value};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    pub description: String,
    /// `provided.al2023`.
    pub runtime: String,
    /// `bootstrap`.
    pub handler: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    pub memory_mib: i32,
    pub timeout_seconds: i32,
    /// The SHA-256 of the package, in base64, as Lambda returns it.
    pub code_sha256: String,
    /// The role's ARN.
    pub role: Value,
    /// The ARN of the key that encrypts the environment.
    pub kms_key: Value,
    /// Environment variables, without `SEAL_KEY` and `LAUNCH_TEMPLATE_ID`.
    pub environment: BTreeMap<String, String>,
    /// The id of the group's launch template, which join compares with an instance's (`LAUNCH_TEMPLATE_ID`).
    pub launch_template: Option<Value>,
    /// The key with which fetch seals the credentials for scale, and from which the key that signs messages is derived (`SEAL_KEY`).
    pub seal_key: Option<Secret>,
    /// `None` if it is not attached to a VPC.
    pub vpc: Option<Vpc>,
    /// `PassThrough`: traces are not sampled. Functions of wekactl 1.x have `Active`, and roles without the permission to write
    /// traces.
    pub tracing: String,
}

/// A function's place in a VPC, by id. Lambda returns the ids in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vpc {
    pub subnets: BTreeSet<String>,
    pub security_groups: BTreeSet<String>,
}

impl Resolve for Function {
    fn resolve(&mut self, outputs: &Outputs) {
        let values = [&mut self.role, &mut self.kms_key];
        super::resolve_all(values.into_iter().chain(&mut self.launch_template), outputs);
    }

    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        vec![("seal_key", self.seal_key.as_ref())]
    }
}
