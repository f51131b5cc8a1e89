//! A stand-in for AWS and Weka on one machine, for tests and for trying out.
//!
//! [`Moto`] is the local AWS: moto, with what it lacks mended by `python/mends/`. [`create`] makes a Weka CloudFormation
//! stack in it, [`dump`] tells what stands there. [`lambda_runtime`] runs the functions, [`weka_cluster`] plays Weka,
//! [`machine`] an instance that boots.

mod dump;
mod error;
pub mod lambda_runtime;
pub mod machine;
mod moto;
mod python;
mod stack;
pub mod weka_cluster;

pub use dump::dump;
pub use error::Error;
pub use moto::{Call, Moto, MotoOptions};
pub use python::ensure as ensure_python;
pub use stack::{Stack, StackOptions, create};
