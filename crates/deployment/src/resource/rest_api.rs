use super::Resolve;
use crate::policy::Policy;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The join API: one path with `GET`, its stage, usage plan and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestApi {
    /// `REGIONAL` or `PRIVATE`.
    pub endpoint_type: String,
    /// Who may reach a private API.
    pub policy: Option<Policy>,
    /// The one path, without its slash.
    pub path: String,
    /// Whether `GET` needs the key.
    pub api_key_required: bool,
    /// The integration's kind: `AWS_PROXY`.
    pub integration: String,
    /// What it calls: Lambda's invocation path with the function's ARN.
    pub integration_uri: String,
    /// The stage: `default`.
    pub stage: String,
    /// Whether all of the above is what the stage serves: API Gateway takes it over only when it is deployed, by a request of
    /// its own. Seen by [`RestApi::deployment`].
    pub deployed: bool,
    /// The limits of the usage plan.
    pub throttle: Option<Throttle>,
    /// Whether the usage plan covers the stage and holds the key, and the key is enabled.
    pub key_enabled: bool,
}

/// How often the API may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// Requests a second.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
}

impl RestApi {
    /// The fields that the stage serves only once they are deployed.
    pub const DEPLOYED: [&str; 7] = [
        "endpoint_type",
        "policy",
        "path",
        "api_key_required",
        "integration",
        "integration_uri",
        "stage",
    ];

    /// The description of the deployment that puts these fields on the stage: their digest, by which it is known later whether
    /// the stage serves what the API says.
    pub fn deployment(&self) -> String {
        let fields = serde_json::json!(self);
        let deployed = Self::DEPLOYED.map(|field| &fields[field]);
        let digest = Sha256::digest(serde_json::json!(deployed).to_string());
        format!("wekactl: {}", hex::encode(digest))
    }
}

impl Resolve for RestApi {}
