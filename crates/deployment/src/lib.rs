//! What wekactl creates on AWS, as data: names, tags, settings, the desired resources, and the plan that leads from the
//! actual state to the desired one. Pure: nothing here calls AWS or reads a clock or the environment.

pub mod account;
pub mod actual;
pub mod desired;
pub mod found;
pub mod host_name;
pub mod id;
pub mod import;
pub mod names;
pub mod ownership;
pub mod placement;
pub mod plan;
pub mod policy;
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
pub use id::{Kind, ResourceId};
pub use names::{ClusterName, FunctionType, HostGroup, Names, RoleUse};
pub use resource::Body;
pub use secret::Secret;
pub use settings::Settings;
pub use tags::Tags;
pub use value::{Output, Outputs, Value};
