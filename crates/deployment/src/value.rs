//! Values that are known only once AWS has made something, and how they travel from one resource to the next.

use crate::resource::ResourceId;
use crate::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What AWS gives a resource when it makes it, and others refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// The resource's ARN.
    Arn,
    /// Its id or, where AWS has given it one that wekactl did not choose, its name.
    Id,
    /// The URL under which the join API answers.
    Url,
    /// The ARN by which the join API calls its function.
    ExecuteArn,
    /// The value of the join API's key.
    ApiKey,
    /// A load balancer's DNS name.
    DnsName,
    /// The hosted zone in which a load balancer's DNS name stands.
    HostedZoneId,
}

/// A value of a resource's body: known, or another resource's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Known now.
    Known(String),
    /// Known once that resource is there.
    Of(ResourceId, Output),
}

impl Value {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(value) => Some(value),
            Self::Of(..) => None,
        }
    }

    /// Puts the output in place, if `outputs` has it.
    pub fn resolve(&mut self, outputs: &Outputs) {
        if let Self::Of(id, output) = self
            && let Some(value) = outputs.get(*id, *output)
        {
            *self = Self::Known(value.reveal().to_owned());
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Known(value)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(value) => f.write_str(value),
            Self::Of(id, _) => write!(f, "(known once the {} is made)", id.kind().label()),
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
        String::deserialize(deserializer).map(Self::Known)
    }
}

/// The outputs known so far. Kept as secrets, because one of them (the API key) is.
#[derive(Debug, Clone, Default)]
pub struct Outputs(BTreeMap<(ResourceId, Output), Secret>);

impl Outputs {
    /// The output, if it is known.
    pub fn get(&self, id: ResourceId, output: Output) -> Option<&Secret> {
        self.0.get(&(id, output))
    }

    /// Adds what a resource gave.
    pub fn add(&mut self, id: ResourceId, given: impl IntoIterator<Item = (Output, String)>) {
        self.0.extend(
            given
                .into_iter()
                .map(|(output, value)| ((id, output), Secret::new(value))),
        );
    }
}
