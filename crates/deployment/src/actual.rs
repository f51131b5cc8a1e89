//! The actual state of resources.

use crate::id::ResourceId;
use crate::resource::Body;
use crate::tags::Tags;
use crate::value::Output;
use std::collections::BTreeMap;

/// A resource as it exists. `B` is the type of its body; [`ActualResource`] is a resource of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual<B> {
    /// For a role, only AWS knows the name.
    pub name: String,
    pub body: B,
    /// `None` for a kind without tags.
    pub tags: Option<Tags>,
    pub outputs: Vec<(Output, String)>,
}

pub type ActualResource = Actual<Body>;

/// The actual state of the resources that exist.
pub type Observed = BTreeMap<ResourceId, ActualResource>;

impl<B> Actual<B> {
    /// An output; empty if the resource does not have it, which AWS rejects.
    pub fn output(&self, output: Output) -> &str {
        let found = self.outputs.iter().find(|(other, _)| *other == output);
        found.map_or("", |(_, value)| value)
    }

    /// The same with another body.
    pub fn with_body<C>(&self, body: C) -> Actual<C> {
        Actual {
            name: self.name.clone(),
            body,
            tags: self.tags.clone(),
            outputs: self.outputs.clone(),
        }
    }
}

impl<B: Into<Body>> Actual<B> {
    pub fn into_resource(self) -> ActualResource {
        Actual {
            name: self.name,
            body: self.body.into(),
            tags: self.tags,
            outputs: self.outputs,
        }
    }
}
