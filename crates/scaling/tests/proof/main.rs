//! Proofs of the loop's decisions: properties against an oracle, a simulation under faults, and a model that is searched
//! whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod carrying_out;
mod checker;
mod cluster;
mod model;
mod oracle;
mod planner;
mod rules;
mod simulation;
