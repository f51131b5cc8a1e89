//! A client of the Weka management API: JSON-RPC 2.0 over HTTP POST, sent to any backend of the cluster.
//!
//! A [`Client`] serves one run. It has the backends in the order in which it tries them, and a deadline. If a backend fails,
//! the client uses the next one for the rest of the run. A request that changes the cluster is sent only once: if it may
//! have been executed, the error says so, and no other backend is tried. Errors, log lines and `Debug` output never contain
//! a password or a token.
//!
//! The caller determines the order of the backends: this crate uses no randomness.

mod backend;
mod client;
mod error;
mod login;
mod methods;
#[cfg(test)]
mod parsing_tests;
mod pool;
mod protocol;
pub mod response;
mod tls;
mod transport;

pub use client::{Client, DEFAULT_PORT, Options};
pub use error::{Attempts, BackendFailure, Error, Reason};
pub use protocol::Protocol;
pub use tls::{Ca, InvalidCa};
