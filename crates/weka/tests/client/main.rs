//! The client against servers on this machine's loopback addresses.

#![expect(clippy::unwrap_used, reason = "test helpers outside of test functions")]

mod answers;
mod changes;
mod failing;
mod fleet;
mod logging_in;
mod trust;
