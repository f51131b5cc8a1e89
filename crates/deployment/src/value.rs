//! Values that exist only after AWS has created a resource, and how other resources get them.

use crate::id::ResourceId;
use crate::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A value that AWS assigns to a resource and that other resources refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    Arn,
    /// The id, or the name if AWS assigned the name.
    Id,
    /// The URL of the join API.
    Url,
    /// The ARN with which the join API calls its function.
    ExecuteArn,
    /// The value of the join API's key.
    ApiKey,
    /// A load balancer's DNS name.
    DnsName,
    /// The hosted zone of a load balancer's DNS name.
    HostedZoneId,
}

/// A value of a resource's body: a literal, or another resource's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Resolved(String),
    /// Resolved once that resource exists.
    Of(ResourceId, Output),
}

impl Value {
    pub fn resolved(&self) -> Option<&str> {
        match self {
            Self::Resolved(value) => Some(value),
            Self::Of(..) => None,
        }
    }

    /// Replaces a reference by the output, if `outputs` has it.
    pub fn resolve(&mut self, outputs: &Outputs) {
        if let Self::Of(id, output) = self
            && let Some(value) = outputs.get(*id, *output)
        {
            *self = Self::Resolved(value.reveal().to_owned());
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Resolved(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Resolved(value)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Resolved(value) => f.write_str(value),
            Self::Of(id, _) => write!(f, "(known once the {} is created)", id.kind().label()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Resolved)
    }
}

/// The outputs known so far. Kept as secrets, because one of them (the API key) is.
#[derive(Debug, Clone, Default)]
pub struct Outputs(BTreeMap<(ResourceId, Output), Secret>);

impl Outputs {
    pub fn get(&self, id: ResourceId, output: Output) -> Option<&Secret> {
        self.0.get(&(id, output))
    }

    /// Adds the outputs of a resource.
    pub fn add(&mut self, id: ResourceId, outputs: impl IntoIterator<Item = (Output, String)>) {
        self.0.extend(
            outputs
                .into_iter()
                .map(|(output, value)| ((id, output), Secret::new(value))),
        );
    }
}
