//! A client of the Weka management API: JSON-RPC 2.0 over HTTP POST, asked of any backend of the cluster.
//!
//! A [`Client`] is made for one run: it has the backends in the order in which they are asked, and a deadline. A backend
//! that cannot be asked is dropped for the run and the next one is asked. What changes something in the cluster is sent
//! once: when it may have been carried out, the error says so, and nobody else is asked. No password, token or sealed
//! value stands in an error, a log line or a `Debug` text.
//!
//! The order of the backends is the caller's: this crate has no randomness.

pub mod answer;
mod client;
mod error;
mod login;
mod methods;
mod pool;
mod protocol;
mod send;
mod tls;

pub use client::{Client, DEFAULT_PORT, Options};
pub use error::{Attempts, BackendFailure, Error, Reason};
pub use protocol::Protocol;
pub use tls::{Ca, InvalidCa};
