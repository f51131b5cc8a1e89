//! The types of the Weka management API that wekactl uses: [`ids`], [`lists`], [`calls`], the [protocol](WekaApi) and the
//! [`Credentials`].
//!
//! They are below both the planner, which decides about them, and the client, which sends and receives them. Pure: no
//! async runtime, no AWS crate, no network, no clock, no environment and no randomness.

pub mod calls;
mod credentials;
pub mod ids;
pub mod lists;
mod protocol;
pub mod support;

pub use credentials::Credentials;
pub use protocol::{WekaApi, WekaProtocol};

/// The smallest number of backends that a Weka cluster can run with.
pub const MINIMUM_BACKENDS: u32 = 5;
