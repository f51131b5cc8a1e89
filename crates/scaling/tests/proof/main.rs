//! Proofs of the loop's decisions: properties against an oracle, a simulation under faults, and a model that is searched
//! whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a search tells how much it searched")]

mod any;
mod carrying_out;
mod checker;
mod cluster;
mod model;
mod oracle;
mod planner;
mod rules;
mod simulation;

/// What is asked of the tests beside the usual.
fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a longer run is asked for by the environment"
    )]
    std::env::var(name).ok()
}
