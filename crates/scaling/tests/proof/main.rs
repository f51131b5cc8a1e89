//! Proofs of the loop's decisions: properties checked against an oracle, a simulation with faults, and an exhaustive model
//! check.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a search prints how many states it searched")]

mod checker;
mod cluster;
mod execution;
mod missing_fields;
mod model;
mod oracle;
mod planner;
mod rules;
mod simulation;
mod strategies;

/// Reads an environment variable that selects a longer run.
fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "environment variables select longer runs"
    )]
    std::env::var(name).ok()
}
