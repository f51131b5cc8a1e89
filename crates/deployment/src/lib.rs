//! What wekactl makes on AWS, as data: names, tags, settings, the desired resources, and the plan that leads from what
//! stands to what is desired. Pure: nothing here talks to AWS, reads a clock or an environment.

pub mod account;
pub mod desired;
pub mod host_name;
pub mod import;
pub mod names;
pub mod plan;
pub mod policy;
pub mod removal;
pub mod resource;
pub mod secret;
pub mod settings;
pub mod tags;
pub mod update;
pub mod value;

#[cfg(test)]
mod example;

pub use account::Account;
pub use host_name::HostName;
pub use names::{ClusterName, FunctionType, HostGroup, Names, RoleUse};
pub use resource::{Body, ResourceId};
pub use secret::Secret;
pub use settings::Settings;
pub use tags::Tags;
pub use value::{Output, Outputs, Value};
