//! *terminate*: its planner against an oracle over any group, its checker, and what it says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod examples;
mod oracle;
mod properties;
