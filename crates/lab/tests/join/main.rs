//! The join scripts, run by bash on every machine layout against a simulated cluster.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backend;
mod client;
mod drives;
mod retry;
mod secrets;
mod setup;
mod volume;
