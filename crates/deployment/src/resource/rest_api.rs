use super::Resolve;
use crate::policy::Policy;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The join API: one path with `GET`, a stage, a usage plan and an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestApi {
    /// `REGIONAL` or `PRIVATE`.
    pub endpoint_type: String,
    /// The resource policy of a private API.
    pub policy: Option<Policy>,
    /// The path, without its slash.
    pub path: String,
    pub api_key_required: bool,
    /// The integration type: `AWS_PROXY`.
    pub integration: String,
    /// Lambda's invocation path with the ARN of the function.
    pub integration_uri: String,
    /// `default`.
    pub stage: String,
    /// Whether the stage serves the fields above: API Gateway applies them only when they are deployed, which is a separate
    /// request. Recognized by [`RestApi::deployment`].
    pub deployed: bool,
    /// Limits of the usage plan.
    pub throttle: Option<Throttle>,
    /// Whether the usage plan covers the stage and contains the key, and the key is enabled.
    pub key_enabled: bool,
}

/// Rate limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// Requests per second.
    pub rate: u32,
    /// Concurrent requests.
    pub burst: u32,
}

impl RestApi {
    /// The fields that the stage serves only after they are deployed.
    const DEPLOYED: [&str; 7] = [
        "endpoint_type",
        "policy",
        "path",
        "api_key_required",
        "integration",
        "integration_uri",
        "stage",
    ];

    /// The description of the deployment of these fields: their digest. It shows later whether the stage serves the fields of
    /// the API.
    pub fn deployment(&self) -> String {
        let fields = serde_json::json!(self);
        let deployed = Self::DEPLOYED.map(|field| &fields[field]);
        let digest = Sha256::digest(serde_json::json!(deployed).to_string());
        format!("wekactl: {}", hex::encode(digest))
    }

    /// Whether a change from `current` must be deployed.
    pub fn needs_deployment(&self, current: &Self) -> bool {
        self.deployed != current.deployed || self.deployment() != current.deployment()
    }
}

impl Resolve for RestApi {}
