//! A stand-in for AWS and Weka on one machine, for tests and for trying out.
//!
//! [`Moto`] is the local AWS: moto, with what it lacks mended by `python/mends/`. [`create`] makes a Weka CloudFormation
//! stack in it, [`go_import`] makes of it what the Go wekactl did, [`dump`] tells what stands there. [`Functions`] runs the functions by [`lambda_runtime`], [`weka_cluster`]
//! plays Weka, [`machine`] an instance that boots, [`Control`] does to the local AWS what only a lab can do. [`Loop`] puts
//! all of them together: minute by minute it runs the real thing.

mod control;
mod dump;
mod error;
mod functions;
mod go_import;
pub mod lambda_runtime;
pub mod machine;
mod minute;
mod minutes;
mod moto;
mod python;
mod stack;
pub mod weka_cluster;

pub use control::{Control, Execution, Group, Instance, InstanceState};
pub use dump::dump;
pub use error::Error;
pub use functions::Functions;
pub use go_import::{GO_IMPORT, GoImportOptions, go_import};
pub use minute::Tick;
pub use minutes::{Hardware, Loop, LoopOptions};
pub use moto::{Call, Moto, MotoOptions};
pub use python::ensure as ensure_python;
pub use stack::{Stack, StackOptions, create};
