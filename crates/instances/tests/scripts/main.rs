//! The scripts as they are rendered, as shellcheck sees them, and as bash runs them on a machine of stand-ins.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its machine has failed"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the stand-ins go before the machine's own programs on PATH"
)]

mod backend;
mod client;
mod drives;
mod machine;
mod rendered;
mod user_data;
