//! The scripts: as rendered, as shellcheck sees them, and as bash runs them on a simulated machine.

#![expect(clippy::unwrap_used, reason = "a test must panic if its set-up fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "the simulated programs precede the real ones on PATH"
)]

mod backend;
mod client;
mod drives;
mod machine;
mod rendered;
mod user_data;
