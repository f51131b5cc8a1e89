//! *terminate*: its planner compared with an oracle for any group, its checker, and its reasons.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod oracle;
mod properties;
mod strategies;
