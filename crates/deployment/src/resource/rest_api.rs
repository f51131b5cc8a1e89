use super::Resolve;
use crate::policy::Policy;
use serde::Serialize;

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

impl Resolve for RestApi {}
