//! A local AWS and Weka on one machine, for tests and demos.
//!
//! [`Moto`] is the local AWS: moto, patched by `python/moto_patches/`. [`create_stack`] creates a Weka CloudFormation stack
//! in it, [`go_import`] recreates the resources of an import by wekactl 1.x (Go), and [`dump`] returns all resources.
//! [`Functions`] runs Lambda functions with [`lambda_runtime`], [`weka_cluster`] serves a simulated Weka cluster,
//! [`machine`] boots instances, and [`Control`] does what the AWS API does not offer. [`ScalingLoop`] combines all of them
//! and runs the scaling loop tick by tick.

mod control;
mod dump;
mod error;
mod events;
mod functions;
mod go_import;
pub mod http;
mod identity;
mod installation;
pub mod lambda_runtime;
pub mod machine;
mod moto;
mod policies;
mod python;
mod scaling_loop;
mod stack;
mod tick;
pub mod weka_cluster;

pub use control::{Control, Execution, Group, Instance, InstanceState, Lost};
pub use dump::dump;
pub use error::Error;
pub use events::{EXECUTION, RUN, event, signed_event};
pub use functions::Functions;
pub use go_import::{GO_IMPORT, GoImportOptions, go_import};
pub use identity::{IdentityAuthority, IdentityDocument};
pub use moto::{Behaviour, Call, Moto, MotoOptions};
pub use policies::{IamRequest, Judgement, PolicyRequest, ensure as ensure_policy_tools};
pub use python::ensure as ensure_python;
pub use scaling_loop::{Hardware, ScalingLoop, ScalingLoopOptions};
pub use stack::{Stack, StackOptions, create_stack};
pub use tick::Tick;
