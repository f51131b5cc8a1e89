//! The client against servers on this machine's loopback addresses.

#![expect(clippy::unwrap_used, reason = "test helpers outside of test functions")]

mod changes;
mod failures;
mod fleet;
mod login;
mod responses;
mod trust;
